"""conv_transpose2d at `_core` level: the oracle on every ISA, guards, threads, bits, NaN, integers, layouts.

It is conv2d with the roles exchanged, so the oracle is conv2d's, which asks no question about sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

import oracle
from guard import Guards, guarded_outputs
from kernel_cases import VECTOR_BYTES, draw, using
from rushlight import _core

FLOATS = pytest.mark.parametrize("dtype", ["float32", "float64"])


@dataclass(frozen=True)
class Transposed:
    """A transposed convolution's sizes; padding is (rows, columns)."""

    N: int = 1
    C: int = 1
    H: int = 5
    W: int = 5
    K: int = 1
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    output_padding: tuple[int, int] = (0, 0)
    groups: int = 1
    dilation: tuple[int, int] = (1, 1)

    @property
    def x_size(self) -> tuple[int, ...]:
        return self.N, self.C, self.H, self.W

    @property
    def w_size(self) -> tuple[int, ...]:
        return self.C, self.K // self.groups, *self.kernel

    @property
    def y_size(self) -> tuple[int, ...]:
        sizes = zip(
            (self.H, self.W),
            self.stride,
            self.padding,
            self.dilation,
            self.kernel,
            self.output_padding,
            strict=True,
        )
        return self.N, self.K, *((n - 1) * s - 2 * p + d * (k - 1) + 1 + o for n, s, p, d, k, o in sizes)

    @property
    def options(self) -> tuple[Any, ...]:
        return self.stride, self.padding, self.output_padding, self.groups, self.dilation

    @property
    def convolution(self) -> tuple[Any, ...]:
        """The options of the conv2d whose roles are exchanged."""
        rows, columns = self.padding
        return self.stride, (rows, rows, columns, columns), self.dilation, self.groups

    def arrays(self, dtype: str) -> tuple[np.ndarray, ...]:
        """x, w, b, dy"""
        sizes = self.x_size, self.w_size, (self.K,), self.y_size
        return tuple(draw(dtype, *size, seed=i) for i, size in enumerate(sizes))


def answers(case: Transposed, x, w, b, dy) -> dict[str, np.ndarray]:
    """All directions by the oracle. conv2d's own output may be larger where pixels are left over: cut off."""
    forward = oracle.conv2d_grad_input(x, w, case.y_size, *case.convolution) + b[:, None, None]
    grad_input = oracle.conv2d_forward(dy, w, None, *case.convolution)[..., : case.H, : case.W]
    return {
        "forward": forward,
        "grad_input": grad_input,
        "grad_weight": oracle.conv2d_grad_weight(x, dy, case.w_size, *case.convolution),
    }


@lru_cache(maxsize=64)
def judged(case: Transposed, dtype: str) -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """By direction: the oracle's answer, the sums of absolute products, the number of products."""
    arrays = case.arrays(dtype)
    want, scale = answers(case, *arrays), answers(case, *map(abs, arrays))
    taps = case.kernel[0] * case.kernel[1]
    terms = {
        "forward": case.C // case.groups * taps + 1,
        "grad_input": case.K // case.groups * taps,
        "grad_weight": case.N * case.H * case.W,
    }
    return {direction: (want[direction], scale[direction], terms[direction]) for direction in want}


def run(case: Transposed, x, w, b, dy) -> dict[str, np.ndarray]:
    return {
        "forward": _core.conv_transpose2d_forward(x, w, b, *case.options),
        "grad_input": _core.conv_transpose2d_backward_input(dy, w, case.x_size, *case.options),
        "grad_weight": _core.conv_transpose2d_backward_weight(dy, x, case.w_size, *case.options),
    }


def check(case: Transposed, dtype: str) -> None:
    got = run(case, *case.arrays(dtype))
    for direction, (want, scale, terms) in judged(case, dtype).items():
        what = f"{direction} of {case}, {dtype}, {_core.isa()}"
        assert got[direction].dtype == dtype, what
        oracle.assert_close(got[direction], want, scale, terms, what)


CASES = [
    Transposed(),
    Transposed(N=2, C=3, H=6, W=7, K=5, padding=(1, 2)),
    Transposed(N=2, C=4, K=6, H=4, W=9, kernel=(4, 4), stride=(2, 2), padding=(1, 1)),  # a generator's
    Transposed(C=5, K=3, H=7, W=17, stride=(2, 2), padding=(1, 1), output_padding=(1, 1)),
    Transposed(C=3, K=4, H=5, W=33, kernel=(2, 2), stride=(2, 2)),  # no overlap
    Transposed(C=2, K=2, H=4, W=5, kernel=(2, 1), stride=(3, 4), output_padding=(2, 3)),  # gaps: bias alone
    Transposed(C=4, K=6, groups=2, kernel=(3, 2), stride=(1, 3), dilation=(2, 1), padding=(2, 0)),
    Transposed(C=6, K=6, groups=6, stride=(2, 1), padding=(1, 1)),
    Transposed(C=2, K=3, stride=(2, 2), dilation=(3, 4), output_padding=(2, 3), padding=(3, 0)),
    Transposed(C=2, K=3, dilation=(2, 3), output_padding=(1, 2)),  # beyond the stride, below the dilation
    Transposed(C=1, K=1, H=1, W=1, kernel=(5, 7)),
    Transposed(C=1, K=2, H=3, W=3, kernel=(4, 4), padding=(2, 2), stride=(2, 2)),
    Transposed(C=20, K=18, H=12, W=13, padding=(1, 1)),  # the last three: Winograd where there is one
    Transposed(C=16, K=17, H=22, W=24),
    Transposed(N=2, C=32, K=34, H=27, W=26, groups=2, dilation=(2, 2), output_padding=(1, 1)),
]


