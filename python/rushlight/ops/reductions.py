"""Many elements to one: sum, mean, prod, var, max, argmax, any, norm, logsumexp, cumsum, each with its
gradient.

`dim` is None (all dimensions), an int or a tuple; `keepdim=True` keeps the reduced dimensions with length 1.
torch names the node of a full reduction and of one along `dim` differently; so do the rules here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _quiet, dtypes
from .._quiet import STATE, enter, leave
from ._common import (
    OUTPUT,
    Rule,
    TensorBase,
    array_of,
    cast,
    expand_like,
    normal_dim,
    normal_dims,
    numpy_names,
    record,
    unwrap,
    wrap,
    zeros_of,
)
from .pointwise import exp, sign
from .rearrange import flip
from .selection import where

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "cumsum",
    "logsumexp",
    "mean",
    "norm",
    "prod",
    "std",
    "sum",
    "var",
]

_quietly = _quiet.apply
_add: Any = np.add.reduce  # (array, axis, dtype, out, keepdims)


def kept_shape(shape: tuple[int, ...], dims: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape of a reduction with keepdim=True."""
    return tuple([1 if dims is None or i in dims else size for i, size in enumerate(shape)])


def _count(shape: tuple[int, ...], dims: tuple[int, ...] | None) -> int:
    return math.prod(shape if dims is None else [shape[d] for d in dims])


# ---- sum, mean


def _sum_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    dims, shape, keepdim = params
    return (expand_like(grad, dims, shape, keepdim),)


def _mean_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    dims, shape, keepdim = params
    return (expand_like(grad / _count(shape, dims), dims, shape, keepdim),)


_SUM, _SUM_DIM = Rule("SumBackward0", _sum_backward), Rule("SumBackward1", _sum_backward)
_MEAN, _MEAN_DIM = Rule("MeanBackward0", _mean_backward), Rule("MeanBackward1", _mean_backward)


@numpy_names
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over `dim`. Integers and bools are summed in int64.

    >>> import rushlight
    >>> rushlight.sum(rushlight.tensor([[1., 2.], [3., 4.]]), 0)
    tensor([4., 6.])
    """
    x = input._data if isinstance(input, TensorBase) else array_of("sum", input)
    if dtype is not None or x.dtype.kind != "f":
        input = cast(input, dtypes.I64 if dtype is None else dtypes.to_numpy(dtype))
        x = unwrap(input)
    dims = None if dim is None else normal_dims(dim, x.ndim)
    token = enter(STATE)
    try:
        value = _add(x, dims if x.ndim else None, None, None, keepdim)
    finally:
        leave(token)
    return record(value, _SUM if dim is None else _SUM_DIM, (input,), (), (dims, x.shape, keepdim))


@numpy_names
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over `dim`. RuntimeError for integers and bools, unless `dtype` is a floating type.

    >>> import rushlight
    >>> rushlight.mean(rushlight.tensor([[1., 2.], [3., 4.]]), 1)
    tensor([1.5000, 3.5000])
    """
    x = array_of("mean", input)
    kind = x.dtype if dtype is None else dtypes.to_numpy(dtype)
    if kind.kind != "f":
        raise RuntimeError(
            f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must "
            f"be either a floating point or complex dtype. Got: {dtypes.scalar_name(kind)}"
        )
    input = cast(input, kind)
    x = unwrap(input)
    dims = None if dim is None else normal_dims(dim, x.ndim)
    if not x.ndim:
        dims = None
    total = _quietly(_add, x, dims, None, None, keepdim)
    value = _quietly(np.divide, total, np.array(_count(x.shape, dims), kind))
    return record(value, _MEAN if dim is None else _MEAN_DIM, (input,), (), (dims, x.shape, keepdim))


# ---- prod


def _prod_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    """result / x; if an element is 0, the products of the others, from both sides."""
    x, result = saved
    dims, shape, keepdim = params
    grad, result = expand_like(grad, dims, shape, keepdim), expand_like(result, dims, shape, keepdim)
    if bool(unwrap((x != 0).all())):
        return (grad * (result / x),)
    return (grad * _product_of_others(x, dims),)


