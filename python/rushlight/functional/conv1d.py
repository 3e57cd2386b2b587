"""conv1d: a signal is an image of one row.

The forward pass has a way of its own into the compiled core, whose errors speak of one dimension; the
gradients are conv2d's, through a view with a row more.
"""

from __future__ import annotations

from typing import Any

from .._core import conv1d_forward
from ..autograd import Rule, record, unwrap
from ._out import into
from ._spelling import ArrayOrTensor, Ints, Pair, array_of, ints, one_int, several_ints
from .conv import Settings, bias_gradient, input_gradient, same_sides, warn_uneven_once, weight_gradient

_WHERE = "conv1d() received an invalid combination of arguments:"  # torch's words for a wrong type


def conv1d(
    input: ArrayOrTensor,
    weight: ArrayOrTensor,
    bias: ArrayOrTensor | None = None,
    stride: Ints = 1,
    padding: Any = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    out: ArrayOrTensor | None = None,
) -> Any:
    """Slide every kernel of `weight` along every signal and add up the products: conv2d in one dimension.

    out[n, k, i] = bias[k] + sum over c, s of
        weight[k, c, s] * input[n, c, i*stride + s*dilation - padding]
    out size = floor((size + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1

    input     (N, C, L), or (C, L) for one signal; dtypes as in conv2d
    weight    (K, C / groups, S), the input's dtype
    bias      (K,) or None
    stride, dilation, groups: as in conv2d; an int, or a tuple of one
    padding   zeros at both ends: int, (int,), 'valid' (none) or 'same' (output as long as the input, stride 1
              only; of an odd total one more goes after)
    out       write the result here and return this, as in conv2d; not in torch

    Returns (N, K, OL) or (K, OL): an ndarray for ndarrays, a Tensor if any argument is one.
    Raises TypeError for arguments of the wrong type, RuntimeError for shapes, sizes or dtypes that do not
    fit.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.conv1d(np.array([[1.0, 2.0, 4.0, 8.0]]), np.array([[[-1.0, 1.0]]]))
    array([[1., 2., 4.]])

    Source: torch.nn.functional.conv1d.
    """
    x, w = array_of(_WHERE, "input", 1, input), array_of(_WHERE, "weight", 2, weight)
    if bias is not None:
        array_of(_WHERE, "bias", 3, bias)
    settings = _settings(w.shape, stride, padding, dilation, groups)
    (_, step), (_, _, before, after), (_, distance), group_count = settings
    arguments = x, w, unwrap(bias), step, (before, after), distance, group_count
    if out is not None:
        return into("conv1d", out, (input, weight, bias), lambda y: conv1d_forward(*arguments, y))
    y = conv1d_forward(*arguments)
    return record(y, CONV1D, (input, weight, bias), (input, weight), (x.shape, w.shape, settings))


def _backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    input, weight = saved
    input_size, weight_size, settings = params
    return (
        _input_gradient(input_size, weight, grad, settings) if needs[0] else None,
        _weight_gradient(input, weight_size, grad, settings) if needs[1] else None,
        bias_gradient(grad[..., None, :]) if needs[2] else None,
    )


CONV1D = Rule("ConvolutionBackward0", _backward, uses=((1,), (0,)))


def _input_gradient(size: tuple[int, ...], weight: Any, grad: Any, settings: Settings) -> Any:
    dx = input_gradient(_with_row(size), weight[..., None, :], grad[..., None, :], settings)
    return dx.reshape(size)


def _weight_gradient(input: Any, size: tuple[int, ...], grad: Any, settings: Settings) -> Any:
    dw = weight_gradient(input[..., None, :], _with_row(size), grad[..., None, :], settings)
    return dw.reshape(size)


def _with_row(size: tuple[int, ...]) -> tuple[int, ...]:
    return *size[:-1], 1, size[-1]


def conv1d_input(
    input_size: Any,
    weight: ArrayOrTensor,
    grad_output: ArrayOrTensor,
    stride: Ints = 1,
    padding: Any = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Any:
    """The gradient of `conv1d` with respect to its input; see conv2d_input.

    input_size   shape of the input: (N, C, L) or (C, L)
    weight       (K, C / groups, S)
    grad_output  (N, K, OL) or (K, OL)
    stride, padding, dilation, groups: as given to conv1d

    Returns an array of shape `input_size`. Raises RuntimeError if the shapes do not belong together.

    >>> import numpy as np
    >>> from rushlight.nn import grad
    >>> grad.conv1d_input((1, 4), np.array([[[1.0, 2.0]]]), np.ones((1, 3)))
    array([[1., 3., 3., 2.]])

    Source: torch.nn.grad.conv1d_input.
    """
    size = several_ints("conv1d_input():", "input_size", 1, input_size)
    w = array_of("conv1d_input():", "weight", 2, weight)
    array_of("conv1d_input():", "grad_output", 3, grad_output)
    return _input_gradient(size, weight, grad_output, _settings(w.shape, stride, padding, dilation, groups))


def conv1d_weight(
    input: ArrayOrTensor,
    weight_size: Any,
    grad_output: ArrayOrTensor,
    stride: Ints = 1,
    padding: Any = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Any:
    """The gradient of `conv1d` with respect to its weight; see conv2d_weight.

    input        (N, C, L) or (C, L)
    weight_size  shape of the weight: (K, C / groups, S)
    grad_output  (N, K, OL) or (K, OL)
    stride, padding, dilation, groups: as given to conv1d

    Returns an array of shape `weight_size`. Raises RuntimeError if the shapes do not belong together.

    >>> import numpy as np
    >>> from rushlight.nn import grad
    >>> grad.conv1d_weight(np.array([[1.0, 2.0, 4.0]]), (1, 1, 2), np.ones((1, 2)))
    array([[[3., 6.]]])

    Source: torch.nn.grad.conv1d_weight.
    """
    array_of("conv1d_weight():", "input", 1, input)
    size = several_ints("conv1d_weight():", "weight_size", 2, weight_size)
    array_of("conv1d_weight():", "grad_output", 3, grad_output)
    return _weight_gradient(input, size, grad_output, _settings(size, stride, padding, dilation, groups))


# ---- spelling --------------------------------------------------------------------------------------------
def _settings(
    weight_size: tuple[int, ...], stride: Any, padding: Any, dilation: Any, groups: Any
) -> Settings:
    """Stride, padding, dilation and groups as conv2d's settings for images of one row."""
    step, distance = _single("stride", 4, stride), _single("dilation", 6, dilation)
    group_count = one_int(_WHERE, "groups", 7, groups)
    if isinstance(padding, str):
        sides = _padding_by_name(padding, weight_size, step, distance)
    else:
        sides = (_single("padding", 5, padding),) * 2
    return (1, step), (0, 0, *sides), (1, distance), group_count


def _single(name: str, position: int, value: Any) -> int:
    numbers = ints(_WHERE, name, position, value)
    if len(numbers) != 1:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of 1 values to match the convolution "
            f"dimensions, but got {name}={list(numbers)}"
        )
    return numbers[0]


def _padding_by_name(name: str, weight_size: tuple[int, ...], stride: int, dilation: int) -> Pair:
    """'valid' and 'same' as numbers."""
    if name == "valid":
        return 0, 0
    if name != "same":
        raise RuntimeError(f"Invalid padding string: '{name}' (argument 'padding' takes 'valid' or 'same')")
    if len(weight_size) != 3:
        return 0, 0  # the core will say what is wrong with it
    if stride != 1:
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    before, after = same_sides(weight_size[2], dilation)
    if before != after:
        warn_uneven_once()
    return before, after
