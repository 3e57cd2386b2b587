"""batch_norm: each channel brought to mean 0 and variance 1, then scaled and shifted; and its gradient.

Contiguous images are computed in C++ (cpp/ops/batch_norm.cpp), channel by channel. For the others (vectors,
channels-last memory, float16) the arithmetic runs on the image as a matrix of N rows, with the numbers of a
channel spread over a row, a few rows at a time: all passes over such a block but the first find it in the
cache. The rule's second form, for gradients of gradients, is written with Tensors' own operations.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _quiet
from .._core import batch_norm_backward, batch_norm_forward
from ..autograd import Rule, TensorBase, record, wrap
from ..autograd.inplace import written
from ..dtypes import scalar_name
from ..ops.arithmetic import mul
from ..ops.pointwise import rsqrt
from ..ops.reductions import mean as average
from ..size import Size
from ._spelling import Array, ArrayOrTensor, array_of, flag, number, type_of

_WHERE = "batch_norm():"
_BLOCK = 65536  # elements
_PIXELS = 16  # per channel and image, from which on neighbouring ones are worth a vector
_FAR = 16.0  # standard deviations from 0; a mean further out would cost the gradient more than a digit


class Layout(NamedTuple):
    """How an array (N, C, ...) becomes rows: channel by channel, or pixel by pixel (channels-last memory)."""

    shape: tuple[int, ...]
    channels: int
    pixels: int
    pixels_first: bool

    def rows(self, x: Array) -> Array:
        x = x.transpose(0, *range(2, x.ndim), 1) if self.pixels_first else x
        return x.reshape(self.shape[0], self.channels * self.pixels)

    def image(self, rows: Array) -> Array:
        """The inverse of `rows`."""
        if not self.pixels_first:
            return rows.reshape(self.shape)
        x = rows.reshape(self.shape[0], *self.shape[2:], self.channels)
        return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))

    def spread(self, per_channel: Array, kind: np.dtype[Any]) -> Array:
        """Numbers per channel as a row."""
        v = per_channel.astype(kind)
        return np.tile(v, self.pixels) if self.pixels_first else np.repeat(v, self.pixels)

    def gather(self, rows: Array) -> Array:
        """Rows summed up per channel."""
        row = np.add.reduce(rows, 0, np.float64 if len(rows) > 512 else None)
        if self.pixels_first:
            return np.add.reduce(row.reshape(self.pixels, self.channels), 0).astype(np.float64)
        return np.add.reduce(row.reshape(self.channels, self.pixels), 1).astype(np.float64)

    def has_kernel(self, x: Array) -> bool:
        """Whether the C++ operator takes `x` as it lies."""
        contiguous = not self.pixels_first and self.pixels >= _PIXELS and x.size
        return bool(contiguous and x.dtype.isnative and x.dtype.itemsize > 2)

    def blocks(self) -> list[slice]:
        if not self.pixels:
            return []
        step = max(1, _BLOCK // max(1, self.channels * self.pixels))
        return [slice(start, start + step) for start in range(0, self.shape[0], step)]


def _layout(x: Array) -> Layout:
    pixels_first = x.ndim > 2 and not x.flags.c_contiguous
    pixels_first = pixels_first and x.transpose(0, *range(2, x.ndim), 1).flags.c_contiguous
    return Layout(x.shape, x.shape[1], math.prod(x.shape[2:]), pixels_first)


def batch_norm(
    input: ArrayOrTensor,
    running_mean: ArrayOrTensor | None,
    running_var: ArrayOrTensor | None,
    weight: ArrayOrTensor | None = None,
    bias: ArrayOrTensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(input - mean) / sqrt(var + eps) * weight + bias, with a mean and a variance per channel.

    input         (N, C, ...), floating point
    running_mean, running_var  (C,): what is used if not `training`; if `training` and given, moved towards
                  the batch's: (1 - momentum) * running + momentum * batch (the variance divided by n - 1)
    weight, bias  (C,), 1 and 0 if None
    training      use the mean and variance (divided by n) of this batch
    eps           keeps the root away from 0

    Returns an array of the input's shape: an ndarray for ndarrays, a Tensor if input, weight or bias is one.
    Raises ValueError for a batch of one value per channel in training, RuntimeError for sizes and dtypes that
    do not fit.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.batch_norm(np.array([[1.0], [3.0]]), None, None, training=True, eps=1e-12)
    array([[-1.],
           [ 1.]])

    Source: torch.nn.functional.batch_norm; Ioffe and Szegedy, 2015.
    """
    x = array_of(_WHERE, "input", 1, input)
    momentum, eps, training = *_settings(momentum, eps), flag(_WHERE, "training", 6, training)
    if training:
        _check_batch(x.shape, eps)
    given = (running_mean, running_var, weight, bias)
    mean, var, w, b = _check(x, given, training)
    if x.ndim == 1:  # empty, as _check knows
        return mul(input, 1)
    layout = _layout(x)
    constants = None if training else (np.array(mean, np.float64), np.array(var, np.float64))
    y, centre, variance = _quiet.apply(_forward, x, layout, w, b, eps, constants)
    if training and mean is not None and var is not None and x.size:
        _move(running_mean, mean, centre, momentum)
        n = x.size / layout.channels
        _move(running_var, var, variance * (n / (n - 1)), momentum)
    params = layout, centre, _quiet.apply(_scale, variance, eps), eps, training
    return record(y, BATCH_NORM, (input, weight, bias), (input, weight), params)


