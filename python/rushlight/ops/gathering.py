"""Elements picked by index Tensors: gather, scatter, index_select, take, masked_select, nonzero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .._quiet import apply
from ._common import (
    Rule,
    TensorBase,
    array_of,
    broadcast_shape,
    int_of,
    is_number,
    normal_dim,
    record,
    unwrap,
    wrap,
)
from .assignment import blank
from .indexing import spread
from .inplace import in_place

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "gather",
    "index_select",
    "masked_select",
    "nonzero",
    "repeat_interleave",
    "scatter",
    "scatter_add",
    "take",
]

ndarray = np.ndarray


def _read_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    return (spread(grad, params[0], params[1]),)


_GATHER = Rule("GatherBackward0", _read_backward)
_INDEX_SELECT = Rule("IndexSelectBackward0", _read_backward)
_MASKED_SELECT = Rule("MaskedSelectBackward0", _read_backward)
_TAKE = Rule("TakeBackward0", _read_backward)


def _index(function: str, given: Any, length: int, dim: int, name: str = "index") -> Any:
    index = array_of(function, given, name)
    if index.dtype != np.int64 and not (index.dtype == np.int32 and function != "scatter_add"):
        raise RuntimeError(f"{function}(): Expected dtype int64 for index")
    if index.size and (index.min() < 0 or index.max() >= length):
        bad = index[(index < 0) | (index >= length)].flat[0]
        raise RuntimeError(f"index {bad} is out of bounds for dimension {dim} with size {length}")
    return index


def _places(index: Any, dim: int) -> tuple[Any, ...]:
    """Index arrays that read position index[i, j, ...] along `dim` and (i, j, ...) along the others."""
    places = list(np.ogrid[tuple([slice(length) for length in index.shape])]) if index.ndim else []
    if places:
        places[dim] = index
    return tuple(places)


def gather(input: Any, dim: int, index: Any) -> Tensor:
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on; `index` (int64) has the shape of the result.

    >>> import rushlight
    >>> rushlight.gather(rushlight.tensor([[1, 2], [3, 4]]), 1, rushlight.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    x = array_of("gather", input)
    dim = normal_dim(dim, x.ndim)
    at = _index("gather", index, x.shape[dim] if x.ndim else 1, dim)
    if at.ndim != x.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d in range(x.ndim):
        if d != dim and at.shape[d] > x.shape[d]:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(at.shape)} to be no larger "
                f"than self {list(x.shape)} apart from dimension {dim}"
            )
    places = _places(at, dim) or (...,)
    return record(np.array(x[places]), _GATHER, (input,), (), (places, x.shape))


def index_select(input: Any, dim: int, index: Any) -> Tensor:
    """The slices number `index` (a vector of int64) along `dim`.

    >>> import rushlight
    >>> rushlight.index_select(rushlight.tensor([[1, 2], [3, 4]]), 1, rushlight.tensor([1]))
    tensor([[2],
            [4]])
    """
    x = array_of("index_select", input)
    dim = normal_dim(dim, x.ndim)
    if not x.ndim:
        _index("index_select", index, 1, dim)
        return input.clone() if hasattr(input, "clone") else x.copy()
    at = _index("index_select", index, x.shape[dim], dim)
    if at.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    places = (slice(None),) * dim + (np.atleast_1d(at),)
    return record(x[places], _INDEX_SELECT, (input,), (), (places, x.shape))


def take(input: Any, index: Any) -> Tensor:
    """Elements of the flattened input at the positions `index`, in its shape.

    >>> import rushlight
    >>> rushlight.take(rushlight.tensor([[1, 2], [3, 4]]), rushlight.tensor([3, 0]))
    tensor([4, 1])
    """
    x = array_of("take", input)
    at = array_of("take", index, "index", 2)
    if at.dtype != np.int64:
        raise RuntimeError(
            f"take(): Expected a long tensor for index, but got {dtypes.scalar_name(at.dtype)}"
        )
    if at.size and not x.size:
        raise IndexError("take(): tried to take from an empty tensor")
    outside = at[(at < -x.size) | (at >= x.size)]
    if outside.size:
        raise IndexError(
            f"out of range: tried to access index {outside[0]} on a tensor of {x.size} elements."
        )
    places: Any = np.unravel_index(at % x.size, x.shape) if x.ndim and x.size else (np.zeros_like(at),)
    if not x.ndim:
        input, x = input.reshape((1,)), x.reshape(1)
    return record(np.asarray(x[places]), _TAKE, (input,), (), (places, x.shape))


def masked_select(input: Any, mask: Any) -> Tensor:
    """The elements where `mask` (bool, broadcast) holds, as a vector.

    >>> import rushlight
    >>> rushlight.masked_select(rushlight.tensor([1, 2, 3]), rushlight.tensor([True, False, True]))
    tensor([1, 3])
    """
    x, test = array_of("masked_select", input), array_of("masked_select", mask, "mask", 2)
    if test.dtype != np.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    if test.shape != x.shape:
        from .shape import expand

        shape = broadcast_shape(test.shape, x.shape)
        input, test = expand(input, shape), np.broadcast_to(test, shape)
        x = unwrap(input)
    places = test.nonzero() if test.ndim else (np.zeros(int(test), np.int64),)
    if not x.ndim:
        return input.reshape((1,))[: int(test)]
    return record(x[places], _MASKED_SELECT, (input,), (), (places, x.shape))


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The positions of nonzero elements: a row each (int64), or `as_tuple` a Tensor per dimension.

    >>> import rushlight
    >>> rushlight.nonzero(rushlight.tensor([5, 0, 6]))
    tensor([[0],
            [2]])
    """
    x = array_of("nonzero", input)
    found = np.atleast_1d(x).nonzero()
    if as_tuple:
        return tuple([wrap(each) if isinstance(input, TensorBase) else each for each in found])
    rows = np.stack(found, 1) if x.ndim else np.zeros((len(found[0]), 0), np.int64)
    return wrap(rows) if isinstance(input, TensorBase) else rows