def _product_of_others(x: Any, dims: Any) -> Any:
    data = np.asarray(unwrap(x))
    whole = dims is None or not data.ndim  # a single number has one dimension in dim=0, none in NumPy
    flat = data.reshape(-1, 1) if whole else np.moveaxis(data, dims[0], 0)
    before, after = np.ones_like(flat), np.ones_like(flat)
    np.multiply.accumulate(flat[:-1], 0, out=before[1:])
    np.multiply.accumulate(flat[:0:-1], 0, out=after[-2::-1] if len(flat) > 1 else after[:0])
    others = before * after
    others = others.reshape(data.shape) if whole else np.moveaxis(others, 0, dims[0])
    return wrap(others) if isinstance(x, TensorBase) else others


_PROD, _PROD_DIM = Rule("ProdBackward0", _prod_backward), Rule("ProdBackward1", _prod_backward)


@numpy_names
def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product over one `dim` or all. Integers and bools are multiplied in int64.

    >>> import rushlight
    >>> rushlight.prod(rushlight.tensor([2, 3, 4]))
    tensor(24)
    """
    x = array_of("prod", input)
    kind = dtypes.to_numpy(dtype) if dtype is not None else x.dtype if x.dtype.kind == "f" else dtypes.I64
    input = cast(input, kind)
    x = unwrap(input)
    dims = None if dim is None else (normal_dim(dim, x.ndim),)
    value = _quietly(np.multiply.reduce, x, dims if x.ndim else None, None, None, keepdim and dim is not None)
    return record(
        value, _PROD if dim is None else _PROD_DIM, (input,), (input, OUTPUT), (dims, x.shape, keepdim)
    )


# ---- var, std


def _var_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    (x,) = saved
    dims, shape, keepdim, correction = params
    factor = 2.0 / max(_count(shape, dims) - correction, 0) if _count(shape, dims) > correction else math.nan
    return (expand_like(grad, dims, shape, keepdim) * (x - mean(x, dims, True)) * factor,)


def _std_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    x, result = saved
    return _var_backward(where(result == 0, 0.0, grad / (result * 2)), (x,), params, needs)


_VAR, _STD = Rule("VarBackward0", _var_backward), Rule("StdBackward0", _std_backward)


def _moment(
    name: str, input: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any
) -> tuple[Any, ...]:
    x = array_of(name, input)
    if x.dtype.kind != "f":
        raise RuntimeError("std and var only support floating point and complex dtypes")
    if isinstance(dim, bool):  # var(x, unbiased)
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    dims, keepdim = normal_dims(dim, x.ndim), bool(keepdim)
    axis: Any = dims if x.ndim else None
    wide = x.astype(np.float64) if x.dtype != np.float64 else x  # torch accumulates in double, too
    with np.errstate(all="ignore"):
        total: Any = _add(wide, axis, None, None, True) if x.size else 0
        centred = wide - total / max(_count(x.shape, dims), 1)
        over = max(_count(x.shape, dims) - correction, 0)
        squares: Any = _add(centred * centred, axis, None, None, keepdim)
        value = np.divide(squares, np.float64(over))
    return value, x.dtype, (dims, x.shape, keepdim, correction)


@numpy_names
def var(
    input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The variance over `dim`, divided by n - correction (1 unless said; `unbiased=False` means 0).

    >>> import rushlight
    >>> rushlight.var(rushlight.tensor([1., 2., 3., 4.]))
    tensor(1.6667)
    """
    value, kind, params = _moment("var", input, dim, unbiased, keepdim, correction)
    return record(np.asarray(value, kind), _VAR, (input,), (input,), params)


