"""The answers that every library is held to: float64 convolutions and exact pooling, tap by tap, in NumPy.

Slow and obvious on purpose, and written in another way than any peer (no im2col, no FFT): nobody is checked
against itself.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layers import Layer

F64 = NDArray[np.float64]
Array = NDArray[Any]


def _taps(layer: Layer) -> list[tuple[int, int, slice, slice]]:
    """For every kernel element (r, s): the rows and columns of the padded input that it meets, strided."""
    oh, ow = layer.windows
    (sh, sw), (dh, dw), (kh, kw) = layer.stride, layer.dilation, layer.kernel
    return [
        (r, s, slice(r * dh, r * dh + sh * (oh - 1) + 1, sh), slice(s * dw, s * dw + sw * (ow - 1) + 1, sw))
        for r in range(kh)
        for s in range(kw)
    ]


def _padded(x: Array, layer: Layer, value: float, dtype: Any) -> Array:
    (ph, pw) = layer.padding
    return np.pad(x.astype(dtype), ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=value)


def _grouped(a: Array, groups: int) -> Array:
    """(N, C, OH, OW) -> (N, groups, C / groups, OH * OW)."""
    return a.reshape(a.shape[0], groups, a.shape[1] // groups, -1)


def conv2d(x: Array, w: Array, layer: Layer) -> F64:
    """y[n, k, i, j] = sum over c, r, s of w[k, c, r, s] * x[n, c, i*sh + r*dh - ph, j*sw + s*dw - pw]."""
    g, (k, c, _, _) = layer.groups, w.shape
    xp, w64 = _padded(x, layer, 0.0, np.float64), w.astype(np.float64)
    y = np.zeros((x.shape[0], g, k // g, layer.output_shape[2] * layer.output_shape[3]))
    for r, s, rows, columns in _taps(layer):
        y += w64[:, :, r, s].reshape(g, k // g, c) @ _grouped(xp[:, :, rows, columns], g)
    return y.reshape(layer.output_shape)


def conv2d_grad_input(dy: Array, w: Array, layer: Layer) -> F64:
    """The transpose of conv2d as a linear map of x: every tap hands its share of dy back."""
    g, (k, c, _, _), (n, _, h, width) = layer.groups, w.shape, layer.input_shape
    (ph, pw), (_, _, oh, ow) = layer.padding, layer.output_shape
    dxp = np.zeros((n, g * c, h + 2 * ph, width + 2 * pw))
    dy64, w64 = _grouped(dy.astype(np.float64), g), w.astype(np.float64)
    for r, s, rows, columns in _taps(layer):
        share = w64[:, :, r, s].reshape(g, k // g, c).transpose(0, 2, 1) @ dy64
        dxp[:, :, rows, columns] += share.reshape(n, g * c, oh, ow)
    return np.ascontiguousarray(dxp[:, :, ph : ph + h, pw : pw + width])


def conv2d_grad_weight(dy: Array, x: Array, layer: Layer) -> F64:
    """dw[k, c, r, s] = sum over n, i, j of dy[n, k, i, j] times the input that tap (r, s) met there."""
    g, (k, c, _, _) = layer.groups, layer.weight_shape
    xp, dy64 = _padded(x, layer, 0.0, np.float64), _grouped(dy.astype(np.float64), g)
    dw = np.zeros(layer.weight_shape)
    for r, s, rows, columns in _taps(layer):
        tap = dy64 @ _grouped(xp[:, :, rows, columns], g).transpose(0, 1, 3, 2)  # (N, g, K / g, C / g)
        dw[:, :, r, s] = tap.sum(axis=0).reshape(k, c)
    return dw


def max_pool2d(x: Array, layer: Layer) -> tuple[Array, NDArray[np.int64]]:
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


def max_pool2d_grad_input(dy: Array, indices: NDArray[np.int64], layer: Layer) -> F64:
    """Every element of dy is added to the input element that won its window."""
    n, c, h, w = layer.input_shape
    plane = np.arange(n * c)[:, None] * (h * w)
    where = (plane + indices.reshape(n * c, -1)).ravel()
    weights = dy.astype(np.float64).ravel()
    dx: Array = np.bincount(where, weights=weights, minlength=n * c * h * w)
    return dx.reshape(layer.input_shape)


def avg_pool2d(x: Array, layer: Layer) -> F64:
    """The mean of each window, the padding's zeros counted."""
    xp, y = _padded(x, layer, 0.0, np.float64), np.zeros(layer.output_shape)
    for _, _, rows, columns in _taps(layer):
        y += xp[:, :, rows, columns]
    return y / prod(layer.kernel)


def avg_pool2d_grad_input(dy: Array, layer: Layer) -> F64:
    """Every pixel of a window gets its share."""
    shares = np.repeat(dy.astype(np.float64)[:, :, None] / prod(layer.kernel), prod(layer.kernel), axis=2)
    return fold(shares.reshape(*dy.shape[:2], -1), layer)


def unfold(x: Array, layer: Layer) -> Array:
    """(N, C * R * S, L): the rows are the taps, the columns the windows."""
    xp = _padded(x, layer, 0.0, x.dtype)
    taps = [xp[:, :, rows, columns] for _, _, rows, columns in _taps(layer)]
    n, c = x.shape[:2]
    return np.stack(taps, axis=2).reshape(n, c * len(taps), -1)


def fold(columns: Array, layer: Layer) -> F64:
    """Every tap's row is added where it came from."""
    (n, c, h, w), (ph, pw) = layer.input_shape, layer.padding
    taps = columns.astype(np.float64).reshape(n, c, -1, *layer.windows)
    xp = np.zeros((n, c, h + 2 * ph, w + 2 * pw))
    for number, (_, _, rows, cols) in enumerate(_taps(layer)):
        xp[:, :, rows, cols] += taps[:, :, number]
    return np.ascontiguousarray(xp[:, :, ph : ph + h, pw : pw + w])


EPS = 1e-5  # batch_norm's default


def batch_norm(x: Array) -> F64:
    """Every channel with its own mean and variance (without Bessel's correction) taken out."""
    x64 = x.astype(np.float64)
    mean, variance = (f(x64, axis=(0, 2, 3), keepdims=True) for f in (np.mean, np.var))
    return (x64 - mean) / np.sqrt(variance + EPS)


def batch_norm_grad_input(dy: Array, x: Array) -> F64:
    """(dy - mean(dy) - y mean(dy y)) / deviation, means per channel."""
    dy64, y = dy.astype(np.float64), batch_norm(x)
    mean, share = (np.mean(a, axis=(0, 2, 3), keepdims=True) for a in (dy64, dy64 * y))
    deviation = np.sqrt(np.var(x.astype(np.float64), axis=(0, 2, 3), keepdims=True) + EPS)
    return (dy64 - mean - y * share) / deviation
