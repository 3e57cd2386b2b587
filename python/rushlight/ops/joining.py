"""Several Tensors to one and back: cat, stack, split, chunk, unbind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.recording import record_views
from ._common import (
    Rule,
    TensorBase,
    ViewRule,
    array_of,
    cast,
    int_of,
    normal_dim,
    numpy_names,
    record,
    unwrap,
    wrap,
)
from .shape import int_args

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "cat",
    "chunk",
    "concat",
    "concatenate",
    "hstack",
    "split",
    "stack",
    "unbind",
    "vstack",
]


def _sequence(function: str, tensors: Any) -> list[Any]:
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{function}(): argument 'tensors' (position 1) must be tuple of Tensors, "
            f"not {type(tensors).__name__}"
        )
    for index, each in enumerate(tensors):
        if not isinstance(each, (TensorBase, np.ndarray)):
            raise TypeError(
                f"expected Tensor as element {index} in argument 0, but got {type(each).__name__}"
            )
    return list(tensors)


def _one_type(tensors: list[Any]) -> list[Any]:
    kind = unwrap(tensors[0]).dtype
    for each in tensors[1:]:
        kind = dtypes.promote(kind, unwrap(each).dtype)
    return [cast(each, kind) for each in tensors]


def _cat_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    dim, sizes = params
    out, start = [], 0
    before = (slice(None),) * dim
    for size, need in zip(sizes, needs, strict=True):
        place = (*before, slice(start, start + size))
        out.append(grad[place] if need else None)
        start += size
    return tuple(out)


_CAT = Rule("CatBackward0", _cat_backward)


@numpy_names
def cat(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """Joined along an existing dimension; all other lengths must agree. Mixed dtypes are promoted.

    >>> import rushlight
    >>> rushlight.cat([rushlight.tensor([1, 2]), rushlight.tensor([3])])
    tensor([1, 2, 3])
    """
    given = _sequence("cat", tensors)
    if not given:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for index, each in enumerate(given):
        if not unwrap(each).ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {index}) cannot be concatenated")
    given = _one_type(given)
    full = [each for each in given if unwrap(each).shape != (0,)] or given[:1]  # torch skips empty vectors
    first = unwrap(full[0])
    dim = normal_dim(dim, first.ndim)
    for index, each in enumerate(given):
        shape = unwrap(each).shape
        if shape == (0,):
            continue
        if len(shape) != first.ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {first.ndim} and {len(shape)}"
            )
        for d in range(first.ndim):
            if d != dim and shape[d] != first.shape[d]:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size "
                    f"{first.shape[d]} but got size {shape[d]} for tensor number {index} in the list."
                )
    arrays = [unwrap(each) for each in full]
    sizes = tuple([array.shape[dim] for array in arrays])
    value = record(np.concatenate(arrays, dim), _CAT, full, (), (dim, sizes))
    if isinstance(value, np.ndarray) and any(isinstance(each, TensorBase) for each in given):
        return wrap(value)  # the only Tensors among the inputs were empty vectors
    return value


concat = concatenate = cat


def _stack_backward(grad: Any, saved: Any, dim: int, needs: Any) -> tuple[Any, ...]:
    before = (slice(None),) * dim
    places = [(*before, index) for index in range(len(needs))]
    return tuple([grad[place] if need else None for place, need in zip(places, needs, strict=True)])


_STACK = Rule("StackBackward0", _stack_backward)


@numpy_names
def stack(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """Joined along a new dimension; all shapes must agree. Mixed dtypes are promoted.

    >>> import rushlight
    >>> rushlight.stack([rushlight.tensor([1, 2]), rushlight.tensor([3, 4])], 1)
    tensor([[1, 3],
            [2, 4]])
    """
    given = _sequence("stack", tensors)
    if not given:
        raise RuntimeError("stack expects a non-empty TensorList")
    given = _one_type(given)
    arrays = [unwrap(each) for each in given]
    for index, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(arrays[0].shape)} at entry "
                f"0 and {list(array.shape)} at entry {index}"
            )
    dim = normal_dim(dim, arrays[0].ndim + 1)
    return record(np.stack(arrays, dim), _STACK, given, (), dim)


def vstack(tensors: Sequence[Any]) -> Tensor:
    """Joined as rows (vectors become rows first).

    >>> import rushlight
    >>> rushlight.vstack((rushlight.ones(2), rushlight.zeros(2)))
    tensor([[1., 1.],
            [0., 0.]])
    """
    rows = [each if unwrap(each).ndim > 1 else each.reshape((1, -1)) for each in _sequence("vstack", tensors)]
    return cat(rows, 0)


def hstack(tensors: Sequence[Any]) -> Tensor:
    """Joined along dimension 1, vectors end to end.

    >>> import rushlight
    >>> rushlight.hstack((rushlight.ones(1), rushlight.zeros(2)))
    tensor([1., 0., 0.])
    """
    given = [each if unwrap(each).ndim else each.reshape((1,)) for each in _sequence("hstack", tensors)]
    return cat(given, 0 if given and unwrap(given[0]).ndim == 1 else 1)


# ---- and back: views of one Tensor


def _cut(array: Any, params: Any) -> Any:
    return array[params[0]]


def _cut_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    from .indexing import spread

    return (spread(grad, params[0], params[1]),)


_SPLIT_VIEW = ViewRule("SplitBackward0", _cut, _cut_backward)
_SPLIT_SIZES_VIEW = ViewRule("SplitWithSizesBackward0", _cut, _cut_backward)
_UNBIND_VIEW = ViewRule("UnbindBackward0", _cut, _cut_backward)


def _split_backward(grads: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    shapes, dim = params
    return (cat(_filled(grads, shapes), dim),)


def _unbind_backward(grads: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    shapes, dim = params
    return (stack(_filled(grads, shapes), dim),)


def _filled(grads: Any, shapes: Any) -> list[Any]:
    """Zeros in the places of outputs that nobody used."""
    kind = next(unwrap(grad).dtype for grad in grads if grad is not None)
    return [
        np.zeros(shape, kind) if grad is None else grad for grad, shape in zip(grads, shapes, strict=True)
    ]


_SPLIT, _SPLIT_SIZES = (
    Rule("SplitBackward0", _split_backward),
    Rule("SplitWithSizesBackward0", _split_backward),
)
_UNBIND = Rule("UnbindBackward0", _unbind_backward)


def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut along `dim` into views of the given length (the last may be shorter), or of the given list of
    lengths.

    >>> import rushlight
    >>> rushlight.split(rushlight.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    x = array_of("split", tensor, "tensor")
    if not x.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = normal_dim(dim, x.ndim)
    length = x.shape[dim]
    if isinstance(split_size_or_sections, (list, tuple)):
        sizes = list(int_args("split_with_sizes", split_size_or_sections, "split_sizes"))
        if sum(sizes) != length or any(size < 0 for size in sizes):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size "
                f"at dimension {dim}), but got split_sizes={sizes}"
            )
        rule, view = _SPLIT_SIZES, _SPLIT_SIZES_VIEW
    else:
        step = int_of("split", "split_size_or_sections", split_size_or_sections)
        if step < 0:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={step}")
        if step == 0 and length:
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}"
            )
        sizes = [min(step, length - start) for start in range(0, length, step or 1)] or [0]
        rule, view = _SPLIT, _SPLIT_VIEW
    return _cut_up(tensor, x, dim, sizes, rule, view)


def _cut_up(tensor: Any, x: Any, dim: int, sizes: list[int], rule: Rule, view: ViewRule) -> tuple[Any, ...]:
    cuts, shapes, start = [], [], 0
    for size in sizes:
        cuts.append(((slice(None),) * dim + (slice(start, start + size),), x.shape))
        shapes.append((*x.shape[:dim], size, *x.shape[dim + 1 :]))
        start += size
    return record_views(tensor, rule, view, cuts, (shapes, dim))


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut along `dim` into at most `chunks` views of equal length (the last may be shorter).

    >>> import rushlight
    >>> rushlight.chunk(rushlight.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    x = array_of("chunk", input)
    if not x.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    chunks = int_of("chunk", "chunks", chunks)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = x.shape[normal_dim(dim, x.ndim)]
    if length == 0:
        return split(input, [0] * chunks, dim)
    return split(input, -(-length // chunks), dim)


def unbind(input: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along `dim`, as views without that dimension; what iterating over a Tensor gives.

    >>> import rushlight
    >>> rushlight.unbind(rushlight.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    x = array_of("unbind", input)
    if not x.ndim:
        raise RuntimeError("Dimension specified as 0 but tensor has no dimensions")
    dim = normal_dim(dim, x.ndim)
    cuts = [((slice(None),) * dim + (index, ...), x.shape) for index in range(x.shape[dim])]
    shapes = [x.shape[:dim] + x.shape[dim + 1 :]] * x.shape[dim]
    return record_views(input, _UNBIND, _UNBIND_VIEW, cuts, (shapes, dim))
