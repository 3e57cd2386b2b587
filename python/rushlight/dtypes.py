"""Element types under torch's names, their NumPy twins, and torch's rules for mixing them.

Inside rushlight an array's element type is its NumPy dtype; `dtype` objects are what users see. Nothing here
looks at values.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

__all__ = [
    "bool",
    "can_cast",
    "double",
    "dtype",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "half",
    "iinfo",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "promote_types",
    "set_default_dtype",
    "short",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]


class dtype:
    """An element type, printed as torch prints it. NumPy takes it wherever it takes a dtype.

    >>> import numpy, rushlight
    >>> rushlight.float32, rushlight.float32.is_floating_point, rushlight.float32.itemsize
    (torch.float32, True, 4)
    >>> numpy.zeros(1, dtype=rushlight.int16).dtype
    dtype('int16')
    """

    __slots__ = ("dtype", "name", "scalar_name", "type_name")

    def __init__(self, name: str, scalar_name: str) -> None:
        self.name = name
        self.dtype = np.dtype(name)  # the attribute by which NumPy recognises dtype-like objects
        self.scalar_name = scalar_name  # "Float": how error texts spell it
        self.type_name = f"torch.{scalar_name}Tensor"

    @property
    def is_floating_point(self) -> builtins.bool:
        return self.dtype.kind == "f"

    @property
    def is_complex(self) -> builtins.bool:
        return False

    @property
    def is_signed(self) -> builtins.bool:
        return self.dtype.kind in "fi"

    @property
    def itemsize(self) -> builtins.int:
        return self.dtype.itemsize

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return of, (self.name,)


_TABLE = {
    np.dtype(name): dtype(name, scalar)
    for name, scalar in (
        ("float32", "Float"),
        ("float64", "Double"),
        ("float16", "Half"),
        ("int64", "Long"),
        ("int32", "Int"),
        ("int16", "Short"),
        ("int8", "Char"),
        ("uint8", "Byte"),
        ("bool", "Bool"),
        ("uint16", "UInt16"),
        ("uint32", "UInt32"),
        ("uint64", "UInt64"),
    )
}

float32 = float = _TABLE[np.dtype("float32")]
float64 = double = _TABLE[np.dtype("float64")]
float16 = half = _TABLE[np.dtype("float16")]
int64 = long = _TABLE[np.dtype("int64")]
int32 = int = _TABLE[np.dtype("int32")]
int16 = short = _TABLE[np.dtype("int16")]
int8 = _TABLE[np.dtype("int8")]
uint8 = _TABLE[np.dtype("uint8")]
uint16 = _TABLE[np.dtype("uint16")]
uint32 = _TABLE[np.dtype("uint32")]
uint64 = _TABLE[np.dtype("uint64")]
bool = _TABLE[np.dtype("bool")]

F32, F64, I64, BOOL = np.dtype("float32"), np.dtype("float64"), np.dtype("int64"), np.dtype("bool")
_SUPPORTED = "float64, float32, float16, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool"

_default = F32


def get_default_dtype() -> dtype:
    """The dtype of Tensors made from Python floats: torch.float32 unless changed.

    >>> import rushlight
    >>> rushlight.get_default_dtype()
    torch.float32
    """
    return _TABLE[_default]


def set_default_dtype(d: dtype) -> None:
    """Make Python floats become `d` (torch.float32 or torch.float64, or torch.float16)."""
    global _default
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _default = d.dtype


def default() -> np.dtype[Any]:
    return _default


def of(given: Any) -> dtype:
    """The `dtype` of a NumPy dtype, its name, or a `dtype`."""
    if isinstance(given, dtype):
        return given
    try:
        return _TABLE[np.dtype(given).newbyteorder("=")]
    except KeyError:
        raise unsupported(np.dtype(given)) from None


def to_numpy(given: Any) -> np.dtype[Any]:
    """The NumPy dtype of a user's `dtype=`: a `dtype`, a NumPy dtype or type, or bool, int, float."""
    if isinstance(given, dtype):
        return given.dtype
    if given is builtins.float:
        return F64
    if isinstance(given, str) or given is None:
        raise TypeError(f"dtype must be a torch.dtype or a NumPy dtype, not {type(given).__name__}")
    return of(given).dtype


def unsupported(given: np.dtype[Any]) -> TypeError:
    return TypeError(
        f"can't convert np.ndarray of type {'numpy.' + given.type.__name__}. The only supported types are: "
        f"{_SUPPORTED}."
    )