def repeat_interleave(
    input: Any, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each slice along `dim` (each element, without) `repeats` times in a row; a number or one for each.

    `output_size`, what they sum to, saves torch a sum and changes nothing here.

    >>> import rushlight
    >>> rushlight.repeat_interleave(rushlight.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    x = array_of("repeat_interleave", input)
    if dim is None:
        input, dim = input.reshape(-1), 0
        x = unwrap(input)
    length = x.shape[normal_dim(dim, x.ndim)]
    counts = unwrap(repeats)
    if np.ndim(counts) and np.size(counts) not in (1, length):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{np.size(counts)} and input.size({dim}) = {length}"
        )
    if not isinstance(counts, (ndarray, list, tuple)):
        counts = int_of("repeat_interleave", "repeats", counts)
    elif np.size(counts) and np.asarray(counts).dtype.kind not in "iu":
        raise RuntimeError("repeats has to be Long or Int tensor")
    if np.any(np.asarray(counts) < 0):
        raise RuntimeError("repeats can not be negative")
    return index_select(input, dim, wrap(apply(np.repeat, np.arange(length), counts)))


# ---- scatter


def _scatter_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    places, added = params
    return (grad if added else blank(grad, places)) if needs[0] else None, grad[places] if needs[1] else None


_SCATTER = Rule("ScatterBackward0", _scatter_backward)
_SCATTER_NUMBER = Rule("ScatterBackward1", _scatter_backward)
_SCATTER_ADD = Rule("ScatterAddBackward0", _scatter_backward)


def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None) -> Tensor:
    """A copy with out[index[i][j]][j] = src[i][j] for dim 0, and so on; `src`: Tensor or number (or `value`).

    >>> import rushlight
    >>> rushlight.zeros(2, 3).scatter_(1, rushlight.tensor([[2], [0]]), 1)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    if (src is None) == (value is None):
        raise TypeError("scatter() needs src (a Tensor or a number) or value (a number)")
    return _scatter("scatter", input, dim, index, value if src is None else src, False)


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Tensor:
    """As `scatter`, adding to what is there; a position may occur more than once.

    >>> import rushlight
    >>> rushlight.scatter_add(rushlight.zeros(3), 0, rushlight.tensor([0, 0]), rushlight.ones(2))
    tensor([2., 0., 0.])
    """
    return _scatter("scatter_add", input, dim, index, src, True)


def _scatter(name: str, input: Any, dim: int, index: Any, src: Any, added: bool) -> Any:
    x = array_of(name, input)
    dim = normal_dim(dim, x.ndim)
    at = _index(name, index, x.shape[dim] if x.ndim else 1, dim)
    if not is_number(src):
        if array_of(name, src, "src", 4).dtype != x.dtype:
            raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
        _check_sizes(at, x, dim, unwrap(src))
        if unwrap(src).shape != at.shape:
            src = src[tuple([slice(length) for length in at.shape])]
        values = unwrap(src)
    else:
        values = np.array(src).astype(x.dtype)
        _check_sizes(at, x, dim, None)
    places = _places(at, dim) or (...,)
    out = x.copy()
    if added:
        np.add.at(out, places, values)
    else:
        out[places] = values
    rule = _SCATTER_ADD if added else _SCATTER_NUMBER if is_number(src) else _SCATTER
    return record(out, rule, (input, src), (), (places, added))


def _check_sizes(index: Any, x: Any, dim: int, src: Any) -> None:
    """torch's rules for scatter: every index has an element of `src`, and a place apart from `dim`."""
    for name, each in (("self", x), ("src", src)):
        if each is not None and (each.ndim or 1) != (index.ndim or 1) and index.size:
            raise RuntimeError(f"Index tensor must have the same number of dimensions as {name} tensor")
    dims = range(index.ndim if x.ndim and index.size else 0)
    fits = all(d == dim or index.shape[d] <= x.shape[d] for d in dims)
    if not fits or (src is not None and src.ndim and any(index.shape[d] > src.shape[d] for d in dims)):
        beyond = "" if src is None else f" and to be no larger size than src {list(src.shape)}"
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(x.shape)} apart from "
            f"dimension {dim}{beyond}"
        )


scatter_ = in_place("scatter_", scatter)
scatter_add_ = in_place("scatter_add_", scatter_add)
