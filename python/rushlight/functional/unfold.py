"""unfold and fold: the windows of an image as columns, and columns added up to an image. Each is the other's
gradient, so their rules hold to any order. Which sizes may be is checked in C++ (cpp/ops/unfold_shape.cpp).
"""

from __future__ import annotations

from typing import Any

from .. import _core
from ..autograd import Rule, record, unwrap
from ._out import into
from ._spelling import ArrayOrTensor, Ints, Pair, array_of, pair

_LENGTH = "It is expected {name} equals to 2, but got size {size}: {name}={values}"

Settings = tuple[Pair, Pair, Pair, Pair]  # kernel_size, dilation, padding, stride


def unfold(
    input: ArrayOrTensor,
    kernel_size: Ints,
    dilation: Ints = 1,
    padding: Ints = 0,
    stride: Ints = 1,
    *,
    out: ArrayOrTensor | None = None,
) -> Any:
    """Every window of every image as a column: conv2d is a matrix times these columns.

    input        (N, C, H, W), or (C, H, W) for one image; floats, integers or bool
    kernel_size, dilation, padding, stride: the windows, as in conv2d; int or (down, across)
    out          write the result here and return this, as in conv2d; not in torch

    Returns (N, C * kernel height * kernel width, L) or the same without N: L windows, row by row; the rows
    are all taps of channel 0, then those of channel 1 ... ndarray for ndarray, Tensor for Tensor.
    Raises TypeError for arguments of the wrong type, RuntimeError for sizes that do not fit.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.unfold(np.arange(9.0).reshape(1, 3, 3), 2)
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])

    Source: torch.nn.functional.unfold.
    """
    x = array_of("unfold():", "input", 1, input)
    settings = _settings("unfold():", 2, kernel_size, dilation, padding, stride)
    if out is not None:
        return into("unfold", out, (input,), lambda y: _core.unfold(x, *settings, y))
    return _unfold(input, settings)


def fold(
    input: ArrayOrTensor,
    output_size: Ints,
    kernel_size: Ints,
    dilation: Ints = 1,
    padding: Ints = 0,
    stride: Ints = 1,
    *,
    out: ArrayOrTensor | None = None,
) -> Any:
    """Put the columns that `unfold` makes back to where they came from, and add up where they overlap.

    input        (N, C * kernel height * kernel width, L), or the same without N; floats or integers
    output_size  of the image: int or (height, width)
    kernel_size, dilation, padding, stride: the windows, as given to unfold
    out          write the result here and return this, as in conv2d; not in torch

    Returns (N, C, *output_size) or (C, *output_size); ndarray for ndarray, Tensor for Tensor. The overlaps
    are added in the order of the taps.
    Raises TypeError for arguments of the wrong type, RuntimeError for sizes that do not fit.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.fold(np.ones((4, 4)), output_size=3, kernel_size=2)
    array([[[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]]])

    Source: torch.nn.functional.fold.
    """
    x = array_of("fold():", "input", 1, input)
    size = _two("fold():", "output_size", 2, output_size)
    settings = _settings("fold():", 3, kernel_size, dilation, padding, stride)
    if out is not None:
        return into("fold", out, (input,), lambda y: _core.fold(x, size, *settings, y))
    return _fold(input, size, settings)


def _unfold(input: Any, settings: Settings) -> Any:
    x = unwrap(input)
    return record(_core.unfold(x, *settings), UNFOLD, (input,), (), (x.shape[-2:], settings))


def _fold(input: Any, size: Pair, settings: Settings) -> Any:
    return record(_core.fold(unwrap(input), size, *settings), FOLD, (input,), (), settings)


UNFOLD = Rule("Im2ColBackward0", lambda grad, saved, params, needs: (_fold(grad, *params),))
FOLD = Rule("Col2ImBackward0", lambda grad, saved, settings, needs: (_unfold(grad, settings),))


def _settings(where: str, first: int, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Settings:
    return (
        _two(where, "kernel_size", first, kernel_size),
        _two(where, "dilation", first + 1, dilation),
        _two(where, "padding", first + 2, padding),
        _two(where, "stride", first + 3, stride),
    )


def _two(where: str, name: str, position: int, value: Any) -> Pair:
    """An int or two of them; a tuple of one, which other functions take, is none."""
    if isinstance(value, (tuple, list)) and len(value) == 1:
        raise RuntimeError(_LENGTH.format(name=name, values=list(value), size=1))
    return pair(where, name, position, value, _LENGTH)
