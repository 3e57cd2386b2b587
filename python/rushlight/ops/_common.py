"""What every family of operations needs: arguments made into arrays, torch's broadcasting error, gradients
summed back to the shape they came from. No operation lives here."""

from __future__ import annotations

import builtins
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from typing import cast as cast_type

import numpy as np

from .. import _quiet, dtypes
from ..autograd.graph import OUTPUT, Rule, TensorBase, ViewRule
from ..autograd.recording import record, unwrap, wrap

__all__ = [
    "OUTPUT",
    "Rule",
    "TensorBase",
    "ViewRule",
    "array_of",
    "as_float",
    "broadcast_error",
    "broadcast_shape",
    "cast",
    "dim_error",
    "expand_like",
    "filling",
    "flag",
    "int_of",
    "is_number",
    "normal_dim",
    "normal_dims",
    "numpy_names",
    "record",
    "sum_to",
    "unbroadcast",
    "unwrap",
    "wrap",
    "zeros_of",
]

ndarray = np.ndarray
_NUMBERS = (builtins.float, builtins.int, builtins.bool, np.number, np.bool_)


def is_number(value: Any) -> bool:
    return isinstance(value, _NUMBERS)


def flag(function: str, name: str, value: Any) -> bool:
    """True or False; torch's TypeError for anything else."""
    if isinstance(value, (builtins.bool, np.bool_)):
        return builtins.bool(value)
    raise TypeError(f"{function}(): argument '{name}' must be bool, not {type(value).__name__}")


