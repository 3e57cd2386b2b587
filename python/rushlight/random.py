"""Random numbers: the very ones that torch's CPU generator gives for the same seed.

Normals from 16 elements on agree to the last bit or two (torch has its own log, sin and cos), in float16
roughly; everything else agrees exactly. The stream itself is in generator.py, filling in place in
ops/filling.py.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _quiet, dtypes
from .autograd.recording import unwrap, wrap
from .generator import Generator, integer_values, normal_values, uniform_values
from .ops._common import array_of, broadcast_shape, int_of
from .ops.convert import check_device, want_grad
from .ops.creation import size_args

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "seed",
    "set_rng_state",
]

default_generator = Generator()
default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Start the stream of `seed`: from here on the numbers are torch's.

    >>> import rushlight
    >>> _ = rushlight.manual_seed(0)
    >>> rushlight.rand(2), rushlight.randint(0, 10, (3,))
    (tensor([0.4963, 0.7682]), tensor([3, 0, 3]))
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start from a seed that nobody knows yet, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the stream started from.

    >>> import rushlight
    >>> rushlight.initial_seed() >= 0
    True
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state, for `set_rng_state`."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Go on from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


def _float_kind(function: str, dtype: Any) -> np.dtype[Any]:
    kind = dtypes.default() if dtype is None else dtypes.to_numpy(dtype)
    if kind.kind != "f":
        raise NotImplementedError(f"\"{function}\" not implemented for '{dtypes.scalar_name(kind)}'")
    return kind


def _of(generator: Generator | None) -> Generator:
    return default_generator if generator is None else generator


# ---- new Tensors


def rand(
    *args: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform in [0, 1). One output per float32, two per float64.

    >>> import rushlight
    >>> _ = rushlight.manual_seed(0)
    >>> rushlight.rand(2)
    tensor([0.4963, 0.7682])
    """
    check_device(device)
    shape = size_args("rand", args if size is None else (size,))
    return want_grad(
        wrap(uniform_values(_of(generator), shape, _float_kind("check_uniform_bounds", dtype), 0, 1)),
        requires_grad,
    )


