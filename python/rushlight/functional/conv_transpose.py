"""conv_transpose2d and its hand-written gradients.

A transposed convolution is the input gradient of a convolution with the same weight, so the compiled core
computes each operation below with one of conv2d's. As there, the three are each other's derivatives, and
their rules hold to any order. What the shapes must be is checked in C++ (cpp/ops/conv_transpose2d.cpp).
"""

from __future__ import annotations

from typing import Any

from .._core import (
    conv_transpose2d_backward_input,
    conv_transpose2d_backward_weight,
    conv_transpose2d_forward,
)
from ..autograd import Rule, record, unwrap
from ._out import into
from ._spelling import ArrayOrTensor, Ints, Pair, array_of, one_int, pair
from .conv import LENGTH, bias_gradient

_WHERE = "conv_transpose2d():"

Settings = tuple[Pair, Pair, Pair, int, Pair]  # stride, padding, output_padding, groups, dilation


def conv_transpose2d(
    input: ArrayOrTensor,
    weight: ArrayOrTensor,
    bias: ArrayOrTensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
    *,
    out: ArrayOrTensor | None = None,
) -> Any:
    """Lay a copy of the kernel, times the pixel, around every pixel of a stretched image, and add them up.

    out[n, k, i*stride + r*dilation - padding, j*stride + s*dilation - padding] +=
        weight[c, k, r, s] * input[n, c, i, j], from bias[k]; what falls outside is dropped
    out size = (size - 1)*stride - 2*padding + dilation*(kernel - 1) + output_padding + 1, per dimension

    It is the gradient of conv2d with respect to its input, hence the name; it enlarges where conv2d shrinks.

    input     (N, C, H, W), or (C, H, W) for one image; float32, float64, or int64 (wraps, has no gradient)
    weight    (C, K / groups, R, S), the input's dtype: the weight of a conv2d from K channels to C
    bias      (K,) or None
    stride    distance of the copies: int or (down, across)
    padding   what conv2d would have padded, so this much is cut off every side: int or (rows, columns)
    output_padding  rows and columns more at the bottom and right; less than stride or dilation
    groups    split channels and kernels into this many independent parts
    dilation  distance between a kernel's taps: int or (down, across)
    out       write the result here and return this, as in conv2d; not in torch

    Returns (N, K, OH, OW) or (K, OH, OW): an ndarray for ndarrays, a Tensor if any argument is one.
    Raises TypeError for arguments of the wrong type, RuntimeError for shapes, sizes or dtypes that do not
    fit, NotImplementedError for other dtypes.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> image = np.array([[[1.0, 2.0]]])
    >>> F.conv_transpose2d(image, np.ones((1, 1, 2, 3)), stride=2)
    array([[[1., 1., 3., 2., 2.],
            [1., 1., 3., 2., 2.]]])

    Source: torch.nn.functional.conv_transpose2d; Dumoulin and Visin, "A guide to convolution arithmetic for
    deep learning".
    """
    x, w = array_of(_WHERE, "input", 1, input), array_of(_WHERE, "weight", 2, weight)
    if bias is not None:
        array_of(_WHERE, "bias", 3, bias)
    settings = (
        pair(_WHERE, "stride", 4, stride, LENGTH),
        pair(_WHERE, "padding", 5, padding, LENGTH),
        pair(_WHERE, "output_padding", 6, output_padding, LENGTH),
        one_int(_WHERE, "groups", 7, groups),
        pair(_WHERE, "dilation", 8, dilation, LENGTH),
    )
    if out is not None:
        return into(
            "conv_transpose2d",
            out,
            (input, weight, bias),
            lambda y: conv_transpose2d_forward(x, w, unwrap(bias), *settings, y),
        )
    return _forward(input, weight, bias, settings)


def _forward(input: Any, weight: Any, bias: Any, settings: Settings) -> Any:
    x, w = unwrap(input), unwrap(weight)
    y = conv_transpose2d_forward(x, w, unwrap(bias), *settings)
    return record(y, CONV_TRANSPOSE2D, (input, weight, bias), (input, weight), (x.shape, w.shape, settings))


def _backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    input, weight = saved
    input_size, weight_size, settings = params
    return (
        _input_gradient(input_size, weight, grad, settings) if needs[0] else None,
        _weight_gradient(input, weight_size, grad, settings) if needs[1] else None,
        bias_gradient(grad) if needs[2] else None,
    )


CONV_TRANSPOSE2D = Rule("ConvolutionBackward0", _backward, uses=((1,), (0,)))


# ---- its gradients, which are operations too -------------------------------------------------------------
def _input_gradient(input_size: tuple[int, ...], weight: Any, grad_output: Any, settings: Settings) -> Any:
    w = unwrap(weight)
    dx = conv_transpose2d_backward_input(unwrap(grad_output), w, input_size, *settings)
    return record(dx, _INPUT, (weight, grad_output), (weight, grad_output), (w.shape, settings))


def _input_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    weight, grad_output = saved
    weight_size, settings = params
    return (
        _weight_gradient(grad, weight_size, grad_output, settings) if needs[0] else None,
        _forward(grad, weight, None, settings) if needs[1] else None,
    )


_INPUT = Rule("ConvolutionBackwardBackward0", _input_backward, uses=((1,), (0,)))


def _weight_gradient(input: Any, weight_size: tuple[int, ...], grad_output: Any, settings: Settings) -> Any:
    x = unwrap(input)
    dw = conv_transpose2d_backward_weight(unwrap(grad_output), x, weight_size, *settings)
    return record(dw, _WEIGHT, (input, grad_output), (input, grad_output), (x.shape, settings))


def _weight_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    input, grad_output = saved
    input_size, settings = params
    return (
        _input_gradient(input_size, grad, grad_output, settings) if needs[0] else None,
        _forward(input, grad, None, settings) if needs[1] else None,
    )


_WEIGHT = Rule("ConvolutionBackwardBackward0", _weight_backward, uses=((1,), (0,)))
