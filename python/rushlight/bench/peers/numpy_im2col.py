"""NumPy as a NumPy user writes it: sliding_window_view, one matmul (im2col), gradients by the same route."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..cases import Case
from ..layers import Layer
from ..reference import EPS
from .common import Call, Options

Array = Any


def start(threads: int, options: Options) -> dict[str, Any]:
    """The threads of NumPy's BLAS are set by environment variables before this process started."""
    return {"version": np.__version__, "threads": threads}


def windows(x: Array, layer: Layer, value: float = 0.0) -> Array:
    """A view (N, C, OH, OW, R, S) of the padded input, no copy but the padding."""
    (ph, pw), (dh, dw) = layer.padding, layer.dilation
    if ph or pw:
        x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=value)
    span = tuple(d * (k - 1) + 1 for k, d in zip(layer.kernel, layer.dilation, strict=True))
    view = sliding_window_view(x, span, axis=(2, 3))
    return view[:, :, :: layer.stride[0], :: layer.stride[1], ::dh, ::dw]


def columns(x: Array, layer: Layer) -> Array:
    """im2col: (N, groups, C / groups * R * S, OH * OW), copied."""
    n, g = x.shape[0], layer.groups
    return windows(x, layer).transpose(0, 1, 4, 5, 2, 3).reshape(n, g, -1, math.prod(layer.windows))


def conv2d(x: Array, w: Array, layer: Layer) -> Array:
    """One matrix product per image and group."""
    g, k = layer.groups, layer.outputs
    return (w.reshape(g, k // g, -1) @ columns(x, layer)).reshape(layer.output_shape)


def conv2d_grad_input(dy: Array, w: Array, layer: Layer) -> Array:
    """The product transposed, then col2im: every window's share is added where it came from."""
    n, g, k = layer.input_shape[0], layer.groups, layer.outputs
    return fold(w.reshape(g, k // g, -1).transpose(0, 2, 1) @ dy.reshape(n, g, k // g, -1), layer)


def fold(share: Array, layer: Layer) -> Array:
    """col2im, tap by tap."""
    (n, c, h, width), (r, s), (oh, ow) = layer.input_shape, layer.kernel, layer.windows
    (ph, pw), (sh, sw), (dh, dw) = layer.padding, layer.stride, layer.dilation
    share = share.reshape(n, c, r, s, oh, ow)
    dx = np.zeros((n, c, h + 2 * ph, width + 2 * pw), share.dtype)
    for i in range(r):
        for j in range(s):
            dx[:, :, i * dh : i * dh + sh * oh : sh, j * dw : j * dw + sw * ow : sw] += share[:, :, i, j]
    return np.ascontiguousarray(dx[:, :, ph : ph + h, pw : pw + width])


def conv2d_grad_weight(dy: Array, x: Array, layer: Layer) -> Array:
    """Output gradients times the transposed columns, summed over the images."""
    n, g, k = x.shape[0], layer.groups, layer.outputs
    product = dy.reshape(n, g, k // g, -1) @ columns(x, layer).transpose(0, 1, 3, 2)
    return product.sum(axis=0).reshape(layer.weight_shape)


def max_pool2d(x: Array, layer: Layer) -> Array:
    """The maximum over the window axes; with indices, argmax and some arithmetic."""
    view = windows(x, layer, -np.inf)
    if not layer.indices:
        return view.max(axis=(-2, -1))
    best = view.reshape(*view.shape[:4], -1).argmax(axis=-1)
    row, column = np.divmod(best, layer.kernel[1])
    row += np.arange(view.shape[2])[:, None] * layer.stride[0] - layer.padding[0]
    column += np.arange(view.shape[3]) * layer.stride[1] - layer.padding[1]
    indices = row * x.shape[3] + column
    y = np.take_along_axis(x.reshape(*x.shape[:2], -1), indices.reshape(*x.shape[:2], -1), axis=-1)
    return y.reshape(indices.shape), indices


def max_pool2d_grad_input(dy: Array, indices: Array, layer: Layer) -> Array:
    """np.add.at, because windows may share a winner."""
    n, c, h, w = layer.input_shape
    dx = np.zeros((n * c, h * w), dy.dtype)
    np.add.at(dx, (np.arange(n * c)[:, None], indices.reshape(n * c, -1)), dy.reshape(n * c, -1))
    return dx.reshape(layer.input_shape)


def avg_pool2d_grad_input(dy: Array, layer: Layer) -> Array:
    """Every tap gets its share, then fold."""
    (n, c, *size), taps = dy.shape, math.prod(layer.kernel)
    return fold(np.broadcast_to((dy / taps)[:, :, None], (n, c, taps, *size)), layer)


def batch_norm(x: Array) -> Array:
    """Mean and variance per channel, one pass each."""
    mean, variance = x.mean(axis=(0, 2, 3), keepdims=True), x.var(axis=(0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + EPS)


def batch_norm_grad_input(dy: Array, x: Array) -> Array:
    """By the formula."""
    axes, y = (0, 2, 3), batch_norm(x)
    mean, share = dy.mean(axis=axes, keepdims=True), (dy * y).mean(axis=axes, keepdims=True)
    return (dy - mean - y * share) / np.sqrt(x.var(axis=axes, keepdims=True) + EPS)


def prepare(case: Case) -> Call:
    """Plain functions on plain arrays."""
    layer, x, w, dy = case.layer, case.x, case.w, case.dy
    calls = {
        ("conv2d", "forward"): lambda: conv2d(x, w, layer),
        ("conv2d", "grad_input"): lambda: conv2d_grad_input(dy, w, layer),
        ("conv2d", "grad_weight"): lambda: conv2d_grad_weight(dy, x, layer),
        ("max_pool2d", "forward"): lambda: max_pool2d(x, layer),
        ("max_pool2d", "grad_input"): lambda: max_pool2d_grad_input(dy, case.indices, layer),
        ("conv_transpose2d", "forward"): lambda: conv2d_grad_input(x, w, layer.mirrored),
        ("conv_transpose2d", "grad_input"): lambda: conv2d(dy, w, layer.mirrored),
        ("conv_transpose2d", "grad_weight"): lambda: conv2d_grad_weight(x, dy, layer.mirrored),
        ("avg_pool2d", "forward"): lambda: windows(x, layer).mean(axis=(-2, -1)),
        ("avg_pool2d", "grad_input"): lambda: avg_pool2d_grad_input(dy, layer),
        ("unfold", "forward"): lambda: columns(x, layer).reshape(len(x), layer.output_shape[1], -1),
        ("unfold", "grad_input"): lambda: fold(dy, layer),
        ("batch_norm", "forward"): lambda: batch_norm(x),
        ("batch_norm", "grad_input"): lambda: batch_norm_grad_input(dy, x),
        ("relu", "forward"): lambda: np.maximum(x, 0),
        ("relu", "grad_input"): lambda: np.where(case.y > 0, dy, 0),
    }
    return Call(calls[case.key])