def randn(
    *args: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal. Fewer than 16: two float64 uniforms per pair; else one uniform per element.

    >>> import rushlight
    >>> rushlight.randn(2, 3).shape
    torch.Size([2, 3])
    """
    check_device(device)
    shape = size_args("randn", args if size is None else (size,))
    return want_grad(
        wrap(normal_values(_of(generator), shape, _float_kind("normal_kernel_cpu", dtype), 0, 1)),
        requires_grad,
    )


def randint(
    *args: Any,
    low: int | None = None,
    high: int | None = None,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers in [low, high): randint(high, size) or randint(low, high, size). int64 by default.

    >>> import rushlight
    >>> rushlight.randint(5, 6, (2,))
    tensor([5, 5])
    """
    check_device(device)
    given = list(args)
    if given and isinstance(given[-1], (tuple, list)) and size is None:
        size = given.pop()
    if len(given) == 2:
        low, high = given
    elif len(given) == 1:
        low, high = (0, given[0]) if high is None else (given[0], high)
    low = 0 if low is None else low
    if high is None or size is None:
        raise TypeError("randint() needs high and size: randint(high, size) or randint(low, high, size)")
    low, high = int_of("randint", "low", low), int_of("randint", "high", high)
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    kind = dtypes.I64 if dtype is None else dtypes.to_numpy(dtype)
    shape = size_args("randint", (tuple(size),))
    return want_grad(wrap(integer_values(_of(generator), shape, low, high).astype(kind)), requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """0 to n - 1 in random order: position i is swapped with i + output % (n - i), up to i = n - 2.

    >>> import rushlight
    >>> rushlight.randperm(4).sort().values
    tensor([0, 1, 2, 3])
    """
    check_device(device)
    n = int_of("randperm", "n", n)
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got{n}")
    order = _quiet.apply(np.arange, operator.index(n)).tolist()
    if n > 1:
        steps = _of(generator).bits32(n - 1) % np.arange(n, 1, -1).astype(np.uint64)
        for i, step in enumerate(steps.tolist()):
            j = i + step
            order[i], order[j] = order[j], order[i]
    kind = dtypes.I64 if dtype is None else dtypes.to_numpy(dtype)
    return want_grad(wrap(np.array(order, kind)), requires_grad)


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers: `size` of them, or one per element of the Tensors `mean` and `std`.

    >>> import rushlight
    >>> rushlight.normal(rushlight.zeros(2), rushlight.ones(2)).shape
    torch.Size([2])
    """
    check_device(device)
    if size is not None:
        if not isinstance(size, (tuple, list)):
            raise TypeError(f"normal(): argument 'size' must be tuple of ints, not {type(size).__name__}")
        sizes = size_args("normal", (size,))
        centre, spread = _float("mean", mean), _float("std", std)
        if not spread >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {spread:g}")
        values = normal_values(_of(generator), sizes, _float_kind("normal_kernel_cpu", dtype), centre, spread)
        return want_grad(wrap(values), requires_grad)
    numbers = [isinstance(each, (bool, int, float)) for each in (mean, std)]
    if all(numbers):
        raise TypeError("normal(): argument 'size' is needed where 'mean' and 'std' are numbers, not Tensors")
    of_mean = _float("mean", mean) if numbers[0] else array_of("normal", mean, "mean")
    of_std = _float("std", std) if numbers[1] else array_of("normal", std, "std", 2)
    kind = dtypes.result_numpy(*(each for each in (of_mean, of_std) if not isinstance(each, float)))
    if kind.kind != "f":
        raise NotImplementedError(f"\"normal_kernel_cpu\" not implemented for '{dtypes.scalar_name(kind)}'")
    if np.any(np.asarray(of_std) < 0):
        raise RuntimeError("normal expects all elements of std >= 0.0")
    shape = broadcast_shape(np.shape(of_mean), np.shape(of_std))
    drawn = normal_values(_of(generator), shape, kind, 0, 1)
    return wrap(_quiet.apply(lambda: (drawn * of_std + of_mean).astype(kind)))


def _float(name: str, value: Any) -> float:
    """A number, or a Tensor of one element, as a float."""
    value = unwrap(value)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if not isinstance(value, (int, float, np.bool_, np.integer, np.floating)):
        raise TypeError(f"normal(): argument '{name}' must be float, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"normal(): argument '{name}' is an int too large for a float") from None


def bernoulli(input: Any, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability `input` gives for each element, else 0; one uniform of its dtype each.

    With `p`, that probability for all elements of a Tensor like `input`; one float64 uniform each.

    >>> import rushlight
    >>> rushlight.bernoulli(rushlight.tensor([0., 1.]))
    tensor([0., 1.])
    """
    chance = array_of("bernoulli", input)
    if p is not None:
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        drawn = _of(generator).uniform(chance.size, dtypes.F64).reshape(chance.shape)
        return wrap((drawn < p).astype(chance.dtype))
    if chance.size and not (np.all(chance >= 0) and np.all(chance <= 1)):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    kind = _float_kind("bernoulli_tensor_cpu_p_", dtypes.of(chance.dtype))
    drawn = _of(generator).uniform(chance.size, kind).reshape(chance.shape)
    return wrap((drawn < chance).astype(chance.dtype))


def rand_like(
    input: Any,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """`rand` in the shape (and dtype, unless given) of `input`.

    >>> import rushlight
    >>> rushlight.rand_like(rushlight.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    x = array_of("rand_like", input)
    return rand(x.shape, generator=generator, dtype=dtype or dtypes.of(x.dtype), requires_grad=requires_grad)


def randn_like(
    input: Any,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """`randn` in the shape (and dtype, unless given) of `input`.

    >>> import rushlight
    >>> rushlight.randn_like(rushlight.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    x = array_of("randn_like", input)
    return randn(x.shape, generator=generator, dtype=dtype or dtypes.of(x.dtype), requires_grad=requires_grad)


def randint_like(
    input: Any,
    *args: int,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """`randint` in the shape (and dtype, unless given) of `input`.

    >>> import rushlight
    >>> rushlight.randint_like(rushlight.zeros(2), 3, 4)
    tensor([3., 3.])
    """
    x = array_of("randint_like", input)
    return randint(
        *args, x.shape, generator=generator, dtype=dtype or dtypes.of(x.dtype), requires_grad=requires_grad
    )
