"""linear: input @ weight.T + bias, and its gradient. The products are NumPy's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import Rule, record
from ..ops._common import sum_to
from ._out import check_fits, into
from ._spelling import ArrayOrTensor, array_of

_WHERE = "linear():"
_C_NAMES = {
    "float32": "float",
    "float64": "double",
    "float16": "c10::Half",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long int",
    "uint8": "unsigned char",
    "bool": "bool",
}


def linear(
    input: ArrayOrTensor,
    weight: ArrayOrTensor,
    bias: ArrayOrTensor | None = None,
    *,
    out: ArrayOrTensor | None = None,
) -> Any:
    """input @ weight.T + bias.

    input   (*, in_features), any number of leading dimensions
    weight  (out_features, in_features), or (in_features,), which gives one number per row
    bias    (out_features,), anything that broadcasts to the output, or None
    out     write the result here and return this, as in conv2d
    All of one dtype. Returns (*, out_features): an ndarray for ndarrays, a Tensor if any argument is one.
    Raises RuntimeError if shapes or dtypes do not fit.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.linear(np.array([[1., 2.]]), np.array([[3., 4.], [5., 6.], [7., 8.]]), np.array([0., 0., 1.]))
    array([[11., 17., 24.]])

    Source: torch.nn.functional.linear.
    """
    x, w = array_of(_WHERE, "input", 1, input), array_of(_WHERE, "weight", 2, weight)
    b = None if bias is None else array_of(_WHERE, "bias", 3, bias)
    _check(x, w, b)
    rows = (math.prod(x.shape[:-1]), x.shape[-1])
    matrix = w if w.ndim == 2 else w.reshape(1, -1)
    out_shape = x.shape[:-1] + w.shape[:-1]
    if b is not None:
        _check_bias(b.shape, out_shape)
    if out is not None:
        return into("linear", out, (input, weight, bias), lambda y: _write(y, x, rows, matrix, b, out_shape))
    y = _product(x if x.ndim == 2 else x.reshape(rows), matrix.T)
    if y.shape != out_shape:
        y = y.reshape(out_shape)
    if b is not None:
        y = np.add(y, b, out=y) if y.ndim else y + b
    shapes = (rows, matrix.shape, x.shape, w.shape, None if b is None else b.shape)
    return record(y, _rule(x.ndim, w.ndim, b is None), (input, weight, bias), (input, weight), shapes)


def _write(y: Any, x: Any, rows: Any, matrix: Any, b: Any, out_shape: tuple[int, ...]) -> None:
    """The same into `y`, of which x, matrix and b may be parts."""
    check_fits("linear", y, x.dtype, out_shape)
    x, matrix, b = (
        each.copy() if each is not None and np.may_share_memory(each, y) else each for each in (x, matrix, b)
    )
    _product(x.reshape(rows), matrix.T, y.reshape(rows[0], matrix.shape[0]))
    if b is not None:
        np.add(y, b, out=y)


def _linear_backward(grad: Any, saved: Any, shapes: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    input, weight = saved
    rows, matrix, input_shape, weight_shape, bias_shape = shapes
    dy = grad.reshape((rows[0], matrix[0]))
    dx = dw = db = None
    if needs[0]:
        dx = _product(dy, weight.reshape(matrix)).reshape(input_shape)
    if needs[1]:
        dw = _product(dy.T, input.reshape(rows)).reshape(weight_shape)
    if needs[2]:
        db = sum_to(grad, bias_shape)
    return dx, dw, db


# NOTE: products in pieces. OpenBLAS, which NumPy brings along, gives more multiplications than _ALONE to
# threads of its own. These spin for some 25 ms afterwards, on the CPUs that the convolutions next to a linear
# layer want: VGG's training step on two threads took 40 % longer. So products that are not worth it, up to
# _SMALL, are cut into pieces that stay on this thread: of rows or columns, so that no sum is cut.
_ALONE, _SMALL = 1 << 18, 1 << 22


def _product(a: Any, b: Any, out: Any = None) -> Any:
    """a @ b, of matrices; into `out` if that is given, which shares no memory with them."""
    (m, k), n = a.shape, b.shape[1]
    pieces = -(-m * k * n // _ALONE)
    if not 1 < pieces <= _SMALL // _ALONE or 2 * pieces > max(m, n) or a.dtype.kind != "f":
        return np.matmul(a, b, out=out)
    out = np.empty((m, n), a.dtype) if out is None else out
    step = max(m, n) // pieces
    for start in range(0, max(m, n), step):
        piece = slice(start, start + step)
        if m > n:
            np.matmul(a[piece], b, out=out[piece])
        else:
            np.matmul(a, b[:, piece], out=out[:, piece])
    return out


def _rule(input_ndim: int, weight_ndim: int, no_bias: bool) -> Rule:
    """One rule under several names: torch's, for the last step it takes for these numbers of dimensions."""
    if weight_ndim == 1:
        return _RULES["Dot" if input_ndim == 1 else "Mv"]
    if no_bias:
        return _RULES["Squeeze" if input_ndim == 1 else "Mm" if input_ndim == 2 else "UnsafeView"]
    return _RULES["Addmm" if input_ndim == 2 else "View"]


_NAMES = {
    "Mm": "MmBackward0",
    "Addmm": "AddmmBackward0",
    "View": "ViewBackward0",
    "UnsafeView": "UnsafeViewBackward0",
    "Squeeze": "SqueezeBackward4",
    "Mv": "MvBackward0",
    "Dot": "DotBackward0",
}
_RULES = {key: Rule(name, _linear_backward, uses=((1,), (0,))) for key, name in _NAMES.items()}


# ---- checks ----------------------------------------------------------------------------------------------
def _check(x: np.ndarray[Any, Any], w: np.ndarray[Any, Any], b: np.ndarray[Any, Any] | None) -> None:
    if x.ndim == 0 or w.ndim == 0:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {x.ndim}D and {w.ndim}D"
        )
    if w.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {w.ndim}D "
            f"(argument 'weight' of linear has shape {list(w.shape)})"
        )
    if b is not None and b.dtype != w.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {_title(b)} and {_title(w)} "
            "(bias and weight of linear)"
        )
    if x.dtype != w.dtype:
        names = (_C_NAMES.get(a.dtype.name, a.dtype.name) for a in (x, w))
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: {} != {} "
            "(input and weight of linear)".format(*names)
        )
    if x.dtype.kind == "b":
        raise NotImplementedError("\"addmm_impl_cpu_\" not implemented for 'Bool' (linear)")
    if x.shape[-1] != w.shape[-1]:
        rows, matrix = (math.prod(x.shape[:-1]), x.shape[-1]), (1, *w.shape)[-2:]
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows[0]}x{rows[1]} and "
            f"{matrix[1]}x{matrix[0]}): linear wants weight of shape (out_features, {rows[1]}), "
            f"but got {list(w.shape)}"
        )


def _title(array: np.ndarray[Any, Any]) -> str:
    from ..dtypes import scalar_name

    return scalar_name(array.dtype)


def _check_bias(bias: tuple[int, ...], out: tuple[int, ...]) -> None:
    """`bias` must broadcast to `out` without enlarging it."""
    missing = len(out) - len(bias)
    for d in range(len(bias)):
        if missing + d < 0 or bias[d] not in (1, out[missing + d]):
            raise RuntimeError(
                f"The expanded size of the tensor ({out[missing + d] if missing + d >= 0 else bias[d]}) "
                f"must match the existing size ({bias[d]}) at non-singleton dimension {missing + d}.  "
                f"Target sizes: {list(out)}.  Tensor sizes: {list(bias)} (argument 'bias' of linear)"
            )
