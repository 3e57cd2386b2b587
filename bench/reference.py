"""The answers that every library is held to: float64 convolutions and exact pooling, tap by tap, in NumPy.

Slow and obvious on purpose, and written in another way than any peer (no im2col, no FFT): nobody is checked
against itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.layers import Layer

F64 = NDArray[np.float64]


def _taps(layer: Layer) -> list[tuple[int, int, slice, slice]]:
    """For every kernel element (r, s): the rows and columns of the padded input that it meets, strided."""
    _, _, oh, ow = layer.output_shape
    (sh, sw), (dh, dw), (kh, kw) = layer.stride, layer.dilation, layer.kernel
    return [
        (r, s, slice(r * dh, r * dh + sh * (oh - 1) + 1, sh), slice(s * dw, s * dw + sw * (ow - 1) + 1, sw))
        for r in range(kh)
        for s in range(kw)
    ]


def _padded(x: NDArray[np.generic], layer: Layer, value: float, dtype: type) -> NDArray[np.generic]:
    (ph, pw) = layer.padding
    return np.pad(x.astype(dtype), ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=value)


def _grouped(a: NDArray[np.generic], groups: int) -> NDArray[np.generic]:
    """(N, C, OH, OW) -> (N, groups, C / groups, OH * OW)."""
    return a.reshape(a.shape[0], groups, a.shape[1] // groups, -1)


def conv2d(x: NDArray[np.generic], w: NDArray[np.generic], layer: Layer) -> F64:
    """y[n, k, i, j] = sum over c, r, s of w[k, c, r, s] * x[n, c, i*sh + r*dh - ph, j*sw + s*dw - pw]."""
    g, (k, c, _, _) = layer.groups, w.shape
    xp, w64 = _padded(x, layer, 0.0, np.float64), w.astype(np.float64)
    y = np.zeros((x.shape[0], g, k // g, layer.output_shape[2] * layer.output_shape[3]))
    for r, s, rows, columns in _taps(layer):
        y += w64[:, :, r, s].reshape(g, k // g, c) @ _grouped(xp[:, :, rows, columns], g)
    return y.reshape(layer.output_shape)


def conv2d_grad_input(dy: NDArray[np.generic], w: NDArray[np.generic], layer: Layer) -> F64:
    """The transpose of conv2d as a linear map of x: every tap hands its share of dy back."""
    g, (k, c, _, _), (n, _, h, width) = layer.groups, w.shape, layer.input_shape
    (ph, pw), (_, _, oh, ow) = layer.padding, layer.output_shape
    dxp = np.zeros((n, g * c, h + 2 * ph, width + 2 * pw))
    dy64, w64 = _grouped(dy.astype(np.float64), g), w.astype(np.float64)
    for r, s, rows, columns in _taps(layer):
        share = w64[:, :, r, s].reshape(g, k // g, c).transpose(0, 2, 1) @ dy64
        dxp[:, :, rows, columns] += share.reshape(n, g * c, oh, ow)
    return np.ascontiguousarray(dxp[:, :, ph : ph + h, pw : pw + width])


def conv2d_grad_weight(dy: NDArray[np.generic], x: NDArray[np.generic], layer: Layer) -> F64:
    """dw[k, c, r, s] = sum over n, i, j of dy[n, k, i, j] times the input that tap (r, s) met there."""
    g, (k, c, _, _) = layer.groups, layer.weight_shape
    xp, dy64 = _padded(x, layer, 0.0, np.float64), _grouped(dy.astype(np.float64), g)
    dw = np.zeros(layer.weight_shape)
    for r, s, rows, columns in _taps(layer):
        tap = dy64 @ _grouped(xp[:, :, rows, columns], g).transpose(0, 1, 3, 2)  # (N, g, K / g, C / g)
        dw[:, :, r, s] = tap.sum(axis=0).reshape(k, c)
    return dw


def max_pool2d(x: NDArray[np.generic], layer: Layer) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    """The largest of each window, and row * W + column of where it was; the first of equals wins."""
    (ph, pw), width = layer.padding, x.shape[3]
    xp = _padded(x, layer, -np.inf, x.dtype.type)
    y = np.full(layer.output_shape, -np.inf, x.dtype)
    indices = np.zeros(layer.output_shape, np.int64)
    for _, _, rows, columns in _taps(layer):
        value = xp[:, :, rows, columns]
        row = np.arange(rows.start, rows.stop, rows.step)[:, None] - ph
        column = np.arange(columns.start, columns.stop, columns.step)[None, :] - pw
        better = value > y
        y = np.where(better, value, y)
        indices = np.where(better, row * width + column, indices)
    return y, indices


def max_pool2d_grad_input(dy: NDArray[np.generic], indices: NDArray[np.int64], layer: Layer) -> F64:
    """Every element of dy is added to the input element that won its window."""
    n, c, h, w = layer.input_shape
    plane = np.arange(n * c)[:, None] * (h * w)
    where = (plane + indices.reshape(n * c, -1)).ravel()
    return np.bincount(where, weights=dy.astype(np.float64).ravel(), minlength=n * c * h * w).reshape(
        layer.input_shape
    )
