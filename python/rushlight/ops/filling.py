"""Random numbers into an existing Tensor: uniform_, normal_, random_, bernoulli_. The streams are those of
../random.py; a recorded Tensor's old content gets a gradient of zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes, random
from ..autograd.inplace import check, record_inplace
from ..generator import Generator, integer_values, normal_values, uniform_values
from ._common import Rule, TensorBase, unwrap, zeros_of

if TYPE_CHECKING:
    from ..tensor import Tensor


def _fill_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (zeros_of(grad),)


_RULES = {
    name: Rule(f"{name}Backward0", _fill_backward) for name in ("Uniform", "Normal", "Random", "Bernoulli")
}


def _of(generator: Generator | None) -> Generator:
    return random.default_generator if generator is None else generator


def _in_memory_order(array: Any, values: Any) -> Any:
    """Drawn numbers given to an array's elements in the order of their memory, as torch does."""
    if array.flags.c_contiguous:
        return values.reshape(array.shape)
    order = sorted(range(array.ndim), key=lambda dim: -abs(array.strides[dim]))
    values = values.reshape([array.shape[dim] for dim in order])
    return values.transpose([order.index(dim) for dim in range(array.ndim)])


def _floating(function: str, input: Any) -> np.dtype[Any]:
    check(input)
    kind: np.dtype[Any] = input._data.dtype
    if kind.kind != "f":
        raise NotImplementedError(f"\"{function}\" not implemented for '{dtypes.scalar_name(kind)}'")
    return kind


def uniform_(
    input: Any, from_: float = 0, to: float = 1, *, generator: Generator | None = None, **named: float
) -> Tensor:
    """Every element uniform in [from, to), in place."""
    low = float(named.pop("from", from_))
    if named:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(named))}'")
    kind = _floating("check_uniform_bounds", input)
    if low > to:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={to:g}"
        )
    array = input._data
    values = _in_memory_order(array, uniform_values(_of(generator), (array.size,), kind, low, float(to)))
    return record_inplace(input, values, _RULES["Uniform"], (input,))


def normal_(input: Any, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Every element normal with the given mean and standard deviation, in place."""
    kind = _floating("normal_kernel_cpu", input)
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    array = input._data
    values = normal_values(_of(generator), (array.size,), kind, mean, std, array.flags.c_contiguous)
    values = _in_memory_order(array, values)
    return record_inplace(input, values, _RULES["Normal"], (input,))


def random_(input: Any, *limits: int, generator: Generator | None = None) -> Tensor:
    """Whole numbers in place: random_(to), random_(from, to), or without limits all the dtype can hold (for
    floats up to where they stop being exact)."""
    check(input)
    array, g = input._data, _of(generator)
    if limits:
        low, high = (0, limits[0]) if len(limits) == 1 else limits
        if low >= high:
            raise RuntimeError(
                f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
            )
        values = integer_values(g, (array.size,), int(low), int(high))
    else:
        values = _any_number(g, array)
    return record_inplace(
        input, _in_memory_order(array, values.astype(array.dtype)), _RULES["Random"], (input,)
    )


def _any_number(g: Generator, array: Any) -> Any:
    """0 to the largest value of an integer type, or to 2 ** (bits of the significand)."""
    kind = array.dtype
    if kind.kind == "b":
        return g.bits32(array.size) & np.uint64(1)
    if kind.kind == "f":
        top = 2 ** {2: 11, 4: 24, 8: 53}[kind.itemsize]
        return (g.bits64 if kind.itemsize == 8 else g.bits32)(array.size) % np.uint64(top + 1)
    raw = (g.bits64 if kind.itemsize == 8 else g.bits32)(array.size)
    return raw & np.uint64(np.iinfo(kind).max)


def bernoulli_(input: Any, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """1 with probability p, else 0, in place. p is a number (one float64 uniform per element) or a Tensor."""
    check(input)
    array = input._data
    limit = unwrap(p)
    if np.any(np.asarray(limit) < 0) or np.any(np.asarray(limit) > 1):
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={limit}")
    kind = limit.dtype if isinstance(p, TensorBase) else dtypes.F64
    drawn = _in_memory_order(array, _of(generator).uniform(array.size, kind))
    return record_inplace(input, (drawn < limit).astype(array.dtype), _RULES["Bernoulli"], (input,))
