"""`Generator`: torch's mt19937 stream, and the numbers made of it. random.py has the functions users call.

The stream is 32 bits at a time; each method states how many outputs it takes and what it makes of them, since
that decides which numbers come next. NumPy supplies the raw stream, so nearly everything is vectorised.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _quiet, dtypes
from .autograd.recording import unwrap, wrap
from .ops.convert import check_device

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
        seed = _quiet.apply(int, seed)
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
            np.random.RandomState(bits).seed(
                self._seed % 2**32
            )  # the classic initialisation, as std::mt19937
            self._bits = bits
        return self._bits

    def get_state(self) -> Tensor:
        """The state as a Tensor of bytes for `set_state` (rushlight's own layout, not torch's)."""
        state = self._stream().state["state"]
        normal = math.nan if self._normal is None else self._normal
        raw = (
            np.append(state["key"], state["pos"]).astype("<u4").tobytes()
            + np.array([normal], "<f8").tobytes()
            + np.array([self._seed], "<u8").tobytes()
        )
        return wrap(np.frombuffer(raw, np.uint8).copy())

    def set_state(self, new_state: Tensor) -> Generator:
        """Go on from a state that `get_state` gave."""
        raw = np.ascontiguousarray(unwrap(new_state)).tobytes()
        if len(raw) != 625 * 4 + 16:
            raise RuntimeError(f"RNG state is wrong size: expected {625 * 4 + 16} bytes, got {len(raw)}")
        words = np.frombuffer(raw[:2500], "<u4")
        self._stream().state = {
            "bit_generator": "MT19937",
            "state": {"key": words[:624].astype(np.uint32), "pos": int(words[624])},
        }
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
        """Box-Muller on pairs of float64, by the C library; the odd one is kept for the next call."""
        values = []
        if self._normal is not None and count:
            values.append(self._normal)
            self._normal = None
        for first, second in (
            self.uniform((count - len(values) + 1) // 2 * 2, dtypes.F64).reshape(-1, 2).tolist()
        ):
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


# ---- arrays of numbers


def uniform_values(g: Generator, shape: tuple[int, ...], kind: np.dtype[Any], low: float, high: float) -> Any:
    """u * (high - low) + low, rounded once; what rounds to `high` becomes `low`. float16: in float32."""
    if kind == np.float16:
        u = uniform_values(g, shape, dtypes.F32, low, high).astype(kind)
    else:
        u = g.uniform(math.prod(shape), kind).reshape(shape)
        if (low, high) == (0, 1):
            return u  # below 1 by construction
        first, span = kind.type(low), kind.type(high) - kind.type(low)
        if kind == np.float64:
            u = _multiply_add(u, span, first)
        else:  # in float64 the product of two float32 is exact
            u = (u.astype(np.float64) * np.float64(span) + np.float64(first)).astype(kind)
    return np.where(u == kind.type(high), kind.type(low), u)


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


def normal_values(
    g: Generator,
    shape: tuple[int, ...],
    kind: np.dtype[Any],
    mean: float,
    std: float,
    contiguous: bool = True,
) -> Any:
    """z * std + mean."""
    z = g.normal(math.prod(shape), kind, contiguous).reshape(shape)
    if (mean, std) != (0, 1):
        z = (z.astype(np.float64) * std + mean) if kind != np.float64 else z * std + mean
    return _quiet.apply(z.astype, kind)


def integer_values(g: Generator, shape: tuple[int, ...], low: int, high: int) -> Any:
    """low + output % (high - low); two outputs per number from a range of 2**28 on."""
    count, span = math.prod(shape), high - low
    raw = g.bits64(count) if span >= 2**28 else g.bits32(count)
    if span < 2**64:
        raw = raw % np.uint64(span)
    return (raw + np.uint64(low % 2**64)).astype(np.int64).reshape(shape)
