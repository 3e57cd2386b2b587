"""conv2d and its hand-written gradients.

The three operations below are each other's derivatives: the gradient of any one of them is made of the other
two, so their rules close the set and hold to any order. What the shapes must be is checked in C++ (cpp/ops).
"""

from __future__ import annotations

import warnings
from typing import Any

from numpy import ndarray

from .._core import PreparedConv2d as PreparedConv2d  # nn.Conv2d asks for it here
from .._core import (
    conv2d_backward_bias,
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
    try_conv2d,
)
from ..autograd import Rule, record, unwrap
from ._out import into
from ._spelling import ArrayOrTensor, Ints, Pair, Sides, array_of, one_int, pair, several_ints, sides

_WHERE = "conv2d() received an invalid combination of arguments:"  # torch's words for a wrong type
LENGTH = (
    "expected {name} to be a single integer value or a list of 2 values to match the convolution dimensions, "
    "but got {name}={values}"
)

Settings = tuple[Pair, Sides, Pair, int]  # stride, padding, dilation, groups


# ---- conv2d ----------------------------------------------------------------------------------------------
def conv2d(
    input: ArrayOrTensor,
    weight: ArrayOrTensor | PreparedConv2d,
    bias: ArrayOrTensor | None = None,
    stride: Ints = 1,
    padding: Any = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    out: ArrayOrTensor | None = None,
) -> Any:
    """Slide every kernel of `weight` over every image and add up the products (the kernel is not flipped).

    out[n, k, i, j] = bias[k] + sum over c, r, s of
        weight[k, c, r, s] * input[n, c, i*stride + r*dilation - padding, j*stride + s*dilation - padding]
    out size = floor((size + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1, per dimension

    input     (N, C, H, W), or (C, H, W) for one image; float32, float64, or any of int8..int64, uint8 (these
              wrap around in their own type and have no gradient)
    weight    (K, C / groups, R, S), the input's dtype; or what prepare_conv2d made of it
    bias      (K,) or None
    stride    int or (down, across)
    padding   zeros around the image: int, (rows, columns), ((top, bottom), (left, right)), 'valid' (none), or
              'same' (output as large as the input, stride 1 only; of an odd total one more goes to the bottom
              and right)
    dilation  distance between taps: int or (down, across)
    groups    split channels and kernels into this many independent parts; groups == C is "depthwise"
    out       write the result here and return this: C-contiguous, of the result's shape and dtype; may share
              memory with the others; only where no gradient is recorded. Not in torch

    Returns (N, K, OH, OW) or (K, OH, OW): an ndarray for ndarrays, a Tensor if any argument is one.
    Raises TypeError for arguments of the wrong type, RuntimeError for shapes, sizes or dtypes that do not
    fit.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> image = np.arange(16.0, dtype=np.float32).reshape(1, 1, 4, 4)
    >>> F.conv2d(image, np.ones((1, 1, 3, 3), np.float32), stride=1)
    array([[[[45., 54.],
             [81., 90.]]]], dtype=float32)

    Source: torch.nn.functional.conv2d; Dumoulin and Visin, "A guide to convolution arithmetic for deep
    learning".
    """
    if out is not None:
        return _conv2d_into(out, input, weight, bias, stride, padding, dilation, groups)
    y = try_conv2d(input, weight, bias, stride, padding, dilation, groups)
    if y is not NotImplemented:  # the usual arguments, all of them ndarrays
        return y
    if type(weight) is PreparedConv2d:
        return _conv2d_prepared(input, weight, bias, stride, padding, dilation, groups)
    x, w = unwrap(input), unwrap(weight)
    y = try_conv2d(x, w, unwrap(bias), stride, padding, dilation, groups)
    if y is not NotImplemented:  # the usual arguments, some of them Tensors
        settings = _usual_settings(stride, padding, dilation, groups)
        return record(y, CONV2D, (input, weight, bias), (input, weight), (x.shape, w.shape, settings))
    x, w = array_of(_WHERE, "input", 1, input), array_of(_WHERE, "weight", 2, weight)
    if bias is not None:
        array_of(_WHERE, "bias", 3, bias)
    return _forward(input, weight, bias, _settings(x.ndim, w.shape, stride, padding, dilation, groups))


