"""Largest and smallest: max, min, argmax, argmin, amax, amin, median; and any, all.

As in torch: with `dim`, the first of equal elements is found and alone gets the gradient; over everything
(and in amax, amin) equal elements share it; NaN is larger and smaller than anything.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _quiet, dtypes
from ._common import (
    OUTPUT,
    Rule,
    TensorBase,
    array_of,
    expand_like,
    normal_dim,
    normal_dims,
    numpy_names,
    record,
    wrap,
)
from .arithmetic import maximum, minimum
from .indexing import spread
from .selection import where

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "max",
    "min",
]

_quietly = _quiet.apply


def return_type(name: str, fields: tuple[str, ...] = ("values", "indices")) -> Any:
    """torch.return_types.<name>: a named tuple that prints one field per line."""

    def show(self: Any) -> str:
        parts = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self, strict=True))
        return f"torch.return_types.{name}(\n{parts})"

    made = namedtuple(name, fields)  # type: ignore[misc]
    return type(name, (made,), {"__slots__": (), "__repr__": show, "__module__": "torch.return_types"})


# ---- over everything, amax, amin: equal elements share the gradient


def _share_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    x, result = saved
    dims, shape, keepdim = params
    top = expand_like(result, dims, shape, keepdim)
    hit = (x == top) | ((x != x) & (top != top))
    count = hit.sum() if dims is None else hit.sum(dims)
    share = expand_like(grad, dims, shape, keepdim) / expand_like(count, dims, shape, False)
    return (where(hit, share, 0.0),)


_MAX_ALL, _MIN_ALL = Rule("MaxBackward1", _share_backward), Rule("MinBackward1", _share_backward)
_AMAX, _AMIN = Rule("AmaxBackward0", _share_backward), Rule("AminBackward0", _share_backward)


def _extreme(name: str, ufunc: Any, rule: Rule, input: Any, dim: Any, keepdim: bool) -> Any:
    x = array_of(name, input)
    dims = normal_dims(dim, x.ndim)
    if x.size == 0 and dims is not None and 0 in [x.shape[d] for d in dims]:
        empty = next(d for d in dims if not x.shape[d])
        raise IndexError(f"{name}(): Expected reduction dim {empty} to have non-zero size.")
    if x.size == 0 and dims is None:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    value = _quietly(ufunc.reduce, x, dims if x.ndim else None, None, None, keepdim)
    return record(value, rule, (input,), (input, OUTPUT), (dims, x.shape, keepdim))


@numpy_names
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest element over `dim` (int, tuple, or () for all); equal ones share the gradient.

    >>> import rushlight
    >>> rushlight.amax(rushlight.tensor([[1, 4], [3, 2]]), 0)
    tensor([3, 4])
    """
    return _extreme("amax", np.maximum, _AMAX, input, dim, keepdim)


@numpy_names
def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest element over `dim` (int, tuple, or () for all); equal ones share the gradient.

    >>> import rushlight
    >>> rushlight.amin(rushlight.tensor([[1, 4], [3, 2]]), 0)
    tensor([1, 2])
    """
    return _extreme("amin", np.minimum, _AMIN, input, dim, keepdim)


# ---- along one dimension: values and indices


def _pick_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    index, shape, dim, keepdim = params
    if not shape:
        return (grad,)
    if not keepdim:
        grad = grad.reshape(index.shape)
    places = list(np.ogrid[tuple([slice(length) for length in index.shape])])
    places[dim] = index
    return (spread(grad, tuple(places), shape),)


_MAX, _MIN = Rule("MaxBackward0", _pick_backward), Rule("MinBackward0", _pick_backward)
_MAX_TYPE, _MIN_TYPE = return_type("max"), return_type("min")


def _along(name: str, argument: Any, rule: Rule, kind: Any, input: Any, dim: int, keepdim: bool) -> Any:
    x = array_of(name, input)
    dim = normal_dim(dim, x.ndim)
    if x.ndim and x.shape[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    if not x.ndim:
        return kind(
            record(x.copy(), rule, (input,), (), (None, (), 0, keepdim)), wrap(np.zeros((), np.int64))
        )
    index = argument(x, dim, keepdims=True)
    value = np.take_along_axis(x, index, dim)
    params = (index, x.shape, dim, keepdim)
    if not keepdim:
        value, shown = value.squeeze(dim), index.squeeze(dim)
    else:
        shown = index
    tensor = isinstance(input, TensorBase)
    return kind(record(value, rule, (input,), (), params), wrap(shown) if tensor else shown)


@numpy_names
def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element. `max(x)`: of all; `max(x, dim)`: (values, indices) along `dim`, the first of
    equals; `max(x, other)`: element by element, as `maximum`.

    >>> import rushlight
    >>> rushlight.max(rushlight.tensor([[1., 3.], [2., 0.]]), 1)
    torch.return_types.max(
    values=tensor([3., 2.]),
    indices=tensor([1, 0]))
    """
    if dim is None:
        return _extreme("max", np.maximum, _MAX_ALL, input, None, False)
    if isinstance(dim, (TensorBase, np.ndarray)):
        return maximum(input, dim)
    return _along("max", np.argmax, _MAX, _MAX_TYPE, input, dim, keepdim)


