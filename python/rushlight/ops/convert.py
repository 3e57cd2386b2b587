"""From Python and NumPy to Tensor: tensor, as_tensor, from_numpy ...; and between types: to."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .._quiet import apply as quietly
from ..autograd.recording import record, version_of
from ..size import device as device_type
from ._common import Rule, TensorBase, array_of, cast, unwrap, wrap

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "as_tensor",
    "clone",
    "detach",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "tensor",
]

ndarray = np.ndarray


def check_device(given: Any) -> None:
    """`device=` arguments: anything but the CPU raises."""
    if given is not None and not isinstance(given, device_type):
        device_type(given)


def want_grad(made: Any, requires_grad: bool) -> Any:
    """`requires_grad=` of the creating functions."""
    if requires_grad:
        if made._data.dtype.kind != "f":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        made._wanted = True
    return made


# ---- from Python values


def _leaf_types(value: Any, found: set[Any]) -> None:
    """The types (dtypes for arrays and Tensors) of what nested lists hold; torch's errors."""
    if isinstance(value, (list, tuple, range)):
        kinds = set(map(type, value))
        if kinds <= {int, float, bool}:
            found |= kinds
            return
        for each in value:
            _leaf_types(each, found)
    elif isinstance(value, (TensorBase, ndarray, np.generic)):
        found.add(unwrap(value).dtype)
    elif isinstance(value, (bool, int, float)):
        found.add(type(value))
    elif isinstance(value, str):
        raise TypeError("new(): invalid data type 'str'")
    else:
        raise RuntimeError(f"Could not infer dtype of {type(value).__name__}")


_PYTHON = {bool: dtypes.BOOL, int: dtypes.I64}


def _infer(value: Any) -> np.dtype[Any]:
    found: set[Any] = set()
    _leaf_types(value, found)
    kind: np.dtype[Any] | None = None
    for each in found:
        if not isinstance(each, np.dtype):
            each = _PYTHON.get(each, dtypes.default())
        kind = each if kind is None else dtypes.promote(kind, each)
    return dtypes.default() if kind is None else kind


def _check_nesting(value: Any, shape: list[int], depth: int = 0) -> None:
    """torch's error for ragged lists."""
    if isinstance(value, (list, tuple)):
        if depth == len(shape):
            shape.append(len(value))
        elif len(value) != shape[depth]:
            raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(value)})")
        for each in value:
            _check_nesting(each, shape, depth + 1)


def _plain(value: Any) -> Any:
    """Nested lists with the Tensors in them made numbers or arrays."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, TensorBase):
        if value._data.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return value._data.item()
    return value


def _array(value: Any, kind: np.dtype[Any] | None) -> Any:
    """A fresh or borrowed ndarray of a Python value, native byte order."""
    if isinstance(value, (ndarray, np.generic)):
        return native(np.asarray(value), kind)
    if hasattr(value, "__dlpack__"):
        return native(np.from_dlpack(value), kind)
    inferred = _infer(value)
    try:
        array = np.array(_plain(value))
        if array.dtype.kind not in "biuf":
            raise ValueError
    except (ValueError, OverflowError):
        _check_nesting(value, [])
        if inferred.kind in "iub":
            raise ValueError("Overflow when unpacking long long") from None
        array = np.array(_plain(value), np.float64)
    if array.dtype == np.uint64 and inferred == dtypes.I64:
        raise ValueError("Overflow when unpacking long long")
    if kind is not None and kind.kind in "iu" and array.size:
        _check_fits(array, kind)
    return quietly(array.astype, kind or inferred, copy=False)


def _check_fits(array: Any, kind: np.dtype[Any]) -> None:
    """Python numbers must fit an integer type; for unsigned ones, as in torch, their absolute values must."""
    top = np.iinfo(kind).max
    low = -top if kind.kind == "u" else np.iinfo(kind).min
    if not (low <= array.min().item() and array.max().item() <= top):
        raise RuntimeError(f"value cannot be converted to type {dtypes.of(kind).name} without overflow")


def native(array: Any, kind: np.dtype[Any] | None = None) -> Any:
    """An ndarray in native byte order, of a supported type (or `kind`); copied only if it must be."""
    if not dtypes.is_supported(array.dtype.newbyteorder("=")):
        raise dtypes.unsupported(array.dtype)
    return quietly(array.astype, kind or array.dtype.newbyteorder("="), copy=False)


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new Tensor with a copy of `data`: a number, nested lists, an ndarray (which keeps its dtype) or a
    Tensor. Python floats become the default dtype, integers int64.

    >>> import rushlight
    >>> rushlight.tensor([[1., 2.], [3., 4.]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    check_device(device)
    kind = None if dtype is None else dtypes.to_numpy(dtype)
    if isinstance(data, TensorBase):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
        data = data._data
    array = _array(data, kind)
    if array is data or hasattr(data, "__dlpack__"):  # an ndarray has it too
        array = array.copy(order="C")
    return want_grad(wrap(array), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a Tensor: a Tensor itself; the memory of an ndarray or of another library's tensor (DLPack,
    on the CPU) shared where the dtype allows; numbers and lists copied.

    >>> import rushlight
    >>> rushlight.as_tensor([1, 2])
    tensor([1, 2])
    """
    check_device(device)
    kind = None if dtype is None else dtypes.to_numpy(dtype)
    given: Any = data if isinstance(data, TensorBase) else wrap(_array(data, kind))
    return given if kind is None else cast(given, kind)


