"""softmax and log_softmax: scores to probabilities, and to their logarithms.

float32 and float64 are computed in C++ (cpp/ops/softmax.cpp), float16 and single numbers with NumPy.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import dtypes
from .._core import try_softmax, try_softmax_backward
from .._quiet import apply
from ..autograd import OUTPUT, Rule, TensorBase, record, unwrap
from ..ops._common import cast, normal_dim
from ..ops.pointwise import exp
from ..ops.reductions import sum as total
from ._spelling import Array, ArrayOrTensor, array_of, one_int

_add: Any = np.add.reduce  # (array, axis, dtype, out, keepdims)
_largest: Any = np.maximum.reduce


def softmax(input: ArrayOrTensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """exp(x) / (sum of exp(x) along `dim`): positive numbers that add up to 1.

    input  floating point, any shape
    dim    the dimension that adds up to 1; None picks one by torch's old rule, with a UserWarning
    dtype  convert the input to this type first

    Returns an array of the input's shape: an ndarray for an ndarray, a Tensor for a Tensor.
    Raises IndexError for a dimension that is not there, NotImplementedError for integers.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]), dim=1)
    array([[0.5, 0.5],
           [1. , 0. ]])

    Source: torch.nn.functional.softmax. The largest score is subtracted first, so that exp cannot overflow.
    """
    input, axis = _prepare("softmax", input, dim, _stacklevel, dtype)
    x = unwrap(input)
    y = try_softmax(x, axis, False)
    if y is NotImplemented:
        y = _normalized(x, axis, False)
    return record(y, SOFTMAX, (input,), (OUTPUT,), axis)


def _normalized(x: Array, axis: Any, logarithm: bool) -> Any:
    """What the core does not take as it is: contiguous first, or with NumPy."""
    if x.size == 0:
        return np.array(x)
    y = try_softmax(np.array(x, x.dtype.newbyteorder("="), order="C"), axis, logarithm)
    return apply(_with_numpy, x, axis, logarithm) if y is NotImplemented else y


def _with_numpy(x: Array, axis: Any, logarithm: bool) -> Any:
    y = np.subtract(x, _largest(x, axis, None, None, True))
    e = np.exp(y)
    sums = _add(e, axis, None, None, True)
    return np.asarray(y - np.log(sums) if logarithm else e / sums)


def _native_backward(grad: Any, y: Any, axis: Any, logarithm: bool) -> Any:
    """The gradient from the core; NotImplemented for Tensors and what the core does not compute with."""
    dx = try_softmax_backward(grad, y, axis, logarithm)
    if dx is NotImplemented and type(grad) is np.ndarray and grad.dtype == y.dtype:
        dx = try_softmax_backward(np.ascontiguousarray(grad), np.ascontiguousarray(y), axis, logarithm)
    return dx


def _softmax_backward(grad: Any, saved: Any, axis: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    (y,) = saved
    dx = _native_backward(grad, y, axis, False)
    if dx is not NotImplemented:
        return (dx,)
    part = y * grad
    return (part - y * total(part, axis, True),)


SOFTMAX = Rule("SoftmaxBackward0", _softmax_backward)


def log_softmax(input: ArrayOrTensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """The logarithm of `softmax`, computed without its rounding: x - log(sum of exp(x) along `dim`).

    Arguments, result and errors as in `softmax`.

    input, dim, dtype: as in `softmax`

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.log_softmax(np.array([0.0, -1000.0]), dim=0)
    array([    0., -1000.])

    Source: torch.nn.functional.log_softmax.
    """
    input, axis = _prepare("log_softmax", input, dim, _stacklevel, dtype)
    x = unwrap(input)
    y = try_softmax(x, axis, True)
    if y is NotImplemented:
        y = _normalized(x, axis, True)
    return record(y, LOG_SOFTMAX, (input,), (OUTPUT,), axis)


def _log_softmax_backward(grad: Any, saved: Any, axis: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    (y,) = saved
    dx = _native_backward(grad, y, axis, True)
    if dx is not NotImplemented:
        return (dx,)
    return (grad - exp(y) * total(grad, axis, True),)


LOG_SOFTMAX = Rule("LogSoftmaxBackward0", _log_softmax_backward)


def _prepare(name: str, input: Any, dim: Any, stacklevel: int, dtype: Any) -> tuple[Any, Any]:
    """The input in the type to compute in, and the dimension as a number that is there."""
    if dtype is None and type(dim) is int and isinstance(input, TensorBase):  # the usual case
        x = input._data
        if x.dtype.kind == "f" and -x.ndim <= dim < x.ndim:
            return input, dim
    x = array_of(f"{name}():", "input", 1, input)
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {name} has been deprecated. "
            "Change the call to include dim=X as an argument.",
            UserWarning,
            stacklevel=stacklevel,
        )
        dim = 0 if x.ndim in (0, 1, 3) else 1
    axis = normal_dim(one_int(f"{name}():", "dim", 2, dim), x.ndim)
    if dtype is not None:
        input = cast(input, dtypes.to_numpy(dtype))
        x = unwrap(input)
    if x.dtype.kind != "f":
        raise NotImplementedError(
            f'"{name}_lastdim_kernel_impl" not implemented for '
            f"'{dtypes.scalar_name(x.dtype)}' (pass dtype=, or a floating point input)"
        )
    return input, axis if x.ndim else ()  # one score alone: nothing to sum over
