"""Elements by position: `x[...]`, select and narrow. Writing to `x[...]` is in assignment.py, gather and its
like in gathering.py.

An index is taken in two steps, as torch does: first integers, slices, None and Ellipsis (a view), then index
arrays and masks (a copy). Unlike NumPy, an integer beside index arrays is therefore no index array itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.recording import record_view
from ._common import (
    Rule,
    TensorBase,
    ViewRule,
    array_of,
    int_of,
    normal_dim,
    record,
    unwrap,
)

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "narrow",
    "select",
]

ndarray = np.ndarray


# ---- the two differentiable halves: read positions, and spread values over zeros


def _read_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (spread(grad, params[0], params[1]),)


def _spread_backward(grad: Any, saved: Any, index: Any, needs: Any) -> tuple[Any]:
    return (grad[index],)


_SPREAD = Rule("IndexSpreadBackward0", _spread_backward)


def spread(values: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `values` added at `index` (a position may occur more than once)."""
    source = unwrap(values)
    out = np.zeros(shape, source.dtype)
    if any([isinstance(part, ndarray) and part.dtype != np.bool_ for part in index]):
        np.add.at(out, index, source)
    else:
        out[index] = source
    return record(out, _SPREAD, (values,), (), index)


def _cut(array: Any, params: Any) -> Any:
    return array[params[0]]


_SELECT = ViewRule("SelectBackward0", _cut, _read_backward)
_SLICE = ViewRule("SliceBackward0", _cut, _read_backward)
_UNSQUEEZE = ViewRule("UnsqueezeBackward0", _cut, _read_backward)
_ALIAS = ViewRule("AliasBackward0", _cut, _read_backward)
_INDEX = Rule("IndexBackward0", _read_backward)


# ---- understanding an index


def _parse(x: Any, index: Any) -> tuple[tuple[Any, ...], ViewRule | None, tuple[Any, ...] | None]:
    """(index of the view, its rule or None if it changes nothing, index arrays for the view or None)."""
    items = parts_of(index)
    used = sum([_width(item) for item in items])
    if used > x.ndim:
        raise IndexError(_too_many(items, x.ndim))
    view: list[Any] = []
    arrays: list[Any] = []  # index of the view: one entry per dimension of the view, `:` or an array
    rule: ViewRule | None = None
    dim = 0
    for position, item in enumerate(items):
        if item is Ellipsis:
            view.extend([slice(None)] * (x.ndim - used))
            arrays.extend([slice(None)] * (x.ndim - used))
            dim += x.ndim - used
            continue
        if item is None or isinstance(item, bool):
            view.append(None)
            arrays.append(slice(None) if item is None else np.array([item]))
            rule = _UNSQUEEZE
        elif isinstance(item, slice):
            if _cuts(item, x.shape[dim]) or len(items) == 1:
                rule = _SLICE
            view.append(item)
            arrays.append(slice(None))
        elif isinstance(item, int):
            if not -x.shape[dim] <= item < x.shape[dim]:
                raise IndexError(
                    f"index {item} is out of bounds for dimension {position} with size {x.shape[dim]}"
                )
            view.append(item)
            rule = _SELECT
        else:
            _check_mask(item, x, dim)
            view.extend([slice(None)] * _width(item))
            arrays.append(item)
        dim += _width(item)
    return tuple(view), rule, tuple(arrays) if any([isinstance(item, ndarray) for item in arrays]) else None


def _too_many(items: list[Any], ndim: int) -> str:
    if ndim == 0 and isinstance(items[0], slice):
        return "slice() cannot be applied to a 0-dim tensor."
    if ndim == 0 and isinstance(items[0], int):
        return (
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
            "convert a 0-dim tensor to a number"
        )
    return f"too many indices for tensor of dimension {ndim}"


def _cuts(item: slice, length: int) -> bool:
    """Whether a slice leaves anything out; torch's errors for steps it does not have."""
    step = 1 if item.step is None else item.step
    if step <= 0:
        raise ValueError("slice step cannot be zero" if step == 0 else "step must be greater than zero")
    return not (step == 1 and item.start in (None, 0) and (item.stop is None or item.stop >= length))


def _width(item: Any) -> int:
    """How many dimensions of the indexed Tensor an item uses up."""
    if isinstance(item, ndarray):
        return item.ndim if item.dtype == np.bool_ else 1
    return 0 if item is None or item is Ellipsis or isinstance(item, bool) else 1


def _check_mask(item: Any, x: Any, dim: int) -> None:
    if item.dtype == np.bool_:
        for i, length in enumerate(item.shape):
            if length != x.shape[dim + i]:
                raise IndexError(
                    f"The shape of the mask {list(item.shape)} at index {i} does not match the shape of "
                    f"the indexed tensor {list(x.shape)} at index {dim + i}"
                )


