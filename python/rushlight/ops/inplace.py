"""In-place operations: add_, mul_, fill_, copy_ and their like. The out-of-place operation's own rule is
recorded; what is particular to writing in place (who may, versions, views) is in autograd/inplace.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _quiet, dtypes
from ..autograd.grad_mode import MODE
from ..autograd.inplace import check, record_inplace, replaced, snapshot, written
from ..autograd.recording import edge_of
from . import arithmetic, pointwise, rearrange, selection
from ._common import (
    Rule,
    TensorBase,
    array_of,
    broadcast_error,
    cast,
    filling,
    is_number,
    sum_to,
    unwrap,
    zeros_of,
)
from .binary import Operation, binary

if TYPE_CHECKING:
    from ..tensor import Tensor

_quietly = _quiet.apply


def _overwrite(target: Any, result: Any) -> Any:
    """Put the result of an out-of-place operation, history included, in the place of `target`."""
    value = unwrap(result)
    if value.shape != target._data.shape:
        raise RuntimeError(
            f"output with shape {list(target._data.shape)} doesn't match the broadcast shape "
            f"{list(value.shape)}"
        )
    if value.dtype != target._data.dtype:
        if dtypes.category(value.dtype) > dtypes.category(target._data.dtype):
            raise RuntimeError(
                f"result type {dtypes.scalar_name(value.dtype)} can't be cast to the desired output "
                f"type {dtypes.scalar_name(target._data.dtype)}"
            )
        result = _quietly(cast, result, target._data.dtype)
        value = unwrap(result)
    np.copyto(target._data, value)
    return written(target, replaced(result, target))


def _binary_(op: Operation, target: Any, other: Any) -> Any:
    """target = op(target, other), in place."""
    check(target)
    if MODE.enabled:
        gives = edge_of(other) is not None
        if gives or edge_of(target) is not None:
            # the old content is overwritten below: keep a copy if other's gradient, or a two-sided rule,
            # reads it
            old = snapshot(target) if op.keeps and (gives or op.keeps != "crossed") else target
            return _overwrite(target, binary(op, old, other))
    x, y = target._data, unwrap(other)
    if is_number(y) and x.dtype.kind == "f":
        y = _quietly(np.array, y, x.dtype)
    if (
        isinstance(y, np.ndarray)
        and y.dtype == x.dtype
        and (x.dtype.kind == "f" or not (op.floats or x.dtype.kind == "b"))
        and isinstance(op.ufunc, np.ufunc)
    ):
        try:
            _quietly(op.ufunc, x, y, x)
        except ValueError:
            shape = broadcast_error(x.shape, y.shape)
            try:
                wide = np.broadcast_shapes(x.shape, y.shape)
            except ValueError:
                raise shape from None
            raise RuntimeError(
                f"output with shape {list(x.shape)} doesn't match the broadcast shape {list(wide)}"
            ) from None
        return written(target)
    return _overwrite(target, binary(op, target, other))


def add_(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input += alpha * other, in place. The result must fit the input's shape and kind of dtype."""
    return _binary_(arithmetic.ADD, input, other if alpha == 1 else arithmetic.scaled(input, other, alpha))