@FLOATS
@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_the_oracle(isa, dtype, case):
    check(case, dtype)


@FLOATS
@pytest.mark.parametrize("kernel, stride", [((2, 2), (2, 2)), ((3, 4), (2, 2)), ((3, 3), (1, 3))])
def test_widths_around_vectors(isa, dtype, kernel, stride):
    lanes = VECTOR_BYTES[isa] // np.dtype(dtype).itemsize
    for width in sorted({n * lanes + d for n in (1, 2, 3) for d in (-1, 0, 1)} - {0}):
        check(Transposed(C=2, K=3, H=3, W=width, kernel=kernel, stride=stride, padding=(1, 0)), dtype)


def test_integers_wrap(isa):
    for case in CASES:
        x, w, b, _ = case.arrays("int64")
        with np.errstate(over="ignore"):
            want = oracle.conv2d_grad_input(x, w, case.y_size, *case.convolution) + b[:, None, None]
        got = _core.conv_transpose2d_forward(x, w, b, *case.options)
        oracle.assert_same_bits(got, want, str(case))


@FLOATS
def test_threads_and_batch_do_not_matter(isa, dtype):
    for case in (
        Transposed(N=3, C=5, K=7, H=20, W=41, kernel=(4, 4), stride=(2, 2), padding=(1, 1)),
        Transposed(N=2, C=40, K=24, H=30, W=33, padding=(1, 1)),
        Transposed(N=2, C=24, K=24, H=30, W=31, kernel=(2, 2), stride=(2, 2), groups=24),
    ):
        x, w, b, dy = case.arrays(dtype)
        with using(threads=1):
            alone = run(case, x, w, b, dy)
        for threads in (2, 7):
            with using(threads=threads):
                for direction, got in run(case, x, w, b, dy).items():
                    oracle.assert_same_bits(got, alone[direction], f"{direction}, {threads} threads")
        for n in range(case.N):
            y = _core.conv_transpose2d_forward(x[n], w, b, *case.options)
            oracle.assert_same_bits(y, alone["forward"][n])


@pytest.mark.parametrize("side", ["start", "end"])
@FLOATS
def test_guards(isa, dtype, side):
    for case in CASES:
        guards = Guards()
        x, w, b, dy = (guards(a, side) for a in case.arrays(dtype))
        with guarded_outputs():
            run(case, x, w, b, dy)
            run(case, guards(x.transpose(0, 2, 3, 1), side).transpose(0, 3, 1, 2), w, b, dy)
        guards.check()


def test_guards_of_integers(isa):
    for case in CASES:
        guards = Guards()
        x, w, b, _ = (guards(a) for a in case.arrays("int64"))
        with guarded_outputs():
            _core.conv_transpose2d_forward(x, w, b, *case.options)
        guards.check()


def test_any_layout(isa):
    case = CASES[2]
    x, w, b, dy = case.arrays("float32")
    want = run(case, x, w, b, dy)

    def strange(a):
        return np.repeat(a[..., ::-1], 2, -1)[..., ::-2]

    for change in (strange, np.asfortranarray, lambda a: a.astype(">f4")):
        got = run(case, *map(change, (x, w, b, dy)))
        for direction in want:
            oracle.assert_same_bits(got[direction], want[direction], direction)


@FLOATS
def test_nan_and_infinities_stay_where_they_belong(isa, dtype):
    """Pixels and weights that are not finite reach the outputs of their own taps and no others."""
    for case in (CASES[2], CASES[3], CASES[12]):
        x, w, b, dy = (a.copy() for a in case.arrays(dtype))
        x[0, 1, 2, 3], x[0, 0, 0, 0] = np.nan, np.inf
        w[0, 0, 0, 0], w[1, 1, 2, 1] = np.inf, np.nan
        want = answers(case, x, w, b, dy)["forward"]
        got = _core.conv_transpose2d_forward(x, w, b, *case.options)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        np.testing.assert_array_equal(np.isinf(got), np.isinf(want))


def test_empty_batch_and_one_image(isa):
    case = Transposed(N=0, C=4, K=6, stride=(2, 2), groups=2)
    x, w, b, dy = case.arrays("float32")
    got = run(case, x, w, b, dy)
    assert got["forward"].shape == case.y_size and got["grad_input"].shape == case.x_size
    np.testing.assert_array_equal(got["grad_weight"], np.zeros(case.w_size))
    case = Transposed(C=4, K=6, stride=(2, 2), groups=2)
    x, w, b, dy = case.arrays("float32")
    got, options = run(case, x, w, b, dy), case.options
    single = _core.conv_transpose2d_backward_input(dy[0], w, x.shape[1:], *options)
    oracle.assert_same_bits(single, got["grad_input"][0])
    single = _core.conv_transpose2d_backward_weight(dy[0], x[0], w.shape, *options)
    oracle.assert_same_bits(single, got["grad_weight"])