def prepare_conv2d(weight: ArrayOrTensor) -> PreparedConv2d:
    """Weights for many calls: `conv2d(input, prepared, ...)` computes what depends on them alone only once.

    weight  (K, C / groups, R, S); a copy is kept, so later changes of `weight` change nothing, and it is a
            constant: gradients flow through it to the input, not into it

    What there is to prepare depends on the shapes, on the instruction set and on the precision
    (set_float32_conv_precision): transformed kernels for Winograd, kernels in the inner loop's order for
    direct sums, and whether all are finite; nothing for depthwise kernels and for integers. It happens in
    the first call that wants it, and again if one of these has changed. Results have the same bits as those
    of the weight itself. `prepared.nbytes` tells the memory it takes besides the copy, `prepared.weight`
    gives that copy. nn.Conv2d does all this by itself in eval mode while no gradients are
    recorded.

    Raises TypeError if weight is neither ndarray nor Tensor. Not in torch.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> kernels = F.prepare_conv2d(np.ones((1, 1, 3, 3), np.float32))
    >>> F.conv2d(np.ones((1, 1, 3, 4), np.float32), kernels)
    array([[[[9., 9.]]]], dtype=float32)
    """
    return PreparedConv2d(array_of("prepare_conv2d():", "weight", 1, weight), own=True)


