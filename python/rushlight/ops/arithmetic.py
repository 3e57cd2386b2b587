"""Arithmetic on two operands: add, sub, mul, div, pow, remainder, maximum ... under torch's broadcasting and
type rules, each with its gradient rule above it. The in-place forms are in inplace.py.

Operands are Tensors, ndarrays (constants) or Python numbers (which never widen a Tensor's type). Two ndarrays
give an ndarray. Gradients are summed back over broadcast dimensions; a rule's `params` holds the two shapes
if they differ, else None.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .._quiet import apply
from ._common import Rule, is_number, record, sum_to, unwrap, zeros_of
from .binary import Operation, binary
from .pointwise import floor, log, reciprocal, trunc
from .selection import where

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "add",
    "div",
    "divide",
    "floor_divide",
    "fmod",
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "pow",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
]

ndarray = np.ndarray


# ---- add, sub


def _add_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    if shapes is None:
        return grad, grad
    return sum_to(grad, shapes[0]) if needs[0] else None, sum_to(grad, shapes[1]) if needs[1] else None


def _sub_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    a, b = shapes or (grad.shape, grad.shape)
    return sum_to(grad, a) if needs[0] else None, sum_to(-grad, b) if needs[1] else None


ADD = Operation("add", np.add, Rule("AddBackward0", _add_backward))
SUB = Operation("sub", np.subtract, Rule("SubBackward0", _sub_backward))
RSUB = Operation("sub", np.subtract, Rule("RsubBackward1", _sub_backward))


def add(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input + alpha * other, broadcast.

    >>> import rushlight
    >>> rushlight.add(rushlight.tensor([1., 2.]), 10)
    tensor([11., 12.])
    """
    return binary(ADD, input, other if alpha == 1 else scaled(input, other, alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """input - alpha * other, broadcast. Two bool Tensors: RuntimeError, as in torch.

    >>> import rushlight
    >>> rushlight.sub(rushlight.tensor([1., 2.]), 1)
    tensor([0., 1.])
    """
    return binary(SUB, input, other if alpha == 1 else scaled(input, other, alpha))


def rsub(input: Any, other: Any) -> Tensor:
    """other - input: what `2 - tensor` calls."""
    return binary(RSUB, other, input)


def scaled(a: Any, b: Any, alpha: float) -> Any:
    if isinstance(alpha, builtins.float) and dtypes.result_numpy(unwrap(a), unwrap(b)).kind != "f":
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return b * alpha


# ---- mul, div


def _mul_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    a, b = saved
    da = grad * b if needs[0] else None
    db = grad * a if needs[1] else None
    if shapes is not None:
        da = None if da is None else sum_to(da, shapes[0])
        db = None if db is None else sum_to(db, shapes[1])
    return da, db


def _div_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    a, b = saved
    to_a, to_b = shapes or (grad.shape, grad.shape)
    return (
        sum_to(grad / b, to_a) if needs[0] else None,
        sum_to(-grad * (a / b / b), to_b) if needs[1] else None,
    )


MUL = Operation("mul", np.multiply, Rule("MulBackward0", _mul_backward, ((1,), (0,))), "crossed")
DIV = Operation(
    "div", np.true_divide, Rule("DivBackward0", _div_backward, ((1,), (0, 1))), "both", floats=True
)


def mul(input: Any, other: Any) -> Tensor:
    """input * other, broadcast.

    >>> import rushlight
    >>> rushlight.mul(rushlight.tensor([[1.], [2.]]), rushlight.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    return binary(MUL, input, other)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, broadcast; integers give floats, unless `rounding_mode` is 'floor' or 'trunc'.

    >>> import rushlight
    >>> rushlight.tensor([3, -3]) / 2
    tensor([ 1.5000, -1.5000])
    >>> rushlight.div(rushlight.tensor([3, -3]), 2, rounding_mode="trunc")
    tensor([ 1, -1])
    """
    if rounding_mode is None:
        return binary(DIV, input, other)
    if rounding_mode not in _ROUNDED:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return binary(_ROUNDED[rounding_mode], input, other)


def rdiv(input: Any, other: Any) -> Tensor:
    """other / input: what `2 / tensor` calls."""
    return binary(DIV, other, input) if isinstance(other, ndarray) else mul(reciprocal(input), other)


# ---- quotients and remainders, whole numbers


def _no_gradient(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    raise RuntimeError("derivative for aten::floor_divide is not implemented")


def _flat_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    a, b = shapes or (grad.shape, grad.shape)
    return sum_to(zeros_of(grad), a) if needs[0] else None, sum_to(zeros_of(grad), b) if needs[1] else None


def _remainder_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    a, b = saved
    to_a, to_b = shapes or (grad.shape, grad.shape)
    return (
        sum_to(grad, to_a) if needs[0] else None,
        sum_to(-grad * floor(a / b), to_b) if needs[1] else None,
    )


def _fmod_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    a, b = saved
    to_a, to_b = shapes or (grad.shape, grad.shape)
    return (
        sum_to(grad, to_a) if needs[0] else None,
        sum_to(-grad * trunc(a / b), to_b) if needs[1] else None,
    )


def _whole(name: str, function: Any) -> Any:
    """Integers divided by zero raise in torch, where NumPy gives 0; bools cannot be divided."""

    def checked(x: Any, y: Any) -> Any:
        if x.dtype == np.bool_:
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
        if x.dtype.kind in "iu" and not np.all(y):
            raise RuntimeError("ZeroDivisionError")
        return function(x, y)

    return checked


def _remainder(x: Any, y: Any) -> Any:
    """np.remainder, except that a zero keeps the sign of `x`, as in torch."""
    if x.dtype.kind != "f":
        return np.remainder(x, y)
    rest = np.fmod(x, y)
    return np.where((rest != 0) & ((y < 0) != (rest < 0)), rest + y, rest)


def _trunc_divide(x: Any, y: Any) -> Any:
    return np.trunc(x / y) if x.dtype.kind == "f" else (x - np.fmod(x, y)) // y


FLOOR_DIVIDE = Operation(
    "floor_divide", _whole("div_floor", np.floor_divide), Rule("NotImplemented", _no_gradient)
)
REMAINDER = Operation(
    "remainder",
    _whole("remainder", _remainder),
    Rule("RemainderBackward1", _remainder_backward),
    "both",
    scalar="RemainderBackward0",
)
FMOD = Operation(
    "fmod", _whole("fmod", np.fmod), Rule("FmodBackward1", _fmod_backward), "both", scalar="FmodBackward0"
)
_ROUNDED = {
    "floor": Operation(
        "div",
        _whole("div_floor", np.floor_divide),
        Rule("DivBackward2", _flat_backward),
        scalar="DivBackward1",
    ),
    "trunc": Operation(
        "div", _whole("div_trunc", _trunc_divide), Rule("DivBackward2", _flat_backward), scalar="DivBackward1"
    ),
}


def floor_divide(input: Any, other: Any) -> Tensor:
    """floor(input / other). RuntimeError for integers divided by zero; no gradient, as in torch.

    >>> import rushlight
    >>> rushlight.floor_divide(rushlight.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    return binary(FLOOR_DIVIDE, input, other)


def remainder(input: Any, other: Any) -> Tensor:
    """input modulo other, with the sign of `other` (Python's %).

    >>> import rushlight
    >>> rushlight.remainder(rushlight.tensor([7, -7]), 3)
    tensor([1, 2])
    """
    return binary(REMAINDER, input, other)


def fmod(input: Any, other: Any) -> Tensor:
    """input modulo other, with the sign of `input` (C's fmod).

    >>> import rushlight
    >>> rushlight.fmod(rushlight.tensor([7, -7]), 3)
    tensor([ 1, -1])
    """
    return binary(FMOD, input, other)


# ---- pow


def _power(x: Any, y: Any) -> Any:
    """np.power, with C's answers for negative exponents of integers, and squares as products."""
    if x.dtype == np.bool_:
        raise NotImplementedError("\"pow\" not implemented for 'Bool'")
    if y.ndim == 0 and y == 2:
        return x * x
    if x.dtype.kind != "i" or not np.any(y < 0):
        return np.power(x, y)
    odd = np.where(y % 2 == 0, 1, -1)
    flipped = np.where(x == 1, 1, np.where(x == -1, odd, 0))
    return np.where(y < 0, flipped, np.power(x, np.maximum(y, 0))).astype(x.dtype)


def _pow_scalar_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    base, exponent = saved
    if exponent == 2:
        return (grad * (base * 2),)
    if exponent == 0:
        return (zeros_of(grad),)
    return (grad * (exponent * base ** (exponent - 1)),)


def _pow_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    a, b, result = saved
    to_a, to_b = shapes or (grad.shape, grad.shape)
    da = db = None
    if needs[0]:
        da = sum_to(where(b == 0, 0.0, grad * (b * a ** (b - 1))), to_a)
    if needs[1]:
        db = sum_to(grad * where((a == 0) & (b >= 0), 0.0, result * log(a)), to_b)
    return da, db


_POW_SCALAR = Rule("PowBackward0", _pow_scalar_backward)
POW = Operation("pow", _power, Rule("PowBackward1", _pow_backward), "result")
RPOW = Operation("pow", _power, Rule("PowBackward2", _pow_backward), "result")


def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent, broadcast; the gradients of 0 ** 0 are 0, as in torch.

    >>> import rushlight
    >>> x = rushlight.tensor([1., 2., 3.], requires_grad=True)
    >>> (x ** 2).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """
    if is_number(exponent) and not is_number(input) and hasattr(unwrap(input), "dtype"):
        kind = unwrap(input).dtype
        if kind.kind in "iub" and isinstance(exponent, builtins.int):
            if exponent < 0:
                raise RuntimeError("Integers to negative integer powers are not allowed.")
            if kind.kind == "b" and isinstance(exponent, builtins.bool):
                return input | (not exponent)  # True ** False is True
        if kind.kind == "f":
            x, y = unwrap(input), apply(np.array, exponent, kind)
            value = apply(np.multiply, x, x) if exponent == 2 else apply(np.power, x, y)
            return record(value, _POW_SCALAR, (input,), (input, y))
    return binary(RPOW if is_number(input) else POW, input, exponent)


# ---- maximum, minimum


def _larger_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    a, b = saved
    return _pick_backward(grad, a == b, a < b, b < a, shapes, needs)


def _smaller_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    a, b = saved
    return _pick_backward(grad, a == b, b < a, a < b, shapes, needs)


def _pick_backward(grad: Any, tie: Any, lost_a: Any, lost_b: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    """The winner's gradient; equal operands get half each, and with a NaN nobody has lost."""
    to_a, to_b = shapes or (grad.shape, grad.shape)
    shared = where(tie, grad / 2, grad)
    return (
        sum_to(where(lost_a, 0.0, shared), to_a) if needs[0] else None,
        sum_to(where(lost_b, 0.0, shared), to_b) if needs[1] else None,
    )


MAXIMUM = Operation("maximum", np.maximum, Rule("MaximumBackward0", _larger_backward), "both")
MINIMUM = Operation("minimum", np.minimum, Rule("MinimumBackward0", _smaller_backward), "both")


def maximum(input: Any, other: Any) -> Tensor:
    """The larger of two, element by element; NaN wins; equal elements share the gradient.

    >>> import rushlight
    >>> rushlight.maximum(rushlight.tensor([1, 5]), rushlight.tensor([3, 2]))
    tensor([3, 5])
    """
    return binary(MAXIMUM, input, other)


def minimum(input: Any, other: Any) -> Tensor:
    """The smaller of two, element by element; NaN wins; equal elements share the gradient.

    >>> import rushlight
    >>> rushlight.minimum(rushlight.tensor([1, 5]), rushlight.tensor([3, 2]))
    tensor([1, 2])
    """
    return binary(MINIMUM, input, other)


subtract, multiply, divide, true_divide = sub, mul, div, div
