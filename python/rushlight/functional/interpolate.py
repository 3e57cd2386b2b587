"""interpolate: images made larger or smaller, by the nearest pixel or linearly between two per dimension.

One dimension after the other, each described by a `Dimension`: which pixels it reads, and how much of the
second. The gradient adds back along the same pixels; the two are each other's transpose.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _quiet
from ..autograd import Rule, record, unwrap
from ..dtypes import scalar_name
from ._spelling import Array, ArrayOrTensor, array_of, flag, integer, type_of

_WHERE = "interpolate():"
_LINEAR = {"linear": 3, "bilinear": 4, "trilinear": 5}  # and the number of dimensions each is for
_KNOWN = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"


class Dimension(NamedTuple):
    """Output pixel i is (1 - part[i]) * input[first[i]] + part[i] * input[second[i]], or just the first."""

    size: int
    first: Array
    second: Array | None = None
    part: Array | None = None


def interpolate(
    input: ArrayOrTensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """An image in another size.

    input          (N, C, H, W); also (N, C, L) and (N, C, D, H, W), for 'linear' and 'trilinear'
    size           int, or one per dimension behind C
    scale_factor   instead of `size`: number, or one per dimension; sizes are cut to integers
    mode           'nearest', 'nearest-exact' (the middle of the pixel decides), 'linear', 'bilinear' or
                   'trilinear'; torch's 'bicubic', 'area' and 'lanczos' are not there (NotImplementedError)
    align_corners  linear modes: whether the corner pixels' middles stay where they are
    recompute_scale_factor  use the ratio of the sizes instead of scale_factor itself
    antialias      True is not there (NotImplementedError)

    Returns a new array: an ndarray for an ndarray, a Tensor for a Tensor. Raises ValueError for contradictory
    arguments, RuntimeError for empty images, TypeError for arguments of the wrong type.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.interpolate(np.array([[[[1.0, 3.0]]]]), size=(1, 4), mode="bilinear")
    array([[[[1. , 1.5, 2.5, 3. ]]]])

    Source: torch.nn.functional.interpolate.
    """
    x = array_of(_WHERE, "input", 1, input)
    _check_mode(x, mode, align_corners, antialias)
    if align_corners is not None:
        flag(_WHERE, "align_corners", 5, align_corners)
    sizes, factors = _sizes(x.shape[2:], size, scale_factor, recompute_scale_factor)
    _check(x, sizes, mode)
    dimensions = tuple(
        _linear(length, wanted, factor, bool(align_corners), x.dtype)
        if mode in _LINEAR
        else _nearest(length, wanted, factor, 0.5 if mode == "nearest-exact" else 0.0)
        for length, wanted, factor in zip(x.shape[2:], sizes, factors, strict=True)
    )
    return _apply(input, dimensions, mode)


def _nearest(length: int, wanted: int, factor: float | None, middle: float) -> Dimension:
    """As torch computes it, in float32."""
    scale = np.float32(1.0 / factor) if factor else np.float32(length) / np.float32(wanted)
    at = np.floor((np.arange(wanted, dtype=np.float32) + np.float32(middle)) * scale)
    return Dimension(length, np.minimum(at.astype(np.intp), length - 1))


def _linear(
    length: int, wanted: int, factor: float | None, align_corners: bool, kind: np.dtype[Any]
) -> Dimension:
    number = np.float64 if kind == np.float64 else np.float32
    at = np.arange(wanted, dtype=number)
    if align_corners:
        at = at * number((length - 1) / (wanted - 1) if wanted > 1 else 0)
    else:
        scale = number(1.0 / factor if factor else length / wanted)
        at = np.maximum((at + number(0.5)) * scale - number(0.5), number(0))
    first = np.minimum(at.astype(np.intp), length - 1)
    return Dimension(
        length, first, np.minimum(first + 1, length - 1), np.minimum(at - first, 1).astype(number)
    )


def _apply(input: Any, dimensions: tuple[Dimension, ...], mode: str) -> Any:
    x = unwrap(input)
    kind = (
        np.dtype(np.float32)
        if x.dtype == np.float16 or (mode in _LINEAR and x.dtype == np.uint8)
        else x.dtype
    )
    y = _quiet.apply(_read, x.astype(kind, copy=False), dimensions)
    if kind != x.dtype:
        y = (np.floor(y + 0.5) if x.dtype == np.uint8 else y).astype(x.dtype)
    return record(y, RULES[mode, len(dimensions)], (input,), (), (dimensions, mode))


def _read(y: Array, dimensions: tuple[Dimension, ...]) -> Array:
    for axis, (_, first, second, part) in enumerate(dimensions, 2):
        near = np.take(y, first, axis)
        if second is not None and part is not None:
            weights = part.reshape(-1, *(1,) * (y.ndim - 1 - axis))
            near = near * (1 - weights) + np.take(y, second, axis) * weights
        y = near
    return y


def _backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (_add_back(grad, *params),)


def _add_back(grad: Any, dimensions: tuple[Dimension, ...], mode: str) -> Any:
    g = unwrap(grad)
    kind = np.float32 if g.dtype == np.float16 else g.dtype
    total = _quiet.apply(_write, g.astype(kind, copy=False), dimensions)
    return record(total.astype(g.dtype, copy=False), BACK, (grad,), (), (dimensions, mode))


def _write(g: Array, dimensions: tuple[Dimension, ...]) -> Array:
    for axis, (size, first, second, part) in enumerate(dimensions, 2):
        if second is None or part is None:
            g = _collect(g, first, size, axis)
        else:
            weights = part.reshape(-1, *(1,) * (g.ndim - 1 - axis))
            g = _collect(g * (1 - weights), first, size, axis) + _collect(g * weights, second, size, axis)
    return g


def _collect(g: Array, pixels: Array, size: int, axis: int) -> Array:
    """Sums of what belongs to the same pixel; `pixels` never decrease."""
    targets, starts = np.unique(pixels, return_index=True)
    out = np.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)
    out[(slice(None),) * axis + (targets,)] = np.add.reduceat(g, starts, axis)
    return out


_NAMES = {"nearest": "UpsampleNearest", "nearest-exact": "UpsampleNearestExact"}
RULES = {
    (mode, n): Rule(f"{name}{n}DBackward0", _backward) for mode, name in _NAMES.items() for n in (1, 2, 3)
} | {
    (mode, n - 2): Rule(f"Upsample{mode.title()}{n - 2}DBackward0", _backward) for mode, n in _LINEAR.items()
}
BACK = Rule("UpsampleBackwardBackward0", lambda grad, saved, params, needs: (_apply(grad, *params),))


# ---- sizes and checks ------------------------------------------------------------------------------------
def _sizes(
    lengths: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[list[int], list[float | None]]:
    """The size of every dimension, and the factor to compute positions with (None: the ratio of sizes)."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return _whole(lengths, size), [None] * len(lengths)
    factors = list(scale_factor) if isinstance(scale_factor, (tuple, list)) else [scale_factor] * len(lengths)
    if len(factors) != len(lengths):
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input with "
            f"spatial dimensions of {list(lengths)} and scale_factor of shape {scale_factor}. Please provide "
            "input tensor in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
        )
    if any(isinstance(factor, (str, bytes)) or factor is None for factor in factors):
        raise TypeError(f"{_WHERE} argument 'scale_factor' (position 3) must be float, not {scale_factor!r}")
    try:
        numbers = [float(factor) for factor in factors]
        sizes = [math.floor(length * factor) for length, factor in zip(lengths, numbers, strict=True)]
    except OverflowError as error:
        raise RuntimeError(f"interpolate: scale_factor gives no size, got {scale_factor}: {error}") from None
    return sizes, [None] * len(lengths) if recompute else list(numbers)


