"""Python's operators for Tensors: +, -, @, <, +=, ~ ... An operand that is no Tensor, ndarray or number makes
the operator return NotImplemented, from which Python makes its TypeError (or, for ==, False)."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from . import arithmetic, comparison, inplace, linalg, pointwise
from ._common import TensorBase
from .binary import Operation, binary

_OPERAND = (TensorBase, builtins.float, builtins.int, np.ndarray, np.number, np.bool_)


def _operator(op: Operation) -> Any:
    def method(self: Any, other: Any) -> Any:
        return binary(op, self, other) if isinstance(other, _OPERAND) else NotImplemented

    return method


def _reflected(op: Operation) -> Any:
    def method(self: Any, other: Any) -> Any:
        return binary(op, other, self) if isinstance(other, _OPERAND) else NotImplemented

    return method


def _calling(function: Any) -> Any:
    def method(self: Any, other: Any) -> Any:
        return function(self, other) if isinstance(other, _OPERAND) else NotImplemented

    return method


def _calling_reflected(function: Any) -> Any:
    def method(self: Any, other: Any) -> Any:
        return function(other, self) if isinstance(other, _OPERAND) else NotImplemented

    return method


def _positive(input: Any) -> Any:
    if input._data.dtype == np.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


class Operators(TensorBase):
    """The operators, mixed into Tensor."""

    __slots__ = ()

    __add__ = _operator(arithmetic.ADD)
    __radd__ = _operator(arithmetic.ADD)  # as torch: `2 + x` is x + 2
    __sub__ = _operator(arithmetic.SUB)
    __rsub__ = _reflected(arithmetic.RSUB)
    __mul__ = _operator(arithmetic.MUL)
    __rmul__ = _operator(arithmetic.MUL)
    __truediv__ = _operator(arithmetic.DIV)
    __rtruediv__ = _calling(arithmetic.rdiv)
    __floordiv__ = _operator(arithmetic.FLOOR_DIVIDE)
    __rfloordiv__ = _reflected(arithmetic.FLOOR_DIVIDE)
    __mod__ = _operator(arithmetic.REMAINDER)
    __rmod__ = _reflected(arithmetic.REMAINDER)
    __pow__ = _calling(arithmetic.pow)
    __rpow__ = _calling_reflected(arithmetic.pow)
    __matmul__ = _calling(linalg.matmul)
    __rmatmul__ = _calling_reflected(linalg.matmul)

    __iadd__ = _calling(inplace.add_)
    __isub__ = _calling(inplace.sub_)
    __imul__ = _calling(inplace.mul_)
    __itruediv__ = _calling(inplace.div_)
    __ifloordiv__ = _calling(inplace.floor_divide_)
    __imod__ = _calling(inplace.remainder_)
    __ipow__ = _calling(inplace.pow_)

    __neg__ = pointwise.neg
    __pos__ = _positive
    __abs__ = pointwise.abs
    __invert__ = comparison.bitwise_not

    __eq__ = _calling(comparison.eq)
    __ne__ = _calling(comparison.ne)
    __lt__ = _calling(comparison.lt)
    __le__ = _calling(comparison.le)
    __gt__ = _calling(comparison.gt)
    __ge__ = _calling(comparison.ge)
    __and__ = _calling(comparison.bitwise_and)
    __rand__ = _calling(comparison.bitwise_and)
    __or__ = _calling(comparison.bitwise_or)
    __ror__ = _calling(comparison.bitwise_or)
    __xor__ = _calling(comparison.bitwise_xor)
    __rxor__ = _calling(comparison.bitwise_xor)
    __lshift__ = _calling(comparison.bitwise_left_shift)
    __rshift__ = _calling(comparison.bitwise_right_shift)

    def __hash__(self) -> int:
        return id(self)
