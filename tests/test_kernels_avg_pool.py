"""avg_pool2d and its gradient against the float64 oracle; layouts, threads, guard pages, torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import oracle
from guard import Guards, guarded_outputs
from kernel_cases import VECTOR_BYTES, draw, using
from rushlight import _core

FLOATS = pytest.mark.parametrize("dtype", ["float32", "float64"])


@dataclass(frozen=True)
class Mean:
    """An average pooling's sizes. Padding is (top, bottom, left, right), at most half the kernel."""

    N: int = 1
    C: int = 1
    H: int = 6
    W: int = 7
    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor: int | None = None

    @property
    def x_size(self) -> tuple[int, ...]:
        return self.N, self.C, self.H, self.W

    @property
    def options(self) -> tuple[Any, ...]:
        return self.kernel, self.stride, self.padding, self.ceil_mode, self.count_include_pad, self.divisor


CASES = [
    Mean(N=2, C=3),
    Mean(H=9, W=70, kernel=(3, 3), stride=(1, 1), padding=(1, 1, 1, 1)),
    Mean(H=9, W=70, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1), count_include_pad=False),
    Mean(H=9, W=45, kernel=(2, 3), stride=(1, 2), padding=(1, 0, 0, 1)),  # torch has no such padding
    Mean(H=10, W=46, kernel=(4, 5), stride=(3, 3), padding=(2, 1, 0, 2), ceil_mode=True),
    Mean(H=10, W=46, kernel=(3, 2), stride=(4, 5), ceil_mode=True, count_include_pad=False),
    Mean(H=11, W=38, kernel=(3, 2), stride=(2, 2), ceil_mode=True, divisor=-3),
    Mean(H=7, W=7, kernel=(7, 7), stride=(1, 1)),
    Mean(H=1, W=1, kernel=(4, 2), stride=(1, 1), padding=(2, 2, 1, 0)),
    Mean(H=3, W=4, kernel=(90, 80), stride=(90, 80), padding=(45, 0, 40, 0), ceil_mode=True),
    Mean(H=3, W=4, kernel=(90, 80), stride=(2, 1), padding=(44, 43, 39, 38)),
    Mean(H=20, W=21, kernel=(15, 16), stride=(1, 1), padding=(7, 7, 8, 8), count_include_pad=False),
    Mean(N=2, C=5, H=300, W=33, kernel=(3, 3), stride=(1, 1), padding=(1, 1, 1, 1)),  # several tiles
    Mean(C=2, H=80, W=1100, kernel=(2, 2), divisor=7),
]


def check(case: Mean, dtype: str) -> None:
    what = f"{case}, {dtype}, {_core.isa()}"
    x = draw(dtype, *case.x_size)
    want = oracle.avg_pool2d_forward(x, *case.options)
    y = _core.avg_pool2d_forward(x, *case.options)
    terms = case.kernel[0] * case.kernel[1] + 1
    assert y.dtype == dtype
    scale = oracle.avg_pool2d_forward(abs(x), *case.options)
    oracle.assert_close(y, want, abs(scale), terms, what)

    dy = draw(dtype, *y.shape, seed=1)
    dx = _core.avg_pool2d_backward(dy, x.shape, *case.options)
    assert dx.dtype == dtype
    want = oracle.avg_pool2d_grad_input(dy, x.shape, *case.options)
    scale = oracle.avg_pool2d_grad_input(abs(dy), x.shape, *case.options)
    oracle.assert_close(dx, want, abs(scale), terms, f"gradient of {what}")


@FLOATS
@pytest.mark.parametrize("case", CASES, ids=str)
def test_options(isa, threads, dtype, case):
    check(case, dtype)


@FLOATS
@pytest.mark.parametrize(
    "kernel, stride, pad",
    [((1, 1), (1, 1), 0), ((2, 2), (2, 2), 1), ((3, 3), (2, 1), 1), ((2, 3), (1, 3), 1)],
)
def test_output_widths_around_vectors(isa, dtype, kernel, stride, pad):
    lanes = VECTOR_BYTES[isa] // np.dtype(dtype).itemsize or 1
    for width in sorted({n * lanes + d for n in (1, 2, 3) for d in (-1, 0, 1)} - {0}):
        for rest in range(stride[1]):  # columns after the last window
            W = (width - 1) * stride[1] + kernel[1] + rest
            check(Mean(H=5, W=W, kernel=kernel, stride=stride, padding=(pad, pad, pad, pad)), dtype)


