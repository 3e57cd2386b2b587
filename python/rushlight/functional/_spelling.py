"""How arguments may be spelled: int or pair, NumPy integers, four-sided padding; the TypeErrors of others.

Spelling only: whether a stride may be zero or a kernel fits its image is for the operators in C++ to say.
`where` opens every message, for example "max_pool2d():".
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Union, cast

import numpy as np

from ..autograd import TensorBase, unwrap, wrap

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = np.ndarray[Any, Any]
ArrayOrTensor = Union[Array, "Tensor"]
Ints = Union[int, "tuple[int, ...]", "list[int]"]
Pair = tuple[int, int]
Sides = tuple[int, int, int, int]  # top, bottom, left, right

_LIMIT = 2**63


def type_of(value: Any) -> str:
    """A value's type as torch's messages write it: 'float', 'NoneType', 'numpy.ndarray', 'Tensor'."""
    if isinstance(value, TensorBase):
        return "Tensor"
    kind = type(value)
    if kind.__module__ != "numpy" and hasattr(value, "__dlpack__"):
        return f"{kind.__module__}.{kind.__name__}, which rushlight.from_dlpack makes one"
    return f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__


def array_of(where: str, name: str, position: int, value: Any) -> Array:
    """The ndarray of a Tensor or ndarray argument."""
    if isinstance(value, TensorBase):
        return value._data
    if isinstance(value, np.ndarray):
        return value
    raise TypeError(
        f"{where} argument '{name}' (position {position}) must be Tensor or numpy.ndarray, "
        f"not {type_of(value)}"
    )


def as_tensors(*values: Any) -> tuple[tuple[Any, ...], Callable[[Any], Any]]:
    """The values with ndarrays made Tensors, and the function that gives the result back: as a Tensor if one
    of them was a Tensor, else as an ndarray. For operations that are made of several others.
    """
    found = any(isinstance(value, TensorBase) for value in values)
    tensors = tuple(wrap(value) if isinstance(value, np.ndarray) else value for value in values)
    return tensors, _unchanged if found else unwrap


def _unchanged(value: Any) -> Any:
    return value


def integer(value: Any) -> int | None:
    """`value` as an int if it is one in torch's eyes (NumPy's count, bools do not), else None."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        number = operator.index(value)
    except TypeError:
        return None
    if not -_LIMIT <= number < _LIMIT:
        raise ValueError(f"Overflow when unpacking long long: {number} does not fit in 64 bits")
    return number


def one_int(where: str, name: str, position: int, value: Any) -> int:
    """A single int."""
    number = integer(value)
    if number is None:
        raise TypeError(f"{where} argument '{name}' (position {position}) must be int, not {type_of(value)}")
    return number


def ints(where: str, name: str, position: int, value: Any) -> tuple[int, ...]:
    """An int as a tuple of one; a tuple or list of ints as a tuple, whatever its length."""
    if isinstance(value, (tuple, list)):
        return several_ints(where, name, position, value)
    number = integer(value)
    if number is None:
        raise TypeError(
            f"{where} argument '{name}' (position {position}) must be tuple of ints, not {type_of(value)}"
        )
    return (number,)


def pair(where: str, name: str, position: int, value: Any, wrong_length: str) -> Pair:
    """An int, a tuple of one or a tuple of two, as a pair (height first).

    Any other length raises `wrong_length`, a text with {name}, {values} and {size} to be filled in.
    """
    if type(value) is int and -_LIMIT <= value < _LIMIT:  # the usual spellings first
        return value, value
    if _is_pair(value):
        return cast(Pair, value)
    numbers = ints(where, name, position, value)
    if len(numbers) == 1:
        return numbers[0], numbers[0]
    if len(numbers) != 2:
        raise RuntimeError(wrong_length.format(name=name, values=list(numbers), size=len(numbers)))
    return numbers[0], numbers[1]


def _is_pair(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 2:
        return False
    a, b = value
    return type(a) is int and type(b) is int and -_LIMIT <= a < _LIMIT and -_LIMIT <= b < _LIMIT


def sides(where: str, name: str, position: int, value: Any, wrong_length: str) -> Sides:
    """Padding as four ints: from what `pair` takes, or from ((top, bottom), (left, right))."""
    if type(value) is not int and not _is_pair(value):
        nested = four_sides(where, name, position, value)
        if nested is not None:
            return nested
    rows, columns = pair(where, name, position, value, wrong_length)
    return rows, rows, columns, columns


def several_ints(where: str, name: str, position: int, value: Any) -> tuple[int, ...]:
    """A tuple or list of ints (a single int is a TypeError)."""
    if not isinstance(value, (tuple, list)):
        raise TypeError(
            f"{where} argument '{name}' (position {position}) must be tuple of ints, not {type_of(value)}"
        )
    numbers = []
    for at, item in enumerate(value):
        number = item if type(item) is int and -_LIMIT <= item < _LIMIT else integer(item)
        if number is None:
            raise TypeError(
                f"{where} argument '{name}' (position {position}) must be tuple of ints, "
                f"but found element of type {type_of(item)} at pos {at}"
            )
        numbers.append(number)
    return tuple(numbers)


def four_sides(where: str, name: str, position: int, value: Any) -> Sides | None:
    """((top, bottom), (left, right)) as four ints; None if `value` is not nested at all."""
    if not isinstance(value, (tuple, list)) or not any(isinstance(side, (tuple, list)) for side in value):
        return None
    if len(value) != 2 or any(not isinstance(side, (tuple, list)) or len(side) != 2 for side in value):
        raise TypeError(
            f"{where} argument '{name}' (position {position}) must be tuple of ints "
            f"or ((top, bottom), (left, right)), not {value!r}"
        )
    top, bottom = several_ints(where, name, position, value[0])
    left, right = several_ints(where, name, position, value[1])
    return top, bottom, left, right


def flag(where: str, name: str, position: int, value: Any) -> bool:
    """True or False and nothing else."""
    if type(value) is not bool:
        raise TypeError(f"{where} argument '{name}' (position {position}) must be bool, not {type_of(value)}")
    return value


def number(where: str, name: str, position: int, value: Any) -> float:
    """An int, float, bool, NumPy number or Tensor of one element, as a Python number."""
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, (np.generic, TensorBase)) and unwrap(value).size == 1:
        return cast(float, unwrap(value).item())
    raise TypeError(f"{where} argument '{name}' (position {position}) must be Number, not {type_of(value)}")


def floating(where: str, name: str, position: int, value: Any) -> float:
    """The same as a float; ValueError for an int beyond all floats."""
    try:
        return float(number(where, name, position, value))
    except OverflowError:
        raise ValueError(
            f"{where} argument '{name}' (position {position}) is too large for a float"
        ) from None
