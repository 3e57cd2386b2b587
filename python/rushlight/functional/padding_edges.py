"""pad's modes that repeat the input itself: reflect, replicate, circular; one dimension after the other.

Along a dimension, output i is input _sources()[i]; the gradient adds back along the same indices. The two are
each other's transpose, so each one's rule is the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Rule, record, unwrap
from ..dtypes import scalar_name
from ._spelling import Array

MODES = ("reflect", "replicate", "circular")

_COMBINATIONS = """
Supported combinations for non-constant padding:
  - 2D or 3D input: padding size = 2 (pads last dimension)
  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)
  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"""


def pad_edges(input: Any, amounts: tuple[int, ...], mode: str) -> Any:
    """`input` extended by itself; amounts as in `pad`."""
    x = unwrap(input)
    _check(x, amounts, mode)
    return _extend(input, (x.shape, amounts, mode))


def _extend(input: Any, params: Any) -> Any:
    shape, amounts, mode = params
    x = unwrap(input)
    for i in range(len(amounts) // 2):
        axis = len(shape) - 1 - i
        x = np.take(x, _sources(shape[axis], amounts[2 * i], amounts[2 * i + 1], mode), axis)
    return record(x, RULES[mode][len(amounts) // 2 - 1], (input,), (), params)


def _sources(size: int, before: int, after: int, mode: str) -> Any:
    """Which element of a dimension of `size` each element of the padded dimension shows."""
    at = np.arange(-before, size + after)
    if mode == "replicate":
        return at.clip(0, size - 1)
    if mode == "reflect":
        return size - 1 - np.abs(size - 1 - np.abs(at))
    first, last = max(-before, 0), size + min(after, 0)  # what negative amounts leave
    return first + (at - first) % max(last - first, 1)


def _extend_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (_fold(grad, params),)


def _fold(grad: Any, params: Any) -> Any:
    """Every element added to the one it was a copy of."""
    shape, amounts, mode = params
    g = unwrap(grad)
    for i in range(len(amounts) // 2):
        axis = len(shape) - 1 - i
        g = _fold_axis(g, axis, shape[axis], amounts[2 * i], amounts[2 * i + 1], mode)
    return record(g, FOLD, (grad,), (), params)


def _fold_axis(g: Array, axis: int, size: int, before: int, after: int, mode: str) -> Array:
    g = np.moveaxis(g, axis, 0)
    sources = _sources(size, before, after, mode)
    left = min(max(before, 0), len(g))  # from here to `right` the input itself
    right = min(max(size + before, left), len(g))
    out = np.zeros((size, *g.shape[1:]), g.dtype)
    for start, stop in ((left, right), (0, left), (right, len(g))):
        if mode == "replicate" and (start, stop) != (left, right):  # one element many times over
            out[sources[start:stop][:1]] += g[start:stop].sum(0)
        else:
            out[sources[start:stop]] += g[start:stop]
    return np.moveaxis(out, 0, axis)


def _fold_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (_extend(grad, params),)


FOLD = Rule("PadBackwardBackward0", _fold_backward)
RULES = {  # by the number of padded dimensions; for circular torch's name is that of a write into slices
    mode: [Rule(name.format(n), _extend_backward) for n in (1, 2, 3)]
    for mode, name in zip(
        MODES, ("ReflectionPad{}DBackward0", "ReplicationPad{}DBackward0", "CopySlices"), strict=True
    )
}


def _check(x: Array, amounts: tuple[int, ...], mode: str) -> None:
    padded = len(amounts) // 2
    if padded not in (1, 2, 3) or x.ndim not in (padded + 1, padded + 2):
        raise NotImplementedError(
            f"Padding size {len(amounts)} is not supported for {x.ndim}D input tensor.{_COMBINATIONS}"
        )
    if x.dtype.kind == "b" and mode != "circular":
        name = "reflection" if mode == "reflect" else "replication"
        raise NotImplementedError(f"\"{name}_pad{padded}d\" not implemented for '{scalar_name(x.dtype)}'")
    if mode != "circular" and 0 in x.shape[-padded - 1 :]:
        raise RuntimeError(
            f"Expected {padded + 1}D or {padded + 2}D (batch mode) tensor with possibly 0 batch size and "
            f"other non-zero dimensions for input, but got: {list(x.shape)}"
        )
    for i in range(padded):
        dim = x.ndim - 1 - i
        _check_dimension(x.shape, dim, 2 * i + 4, amounts[2 * i], amounts[2 * i + 1], mode)
    sizes = [x.shape[-1 - i] + amounts[2 * i] + amounts[2 * i + 1] for i in range(padded)]
    if min(sizes) < 0 or (mode != "circular" and max(sizes) < 1):
        raise RuntimeError(
            f"input of shape {list(x.shape)} is too small for padding {list(amounts)}. Calculated output "
            f"sizes, last dimension first: {sizes}"
        )


def _check_dimension(
    shape: tuple[int, ...], dim: int, argument: int, before: int, after: int, mode: str
) -> None:
    size = shape[dim]
    if mode == "reflect" and max(before, after) >= size:
        raise RuntimeError(
            f"Argument #{argument}: Padding size should be less than the corresponding input dimension, but "
            f"got: padding ({before}, {after}) at dimension {dim} of input {list(shape)}"
        )
    kept = size + min(before, 0) + min(after, 0)
    if mode == "circular" and kept < 0:
        raise RuntimeError("Negative padding value is resulting in an empty dimension")
    if mode == "circular" and max(before, after) > kept:
        raise RuntimeError(
            "Padding value causes wrapping around more than once. "
            f"(padding ({before}, {after}), {kept} elements in dimension {dim})"
        )