def parts_of(index: Any) -> list[Any]:
    """The parts of an index: int, bool, slice of ints, None, Ellipsis, or ndarray (int64 or bool)."""
    parts = index if isinstance(index, tuple) else (index,)
    items = []
    for part in parts:
        if isinstance(part, slice):
            if (
                isinstance(part.start, TensorBase)
                or isinstance(part.stop, TensorBase)
                or isinstance(part.step, TensorBase)
            ):
                part = slice(
                    *[None if end is None else int(end) for end in (part.start, part.stop, part.step)]
                )
        elif part is None or part is Ellipsis or isinstance(part, (bool, int)):
            pass
        elif isinstance(part, np.bool_):
            part = bool(part)
        elif isinstance(part, np.integer):
            part = int(part)
        else:
            part = _index_array(part)
        items.append(part)
    return items


def _index_array(part: Any) -> Any:
    array = unwrap(part)
    if isinstance(array, (list, tuple, range)):
        array = np.array([unwrap(each) for each in array])
        if array.size == 0:
            array = array.astype(np.int64)
    if not isinstance(array, ndarray) or array.dtype.kind not in "iub":
        if isinstance(array, ndarray) and array.dtype.kind == "f":
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
            f"indices (got {type(part).__name__})"
        )
    if array.dtype == np.uint8:
        return array.astype(bool)
    if array.dtype == np.bool_:
        return array
    return int(array) if array.ndim == 0 else array.astype(np.int64, copy=False)


_BOUNDS = (int, type(None))


def _plain(shape: tuple[int, ...], index: Any) -> tuple[ViewRule, tuple[Any, ...]] | None:
    """The rule and index of a view for what loops are made of: `x[i]`, `x[i, j]`, `x[i:j, k:l]`."""
    parts = index if type(index) is tuple else (index,)
    if len(parts) > len(shape):
        return None
    rule = None
    for part, length in zip(parts, shape, strict=False):
        if type(part) is int:
            if not -length <= part < length:
                return None
            rule = _SELECT
        elif type(part) is slice and part.step is None:
            if type(part.start) not in _BOUNDS or type(part.stop) not in _BOUNDS:
                return None
            if _cuts(part, length) or len(parts) == 1:
                rule = _SLICE
        else:
            return None
    return None if rule is None else (rule, (*parts, ...))


def view_of(input: Any, index: Any) -> tuple[Any, tuple[Any, ...] | None]:
    """The view that integers, slices, None and `...` make, and the index arrays that are left for it."""
    shape = unwrap(input).shape
    quick = _plain(shape, index)
    if quick is not None:
        return record_view(input, quick[0], (quick[1], shape)), None
    view, rule, arrays = _parse(unwrap(input), index)
    if rule is not None or arrays is None:
        input = record_view(input, rule or _ALIAS, ((*view, ...), shape))  # `...`: 0-dim results stay arrays
    return input, arrays


# ---- reading


def getitem(input: Any, index: Any) -> Tensor:
    """`input[index]`: a view for integers, slices, None and `...`; a copy for index arrays, lists and masks.

    >>> import rushlight
    >>> x = rushlight.arange(6).reshape(2, 3)
    >>> x[0, 1:], x[x > 3]
    (tensor([1, 2]), tensor([4, 5]))
    """
    if type(index) is int:
        shape = unwrap(input).shape
        if shape and -shape[0] <= index < shape[0]:
            return record_view(input, _SELECT, ((index, ...), shape))
    input, arrays = view_of(input, index)
    if arrays is None:
        return input
    x = unwrap(input)
    arrays = arrays if x.size else zeros_for_numbers(arrays)
    try:
        value = x[arrays]
    except IndexError as error:
        raise torch_text(error) from None
    return record(value, _INDEX, (input,), (), (arrays, x.shape))


def zeros_for_numbers(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """An index for an empty Tensor: torch does not look at the numbers in its arrays."""
    return tuple([each & 0 if getattr(each, "dtype", None) == np.int64 else each for each in index])


def torch_text(error: IndexError) -> IndexError:
    return IndexError(str(error).replace("for axis", "for dimension"))


def select(input: Any, dim: int, index: int) -> Tensor:
    """Slice number `index` along `dim`, as a view without that dimension.

    >>> import rushlight
    >>> rushlight.select(rushlight.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([3, 4])
    """
    dim = normal_dim(dim, array_of("select", input).ndim)
    return getitem(input, (slice(None),) * dim + (int_of("select", "index", index),))


def narrow(input: Any, dim: int, start: int, length: int) -> Tensor:
    """Elements start to start + length along `dim`, as a view.

    >>> import rushlight
    >>> rushlight.narrow(rushlight.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    x = array_of("narrow", input)
    if not x.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    start, length = int_of("narrow", "start", start), int_of("narrow", "length", length)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    dim = normal_dim(dim, x.ndim)
    size = x.shape[dim]
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in [{-size}, {size}], but got {start})")
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    view = (slice(None),) * dim + (slice(start, start + length), ...)
    return record_view(input, _SLICE, (view, x.shape))
