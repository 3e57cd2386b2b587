"""avg_pool2d, its gradient, and the gradient's gradient. Which sizes may be is checked in C++ (cpp/ops)."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core import avg_pool2d_backward, avg_pool2d_forward
from ..autograd import Rule, record, unwrap
from ._out import into
from ._spelling import ArrayOrTensor, Ints, Pair, Sides, array_of, flag, one_int, pair, several_ints, sides

_WHERE = "avg_pool2d():"
_EITHER = "avg_pool2d: {name} must either be a single int, or a tuple of two ints, but got {name}={values}"
_LENGTH = {
    "kernel_size": _EITHER,
    "stride": _EITHER.replace("be a", "be omitted, a"),
    "padding": _EITHER,
}


class _Settings(NamedTuple):
    """The arguments in the one form that the core takes."""

    kernel: Pair
    stride: Pair
    padding: Sides
    ceil_mode: bool
    count_include_pad: bool
    divisor: int | None


# ---- avg_pool2d ------------------------------------------------------------------------------------------
def avg_pool2d(
    input: ArrayOrTensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: ArrayOrTensor | None = None,
) -> Any:
    """The mean of every window, channel by channel.

    out size = floor or ceil((size + 2*padding - kernel_size) / stride) + 1, per dimension;
    with `ceil_mode` a last window that would start beyond the image and its left padding is dropped.

    input              (N, C, H, W) or (C, H, W); float32, float64, or int64, whose means are rounded to zero
    kernel_size        int or (height, width)
    stride             int or (down, across); None or []: the kernel's size
    padding            int, (rows, columns) or ((top, bottom), (left, right)); zeros; <= half the kernel
    ceil_mode          let the last window hang over the edge; what lies beyond the padding never counts
    count_include_pad  divide by the number of pixels with those of the padding, else without them
    divisor_override   divide by this instead
    out                write the result here and return this, as in conv2d; not in torch

    Returns an ndarray for an ndarray, a Tensor for a Tensor.
    Raises TypeError for arguments of the wrong type, RuntimeError for sizes that do not fit,
    NotImplementedError for other dtypes.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]])

    Source: torch.nn.functional.avg_pool2d.
    """
    x = array_of(_WHERE, "input", 1, input)
    settings = _settings(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    if out is not None:
        return into("avg_pool2d", out, (input,), lambda y: avg_pool2d_forward(x, *settings, y))
    return record(avg_pool2d_forward(x, *settings), AVG_POOL2D, (input,), (), (x.shape, settings))


def _settings(
    kernel_size: Any, stride: Any, padding: Any, ceil_mode: Any, count_include_pad: Any, divisor: Any
) -> _Settings:
    kernel = pair(_WHERE, "kernel_size", 2, kernel_size, _LENGTH["kernel_size"])
    if stride is None or (isinstance(stride, (tuple, list)) and len(stride) == 0):
        strides = kernel
    else:
        strides = pair(_WHERE, "stride", 3, stride, _LENGTH["stride"])
    return _Settings(
        kernel,
        strides,
        sides(_WHERE, "padding", 4, padding, _LENGTH["padding"]),
        flag(_WHERE, "ceil_mode", 5, ceil_mode),
        flag(_WHERE, "count_include_pad", 6, count_include_pad),
        None if divisor is None else one_int(_WHERE, "divisor_override", 7, divisor),
    )


def _avg_pool2d_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    input_size, settings = params
    return (_spread(input_size, settings, grad),)


AVG_POOL2D = Rule("AvgPool2DBackward0", _avg_pool2d_backward)


# ---- its gradient ----------------------------------------------------------------------------------------
def avg_pool2d_input(
    input_size: Any,
    grad_output: ArrayOrTensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The gradient of `avg_pool2d` with respect to its input: every window's gradient, divided, goes to all
    of its pixels.

    input_size   shape of the input: (N, C, H, W) or (C, H, W)
    grad_output  the gradient with respect to the output; float32 or float64
    the rest     as in avg_pool2d

    Returns an array of shape `input_size`. Raises RuntimeError if shapes do not belong together.

    >>> import numpy as np
    >>> from rushlight.nn import grad
    >>> grad.avg_pool2d_input((1, 2, 4), np.array([[[4.0, 8.0]]]), 2)
    array([[[1., 1., 2., 2.],
            [1., 1., 2., 2.]]])

    Source: torch's avg_pool2d_backward.
    """
    size = several_ints("avg_pool2d_input():", "input_size", 1, input_size)
    array_of("avg_pool2d_input():", "grad_output", 2, grad_output)
    settings = _settings(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _spread(size, settings, grad_output)


def _spread(input_size: tuple[int, ...], settings: _Settings, grad_output: Any) -> Any:
    dx = avg_pool2d_backward(unwrap(grad_output), input_size, *settings)
    return record(dx, SPREAD, (grad_output,), (), (input_size, settings))


def _spread_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    """What turns means into a gradient is linear; its gradient is the means again."""
    _, settings = params
    return (record(avg_pool2d_forward(unwrap(grad), *settings), AVG_POOL2D, (grad,), (), params),)


SPREAD = Rule("AvgPool2DBackwardBackward0", _spread_backward)
