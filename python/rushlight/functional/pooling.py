"""max_pool2d, its gradient, and the gradient's gradient. Which sizes may be is checked in C++ (cpp/ops)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import max_pool2d_backward, max_pool2d_forward, try_max_pool2d
from ..autograd import Rule, is_grad_enabled, record, unwrap, wrap
from ..autograd.recording import edge_of
from ._out import destination, handed_back, into
from ._spelling import ArrayOrTensor, Ints, Pair, Sides, array_of, flag, pair, several_ints, sides, type_of

_WHERE = "max_pool2d():"
_EITHER = "max_pool2d: {name} must either be a single int, or a tuple of two ints, but got {name}={values}"
_LENGTH = {  # torch's own wording differs by argument
    "kernel_size": _EITHER,
    "stride": _EITHER.replace("be a", "be omitted, a"),
    "padding": _EITHER,
    "dilation": _EITHER.replace("either be", "be either"),
}


_Settings = tuple[Pair, Pair, Sides, Pair, bool]  # kernel, stride, padding, dilation, ceil_mode


# ---- max_pool2d ------------------------------------------------------------------------------------------
def max_pool2d(
    input: ArrayOrTensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Any = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    out: Any = None,
) -> Any:
    """The largest value of every window, channel by channel.

    out size = floor or ceil((size + 2*padding - dilation*(kernel_size - 1) - 1) / stride) + 1, per dimension;
    with `ceil_mode` a last window that would start beyond the image and its left padding is dropped.

    input           (N, C, H, W) or (C, H, W); floats or integers
    kernel_size     int or (height, width)
    stride          int or (down, across); None or []: the kernel's size
    padding         int, (rows, columns) or ((top, bottom), (left, right)); never wins; <= half the kernel
    dilation        distance between the window's rows and columns: int or (down, across)
    ceil_mode       let the last window hang over the edge
    return_indices  also return where each maximum was: int64, h*W + w in the unpadded plane
    out             write the result here and return this, as in conv2d; with `return_indices` a pair; not in
                    torch

    Of equal values the first wins, row by row; a NaN always wins (the last one, if several).
    Returns an ndarray for an ndarray, a Tensor for a Tensor, or a pair of them with `return_indices`.
    Raises TypeError for arguments of the wrong type, RuntimeError for sizes that do not fit.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.max_pool2d(np.arange(16).reshape(1, 4, 4), 2)
    array([[[ 5,  7],
            [13, 15]]])

    Source: torch.nn.functional.max_pool2d.
    """
    if out is not None:
        settings = _settings(kernel_size, stride, padding, dilation, ceil_mode)
        return _max_pool2d_into(out, input, settings, bool(return_indices))
    y = try_max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    if y is not NotImplemented:
        return y
    x = array_of(_WHERE, "input", 1, input)
    indices_wanted = bool(return_indices or (is_grad_enabled() and edge_of(input) is not None))
    result = try_max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode, indices_wanted)
    if result is NotImplemented:
        settings = _settings(kernel_size, stride, padding, dilation, ceil_mode)
        result = max_pool2d_forward(x, *settings, indices_wanted)
    if not indices_wanted:
        return result if input is x else wrap(result)
    y, indices = result
    pooled = record(y, MAX_POOL2D, (input,), (indices,), x.shape)
    if not return_indices:
        return pooled
    return pooled, indices if input is x else wrap(indices)


def _max_pool2d_into(out: Any, input: Any, settings: _Settings, return_indices: bool) -> Any:
    x = array_of(_WHERE, "input", 1, input)
    if not return_indices:
        return into("max_pool2d", out, (input,), lambda y: max_pool2d_forward(x, *settings, False, y))
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        raise TypeError(
            f"max_pool2d(): argument 'out' must be a pair (output, indices) with return_indices, "
            f"not {type_of(out)}"
        )
    y = destination("max_pool2d", "out[0]", out[0], (input,))
    indices = destination("max_pool2d", "out[1]", out[1], (input,))
    max_pool2d_forward(x, *settings, True, y, indices)
    return handed_back(out[0]), handed_back(out[1])


def _settings(kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any) -> _Settings:
    """The arguments in the one form that the core takes."""
    kernel = pair(_WHERE, "kernel_size", 2, kernel_size, _LENGTH["kernel_size"])
    if stride is None or (isinstance(stride, (tuple, list)) and len(stride) == 0):
        strides = kernel
    else:
        strides = pair(_WHERE, "stride", 3, stride, _LENGTH["stride"])
    paddings = sides(_WHERE, "padding", 4, padding, _LENGTH["padding"])
    dilations = pair(_WHERE, "dilation", 5, dilation, _LENGTH["dilation"])
    return kernel, strides, paddings, dilations, flag(_WHERE, "ceil_mode", 6, ceil_mode)


def _max_pool2d_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    return (_scatter(params, saved[0], grad),)


MAX_POOL2D = Rule("MaxPool2DWithIndicesBackward0", _max_pool2d_backward)


# ---- its gradient ----------------------------------------------------------------------------------------
def max_pool2d_input(input_size: Any, indices: ArrayOrTensor, grad_output: ArrayOrTensor) -> Any:
    """The gradient of `max_pool2d` with respect to its input: every window's gradient goes to its maximum.

    input_size   shape of the input: (N, C, H, W) or (C, H, W)
    indices      what max_pool2d(..., return_indices=True) returned
    grad_output  the gradient with respect to the output, shaped like `indices`

    Returns an array of shape `input_size`; a pixel that was the maximum of several windows gets their sum.
    Raises RuntimeError if shapes do not belong together or an index lies outside the plane.

    >>> import numpy as np
    >>> from rushlight.nn import grad
    >>> grad.max_pool2d_input((1, 2, 2), np.array([[[3]]]), np.array([[[5.0]]]))
    array([[[0., 0.],
            [0., 5.]]])

    Source: torch's max_pool2d_with_indices_backward.
    """
    size = several_ints("max_pool2d_input():", "input_size", 1, input_size)
    where = array_of("max_pool2d_input():", "indices", 2, indices)
    array_of("max_pool2d_input():", "grad_output", 3, grad_output)
    return _scatter(size, where, grad_output)


def _scatter(input_size: tuple[int, ...], indices: Any, grad_output: Any) -> Any:
    """grad_output (.., OH, OW) added into zeros of `input_size` at `indices`."""
    indices = unwrap(indices)
    dx = max_pool2d_backward(unwrap(grad_output), indices, input_size)
    return record(dx, SCATTER, (grad_output,), (indices,), input_size)


def _scatter_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    return (_gather(params, saved[0], grad),)


SCATTER = Rule("MaxPool2DWithIndicesBackwardBackward0", _scatter_backward)


def _gather(input_size: tuple[int, ...], indices: Any, values: Any) -> Any:
    """values (.., H, W) read at `indices` (.., OH, OW): the opposite of `_scatter`."""
    indices = unwrap(indices)
    x = unwrap(values)
    pixels, windows = ((*a.shape[:-2], a.shape[-2] * a.shape[-1]) for a in (x, indices))
    picked = np.take_along_axis(x.reshape(pixels), indices.reshape(windows), axis=-1)
    return record(picked.reshape(indices.shape), GATHER, (values,), (indices,), input_size)


GATHER = Rule("GatherBackward0", _max_pool2d_backward)