def int_of(function: str, name: str, value: Any) -> int:
    """An int of 64 bits (or what has one, as a Tensor of one integer); torch's errors for anything else."""
    if isinstance(value, (builtins.bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TypeError(f"{function}(): argument '{name}' must be int, not {type(value).__name__}")
    number = operator.index(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"Overflow when unpacking long long: {name}={number} does not fit in 64 bits")
    return number


def array_of(function: str, value: Any, name: str = "input", position: int = 1) -> Any:
    """The ndarray of a Tensor or ndarray argument; torch's TypeError for anything else."""
    if isinstance(value, TensorBase):
        return value._data
    if isinstance(value, ndarray):
        return value
    if isinstance(value, np.generic):  # what NumPy makes of 0-dim results
        return np.asarray(value)
    raise TypeError(
        f"{function}(): argument '{name}' (position {position}) must be Tensor, not {type(value).__name__}"
    )


_C_NAMES = {"int32": "int", "float32": "float", "float64": "double"}


def filling(value: Any, kind: np.dtype[Any]) -> Any:
    """A number that is to fill a Tensor, as a 0-dim array. RuntimeError if it does not fit the dtype
    (negative numbers wrap round into unsigned types)."""
    number = unwrap(value)
    if kind.kind == "f" and type(number) in (float, int) and -6e4 < number < 6e4:
        return np.array(number, kind)  # the usual case
    if isinstance(number, ndarray):
        return _quiet.apply(number.astype, kind)
    if kind.kind in "iu":
        top = np.iinfo(kind).max
        fits = (-top if kind.kind == "u" else -top - 1) <= number <= top
    else:
        fits = kind != np.float32 or not abs(number) > 3.5e38 or abs(number) == float("inf")
    if not fits:
        name = _C_NAMES.get(kind.name, kind.name + "_t")
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")
    return _quiet.apply(np.array(number).astype, kind)


# ---- broadcasting


def broadcast_error(a: Sequence[int], b: Sequence[int]) -> RuntimeError:
    """torch's text for two shapes that do not broadcast: the last dimension that differs is named."""
    for back in range(1, min(len(a), len(b)) + 1):
        m, n = a[-back], b[-back]
        if m != n and m != 1 and n != 1:
            where = max(len(a), len(b)) - back
            return RuntimeError(
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) "
                f"at non-singleton dimension {where}"
            )
    return RuntimeError(f"shapes {list(a)} and {list(b)} cannot be broadcast together")


def broadcast_shape(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(tuple(a), tuple(b))
    except ValueError:
        raise broadcast_error(a, b) from None


def sum_to(grad: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient over the dimensions along which an operand of `shape` was broadcast."""
    if grad.shape == shape:
        return grad
    extra = len(grad.shape) - len(shape)
    dims = tuple(range(extra)) + tuple(
        [extra + i for i, size in enumerate(shape) if size == 1 and grad.shape[extra + i] != 1]
    )
    if dims:
        grad = grad.sum(dims)
    return grad if grad.shape == shape else grad.reshape(shape)


unbroadcast = sum_to


def zeros_of(grad: Any) -> Any:
    """A gradient of zeros (not `grad * 0`, which keeps NaN)."""
    zeros = np.zeros_like(unwrap(grad))
    return wrap(zeros) if isinstance(grad, TensorBase) else zeros


def expand_like(grad: Any, dims: tuple[int, ...] | None, shape: tuple[int, ...], keepdim: bool) -> Any:
    """Undo a reduction's loss of dimensions: `grad` spread (as a view) over `shape`."""
    if dims is not None and not keepdim and grad.shape:
        kept = [1 if i in dims else size for i, size in enumerate(shape)]
        grad = grad.reshape(tuple(kept))
    if isinstance(grad, TensorBase):
        return grad.expand(shape)  # type: ignore[attr-defined]
    if not grad.ndim:  # np.broadcast_to takes four times as long
        return ndarray(shape, grad.dtype, grad, 0, (0,) * len(shape))
    return np.broadcast_to(grad, shape)


# ---- dimensions

F = TypeVar("F", bound=Callable[..., Any])
_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def numpy_names(function: F) -> F:
    """Let `axis=` and `keepdims=` stand for `dim=` and `keepdim=`, as torch does."""

    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    place = names.index("keepdim") if "keepdim" in names else len(names)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if len(args) > place:
            flag(function.__name__, "keepdim", args[place])
        if not kwargs:
            return function(*args)
        kwargs = {_NUMPY_NAMES.get(name, name): value for name, value in kwargs.items()}
        if "keepdim" in kwargs:
            kwargs["keepdim"] = flag(function.__name__, "keepdim", kwargs["keepdim"])
        return function(*args, **kwargs)

    return cast_type(F, wrapper)


def dim_error(dim: int, ndim: int) -> IndexError:
    low, high = (-ndim, ndim - 1) if ndim else (-1, 0)
    return IndexError(f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})")


def normal_dim(dim: Any, ndim: int) -> int:
    """A dimension number made non-negative; a 0-dim Tensor counts as having one dimension."""
    if type(dim) is int and -ndim <= dim < ndim:
        return dim if dim >= 0 else dim + ndim
    if isinstance(dim, builtins.bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"argument 'dim' must be int, not {type(dim).__name__}")
    dim, size = dim.__index__(), ndim or 1
    if not -(2**63) <= dim < 2**63:
        raise ValueError(f"Overflow when unpacking long long: dim={dim} does not fit in 64 bits")
    if not -size <= dim < size:
        raise dim_error(dim, ndim)
    return int(dim % size)


def normal_dims(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """`dim=` of a reduction: None (all), or an int or a sequence made a tuple of distinct numbers."""
    if dim is None:
        return None
    if hasattr(dim, "__index__"):
        return (normal_dim(dim, ndim),)
    dims = tuple(normal_dim(d, ndim) for d in dim)
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return dims or None


# ---- element types


def _cast_backward(grad: Any, saved: Any, to: np.dtype[Any], needs: Any) -> tuple[Any]:
    return (cast(grad, to),)


CAST = Rule("ToCopyBackward0", _cast_backward)


def cast(value: Any, to: np.dtype[Any]) -> Any:
    """A Tensor or ndarray in another element type (the same object if it already is); differentiable."""
    data = unwrap(value)
    if data.dtype == to:
        return value
    return record(_quiet.apply(data.astype, to), CAST, (value,), (), data.dtype)


def as_float(value: Any) -> Any:
    """Integers and bools become the default floating type, as in torch's exp, sqrt, true division ..."""
    data = unwrap(value)
    return value if data.dtype.kind == "f" else cast(value, dtypes.default())
