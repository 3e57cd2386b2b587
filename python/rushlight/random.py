"""Random numbers, the very ones that torch's CPU generator gives for the same seed.

The stream is mt19937, 32 bits at a time; each function below states how many outputs it takes and what it makes of
them, since that is what decides which numbers come next. NumPy supplies the raw stream, so everything is vectorised
except the swaps of `randperm`. Normals from 16 elements on agree to the last bit or two (torch has its own log, sin
and cos); everything else agrees exactly.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .autograd.graph import unwrap, wrap
from .ops._common import array_of
from .ops.convert import check_device, want_grad
from .ops.creation import size_args

if TYPE_CHECKING:
    from .tensor import Tensor

_TWO_PI = 2.0 * math.pi


class Generator:
    """A source of random numbers with its own state; pass it as `generator=`.

    >>> import rushlight
    >>> g = rushlight.Generator().manual_seed(0)
    >>> rushlight.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    """

    def __init__(self, device: Any = "cpu") -> None:
        check_device(device)
        self._bits: Any = None  # numpy.random is imported with the first number
        self._seed = 67280421310721  # torch's seed of a new Generator
        self._normal: float | None = None  # the second number of a Box-Muller pair, not yet given out

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of `seed` (its low 32 bits count); returns the generator itself."""
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = seed % 2**64
        self._bits = None
        self._normal = None
        return self

    def seed(self) -> int:
        """Start from a seed that nobody knows yet, and return it."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little") >> 1)
        return self._seed

    def initial_seed(self) -> int:
        """The seed the stream started from."""
        return self._seed

    def _stream(self) -> Any:
        if self._bits is None:
            bits = np.random.MT19937()
            np.random.RandomState(bits).seed(self._seed % 2**32)  # the classic initialisation, as std::mt19937
            self._bits = bits
        return self._bits

    def get_state(self) -> Tensor:
        """The state as a Tensor of bytes for `set_state` (rushlight's own layout, not torch's)."""
        state = self._stream().state["state"]
        normal = math.nan if self._normal is None else self._normal
        raw = (np.append(state["key"], state["pos"]).astype("<u4").tobytes() + np.array([normal], "<f8").tobytes()
               + np.array([self._seed], "<u8").tobytes())
        return wrap(np.frombuffer(raw, np.uint8).copy())

    def set_state(self, new_state: Tensor) -> Generator:
        """Go on from a state that `get_state` gave."""
        raw = np.ascontiguousarray(unwrap(new_state)).tobytes()
        if len(raw) != 625 * 4 + 16:
            raise RuntimeError(f"RNG state is wrong size: expected {625 * 4 + 16} bytes, got {len(raw)}")
        words = np.frombuffer(raw[:2500], "<u4")
        self._stream().state = {"bit_generator": "MT19937", "state": {"key": words[:624].astype(np.uint32),
                                                                    "pos": int(words[624])}}
        normal = float(np.frombuffer(raw[2500:2508], "<f8")[0])
        self._normal = None if math.isnan(normal) else normal
        self._seed = int(np.frombuffer(raw[2508:], "<u8")[0])
        return self

    # ---- raw draws; each output is one step of the stream

    def bits32(self, count: int) -> Any:
        """`count` outputs, as uint64."""
        return self._stream().random_raw(count)

    def bits64(self, count: int) -> Any:
        """`count` numbers of two outputs each, the first one high."""
        raw = self.bits32(2 * count)
        return (raw[0::2] << np.uint64(32)) | raw[1::2]

    def uniform(self, count: int, kind: np.dtype[Any]) -> Any:
        """`count` numbers in [0, 1): 53 random bits in float64, 24 in float32, these rounded in float16."""
        if kind == np.float64:
            return (self.bits64(count) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53
        drawn = (self.bits32(count) & np.uint64(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)
        return drawn.astype(kind, copy=False)

    def normal(self, count: int, kind: np.dtype[Any], contiguous: bool = True) -> Any:
        """`count` standard normal numbers, in float64 (fewer than 16) or `kind`."""
        return self._normal_blocks(count, kind) if count >= 16 and contiguous else self._normal_pairs(count)

    def _normal_pairs(self, count: int) -> Any:
        """Box-Muller on pairs of float64, by the C library as torch does; the odd one is kept for the next call."""
        values = []
        if self._normal is not None and count:
            values.append(self._normal)
            self._normal = None
        for first, second in self.uniform((count - len(values) + 1) // 2 * 2, dtypes.F64).reshape(-1, 2).tolist():
            radius = math.sqrt(-2.0 * math.log1p(-second))
            values += [radius * math.cos(_TWO_PI * first), radius * math.sin(_TWO_PI * first)]
        if len(values) > count:
            self._normal = values.pop()
        return np.array(values, np.float64)

    def _normal_blocks(self, count: int, kind: np.dtype[Any]) -> Any:
        """Box-Muller on blocks of 16 uniforms, 8 radii and 8 angles; a broken last block is drawn anew."""
        x = self.uniform(count, kind)
        whole = count - count % 16
        x[:whole] = _block(x[:whole])
        if whole != count:
            x[-16:] = _block(self.uniform(16, kind))
        return x


def _block(u: Any) -> Any:
    u = u.reshape(-1, 2, 8)
    kind = u.dtype.type
    radius, angle = np.sqrt(kind(-2) * np.log(kind(1) - u[:, 0])), kind(_TWO_PI) * u[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)


default_generator = Generator()
default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Start the stream of `seed`: from here on the numbers are torch's.

    >>> import rushlight
    >>> _ = rushlight.manual_seed(0)
    >>> rushlight.rand(2), rushlight.randint(0, 10, (3,))
    (tensor([0.4963, 0.7682]), tensor([9, 3, 0]))
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start from a seed that nobody knows yet, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the stream started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state, for `set_rng_state`."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Go on from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


# ---- values: what fills an array of `shape`


def _float_kind(function: str, dtype: Any) -> np.dtype[Any]:
    kind = dtypes.default() if dtype is None else dtypes.to_numpy(dtype)
    if kind.kind != "f":
        raise NotImplementedError(f'"{function}" not implemented for \'{dtypes.scalar_name(kind)}\'')
    return kind


def uniform_values(g: Generator, shape: tuple[int, ...], kind: np.dtype[Any], low: float, high: float) -> Any:
    """u * (high - low) + low, rounded once."""
    u = g.uniform(math.prod(shape), kind).reshape(shape)
    if (low, high) == (0, 1):
        return u
    first, last = kind.type(low), kind.type(high)
    if kind == np.float64:
        return _multiply_add(u, last - first, first)
    return (u.astype(np.float64) * np.float64(last - first) + np.float64(first)).astype(kind)  # the product is exact


def _multiply_add(a: Any, b: Any, c: Any) -> Any:
    """a * b + c in float64 with (nearly always) one rounding, by Dekker's product and Knuth's sum."""
    split = 134217729.0  # 2**27 + 1
    high_a, high_b = a * split - (a * split - a), b * split - (b * split - b)
    low_a, low_b = a - high_a, b - high_b
    product = a * b
    product_error = low_a * low_b - (((product - high_a * high_b) - low_a * high_b) - high_a * low_b)
    total = product + c
    part = total - product
    return total + (((product - (total - part)) + (c - part)) + product_error)


def normal_values(g: Generator, shape: tuple[int, ...], kind: np.dtype[Any], mean: float, std: float,
                  contiguous: bool = True) -> Any:
    """z * std + mean."""
    z = g.normal(math.prod(shape), kind, contiguous).reshape(shape)
    if (mean, std) != (0, 1):
        z = (z.astype(np.float64) * std + mean) if kind != np.float64 else z * std + mean
    return z.astype(kind)


def integer_values(g: Generator, shape: tuple[int, ...], low: int, high: int) -> Any:
    """low + output % (high - low); two outputs per number from a range of 2**28 on."""
    count, span = math.prod(shape), high - low
    raw = g.bits64(count) if span >= 2**28 else g.bits32(count)
    if span < 2**64:
        raw = raw % np.uint64(span)
    return (raw + np.uint64(low % 2**64)).astype(np.int64).reshape(shape)


def _of(generator: Generator | None) -> Generator:
    return default_generator if generator is None else generator


# ---- new Tensors


def rand(*args: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, device: Any = None,
         requires_grad: bool = False) -> Tensor:
    """Uniform in [0, 1). One output per float32, two per float64.

    >>> import rushlight
    >>> _ = rushlight.manual_seed(0)
    >>> rushlight.rand(2)
    tensor([0.4963, 0.7682])
    """
    check_device(device)
    shape = size_args("rand", args if size is None else (size,))
    return want_grad(wrap(uniform_values(_of(generator), shape, _float_kind("check_uniform_bounds", dtype), 0, 1)),
                     requires_grad)


def randn(*args: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, device: Any = None,
          requires_grad: bool = False) -> Tensor:
    """Standard normal. Fewer than 16: two float64 uniforms per pair; else one uniform per element."""
    check_device(device)
    shape = size_args("randn", args if size is None else (size,))
    return want_grad(wrap(normal_values(_of(generator), shape, _float_kind("normal_kernel_cpu", dtype), 0, 1)),
                     requires_grad)


def randint(*args: Any, low: int | None = None, high: int | None = None, size: Any = None,
            generator: Generator | None = None, dtype: Any = None, device: Any = None,
            requires_grad: bool = False) -> Tensor:
    """Integers in [low, high): randint(high, size) or randint(low, high, size). int64 unless `dtype` is given."""
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
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    kind = dtypes.I64 if dtype is None else dtypes.to_numpy(dtype)
    shape = size_args("randint", (tuple(size),))
    return want_grad(wrap(integer_values(_of(generator), shape, int(low), int(high)).astype(kind)), requires_grad)


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:
    """The numbers 0 to n - 1 in random order: position i is swapped with i + output % (n - i), for i up to n - 2."""
    check_device(device)
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got{n}")
    order = list(range(n))
    if n > 1:
        steps = _of(generator).bits32(n - 1) % np.arange(n, 1, -1).astype(np.uint64)
        for i, step in enumerate(steps.tolist()):
            j = i + step
            order[i], order[j] = order[j], order[i]
    kind = dtypes.I64 if dtype is None else dtypes.to_numpy(dtype)
    return want_grad(wrap(np.array(order, kind)), requires_grad)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: Any = None,
           device: Any = None, requires_grad: bool = False) -> Tensor:
    """Normal numbers: `size` of them with one mean and std, or one per element of the Tensors `mean` and `std`."""
    check_device(device)
    centre, spread = unwrap(mean), unwrap(std)
    if size is not None:
        values = normal_values(_of(generator), size_args("normal", (tuple(size),)), _float_kind("normal_kernel_cpu", dtype),
                          float(centre), float(spread))
        return want_grad(wrap(values), requires_grad)
    if np.any(np.asarray(spread) < 0):
        raise RuntimeError("normal expects all elements of std >= 0.0")
    kind = dtypes.result_numpy(centre, spread)
    shape = np.broadcast_shapes(np.shape(centre), np.shape(spread))
    return wrap((normal_values(_of(generator), shape, kind, 0, 1) * spread + centre).astype(kind))


def bernoulli(input: Any, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that `input` gives for each element, else 0; one uniform of its dtype per element."""
    p = array_of("bernoulli", input)
    if p.size and not (np.all(p >= 0) and np.all(p <= 1)):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    drawn = _of(generator).uniform(p.size, _float_kind("bernoulli_tensor_cpu_p_", dtypes.of(p.dtype)))
    return wrap((drawn.reshape(p.shape) < p).astype(p.dtype))


def rand_like(input: Any, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
              requires_grad: bool = False, memory_format: Any = None) -> Tensor:
    """`rand` in the shape (and dtype, unless given) of `input`."""
    x = array_of("rand_like", input)
    return rand(x.shape, generator=generator, dtype=dtype or dtypes.of(x.dtype), requires_grad=requires_grad)


def randn_like(input: Any, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
               requires_grad: bool = False, memory_format: Any = None) -> Tensor:
    """`randn` in the shape (and dtype, unless given) of `input`."""
    x = array_of("randn_like", input)
    return randn(x.shape, generator=generator, dtype=dtype or dtypes.of(x.dtype), requires_grad=requires_grad)


def randint_like(input: Any, *args: int, generator: Generator | None = None, dtype: Any = None, device: Any = None,
                 requires_grad: bool = False, memory_format: Any = None) -> Tensor:
    """`randint` in the shape (and dtype, unless given) of `input`."""
    x = array_of("randint_like", input)
    return randint(*args, x.shape, generator=generator, dtype=dtype or dtypes.of(x.dtype),
                   requires_grad=requires_grad)
