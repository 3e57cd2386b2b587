"""max_unpool2d: the partial inverse of max_pool2d, which puts maxima back where they were."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Rule, record, unwrap
from ..dtypes import scalar_name
from ._spelling import Array, ArrayOrTensor, Ints, Pair, array_of, pair, several_ints
from .pooling import _gather

_WHERE = "max_unpool2d():"
_LENGTH = "max_unpool2d: {name} must be a single int or a tuple of two ints, but got {values}"


def max_unpool2d(
    input: ArrayOrTensor,
    indices: ArrayOrTensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Any = None,
) -> Any:
    """Zeros, with every value of `input` at its index.

    input        (N, C, H, W) or (C, H, W): what max_pool2d returned
    indices      int64, of the input's shape: what max_pool2d(..., return_indices=True) returned
    kernel_size, stride, padding  of that max_pool2d; they give the output's size,
                 (H - 1)*stride - 2*padding + kernel_size
    output_size  (height, width), or the whole shape, where that is not exact: less than one stride away

    An index counts h*W + w in the output; of several values at one index the last stays.
    Returns an ndarray for an ndarray, a Tensor for a Tensor. Raises ValueError for an output_size that cannot
    be, RuntimeError for an index outside the output or shapes that do not belong together.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.max_unpool2d(np.array([[[7.0]]]), np.array([[[2]]]), 2)
    array([[[0., 0.],
            [7., 0.]]])

    Source: torch.nn.functional.max_unpool2d.
    """
    x = array_of(_WHERE, "input", 1, input)
    at = array_of(_WHERE, "indices", 2, indices)
    kernel = pair(_WHERE, "kernel_size", 3, kernel_size, _LENGTH)
    strides = kernel if stride is None else pair(_WHERE, "stride", 4, stride, _LENGTH)
    paddings = pair(_WHERE, "padding", 5, padding, _LENGTH)
    if x.ndim < 2:
        raise RuntimeError(f"max_unpool2d needs an input (N, C, H, W) or (C, H, W), but got {list(x.shape)}")
    size = _output_size(x, kernel, strides, paddings, output_size)
    _check(x, at, size)
    out = np.zeros((*x.shape[:-2], size[0] * size[1]), x.dtype)
    flat = (*x.shape[:-2], x.shape[-2] * x.shape[-1])
    np.put_along_axis(out, at.reshape(flat), x.reshape(flat), -1)
    return record(out.reshape(*x.shape[:-2], *size), UNPOOL, (input,), (unwrap(at),), None)


def _unpool_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (_gather(grad.shape, saved[0], grad),)


UNPOOL = Rule("MaxUnpool2DBackward0", _unpool_backward)


def _output_size(x: Array, kernel: Pair, stride: Pair, padding: Pair, wanted: Any) -> Pair:
    default = [(x.shape[d - 2] - 1) * stride[d] + kernel[d] - 2 * padding[d] for d in (0, 1)]
    if wanted is None:
        return default[0], default[1]
    sizes = several_ints(_WHERE, "output_size", 6, wanted)
    sizes = sizes[2:] if len(sizes) == 4 else sizes
    if len(sizes) != 2:
        raise ValueError(
            "output_size should be a sequence containing 2 or 4 elements, but it has a length of "
            f"'{len(sizes)}'"
        )
    for d in (0, 1):
        low, high = default[d] - stride[d], default[d] + stride[d]
        if not low < sizes[d] < high:
            raise ValueError(f'invalid output_size "{sizes}" (dim {d} must be between {low} and {high})')
    return sizes[0], sizes[1]


def _check(x: Array, at: Array, size: Pair) -> None:
    if at.dtype != np.int64:
        raise RuntimeError(
            f"elements in indices should be type int64 but got: {scalar_name(at.dtype)} (indices)"
        )
    if x.ndim not in (3, 4):
        raise RuntimeError(
            "Input to max_unpooling2d should be a 3d or 4d Tensor, but got a tensor with "
            f"{x.ndim} dimensions."
        )
    if at.shape != x.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(x.shape)}) but got "
            f"indices tensor with shape: {list(at.shape)}"
        )
    for dim in range(x.ndim - 3, x.ndim):
        if not x.shape[dim]:
            raise RuntimeError(
                "max_unpool2d: Expected input to have non-zero size for non-batch dimensions, but got "
                f"{list(x.shape)} with dimension {dim} being empty."
            )
    if x.dtype.kind not in "f":
        raise NotImplementedError(f"\"max_unpool2d\" not implemented for '{scalar_name(x.dtype)}'")
    if min(size) < 0:
        raise ValueError(f"max_unpool2d: the output would have the size {size}")
    outside = (at < 0) | (at >= size[0] * size[1])
    if outside.any():
        raise RuntimeError(
            f"Found an invalid max index: {at[outside][0]} (output volumes are of size {size[0]}x{size[1]})"
        )
