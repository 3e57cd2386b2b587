"""Questions with bool answers: eq, lt, isnan, logical_and, allclose ...; nothing here has a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _quiet, dtypes
from ._common import TensorBase, array_of, broadcast_error, is_number, unwrap, wrap

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "eq",
    "equal",
    "ge",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
]

ndarray = np.ndarray
_quietly = _quiet.apply


# For the docstrings: operands, and what the function makes of them. The doctests know whether it is true.
_EXAMPLES = {
    "eq": ("[1, 2, 3]), 2", "False,  True, False"),
    "ne": ("[1, 2, 3]), 2", " True, False,  True"),
    "lt": ("[1, 2, 3]), 2", " True, False, False"),
    "le": ("[1, 2, 3]), 2", " True,  True, False"),
    "gt": ("[1, 2, 3]), 2", "False, False,  True"),
    "ge": ("[1, 2, 3]), 2", "False,  True,  True"),
    "logical_and": ("[0, 1, 2]), 1", "False,  True,  True"),
    "logical_or": ("[0, 1, 2]), 1", "True, True, True"),
    "logical_xor": ("[0, 1, 2]), 1", " True, False, False"),
    "bitwise_and": ("[1, 2, 3]), 2", "0, 2, 2"),
    "bitwise_or": ("[1, 2, 3]), 2", "3, 2, 3"),
    "bitwise_xor": ("[1, 2, 3]), 2", "3, 0, 1"),
    "bitwise_left_shift": ("[1, 2, 3]), 2", " 4,  8, 12"),
    "bitwise_right_shift": ("[1, 2, 3]), 2", "0, 0, 0"),
    "logical_not": ("[0., 2.])", " True, False"),
    "isnan": ("[1., rushlight.nan])", "False,  True"),
    "isinf": ("[1., -rushlight.inf])", "False,  True"),
    "isfinite": ("[1., rushlight.inf])", " True, False"),
}


def _pair(name: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Both operands as arrays of the type they meet in (Python numbers are weak)."""
    x, y = array_of(name, a), unwrap(b)
    if isinstance(y, ndarray):
        if x.dtype == y.dtype:
            return x, y
    elif not is_number(y):
        raise TypeError(
            f"{name}(): argument 'other' (position 2) must be Tensor or Number, not {type(b).__name__}"
        )
    kind = dtypes.result_numpy(x, y)
    return x.astype(kind, copy=False), _quietly(
        np.asarray(y).astype, kind, copy=False
    )  # may wrap, as in torch


def _comparison(name: str, ufunc: Any, doc: str) -> Callable[[Any, Any], Tensor]:
    def operation(input: Any, other: Any) -> Any:
        x, y = _pair(name, input, other)
        try:
            value = _quietly(ufunc, x, y)
        except ValueError:
            raise broadcast_error(x.shape, y.shape) from None
        if value.dtype != np.bool_:
            value = value.astype(bool)
        return wrap(value) if isinstance(input, TensorBase) or isinstance(other, TensorBase) else value

    return _named(operation, name, doc + ", element by element; both broadcast. A bool Tensor.")


def _question(name: str, function: Callable[..., Any], doc: str) -> Callable[[Any], Tensor]:
    def operation(input: Any) -> Any:
        value = _quietly(function, array_of(name, input))
        return wrap(value) if isinstance(input, TensorBase) else value

    return _named(operation, name, doc + ", element by element. A bool Tensor.")


def _named(operation: Any, name: str, doc: str) -> Any:
    operation.__name__ = operation.__qualname__ = name
    operands, results = _EXAMPLES[name]
    example = f">>> import rushlight\n>>> rushlight.{name}(rushlight.tensor({operands})\ntensor([{results}])"
    operation.__doc__ = f"{doc}\n\n{example}\n\nSource: torch.{name}."
    operation.__module__ = __name__
    return operation