def test_integers(isa):
    """Quotients are rounded towards zero; sums wrap."""
    x = np.round(draw("float64", 1, 2, 6, 7) * 20).astype(np.int64)
    for divisor in (None, 3, -1, -4):
        case = Mean(kernel=(3, 2), stride=(2, 1), padding=(1, 1, 1, 1), divisor=divisor)
        sums = oracle.avg_pool2d_forward(x, *case.options[:-1], 1)
        count = 6 if divisor is None else divisor
        y = _core.avg_pool2d_forward(x, *case.options)
        assert y.dtype == np.int64
        np.testing.assert_array_equal(y, np.trunc(sums / count).astype(np.int64))
    lowest = np.full((1, 1, 1, 2), np.iinfo(np.int64).min)
    np.testing.assert_array_equal(
        _core.avg_pool2d_forward(lowest, *Mean(kernel=(1, 1), stride=(1, 1), divisor=-1).options), lowest
    )


@FLOATS
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_special_pixel_reaches_its_windows_alone(isa, dtype, value):
    for case in CASES[1:4]:
        x = draw(dtype, *case.x_size)
        x[..., 3, 20] = value
        np.testing.assert_array_equal(
            np.isfinite(_core.avg_pool2d_forward(x, *case.options)),
            np.isfinite(oracle.avg_pool2d_forward(x, *case.options)),
        )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bits_do_not_depend_on_layout_batch_or_threads(isa, case):
    x = draw("float32", *case.x_size)
    with using(threads=1):
        y = _core.avg_pool2d_forward(x, *case.options)
        dx = _core.avg_pool2d_backward(y, x.shape, *case.options)
    for given in (np.asfortranarray(x), x[::-1].copy()[::-1], x.astype(">f4")):
        np.testing.assert_array_equal(_core.avg_pool2d_forward(given, *case.options), y)
    np.testing.assert_array_equal(_core.avg_pool2d_backward(np.asfortranarray(y), x.shape, *case.options), dx)
    with using(threads=7):
        oracle.assert_same_bits(_core.avg_pool2d_forward(x, *case.options), y)
        oracle.assert_same_bits(_core.avg_pool2d_backward(y, x.shape, *case.options), dx)
    oracle.assert_same_bits(_core.avg_pool2d_forward(x[-1], *case.options), y[-1])
    oracle.assert_same_bits(_core.avg_pool2d_backward(y[-1], x.shape[1:], *case.options), dx[-1])


@pytest.mark.parametrize("side", ["start", "end"])
@FLOATS
def test_nothing_outside_the_arrays_is_touched(isa, dtype, side):
    for case in CASES:
        guards = Guards()
        x = guards(draw(dtype, *case.x_size), side)
        with guarded_outputs():
            y = _core.avg_pool2d_forward(x, *case.options)
            _core.avg_pool2d_forward(guards(x.astype(np.int64), side), *case.options)
            _core.avg_pool2d_backward(guards(y, side), x.shape, *case.options)
        guards.check()


def test_empty_batch(isa):
    for dtype in ("float32", "float64", "int64"):
        assert _core.avg_pool2d_forward(np.zeros((0, 3, 4, 6), dtype), *Mean().options).shape == (0, 3, 2, 3)
    assert _core.avg_pool2d_backward(np.zeros((0, 3, 2, 3)), (0, 3, 4, 6), *Mean().options).size == 0


@pytest.mark.parity
@FLOATS
@pytest.mark.parametrize("case", [c for c in CASES if c.padding[::2] == c.padding[1::2]], ids=str)
def test_torch(isa, dtype, case):
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(draw(dtype, *case.x_size)).requires_grad_()
    kernel, stride, padding, *others = case.options
    options = kernel, stride, padding[::2], *others
    want = torch.nn.functional.avg_pool2d(x, *options)
    want.backward(want.detach())
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    y = _core.avg_pool2d_forward(x.detach().numpy(), *case.options)
    np.testing.assert_allclose(y, want.detach().numpy(), tolerance, tolerance)
    dx = _core.avg_pool2d_backward(want.detach().numpy(), case.x_size, *case.options)
    np.testing.assert_allclose(dx, x.grad.numpy(), tolerance, tolerance)