def _conv2d_into(
    out: Any, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Any:
    x = array_of(_WHERE, "input", 1, input)
    forward = conv2d_forward
    if type(weight) is PreparedConv2d:
        w, forward = weight.weight, lambda x, w, *rest: weight.forward(x, *rest)
    else:
        w = array_of(_WHERE, "weight", 2, weight)
    b = None if bias is None else array_of(_WHERE, "bias", 3, bias)
    settings = _settings(x.ndim, w.shape, stride, padding, dilation, groups)
    return into("conv2d", out, (input, weight, bias), lambda y: forward(x, w, b, *settings, y))


def _conv2d_prepared(
    input: Any, prepared: PreparedConv2d, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Any:
    x, w = unwrap(input), prepared.weight
    y = try_conv2d(x, prepared, unwrap(bias), stride, padding, dilation, groups)
    if y is not NotImplemented:
        settings = _usual_settings(stride, padding, dilation, groups)
        return record(y, CONV2D, (input, w, bias), (input, w), (x.shape, w.shape, settings))
    x = array_of(_WHERE, "input", 1, input)
    if bias is not None:
        array_of(_WHERE, "bias", 3, bias)
    settings = _settings(x.ndim, w.shape, stride, padding, dilation, groups)
    y = prepared.forward(x, unwrap(bias), *settings)
    return record(y, CONV2D, (input, w, bias), (input, w), (x.shape, w.shape, settings))


def _forward(input: Any, weight: Any, bias: Any, settings: Settings) -> Any:
    x, w = unwrap(input), unwrap(weight)
    y = conv2d_forward(x, w, unwrap(bias), *settings)
    return record(y, CONV2D, (input, weight, bias), (input, weight), (x.shape, w.shape, settings))


def _conv2d_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    input, weight = saved
    input_size, weight_size, settings = params
    return (
        input_gradient(input_size, weight, grad, settings) if needs[0] else None,
        weight_gradient(input, weight_size, grad, settings) if needs[1] else None,
        bias_gradient(grad) if needs[2] else None,
    )


CONV2D = Rule("ConvolutionBackward0", _conv2d_backward, uses=((1,), (0,)))


# ---- its gradients, which are operations too -------------------------------------------------------------
def conv2d_input(
    input_size: Any,
    weight: ArrayOrTensor,
    grad_output: ArrayOrTensor,
    stride: Ints = 1,
    padding: Any = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Any:
    """The gradient of `conv2d` with respect to its input: what each pixel gave, over all windows.

    input_size   shape of the input: (N, C, H, W) or (C, H, W); must be said: several give one output
    weight       (K, C / groups, R, S)
    grad_output  (N, K, OH, OW) or (K, OH, OW): the gradient with respect to the output
    stride, padding, dilation, groups: as given to conv2d

    Returns an array of shape `input_size`. Raises RuntimeError if the shapes do not belong together.

    >>> import numpy as np
    >>> from rushlight.nn import grad
    >>> grad.conv2d_input((1, 1, 3, 3), np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)))
    array([[[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]]])

    Source: torch.nn.grad.conv2d_input.
    """
    size = several_ints("conv2d_input():", "input_size", 1, input_size)
    w = array_of("conv2d_input():", "weight", 2, weight)
    array_of("conv2d_input():", "grad_output", 3, grad_output)
    return input_gradient(
        size, weight, grad_output, _settings(len(size), w.shape, stride, padding, dilation, groups)
    )


def input_gradient(input_size: tuple[int, ...], weight: Any, grad_output: Any, settings: Settings) -> Any:
    w = unwrap(weight)
    dx = conv2d_backward_input(unwrap(grad_output), w, input_size, *settings)
    return record(dx, CONV2D_INPUT, (weight, grad_output), (weight, grad_output), (w.shape, settings))


def _conv2d_input_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    weight, grad_output = saved
    weight_size, settings = params
    return (
        weight_gradient(grad, weight_size, grad_output, settings) if needs[0] else None,
        _forward(grad, weight, None, settings) if needs[1] else None,
    )


CONV2D_INPUT = Rule("ConvolutionBackwardBackward0", _conv2d_input_backward, uses=((1,), (0,)))


def conv2d_weight(
    input: ArrayOrTensor,
    weight_size: Any,
    grad_output: ArrayOrTensor,
    stride: Ints = 1,
    padding: Any = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Any:
    """The gradient of `conv2d` with respect to its weight: every pixel a tap has seen, times what came of it.

    input        (N, C, H, W) or (C, H, W)
    weight_size  shape of the weight: (K, C / groups, R, S)
    grad_output  (N, K, OH, OW) or (K, OH, OW): the gradient with respect to the output
    stride, padding, dilation, groups: as given to conv2d

    Returns an array of shape `weight_size`. Raises RuntimeError if the shapes do not belong together.

    >>> import numpy as np
    >>> from rushlight.nn import grad
    >>> image = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> grad.conv2d_weight(image, (1, 1, 2, 2), np.ones((1, 1, 2, 2)))
    array([[[[ 8., 12.],
             [20., 24.]]]])

    Source: torch.nn.grad.conv2d_weight.
    """
    x = array_of("conv2d_weight():", "input", 1, input)
    size = several_ints("conv2d_weight():", "weight_size", 2, weight_size)
    array_of("conv2d_weight():", "grad_output", 3, grad_output)
    return weight_gradient(
        input, size, grad_output, _settings(x.ndim, size, stride, padding, dilation, groups)
    )


def weight_gradient(input: Any, weight_size: tuple[int, ...], grad_output: Any, settings: Settings) -> Any:
    x = unwrap(input)
    dw = conv2d_backward_weight(unwrap(grad_output), x, weight_size, *settings)
    return record(dw, CONV2D_WEIGHT, (input, grad_output), (input, grad_output), (x.shape, settings))


def _conv2d_weight_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    input, grad_output = saved
    input_size, settings = params
    return (
        input_gradient(input_size, grad, grad_output, settings) if needs[0] else None,
        _forward(input, grad, None, settings) if needs[1] else None,
    )


CONV2D_WEIGHT = Rule("ConvolutionBackwardBackward0", _conv2d_weight_backward, uses=((1,), (0,)))


def bias_gradient(grad_output: Any) -> Any:
    if type(grad_output) is ndarray:
        return conv2d_backward_bias(grad_output)
    return grad_output.sum((0, 2, 3) if grad_output.ndim == 4 else (1, 2))


# ---- spelling --------------------------------------------------------------------------------------------
def _settings(
    input_ndim: int, weight_size: tuple[int, ...], stride: Any, padding: Any, dilation: Any, groups: Any
) -> Settings:
    """Stride, padding, dilation and groups in the one form that the core takes."""
    strides = pair(_WHERE, "stride", 4, stride, LENGTH)
    dilations = pair(_WHERE, "dilation", 6, dilation, LENGTH)
    group_count = one_int(_WHERE, "groups", 7, groups)
    if isinstance(padding, str):
        return (
            strides,
            _padding_by_name(padding, input_ndim, weight_size, strides, dilations),
            dilations,
            group_count,
        )
    return strides, sides(_WHERE, "padding", 5, padding, LENGTH), dilations, group_count


def _usual_settings(stride: Any, padding: Any, dilation: Any, groups: int) -> Settings:
    """The same of arguments that are known to be ints or pairs of ints."""
    rows, columns = (padding, padding) if type(padding) is int else padding
    return (
        (stride, stride) if type(stride) is int else stride,
        (rows, rows, columns, columns),
        (dilation, dilation) if type(dilation) is int else dilation,
        groups,
    )


def _padding_by_name(
    name: str, input_ndim: int, weight_size: tuple[int, ...], stride: Pair, dilation: Pair
) -> Sides:
    """'valid' and 'same' as numbers."""
    if name == "valid":
        return 0, 0, 0, 0
    if name != "same":
        raise RuntimeError(f"Invalid padding string: '{name}' (argument 'padding' takes 'valid' or 'same')")
    if input_ndim not in (3, 4) or len(weight_size) != 4:
        return 0, 0, 0, 0  # the core will say what is wrong with them
    if stride != (1, 1):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    (top, bottom), (left, right) = (same_sides(weight_size[d], dilation[d - 2]) for d in (2, 3))
    if top != bottom or left != right:
        warn_uneven_once()
    return top, bottom, left, right


def same_sides(kernel: int, dilation: int) -> Pair:
    """The padding before and after that keeps the size of a dimension: the odd one goes after."""
    total = dilation * (kernel - 1)
    return total // 2, total - total // 2


_warned = False


def warn_uneven_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "Using padding='same' with even kernel lengths and odd dilation pads one row or column more at "
            "the bottom or right than at the top or left",
            UserWarning,
            stacklevel=5,
        )