eq = _comparison("eq", np.equal, "input == other")
ne = _comparison("ne", np.not_equal, "input != other")
lt = _comparison("lt", np.less, "input < other")
le = _comparison("le", np.less_equal, "input <= other")
gt = _comparison("gt", np.greater, "input > other")
ge = _comparison("ge", np.greater_equal, "input >= other")
logical_and = _comparison("logical_and", np.logical_and, "Both are nonzero")
logical_or = _comparison("logical_or", np.logical_or, "At least one is nonzero")
logical_xor = _comparison("logical_xor", np.logical_xor, "Exactly one is nonzero")

logical_not = _question("logical_not", np.logical_not, "Is it zero")
isnan = _question("isnan", np.isnan, "Is it NaN")
isinf = _question("isinf", np.isinf, "Is it infinite")
isfinite = _question("isfinite", np.isfinite, "Is it neither infinite nor NaN")


def _bitwise(name: str, ufunc: Any, doc: str, kernel: str = "") -> Callable[[Any, Any], Tensor]:
    """`kernel`: what torch's error calls it, if that is not `name`."""

    def operation(input: Any, other: Any) -> Any:
        x, y = _pair(name, input, other)
        if x.dtype.kind == "f":
            kind = dtypes.scalar_name(x.dtype)
            raise NotImplementedError(f"\"{kernel or name}_cpu\" not implemented for '{kind}'")
        value = ufunc(x, y)
        return wrap(value) if isinstance(input, TensorBase) or isinstance(other, TensorBase) else value

    return _named(operation, name, doc + " of integers or bools, element by element; both broadcast.")


bitwise_and = _bitwise("bitwise_and", np.bitwise_and, "input & other")
bitwise_or = _bitwise("bitwise_or", np.bitwise_or, "input | other")
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor, "input ^ other")
bitwise_left_shift = _bitwise("bitwise_left_shift", np.left_shift, "input << other", "lshift")
bitwise_right_shift = _bitwise("bitwise_right_shift", np.right_shift, "input >> other", "rshift")


def bitwise_not(input: Any) -> Tensor:
    """~input: every bit of integers turned over, `not` of bools.

    >>> import rushlight
    >>> rushlight.bitwise_not(rushlight.tensor([0, 1]))
    tensor([-1, -2])
    """
    x = array_of("bitwise_not", input)
    if x.dtype.kind == "f":
        raise NotImplementedError(f"\"bitwise_not_cpu\" not implemented for '{dtypes.scalar_name(x.dtype)}'")
    value = np.invert(x)
    return wrap(value) if isinstance(input, TensorBase) else value


def isclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """|input - other| <= atol + rtol * |other|, element by element. RuntimeError for different dtypes.

    >>> import rushlight
    >>> rushlight.isclose(rushlight.tensor([1., 2.]), rushlight.tensor([1.0000001, 3.]))
    tensor([ True, False])
    """
    x, y = array_of("isclose", input), array_of("isclose", other, "other", 2)
    if x.dtype != y.dtype:
        raise RuntimeError(f"{dtypes.scalar_name(x.dtype)} did not match {dtypes.scalar_name(y.dtype)}")
    value = _quietly(np.isclose, x, y, rtol, atol, equal_nan)
    return wrap(value) if isinstance(input, TensorBase) or isinstance(other, TensorBase) else value


def allclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds everywhere.

    >>> import rushlight
    >>> rushlight.allclose(rushlight.ones(2), rushlight.ones(2) + 1e-9)
    True
    """
    return bool(unwrap(isclose(input, other, rtol, atol, equal_nan)).all())


def equal(input: Any, other: Any) -> bool:
    """Whether both have the same shape and the same elements (NaN equals nothing).

    >>> import rushlight
    >>> rushlight.equal(rushlight.ones(2), rushlight.ones(2))
    True
    """
    x, y = array_of("equal", input), array_of("equal", other, "other", 2)
    return x.shape == y.shape and bool(np.all(x == y))
