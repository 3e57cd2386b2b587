"""Elements in order: sort, argsort, topk, unique; and counting: bincount."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .._quiet import apply
from ._common import Rule, TensorBase, array_of, flag, int_of, normal_dim, record, unwrap, wrap
from .extrema import return_type
from .indexing import spread

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "argsort",
    "bincount",
    "histc",
    "isin",
    "sort",
    "topk",
    "unique",
]


def _sorted_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    index, shape, dim = params
    if not shape:
        return (grad,)
    places = list(np.ogrid[tuple([slice(length) for length in index.shape])])
    places[dim] = index
    return (spread(grad, tuple(places), shape),)


_SORT, _TOPK = Rule("SortBackward0", _sorted_backward), Rule("TopkBackward0", _sorted_backward)
_SORT_TYPE, _TOPK_TYPE = return_type("sort"), return_type("topk")


def _order(x: Any, dim: int, descending: bool) -> Any:
    """Positions in order, stable in both directions; NaN is larger than all."""
    if not descending:
        return np.argsort(x, dim, kind="stable")
    backwards = np.argsort(np.flip(x, dim), dim, kind="stable")
    return x.shape[dim] - 1 - np.flip(backwards, dim)


def _picked(kind: Any, rule: Rule, input: Any, x: Any, index: Any, dim: int) -> Any:
    index = np.ascontiguousarray(index)
    value = record(np.take_along_axis(x, index, dim), rule, (input,), (), (index, x.shape, dim))
    return kind(value, wrap(index) if isinstance(input, TensorBase) else index)


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """(values, indices) in order along `dim`; always stable.

    >>> import rushlight
    >>> rushlight.sort(rushlight.tensor([3., 1., 2.])).indices
    tensor([1, 2, 0])
    """
    x, descending = array_of("sort", input), flag("sort", "descending", descending)
    dim = normal_dim(dim, x.ndim)
    if not x.ndim:
        return _SORT_TYPE(record(x.copy(), _SORT, (input,), (), (None, (), 0)), wrap(np.zeros((), np.int64)))
    return _picked(_SORT_TYPE, _SORT, input, x, _order(x, dim, descending), dim)


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The positions (int64) that put the elements in order along `dim`.

    >>> import rushlight
    >>> rushlight.argsort(rushlight.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return sort(input, dim, descending).indices


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the k largest (or smallest) elements along `dim`, in order.

    >>> import rushlight
    >>> rushlight.topk(rushlight.tensor([1, 3, 2]), 2).values
    tensor([3, 2])
    """
    x, k, largest = array_of("topk", input), int_of("topk", "k", k), flag("topk", "largest", largest)
    flag("topk", "sorted", sorted)
    dim = normal_dim(dim, x.ndim)
    if not 0 <= k <= (x.shape[dim] if x.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if not x.ndim:
        return _TOPK_TYPE(record(x.copy(), _TOPK, (input,), (), (None, (), 0)), wrap(np.zeros((), np.int64)))
    order = _order(x, dim, largest)
    return _picked(_TOPK_TYPE, _TOPK, input, x, order[(slice(None),) * dim + (slice(k),)], dim)


def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements (or slices along `dim`) in order; on request everyone's place there; counts.

    >>> import rushlight
    >>> rushlight.unique(rushlight.tensor([3, 1, 3]))
    tensor([1, 3])
    """
    x = array_of("unique", input)
    axis = None if dim is None else normal_dim(dim, x.ndim)
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=axis)
    inverse = inverse.reshape(x.shape if dim is None else -1)
    parts = [values] + [inverse] * bool(return_inverse) + [counts] * bool(return_counts)
    out = tuple([wrap(part) if isinstance(input, TensorBase) else part for part in parts])
    return out[0] if len(out) == 1 else out


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often (or with what total weight) each non-negative integer occurs in a vector.

    >>> import rushlight
    >>> rushlight.bincount(rushlight.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    x = array_of("bincount", input)
    if x.ndim != 1 or x.dtype.kind not in "iu" or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if int_of("bincount", "minlength", minlength) < 0:
        raise RuntimeError(f"minlength should be >= 0, but got {minlength}")
    value: Any = np.bincount(
        x, None if weights is None else array_of("bincount", weights, "weights", 2), minlength
    )
    return wrap(value) if isinstance(input, TensorBase) else value


def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements lie in each of `bins` equal parts of [min, max] (the input's range if both are 0).

    >>> import rushlight
    >>> rushlight.histc(rushlight.tensor([1., 2., 1.]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    x = array_of("histc", input)
    if x.dtype.kind != "f":
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{dtypes.scalar_name(x.dtype)}'")
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    low, high = (x.min(), x.max()) if min == max == 0 and x.size else (min, max)
    if low == high:
        low, high = low - 1, high + 1
    if not low < high:
        raise RuntimeError(f"max must be larger than min, but got min={low}, max={high}")
    value: Any = apply(np.histogram, x, bins, (low, high))[0].astype(x.dtype)
    return wrap(value) if isinstance(input, TensorBase) else value


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Where an element is among `test_elements` (with `invert`: is not).

    >>> import rushlight
    >>> rushlight.isin(rushlight.tensor([1, 2, 3]), rushlight.tensor([2, 5]))
    tensor([False,  True, False])
    """
    value = np.isin(unwrap(elements), unwrap(test_elements), invert=invert)
    return wrap(np.asarray(value))
