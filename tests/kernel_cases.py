"""Convolutions and poolings as values: a case draws its own arrays and checks `_core` against the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

import oracle
from rushlight import _core

# Bytes of a vector, to place sizes around tile edges. The reference has no tiles; any small number serves.
VECTOR_BYTES = {"avx512": 64, "avx2": 32, "baseline": 16, "reference": 8}

INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]


@contextmanager
def using(isa: str | None = None, threads: int | None = None) -> Iterator[None]:
    """Another ISA or number of threads, for loops inside a test."""
    before = _core.isa(), _core.num_threads()
    try:
        _core.set_isa(isa or before[0])
        _core.set_num_threads(threads or before[1])
        yield
    finally:
        _core.set_isa(before[0])
        _core.set_num_threads(before[1])


def draw(dtype: str, *shape: int, seed: int = 0) -> np.ndarray:
    """Normal floats, or integers over the whole range of their type."""
    rng = np.random.default_rng([seed, *shape])
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


@dataclass(frozen=True)
class Conv:
    """A convolution's sizes. Padding is (top, bottom, left, right)."""

    N: int = 1
    C: int = 1
    H: int = 5
    W: int = 5
    K: int = 1
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def x_size(self) -> tuple[int, ...]:
        return self.N, self.C, self.H, self.W

    @property
    def w_size(self) -> tuple[int, ...]:
        return self.K, self.C // self.groups, *self.kernel

    @property
    def y_size(self) -> tuple[int, ...]:
        out = oracle.conv2d_size((self.H, self.W), self.kernel, self.stride, self.padding, self.dilation)
        return self.N, self.K, *out

    @property
    def options(self) -> tuple[Any, ...]:
        return self.stride, self.padding, self.dilation, self.groups

    def arrays(self, dtype: str) -> tuple[np.ndarray, ...]:
        """x, w, b, dy"""
        sizes = self.x_size, self.w_size, (self.K,), self.y_size
        return tuple(draw(dtype, *size, seed=i) for i, size in enumerate(sizes))


@lru_cache(maxsize=64)
def conv_answers(case: Conv, dtype: str) -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """By direction: the oracle's answer, the sums of absolute products, the number of products."""
    x, w, b, dy = case.arrays(dtype)
    taps = case.kernel[0] * case.kernel[1]
    pixels = int(np.prod(case.y_size)) // max(case.K, 1)

    def both(function, *arrays, terms, sizes=()):
        absolute = function(*map(abs, arrays), *sizes, *case.options)
        return function(*arrays, *sizes, *case.options), absolute, terms

    return {
        "forward": both(oracle.conv2d_forward, x, w, b, terms=case.w_size[1] * taps + 1),
        "grad_input": both(
            oracle.conv2d_grad_input, dy, w, sizes=[case.x_size], terms=case.K // case.groups * taps
        ),
        "grad_weight": both(oracle.conv2d_grad_weight, dy, x, sizes=[case.w_size], terms=pixels),
        "grad_bias": (oracle.conv2d_grad_bias(dy), oracle.conv2d_grad_bias(abs(dy)), pixels),
    }


def run_conv(case: Conv, x, w, b, dy) -> dict[str, np.ndarray]:
    """All four directions through `_core`."""
    return {
        "forward": _core.conv2d_forward(x, w, b, *case.options),
        "grad_input": _core.conv2d_backward_input(dy, w, case.x_size, *case.options),
        "grad_weight": _core.conv2d_backward_weight(dy, x, case.w_size, *case.options),
        "grad_bias": _core.conv2d_backward_bias(dy),
    }


def check_conv(case: Conv, dtype: str = "float32") -> None:
    got = run_conv(case, *case.arrays(dtype))
    for direction, (want, scale, terms) in conv_answers(case, dtype).items():
        what = f"{direction} of {case}, {dtype}, {_core.isa()}"
        assert got[direction].dtype == dtype, what
        oracle.assert_close(got[direction], want, scale, terms, what)


def check_conv_integer(case: Conv, dtype: str) -> None:
    x, w, b, _ = case.arrays(dtype)
    want = oracle.conv2d_forward(x, w, b, *case.options).astype(dtype)
    got = _core.conv2d_forward(x, w, b, *case.options)
    oracle.assert_same_bits(got, want, f"{case}, {dtype}, {_core.isa()}")


@dataclass(frozen=True)
class Pool:
    """A max pooling's sizes. Padding is (top, bottom, left, right), at most half the kernel."""

    N: int = 1
    C: int = 1
    H: int = 5
    W: int = 5
    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    ceil_mode: bool = False

    @property
    def x_size(self) -> tuple[int, ...]:
        return self.N, self.C, self.H, self.W

    @property
    def options(self) -> tuple[Any, ...]:
        return self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode


def check_pool(case: Pool, x: np.ndarray) -> None:
    """Forward with and without indices, and the gradient where there is one, all to the bit."""
    what = f"{case}, {x.dtype}, {_core.isa()}"
    y, indices = oracle.max_pool2d_forward(x, *case.options)
    got, got_indices = _core.max_pool2d_forward(x, *case.options, True)
    oracle.assert_same_bits(got, y, what)
    oracle.assert_same_bits(got_indices, indices, f"indices of {what}")
    oracle.assert_same_bits(_core.max_pool2d_forward(x, *case.options, False), y, f"without indices: {what}")
    if x.dtype.kind == "f" and y.size and indices.max() < case.H * case.W:
        dy = draw(str(x.dtype), *y.shape)
        want = oracle.max_pool2d_grad_input(dy, indices, x.shape)
        oracle.assert_same_bits(_core.max_pool2d_backward(dy, indices, x.shape), want, f"gradient of {what}")