def _forward(x: Array, layout: Layout, w: Any, b: Any, eps: float, constants: Any) -> tuple[Array, ...]:
    """(result, mean, variance): these are `constants`, or x's own where None."""
    if layout.has_kernel(x):
        return batch_norm_forward(x, w, b, eps, *(constants or (None, None)))
    rows = layout.rows(x).astype(_kind(x), copy=False)
    centre, variance = constants or _moments(rows, layout)
    slope = _scale(variance, eps) if w is None else _scale(variance, eps) * w
    y = _linear(rows, layout, slope, -centre * slope if b is None else b - centre * slope)
    return layout.image(y.astype(x.dtype, copy=False)), centre, variance


def _kind(x: Array) -> np.dtype[Any]:
    return np.dtype(np.float64 if x.dtype == np.float64 else np.float32)


def _scale(variance: Array, eps: float) -> Array:
    return np.asarray(1 / np.sqrt(variance + eps))


def _moments(rows: Array, layout: Layout) -> tuple[Array, Array]:
    """Mean and variance per channel; blocks joined as Chan, Golub and LeVeque do (1979)."""
    centre = squares = np.zeros(layout.channels)
    count = 0
    for part in layout.blocks():
        block = rows[part]
        n = len(block) * layout.pixels
        block_centre = layout.gather(block) / n
        deviation = block - layout.spread(block_centre, rows.dtype)
        block_squares = layout.gather(np.multiply(deviation, deviation, out=deviation))
        difference = block_centre - centre
        squares = squares + block_squares + difference * difference * (count * n / (count + n))
        centre = centre + difference * (n / (count + n))
        count += n
    return centre, squares / np.float64(count)


def _linear(rows: Array, layout: Layout, slope: Array, offset: Array) -> Array:
    """rows * slope + offset, per channel."""
    slopes, offsets = layout.spread(slope, rows.dtype), layout.spread(offset, rows.dtype)
    out = np.empty_like(rows)
    for part in layout.blocks():
        np.multiply(rows[part], slopes, out=out[part])
        out[part] += offsets
    return out


def _move(running: Any, values: Array, towards: Array, momentum: float) -> None:
    values[...] = (1 - momentum) * values + momentum * towards
    if isinstance(running, TensorBase):
        written(running)


# ---- the gradient ----------------------------------------------------------------------------------------
def _batch_norm_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, Any, Any]:
    if isinstance(grad, TensorBase):
        return _differentiable_backward(grad, saved, params)
    x, w = saved
    layout, centre, scale, _, training = params
    if layout.has_kernel(x) and grad.dtype == x.dtype:
        slope = scale if w is None else scale * w
        dx, total, product = batch_norm_backward(grad, x, centre, scale, slope, training, needs[0])
        return (dx, *_parameter_gradients(total, product * scale, w, grad, needs))
    kind = _kind(grad)
    rows = layout.rows(x).astype(kind, copy=False)
    dy = layout.rows(grad).astype(kind, copy=False)
    if np.any(np.abs(centre) * scale > _FAR):
        rows, centre = rows - layout.spread(centre, kind), np.zeros_like(centre)
    total, product = _products(dy, rows, layout)
    product -= centre * total  # the sum of dy * (x - mean)
    dx = None
    if needs[0]:
        slope = scale if w is None else scale * w
        if training:
            n = x.size / layout.channels
            curve = -slope * scale * scale * product / n
            dx = _combined(dy, rows, layout, slope, curve, -slope * total / n - curve * centre)
        else:
            dx = _linear(dy, layout, slope, np.zeros_like(slope))
        dx = layout.image(dx.astype(x.dtype, copy=False))
    return (dx, *_parameter_gradients(total, product * scale, w, grad, needs))