def sub_(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input -= alpha * other, in place."""
    return _binary_(arithmetic.SUB, input, other if alpha == 1 else arithmetic.scaled(input, other, alpha))


def mul_(input: Any, other: Any) -> Tensor:
    """input *= other, in place."""
    return _binary_(arithmetic.MUL, input, other)


def div_(input: Any, other: Any) -> Tensor:
    """input /= other, in place; RuntimeError for integers, whose quotient is a float."""
    return _binary_(arithmetic.DIV, input, other)


def floor_divide_(input: Any, other: Any) -> Tensor:
    """input //= other, in place."""
    return _binary_(arithmetic.FLOOR_DIVIDE, input, other)


def remainder_(input: Any, other: Any) -> Tensor:
    """input %= other, in place."""
    return _binary_(arithmetic.REMAINDER, input, other)


def pow_(input: Any, exponent: Any) -> Tensor:
    """input **= exponent, in place."""
    check(input)
    return _overwrite(input, arithmetic.pow(snapshot(input) if MODE.enabled else input, exponent))


def in_place(name: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    """The in-place twin `name` of an operation, by its out-of-place rule."""

    def operation(input: Any, *args: Any, **kwargs: Any) -> Any:
        check(input)
        old = snapshot(input) if MODE.enabled and edge_of(input) is not None else input
        return _overwrite(input, function(old, *args, **kwargs))

    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = f"`{name[:-1]}`, in place."
    operation.__module__ = __name__
    return operation


abs_ = in_place("abs_", pointwise.abs)
clip_ = in_place("clip_", pointwise.clamp)
ceil_ = in_place("ceil_", pointwise.ceil)
clamp_ = in_place("clamp_", pointwise.clamp)
clamp_max_ = in_place("clamp_max_", pointwise.clamp_max)
clamp_min_ = in_place("clamp_min_", pointwise.clamp_min)
exp_ = in_place("exp_", pointwise.exp)
floor_ = in_place("floor_", pointwise.floor)
log_ = in_place("log_", pointwise.log)
masked_fill_ = in_place("masked_fill_", selection.masked_fill)
neg_ = in_place("neg_", pointwise.neg)
reciprocal_ = in_place("reciprocal_", pointwise.reciprocal)
round_ = in_place("round_", pointwise.round)
rsqrt_ = in_place("rsqrt_", pointwise.rsqrt)
sigmoid_ = in_place("sigmoid_", pointwise.sigmoid)
sign_ = in_place("sign_", pointwise.sign)
sqrt_ = in_place("sqrt_", pointwise.sqrt)
square_ = in_place("square_", pointwise.square)
tanh_ = in_place("tanh_", pointwise.tanh)
trunc_ = in_place("trunc_", pointwise.trunc)
tril_ = in_place("tril_", rearrange.tril)
triu_ = in_place("triu_", rearrange.triu)


# ---- new content: the old one gets a gradient of zeros


def _fill_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    return zeros_of(grad) if needs[0] else None, grad.sum() if needs[1] else None


def _copy_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    shape, kind = params
    return (zeros_of(grad) if needs[0] else None, cast(sum_to(grad, shape), kind) if needs[1] else None)


_ZERO, _FILL = Rule("ZeroBackward0", _fill_backward), Rule("FillBackward0", _fill_backward)
_FILL_TENSOR = Rule("FillBackward1", _fill_backward)
_COPY = Rule("CopyBackwards", _copy_backward)


def zero_(input: Any) -> Tensor:
    """Every element 0, in place."""
    return _fill(input, 0, _ZERO)


def fill_(input: Any, value: Any) -> Tensor:
    """Every element `value` (a number or a 0-dim Tensor), in place.

    >>> import rushlight
    >>> rushlight.zeros(2).fill_(3)
    tensor([3., 3.])
    """
    if isinstance(value, TensorBase) and value._data.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions."
        )
    return _fill(input, value, _FILL_TENSOR if isinstance(value, TensorBase) else _FILL)


def _fill(target: Any, value: Any, rule: Rule) -> Any:
    number = unwrap(value)
    if not isinstance(number, np.ndarray) and not is_number(number):
        raise TypeError(f"fill_(): argument 'value' (position 1) must be Number, not {type(value).__name__}")
    return record_inplace(target, filling(number, target._data.dtype), rule, (target, value))


def copy_(input: Any, other: Any, non_blocking: bool = False) -> Tensor:
    """`other` (broadcast, converted to this dtype) into `input`, in place; differentiable."""
    value = array_of("copy_", other, "other")
    target = input._data
    if value.ndim and value.shape != target.shape:
        try:
            fits = np.broadcast_shapes(value.shape, target.shape) == target.shape
        except ValueError:
            raise broadcast_error(target.shape, value.shape) from None
        if not fits:
            raise RuntimeError(
                f"output with shape {list(target.shape)} doesn't match the broadcast shape "
                f"{list(np.broadcast_shapes(value.shape, target.shape))}"
            )
    check(input)
    if other is input:
        return written(input)
    return record_inplace(input, value, _COPY, (input, other), (), (value.shape, value.dtype))