def from_numpy(ndarray: Any) -> Tensor:
    """A Tensor that shares memory with an ndarray. Unlike torch, negative strides are shared too, a
    big-endian array is copied into native order, and a read-only array gives a Tensor that refuses in-place
    writes.

    >>> import numpy, rushlight
    >>> a = numpy.zeros(2, numpy.float32)
    >>> t = rushlight.from_numpy(a)
    >>> a[0] = 1
    >>> t
    tensor([1., 0.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    array = native(ndarray)
    if type(array) is not np.ndarray:  # subclasses (matrix, memmap) change what operators mean
        array = array.view(np.ndarray)
    return wrap(array)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A Tensor that shares the memory of another library's tensor on the CPU: torch, JAX, CuPy and all others
    that speak DLPack; their from_dlpack takes our Tensors likewise. Memory that its owner calls read-only
    gives a Tensor that refuses in-place writes.

    Raises TypeError if the object does not speak DLPack, RuntimeError if its memory cannot be shared.

    >>> import numpy, rushlight
    >>> rushlight.from_dlpack(numpy.arange(3))
    tensor([0, 1, 2])
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack(): expected an object with __dlpack__, not {type(ext_tensor).__name__}")
    try:
        array = np.from_dlpack(ext_tensor)
    except BufferError as error:
        raise RuntimeError(f"from_dlpack(): {error}") from None
    return from_numpy(array)


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A Tensor (one dimension) that shares the memory of bytes, an array.array, a memoryview, an mmap ...

    count, offset  so many elements (-1: all) from this byte on

    Raises ValueError if the buffer does not hold them.

    >>> import rushlight
    >>> rushlight.frombuffer(bytearray([1, 2, 3, 4]), dtype=rushlight.uint8, count=2, offset=1)
    tensor([2, 3], dtype=torch.uint8)
    """
    array = np.frombuffer(buffer, dtypes.to_numpy(dtype), count, offset)
    return want_grad(wrap(array), requires_grad)


# ---- element types


def to(
    input: Any,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
) -> Tensor:
    """`to(dtype)`, `to(device)`, `to(other)`: the Tensor itself if nothing changes (unless `copy`), else a
    converted one; differentiable. Devices other than the CPU raise RuntimeError."""
    for given in args:
        if isinstance(given, TensorBase):
            dtype = given._data.dtype
        elif isinstance(given, (str, device_type)):
            check_device(given)
        elif isinstance(given, bool):
            pass  # to(dtype, non_blocking, copy)
        elif given is not None:
            dtype = given
    check_device(device)
    kind = input._data.dtype if dtype is None else dtypes.to_numpy(dtype)
    if copy and kind == input._data.dtype:
        return clone(input)
    return _convert(input, kind)


def _convert(input: Any, kind: np.dtype[Any]) -> Any:
    return input if input._data.dtype == kind else quietly(cast, input, kind)


def _to(name: str) -> Any:
    kind = getattr(dtypes, name).dtype

    def convert(input: Any) -> Any:
        return _convert(input, kind)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"`to(torch.{getattr(dtypes, name).name})`."
    return convert


to_float, to_double, to_half = _to("float"), _to("double"), _to("half")
to_long, to_int, to_short = _to("long"), _to("int"), _to("short")
to_char, to_byte, to_bool = _to("int8"), _to("uint8"), _to("bool")


def type_(input: Any, dtype: Any = None) -> Any:
    """Without argument the type's name, e.g. 'torch.FloatTensor'; else a conversion."""
    if dtype is None:
        return dtypes.type_name(input._data.dtype)
    if isinstance(dtype, str):
        for each in (
            dtypes.float32,
            dtypes.float64,
            dtypes.float16,
            dtypes.int64,
            dtypes.int32,
            dtypes.int16,
            dtypes.int8,
            dtypes.uint8,
            dtypes.bool,
        ):
            if each.type_name == dtype:
                return _convert(input, each.dtype)
        raise ValueError(f"invalid type: '{dtype}'")
    return _convert(input, dtypes.to_numpy(dtype))


def type_as(input: Any, other: Any) -> Tensor:
    """`to(other.dtype)`."""
    return _convert(input, unwrap(other).dtype)


# ---- copies and aliases


def _clone_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (grad,)


_CLONE = Rule("CloneBackward0", _clone_backward)


def clone(input: Any, *, memory_format: Any = None) -> Tensor:
    """A copy, connected to the graph (`detach` cuts, `clone` does not).

    >>> import rushlight
    >>> rushlight.clone(rushlight.ones(2))
    tensor([1., 1.])
    """
    return record(array_of("clone", input).copy(order="C"), _CLONE, (input,))


def contiguous(input: Any, memory_format: Any = None) -> Tensor:
    """The Tensor itself if it is contiguous in memory, else a contiguous copy."""
    return input if unwrap(input).flags.c_contiguous else clone(input)


def detach(input: Any) -> Tensor:
    """The same memory outside the graph; `backward` notices writes through it.

    >>> import rushlight
    >>> rushlight.detach(rushlight.ones(2, requires_grad=True))
    tensor([1., 1.])
    """
    if not isinstance(input, TensorBase):
        raise TypeError(f"detach(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    out = wrap(input._data)
    out._writes = version_of(input)
    return out


def new_tensor(
    input: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`tensor(data)` with this Tensor's dtype."""
    return tensor(
        data, dtype=dtype or dtypes.of(input._data.dtype), device=device, requires_grad=requires_grad
    )