def _parameter_gradients(total: Array, product: Array, w: Any, grad: Array, needs: Any) -> tuple[Any, Any]:
    """The gradients of weight and bias, in their own type."""
    dw = product.astype(w.dtype) if needs[1] else None
    return dw, total.astype(grad.dtype if w is None else w.dtype) if needs[2] else None


def _products(dy: Array, rows: Array, layout: Layout) -> tuple[Array, Array]:
    """The sums of dy and of dy * rows, per channel."""
    total = np.zeros(layout.channels)
    product = np.zeros(layout.channels)
    for part in layout.blocks():
        total += layout.gather(dy[part])
        product += layout.gather(dy[part] * rows[part])
    return total, product


def _combined(dy: Array, rows: Array, layout: Layout, slope: Array, curve: Array, offset: Array) -> Array:
    """dy * slope + rows * curve + offset, per channel."""
    slopes, curves, offsets = (layout.spread(v, dy.dtype) for v in (slope, curve, offset))
    out = np.empty_like(dy)
    for part in layout.blocks():
        block = np.multiply(dy[part], slopes, out=out[part])
        other = rows[part] * curves
        other += offsets
        block += other
    return out


def _differentiable_backward(grad: Any, saved: Any, params: Any) -> tuple[Any, Any, Any]:
    """The same in the operations of Tensors, which know their own gradients."""
    x, w = saved
    layout, centre, scale, eps, training = params
    dims = (0, *range(2, len(layout.shape)))
    column = (1, -1) + (1,) * (len(layout.shape) - 2)
    if training:
        deviation = x - average(x, dims, True)
        factor = rsqrt(average(deviation * deviation, dims, True) + eps)
    else:
        kind = grad._data.dtype
        deviation = x - wrap(centre.reshape(column).astype(kind))
        factor = wrap(scale.reshape(column).astype(kind))
    normal = deviation * factor
    inner = grad
    if training:
        inner = grad - average(grad, dims, True) - normal * average(grad * normal, dims, True)
    slope = factor if w is None else factor * w.reshape(column)
    return inner * slope, (grad * normal).sum(dims), grad.sum(dims)


BATCH_NORM = Rule("NativeBatchNormBackward0", _batch_norm_backward)


# ---- checks ----------------------------------------------------------------------------------------------
def _settings(momentum: Any, eps: Any) -> tuple[float, float]:
    if momentum is None or isinstance(momentum, str):
        raise TypeError(f"{_WHERE} argument 'momentum' (position 7) must be float, not {type_of(momentum)}")
    return number(_WHERE, "momentum", 7, momentum), number(_WHERE, "eps", 8, eps)


def _check_batch(shape: tuple[int, ...], eps: float) -> None:
    if eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if len(shape) > 1 and shape[0] * math.prod(shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {Size(shape)}"
        )


def _check(x: Array, given: tuple[Any, ...], training: bool) -> list[Array | None]:
    """The four arrays, of the right number of elements and the right dtype."""
    names = ("running_mean", "running_var", "weight", "bias")
    if (given[0] is None) != (given[1] is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    if given[0] is None and not training:
        raise RuntimeError("running_mean must be defined in evaluation mode")
    channels = x.shape[1] if x.ndim > 1 else 0
    if x.dtype.kind != "f":
        raise NotImplementedError(f"\"batch_norm\" not implemented for '{scalar_name(x.dtype)}'")
    arrays: list[Array | None] = []
    for position, (name, value) in enumerate(zip(names, given, strict=True)):
        array = None if value is None else array_of(_WHERE, name, position + 2, value)
        if array is not None:
            if array.size != channels:
                raise RuntimeError(f"{name} should contain {channels} elements not {array.size}")
            if position < 2 and training and getattr(value, "requires_grad", False):
                raise RuntimeError(
                    "The function 'native_batch_norm' is not differentiable with respect to argument "
                    f"'{name}'. This input cannot have requires_grad True."
                )
            if array.dtype != x.dtype and (x.dtype, array.dtype) != (np.float16, np.float32):
                raise RuntimeError(
                    f"mixed dtype (CPU): all inputs must share same datatype, but {name} is "
                    f"{scalar_name(array.dtype)} and input {scalar_name(x.dtype)}"
                    if x.dtype == np.float64
                    else f"mixed dtype (CPU): expect parameter to have scalar type of Float ({name} is "
                    f"{scalar_name(array.dtype)}, input {scalar_name(x.dtype)})"
                )
        arrays.append(array)
    if x.ndim < 2 and (x.ndim == 0 or x.size):
        raise RuntimeError(f"batch_norm needs an input (N, C, ...), but got {list(x.shape)}")
    return arrays