@numpy_names
def std(
    input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The standard deviation: the square root of `var`; its gradient at 0 is 0.

    >>> import rushlight
    >>> rushlight.std(rushlight.tensor([1., 3.]))
    tensor(1.4142)
    """
    value, kind, params = _moment("std", input, dim, unbiased, keepdim, correction)
    return record(np.asarray(np.sqrt(value), kind), _STD, (input,), (input, OUTPUT), params)


# ---- norm, logsumexp, cumsum


def _norm_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    x, result = saved
    dims, shape, keepdim, p = params
    grad, result = expand_like(grad, dims, shape, keepdim), expand_like(result, dims, shape, keepdim)
    if p == 2:
        return (where(result == 0, 0.0, grad * (x / result)),)
    if p == 0:
        return (zeros_of(x),)
    if p == 1:
        return (grad * sign(x),)
    if math.isinf(p):
        hit = abs(x) == result
        share = expand_like(hit.sum(dims) if dims is not None else hit.sum(), dims, shape, False)
        return (where(hit, grad * ((x > 0) * 2 - 1) / share, 0.0),)
    return (where(result == 0, 0.0, grad * x * abs(x) ** (p - 2) / result ** (p - 1)),)


_NORM = Rule("LinalgVectorNormBackward0", _norm_backward)


@numpy_names
def norm(input: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
    """(sum |x|^p)^(1/p) over `dim`; p = inf is the largest absolute value, p = 0 the number of elements
    that are not 0. 'fro' is p = 2.

    >>> import rushlight
    >>> rushlight.norm(rushlight.tensor([3., 4.]))
    tensor(5.)
    """
    x = array_of("norm", input)
    if x.dtype.kind != "f":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. "
            f"Got {dtypes.scalar_name(x.dtype)}"
        )
    p = 2.0 if p in ("fro", None) else _quietly(float, p)
    dims = normal_dims(dim, x.ndim)
    axis: Any = dims if x.ndim else None
    value: Any
    with np.errstate(all="ignore"):
        if math.isinf(p):
            value = np.max(np.abs(x), axis=axis, keepdims=keepdim) if x.size else np.zeros(())
        elif p == 0:
            value = np.count_nonzero(x, axis=axis, keepdims=keepdim)
        else:
            value = _add(np.abs(x).astype(np.float64) ** p, axis, None, None, keepdim) ** (1 / p)
    return record(np.asarray(value, x.dtype), _NORM, (input,), (input, OUTPUT), (dims, x.shape, keepdim, p))


def _logsumexp_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    x, result = saved
    dims, shape, keepdim = params
    return (expand_like(grad, dims, shape, keepdim) * exp(x - expand_like(result, dims, shape, keepdim)),)


_LOGSUMEXP = Rule("LogsumexpBackward0", _logsumexp_backward)


@numpy_names
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over `dim`, without overflow.

    >>> import rushlight
    >>> rushlight.logsumexp(rushlight.tensor([1000., 1000.]), 0)
    tensor(1000.6932)
    """
    x = array_of("logsumexp", input)
    if x.dtype.kind != "f":
        input = cast(input, dtypes.default())
        x = unwrap(input)
    dims = normal_dims(dim, x.ndim)
    axis = dims if x.ndim else None
    with np.errstate(all="ignore"):
        top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, x.dtype.type(0))
        value = np.log(_add(np.exp(x - top), axis, None, None, True)) + top
    if not keepdim:
        value = value.reshape([size for i, size in enumerate(x.shape) if i not in (dims or range(x.ndim))])
    return record(value, _LOGSUMEXP, (input,), (input, OUTPUT), (dims, x.shape, keepdim))


def _cumsum_backward(grad: Any, saved: Any, dim: Any, needs: Any) -> tuple[Any]:
    return (flip(cumsum(flip(grad, (dim,)), dim), (dim,)) if grad.shape else grad,)


_CUMSUM = Rule("CumsumBackward0", _cumsum_backward)


@numpy_names
def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Tensor:
    """Running sums along `dim`. Integers and bools are summed in int64.

    >>> import rushlight
    >>> rushlight.cumsum(rushlight.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    x = array_of("cumsum", input)
    kind = dtypes.to_numpy(dtype) if dtype is not None else x.dtype if x.dtype.kind == "f" else dtypes.I64
    input = cast(input, kind)
    x = unwrap(input)
    dim = normal_dim(dim, x.ndim)
    value = _quietly(np.add.accumulate, x, dim) if x.ndim else x.copy()
    return record(value, _CUMSUM, (input,), (), dim)
