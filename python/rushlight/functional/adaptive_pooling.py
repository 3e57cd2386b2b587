"""adaptive_avg_pool2d and adaptive_max_pool2d: as many windows as are asked for, spread evenly.

Window i of `count` over a dimension of `size` covers floor(i * size / count) to ceil((i + 1) * size / count):
neighbours may overlap by one element, and sizes may differ by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _quiet
from ..autograd import Rule, record, unwrap, wrap
from ..dtypes import scalar_name
from ..ops.reductions import mean
from ._spelling import Array, ArrayOrTensor, Ints, array_of, integer, type_of
from .pooling import _scatter


def _windows(size: int, count: int) -> list[tuple[int, int]]:
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


# ---- the mean --------------------------------------------------------------------------------------------
def adaptive_avg_pool2d(input: ArrayOrTensor, output_size: Ints | None) -> Any:
    """The mean of every window, with as many windows as `output_size` says.

    input        (N, C, H, W) or (C, H, W); of integers the mean is cut towards 0
    output_size  int or (height, width); None in a pair keeps the input's size

    Returns (N, C, height, width): an ndarray for an ndarray, a Tensor for a Tensor.
    Raises TypeError for an output_size of the wrong type, RuntimeError for shapes that do not fit.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.adaptive_avg_pool2d(np.arange(9.0).reshape(1, 3, 3), (1, 2))
    array([[[3.5, 4.5]]])

    Source: torch.nn.functional.adaptive_avg_pool2d.
    """
    where = "adaptive_avg_pool2d"
    x = array_of(f"{where}():", "input", 1, input)
    rows, columns = _sizes(where, output_size, x)
    if rows < 0 or columns < 0:
        raise RuntimeError(
            f"{where}: elements of output_size must be greater than or equal to 0 "
            f"but received {{{rows}, {columns}}}"
        )
    if (rows, columns) == (1, 1) and x.dtype.kind == "f":
        return mean(input, (-1, -2), True)
    _check(where, x, (-2, -1))
    return _average(input, (x.shape[-2], x.shape[-1], rows, columns))


def _average(input: Any, params: tuple[int, int, int, int]) -> Any:
    h, w, rows, columns = params
    x = unwrap(input)
    wide: Any = np.float32 if x.dtype == np.float16 else np.int64 if x.dtype.kind in "iu" else x.dtype
    y = np.empty((*x.shape[:-2], rows, columns), wide)  # before the loops: MemoryError if it is too large
    if y.size:
        sums = _sums(_sums(x.astype(wide, copy=False), -2, _windows(h, rows)), -1, _windows(w, columns))
        y = _quiet.apply(np.divide, sums, _areas(params).astype(wide))
    return record(y.astype(x.dtype, copy=False), AVERAGE, (input,), (), params)


def _areas(params: tuple[int, int, int, int]) -> Array:
    h, w, rows, columns = params
    heights, widths = (np.array([b - a for a, b in _windows(*each)]) for each in ((h, rows), (w, columns)))
    return heights.reshape(-1, 1) * widths.reshape(1, -1)


def _sums(x: Array, axis: int, windows: list[tuple[int, int]]) -> Array:
    """The sum over every window of one dimension."""
    moved = np.moveaxis(x, axis, 0)
    out = np.empty((len(windows), *moved.shape[1:]), x.dtype)
    for i, (start, stop) in enumerate(windows):
        np.add.reduce(moved[start:stop], 0, out=out[i])
    return np.moveaxis(out, 0, axis)


def _average_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (_share(grad, params),)


def _share(grad: Any, params: tuple[int, int, int, int]) -> Any:
    """Every window's gradient in equal parts to its elements."""
    h, w, rows, columns = params
    g = unwrap(grad)
    part = g / _areas(params).astype(g.dtype)
    part = _spread(_spread(part, -1, w, _windows(w, columns)), -2, h, _windows(h, rows))
    return record(part, SHARE, (grad,), (), params)


def _spread(g: Array, axis: int, size: int, windows: list[tuple[int, int]]) -> Array:
    """The transpose of `_sums`."""
    moved = np.moveaxis(g, axis, 0)
    out = np.zeros((size, *moved.shape[1:]), g.dtype)
    for i, (start, stop) in enumerate(windows):
        out[start:stop] += moved[i]
    return np.ascontiguousarray(np.moveaxis(out, 0, axis))


