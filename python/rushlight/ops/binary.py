"""How two operands meet: types, broadcasting, the recorded result. The operations: arithmetic.py."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from .. import dtypes
from .._quiet import STATE, apply, enter, leave
from ._common import OUTPUT, Rule, TensorBase, broadcast_error, cast, is_number, record, unwrap, wrap

ndarray = np.ndarray


class Operation:
    """A two-operand operation: its ufunc, its rule, and what its rule needs kept.

    keeps   "" nothing; "crossed": a for b's gradient, b for a's; "both"; "result": both and the result
    floats  integer operands are first made floating point (true division)
    scalar  the rule's name when the second operand is no Tensor, if torch has another one there
    """

    __slots__ = ("floats", "keeps", "name", "rule", "scalar_rule", "ufunc")

    def __init__(
        self, name: str, ufunc: Any, rule: Rule, keeps: str = "", floats: bool = False, scalar: str = ""
    ) -> None:
        self.name = name
        self.ufunc = ufunc
        self.rule = rule
        self.keeps = keeps
        self.floats = floats
        self.scalar_rule = Rule(scalar, rule.backward) if scalar else rule


def binary(op: Operation, a: Any, b: Any) -> Any:
    """The recorded result; operands of different types go through `_meet` first."""
    rule = op.rule
    if isinstance(a, TensorBase) and isinstance(b, TensorBase):
        x, y = a._data, b._data
        if x.dtype is not y.dtype or (op.floats and x.dtype.kind != "f"):
            a, b, x, y = _meet(op, a, b)
    else:
        if not isinstance(b, TensorBase):
            rule = op.scalar_rule
        a, b, x, y = _meet(op, a, b)
    token = enter(STATE)
    try:
        value = op.ufunc(x, y)
    except ValueError:
        raise broadcast_error(x.shape, y.shape) from None
    except TypeError:  # the one thing NumPy refuses: True - True
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. "
            "Use the `^` or `logical_xor()` operator instead."
        ) from None
    finally:
        leave(token)
    keeps = op.keeps
    saved = () if not keeps else (a, b) if keeps != "result" else (a, b, OUTPUT)
    return record(value, rule, (a, b), saved, None if x.shape == y.shape else (x.shape, y.shape))


def _meet(op: Operation, a: Any, b: Any) -> tuple[Any, Any, Any, Any]:
    """(a, b, array of a, array of b) in the type they meet in. Python numbers become 0-dim arrays."""
    x, y = unwrap(a), unwrap(b)
    if (type(y) is builtins.float or type(y) is builtins.int) and isinstance(x, ndarray):
        kind = x.dtype
        if (kind is dtypes.F32 or kind is dtypes.F64) and -3e38 < y < 3e38:
            y = np.array(y, kind)  # the usual case: floats times a Python number
            return a, y, x, y
    if not isinstance(x, ndarray) and not isinstance(y, ndarray):
        if not (is_number(x) and is_number(y)):
            raise _operand_type(op, a, b)
        a = wrap(apply(np.asarray, x, dtypes.number_dtype(x)))  # torch.add(1, 2) is a Tensor
        x = a._data
    try:
        kind = dtypes.result_numpy(x, y)
    except TypeError:
        raise _operand_type(op, a, b) from None
    dtypes.category(kind)  # TypeError for objects, whose own operators must not run
    if op.name == "sub" and _is_bool(x) != _is_bool(y):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert "
            "a mask, use the `~` or `logical_not()` operator instead."
        )
    if op.floats and kind.kind != "f":
        kind = dtypes.default()
    a, b = _as_kind(a, kind), _as_kind(b, kind)
    return a, b, unwrap(a), unwrap(b)


def _is_bool(value: Any) -> bool:
    return isinstance(value, builtins.bool) or getattr(value, "dtype", None) == np.bool_


def _as_kind(value: Any, kind: np.dtype[Any]) -> Any:
    if is_number(value):
        return apply(np.array(value).astype, kind)  # wraps round like torch where the number does not fit
    return cast(value, kind)


def _operand_type(op: Operation, a: Any, b: Any) -> TypeError:
    for position, value in enumerate((a, b)):
        if not (is_number(value) or isinstance(value, (TensorBase, ndarray))):
            name = "input" if position == 0 else "other"
            return TypeError(
                f"{op.name}(): argument '{name}' (position {position + 1}) must be Tensor or Number, "
                f"not {type(value).__name__}"
            )
    return TypeError(f"{op.name}(): unsupported operands")