def type_name(given: np.dtype[Any]) -> str:
    """'torch.FloatTensor' for float32: Tensor.type() and some error texts."""
    return of(given).type_name


def scalar_name(given: np.dtype[Any]) -> str:
    """'Float' for float32, as in "result type Float can't be cast to ...": error texts."""
    return of(given).scalar_name


def is_supported(given: np.dtype[Any]) -> builtins.bool:
    return given in _TABLE


# ---- mixing types: torch/docs "Type Promotion"

_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


def category(given: np.dtype[Any]) -> builtins.int:
    """0 bool, 1 integer, 2 floating point; TypeError for any other."""
    try:
        return _CATEGORY[given.kind]
    except KeyError:
        raise TypeError(f"expected an array of booleans, integers or floats, but got dtype {given}") from None


def promote(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """The type for both, by torch's table: an integer never widens a float."""
    if a == b:
        return a
    if category(a) != category(b):
        return a if category(a) > category(b) else b
    return np.promote_types(a, b)


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype to which both can be converted, without regard to values.

    >>> import rushlight
    >>> rushlight.promote_types(rushlight.int64, rushlight.float16)
    torch.float16
    """
    return _TABLE[promote(_numpy_of("promote_types", type1), _numpy_of("promote_types", type2))]


def result_numpy(*operands: Any) -> np.dtype[Any]:
    """The NumPy dtype an operation on these arrays and Python numbers works in.

    Arrays with dimensions decide; a 0-dim array counts only if it is of a higher category (bool < integer <
    float), and a Python number only if its category is higher than both (a float is then the default dtype).
    """
    ranks: list[np.dtype[Any] | None] = [None, None, None]  # Python numbers, 0-dim, with dimensions
    for operand in operands:
        if isinstance(operand, np.ndarray):
            rank, kind = (2 if operand.ndim else 1), operand.dtype
        else:
            rank, kind = 0, number_dtype(operand)
        held = ranks[rank]
        ranks[rank] = kind if held is None else promote(held, kind)
    present = [kind for kind in ranks if kind is not None]
    result = present[0]
    for kind in present[1:]:
        if category(kind) >= category(result):
            result = kind
    return result


def number_dtype(number: Any) -> np.dtype[Any]:
    """bool -> bool, int -> int64, float -> the default dtype."""
    if isinstance(number, (builtins.bool, np.bool_)):
        return BOOL
    if isinstance(number, (builtins.int, np.integer)):
        return I64
    if isinstance(number, (builtins.float, np.floating)):
        return _default
    raise TypeError(f"expected a Tensor or a number, not {type(number).__name__}")


def can_cast(from_: dtype, to: dtype) -> builtins.bool:
    """Whether an in-place result of `from_` may be written into `to`: never to a lower category.

    >>> import rushlight
    >>> rushlight.can_cast(rushlight.float32, rushlight.int64)
    False
    """
    return category(_numpy_of("can_cast", from_)) <= category(_numpy_of("can_cast", to))


def _numpy_of(function: str, given: Any) -> np.dtype[Any]:
    if not isinstance(given, dtype):
        raise TypeError(f"{function}(): expected a dtype, not {type(given).__name__}")
    return given.dtype


class finfo:
    """Limits of a floating dtype (the default one if none is given), as Python floats.

    >>> import rushlight
    >>> rushlight.finfo(rushlight.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: Any = None) -> None:
        kind = _default if type is None else of(type).dtype
        if kind.kind != "f":
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{of(kind)}'"
            )
        info = np.finfo(kind)
        self.bits = kind.itemsize * 8
        self.eps, self.tiny, self.resolution = (
            builtins.float(value) for value in (info.eps, info.tiny, info.resolution)
        )
        self.max, self.min = builtins.float(info.max), builtins.float(info.min)
        self.smallest_normal = self.tiny
        self.dtype = kind.name

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.tiny:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype.

    >>> import rushlight
    >>> rushlight.iinfo(rushlight.int8).max
    127
    """

    def __init__(self, type: Any) -> None:
        kind = of(type).dtype
        if kind.kind not in "iu":
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{of(kind)}'"
            )
        info = np.iinfo(kind)
        self.bits, self.max, self.min, self.dtype = (
            info.bits,
            builtins.int(info.max),
            builtins.int(info.min),
            kind.name,
        )

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
