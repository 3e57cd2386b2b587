"""Writing to elements by position: `x[...] = value`, index_put_. What an index means is in indexing.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.inplace import check, record_inplace
from ._common import Rule, TensorBase, cast, filling, is_number, record, sum_to, unwrap
from .indexing import parts_of, torch_text, view_of, zeros_for_numbers
from .inplace import copy_

if TYPE_CHECKING:
    from ..tensor import Tensor

ndarray = np.ndarray


def setitem(input: Any, index: Any, value: Any) -> None:
    """`input[index] = value`, in place: `value` (a Tensor, ndarray or number) is broadcast and converted to
    the dtype. Differentiable in both: old elements that were overwritten get gradient 0."""
    if not (isinstance(value, (TensorBase, ndarray)) or is_number(value)):
        raise TypeError(f"can't assign a {type(value).__name__} to a {dtypes.type_name(unwrap(input).dtype)}")
    input, arrays = view_of(input, index)
    x = unwrap(input)
    source: Any = value if isinstance(value, (TensorBase, ndarray)) else filling(value, x.dtype)
    if arrays is not None:
        if isinstance(source, TensorBase) and source._data.dtype != x.dtype and not _fills(arrays, source):
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{dtypes.scalar_name(x.dtype)} for the destination and "
                f"{dtypes.scalar_name(source._data.dtype)} for the source."
            )
        _put(input, arrays, source)
        return
    target, shape = x, unwrap(source).shape
    while len(shape) > target.ndim and shape[0] == 1:  # torch drops leading dimensions of length 1
        source, shape = source[0], shape[1:]
    if shape and shape != target.shape:
        _check_expand(unwrap(source), target.shape)
    copy_(input, source)


def _fills(arrays: tuple[Any, ...], source: Any) -> bool:
    """One mask, one value: torch makes this a masked_fill, which converts."""
    masks = [each for each in arrays if isinstance(each, ndarray)]
    return source._data.size == 1 and len(masks) == 1 and masks[0].dtype == np.bool_


def _check_expand(source: Any, target: tuple[int, ...]) -> None:
    shape = source.shape
    if len(shape) > len(target):
        kind = "CPUBoolType" if source.dtype == np.bool_ else dtypes.type_name(source.dtype)
        raise RuntimeError(
            f"expand({kind}{{{list(shape)}}}, size={list(target)}): the number of sizes provided "
            f"({len(target)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(shape)})"
        )
    for back in range(1, len(shape) + 1):
        if shape[-back] not in (1, target[-back]):
            raise RuntimeError(
                f"The expanded size of the tensor ({target[-back]}) must match the existing size "
                f"({shape[-back]}) at non-singleton dimension {len(target) - back}.  "
                f"Target sizes: {list(target)}.  Tensor sizes: {list(shape)}"
            )


def _put_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    index, shape, kind, added = params
    return (grad if added else blank(grad, index)) if needs[0] else None, (
        cast(sum_to(grad[index], shape), kind) if needs[1] else None
    )


def _blank_backward(grad: Any, saved: Any, index: Any, needs: Any) -> tuple[Any]:
    return (blank(grad, index),)


_PUT = Rule("IndexPutBackward0", _put_backward)
_BLANK = Rule("IndexBlankBackward0", _blank_backward)


def blank(values: Any, index: Any) -> Any:
    """A copy with zeros at `index`."""
    out = unwrap(values).copy()
    out[index] = 0
    return record(out, _BLANK, (values,), (), index)


def _put(target: Any, index: Any, source: Any, added: bool = False) -> Any:
    check(target)
    array, content = unwrap(source), target._data
    index = index if content.size else zeros_for_numbers(index)
    try:
        if added:
            np.add.at(content, index, array)
        else:
            content[index] = array
    except IndexError as error:
        raise torch_text(error) from None
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(array.shape)} cannot be broadcast to "
            f"indexing result of shape {list(target._data[index].shape)}"
        ) from None
    return record_inplace(
        target, content, _PUT, (target, source), (), (index, array.shape, array.dtype, added)
    )


def index_put_(input: Any, indices: tuple[Any, ...], values: Any, accumulate: bool = False) -> Tensor:
    """`input[indices] = values` in place; `accumulate` adds, as often as a position occurs."""
    return _put(input, tuple(parts_of(tuple(indices))), values, accumulate)