@numpy_names
def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; forms as for `max`.

    >>> import rushlight
    >>> rushlight.min(rushlight.tensor([3., 1., 2.]))
    tensor(1.)
    """
    if dim is None:
        return _extreme("min", np.minimum, _MIN_ALL, input, None, False)
    if isinstance(dim, (TensorBase, np.ndarray)):
        return minimum(input, dim)
    return _along("min", np.argmin, _MIN, _MIN_TYPE, input, dim, keepdim)


def _argument(name: str, function: Any, input: Any, dim: int | None, keepdim: bool) -> Any:
    x = array_of(name, input)
    if dim is not None:
        dim = normal_dim(dim, x.ndim)
    if x.size == 0 and (dim is None or x.shape[dim] == 0):
        wanted = "to be specified for input.numel() == 0." if dim is None else f"{dim} to have non-zero size."
        raise IndexError(f"{name}(): Expected reduction dim {wanted}")
    if x.dtype == np.bool_ and isinstance(input, TensorBase):
        raise RuntimeError(f"{name}(): does not support bool input")
    value = np.asarray(function(x, dim if x.ndim else None, keepdims=keepdim))
    return wrap(value) if isinstance(input, TensorBase) else value


@numpy_names
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position (int64) of the first largest element along `dim`, or in the flattened Tensor.

    >>> import rushlight
    >>> rushlight.argmax(rushlight.tensor([1., 5., 5.]))
    tensor(1)
    """
    return _argument("argmax", np.argmax, input, dim, keepdim)


@numpy_names
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The position (int64) of the first smallest element along `dim`, or in the flattened Tensor.

    >>> import rushlight
    >>> rushlight.argmin(rushlight.tensor([3, 1, 2]))
    tensor(1)
    """
    return _argument("argmin", np.argmin, input, dim, keepdim)


def _truth(name: str, ufunc: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    x = array_of(name, input)
    dims = normal_dims(dim, x.ndim)
    axes, kept = dims if x.ndim else None, bool(keepdim)
    value = np.asarray(ufunc.reduce(x.astype(np.bool_, copy=False), axes, keepdims=kept))
    if x.dtype == np.uint8:
        value = value.astype(np.uint8)  # torch's exception, kept from the time before bool Tensors
    return wrap(value) if isinstance(input, TensorBase) else value


@numpy_names
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether any element (along `dim`) is nonzero.

    >>> import rushlight
    >>> rushlight.any(rushlight.tensor([[1, 0], [0, 0]]), 1)
    tensor([ True, False])
    """
    return _truth("any", np.logical_or, input, dim, keepdim)


@numpy_names
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether all elements (along `dim`) are nonzero.

    >>> import rushlight
    >>> rushlight.all(rushlight.tensor([1, 0]))
    tensor(False)
    """
    return _truth("all", np.logical_and, input, dim, keepdim)


def count_nonzero(input: Any, dim: Any = None) -> Tensor:
    """How many elements (along `dim`) are nonzero, int64.

    >>> import rushlight
    >>> rushlight.count_nonzero(rushlight.tensor([3, 0, 2]))
    tensor(2)
    """
    x = array_of("count_nonzero", input)
    axes = normal_dims(dim, x.ndim) if x.ndim else None
    value: Any = np.asarray(np.count_nonzero(x, axis=axes), dtypes.I64)
    return wrap(value) if isinstance(input, TensorBase) else value