def _whole(lengths: tuple[int, ...], size: Any) -> list[int]:
    given = list(size) if isinstance(size, (tuple, list)) else [size] * len(lengths)
    if len(given) != len(lengths):
        raise ValueError(
            "Input and output must have the same number of spatial dimensions, but got input with spatial "
            f"dimensions of {list(lengths)} and output size of {size}. Please provide input tensor in "
            "(N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format."
        )
    sizes = []
    for each in given:
        number = integer(each)
        if number is None:
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], "
                f"but got size with types {[type_of(value) for value in given]}"
            )
        sizes.append(number)
    return sizes


def _check_mode(x: Array, mode: Any, align_corners: Any, antialias: bool) -> None:
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: "
            "linear | bilinear | bicubic | trilinear"
        )
    if x.ndim not in (3, 4, 5) or mode not in _KNOWN.split(" | "):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {x.ndim}D) for the modes: "
            f"{_KNOWN} (got {mode})"
        )
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and x.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D "
            "tensor as input"
        )
    if mode in _LINEAR and x.ndim != _LINEAR[mode]:
        raise NotImplementedError(f"Got {x.ndim}D input, but {mode} mode needs {_LINEAR[mode]}D input")
    if antialias or mode in ("bicubic", "area", "lanczos"):
        name = "antialias" if antialias else f"mode {mode!r}"
        raise NotImplementedError(f"{_WHERE} {name} does not exist in rushlight; nearest and linear modes do")


def _check(x: Array, sizes: list[int], mode: str) -> None:
    if min(sizes) <= 0 or 0 in x.shape[2:]:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(x.shape[2:])} "
            f"and output {sizes}"
        )
    if not x.shape[1]:
        raise RuntimeError(
            f"Non-empty {x.ndim}D data tensor expected but got a tensor with sizes {list(x.shape)}"
        )
    if x.dtype.kind != "f" and x.dtype != np.uint8:
        name = "nearest" if mode not in _LINEAR else mode
        raise NotImplementedError(
            f"\"upsample_{name}{x.ndim - 2}d\" not implemented for '{scalar_name(x.dtype)}' (use floats)"
        )