AVERAGE = Rule("AdaptiveAvgPool2DBackward0", _average_backward)
SHARE = Rule(
    "AdaptiveAvgPool2DBackwardBackward0", lambda grad, saved, params, needs: (_average(grad, params),)
)


# ---- the maximum -----------------------------------------------------------------------------------------
def adaptive_max_pool2d(input: ArrayOrTensor, output_size: Ints | None, return_indices: bool = False) -> Any:
    """The largest value of every window, with as many windows as `output_size` says.

    input           (N, C, H, W) or (C, H, W)
    output_size     int or (height, width); None in a pair keeps the input's size
    return_indices  also return where each maximum was: int64, h*W + w

    Of equal values the first wins, row by row; a NaN always wins (the last one, if several).
    Returns as `adaptive_avg_pool2d`, or a pair with `return_indices`. Raises as it does.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.adaptive_max_pool2d(np.arange(9.0).reshape(1, 3, 3), (1, 2))
    array([[[7., 8.]]])

    Source: torch.nn.functional.adaptive_max_pool2d.
    """
    where = "adaptive_max_pool2d"
    x = array_of(f"{where}():", "input", 1, input)
    rows, columns = _sizes(where, output_size, x)
    if rows < 0 or columns < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(rows, columns)}: "
            f"{[*x.shape[:-2], rows, columns]}"
        )
    _check(where, x, range(1 if x.ndim == 4 else 0, x.ndim))
    indices = np.empty((*x.shape[:-2], rows, columns), np.int64)
    for i, (top, bottom) in enumerate(_windows(x.shape[-2], rows if indices.size else 0)):
        for j, (left, right) in enumerate(_windows(x.shape[-1], columns)):
            size = (bottom - top) * (right - left)
            best = _largest(x[..., top:bottom, left:right].reshape(*x.shape[:-2], size))
            row, column = np.divmod(best, right - left)
            indices[..., i, j] = (top + row) * x.shape[-1] + left + column
    flat = indices.reshape(*x.shape[:-2], rows * columns)
    planes = x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])
    y = np.take_along_axis(planes, flat, -1).reshape(indices.shape)
    out = record(y, LARGEST, (input,), (indices,), x.shape)
    if not return_indices:
        return out
    return out, indices if input is x else wrap(indices)


def _largest(windows: Array) -> Array:
    """The position of the maximum along the last dimension: the first one, but the last NaN."""
    best = windows.argmax(-1)
    if windows.dtype.kind == "f":
        unordered = np.isnan(windows)
        if unordered.any():
            last = windows.shape[-1] - 1 - unordered[..., ::-1].argmax(-1)
            best = np.where(unordered.any(-1), last, best)
    return best


def _largest_backward(grad: Any, saved: Any, shape: Any, needs: Any) -> tuple[Any]:
    return (_scatter(shape, saved[0], grad),)


LARGEST = Rule("AdaptiveMaxPool2DBackward0", _largest_backward)


# ---- checks ----------------------------------------------------------------------------------------------
def _sizes(where: str, output_size: Any, x: Array) -> tuple[int, int]:
    """`output_size` as two ints."""
    single = integer(output_size)
    if single is not None:
        return single, single
    if not isinstance(output_size, (tuple, list)):
        raise TypeError(
            f"{where}(): argument 'output_size' (position 2) must be int or tuple of ints, "
            f"not {type_of(output_size)}"
        )
    if x.ndim <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    if len(output_size) != 2:
        raise RuntimeError(f"{where}: output_size must be 2 numbers, but got {list(output_size)}")
    sizes = []
    for at, each in enumerate(output_size):
        size = x.shape[at - 2] if each is None else integer(each)
        if size is None:
            raise TypeError(
                f"{where}(): argument 'output_size' (position 2) must be tuple of ints, "
                f"but found element of type {type_of(each)} at pos {at}"
            )
        sizes.append(size)
    return sizes[0], sizes[1]


def _check(where: str, x: Array, filled: Any) -> None:
    """`filled`: the dimensions that must not be empty."""
    if x.ndim not in (3, 4):
        raise RuntimeError(f"{where}(): Expected 3D or 4D tensor, but got {list(x.shape)}")
    for dim in filled:
        if not x.shape[dim]:
            raise RuntimeError(
                f"{where}(): Expected input to have non-zero size for non-batch dimensions, but input has "
                f"sizes {list(x.shape)} with dimension {dim % x.ndim} being empty"
            )
    if x.dtype.kind == "b":
        raise NotImplementedError(f"\"{where}\" not implemented for '{scalar_name(x.dtype)}'")
