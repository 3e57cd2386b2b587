"""One answer, to the bit: for any number of threads, for an image alone or in a batch, and run after run."""

from __future__ import annotations

import numpy as np
import pytest

from kernel_cases import Conv, Pool, draw, run_conv, using
from oracle import assert_same_bits
from rushlight import _core

FLOATS = pytest.mark.parametrize("dtype", ["float32", "float64"])
CONVS = [
    Conv(N=3, C=5, K=7, H=40, W=41, padding=(1, 1, 1, 1)),
    Conv(N=1, C=40, K=24, H=30, W=33, kernel=(3, 2), stride=(2, 1), padding=(1, 1, 0, 1)),
    Conv(N=4, C=24, K=24, H=30, W=31, groups=24, padding=(1, 1, 1, 1)),
    Conv(N=2, C=64, K=48, H=17, W=19, kernel=(1, 1)),
    Conv(N=2, C=40, K=72, H=16, W=7, kernel=(5, 5), padding=(2, 2, 2, 2)),
    Conv(N=3, C=20, K=33, H=23, W=26, padding=(1, 1, 1, 1)),
    Conv(N=2, C=16, K=16, H=60, W=50, padding=(0, 1, 2, 0)),
    Conv(N=2, C=32, K=34, H=54, W=52, padding=(2, 2, 2, 2), dilation=(2, 2), groups=2),
    Conv(
        N=6, C=3, K=4, H=60, W=64, kernel=(5, 5), padding=(2, 2, 2, 2)
    ),  # a weight gradient of several chunks
]


@FLOATS
@pytest.mark.parametrize("case", CONVS, ids=str)
def test_conv2d_does_not_depend_on_threads(isa, dtype, case):
    arrays = case.arrays(dtype)
    with using(threads=1):
        alone = run_conv(case, *arrays)
    for threads in (2, 3, 7):
        with using(threads=threads):
            together = run_conv(case, *arrays)
        for direction, want in alone.items():
            assert_same_bits(together[direction], want, f"{direction} with {threads} threads")


@FLOATS
@pytest.mark.parametrize("case", CONVS, ids=str)
def test_conv2d_does_not_depend_on_the_batch(isa, dtype, case):
    """Each image's output and input gradient are those of the image alone, also unbatched."""
    x, w, b, dy = case.arrays(dtype)
    batch = run_conv(case, x, w, b, dy)
    for n in range(case.N):
        y = _core.conv2d_forward(x[n : n + 1], w, b, *case.options)
        assert_same_bits(y[0], batch["forward"][n])
        dx = _core.conv2d_backward_input(dy[n], w, case.x_size[1:], *case.options)
        assert_same_bits(dx, batch["grad_input"][n])


@FLOATS
def test_conv2d_output_channels_do_not_depend_on_each_other(isa, dtype):
    case = Conv(C=5, K=11, H=9, W=10, padding=(1, 1, 1, 1))
    x, w, b, _ = case.arrays(dtype)
    y = _core.conv2d_forward(x, w, b, *case.options)
    for k in range(case.K):
        assert_same_bits(_core.conv2d_forward(x, w[k : k + 1], b[k : k + 1], *case.options)[:, 0], y[:, k])


@FLOATS
def test_weights_that_are_not_finite_meet_padding(isa, dtype):
    """Outputs are then computed by the definition, where their tile met one; tiles depend on the threads."""
    case = Conv(C=16, K=10, H=80, W=13, padding=(10, 10, 2, 2), dilation=(3, 3))
    x, w, b, dy = case.arrays(dtype)
    w = w.copy()
    w[::2, 3, 0, 1], w[1::3, 5, 2, 0] = np.inf, np.nan
    with using(threads=1):
        alone = run_conv(case, x, w, b, dy)
    for threads in (2, 3, 7):
        with using(threads=threads):
            together = run_conv(case, x, w, b, dy)
        for direction, want in alone.items():
            same = np.isnan(want) == np.isnan(together[direction])  # no bits of a NaN are promised
            assert same.all() and np.isfinite(want).any()
            numbers = ~np.isnan(want)
            assert_same_bits(
                together[direction][numbers], want[numbers], f"{direction} with {threads} threads"
            )


@FLOATS
def test_run_after_run(isa, threads, dtype):
    for case in CONVS[:3]:
        arrays = case.arrays(dtype)
        first = run_conv(case, *arrays)
        for _ in range(5):
            again = run_conv(case, *arrays)
            for direction, want in first.items():
                assert_same_bits(again[direction], want, direction)


@FLOATS
def test_max_pool2d(isa, dtype):
    case = Pool(N=4, C=9, H=61, W=70, kernel=(3, 3), padding=(1, 1, 1, 1), stride=(1, 2))
    x = draw(dtype, *case.x_size)
    dy = draw(dtype, 4, 9, 61, 35)
    with using(threads=1):
        y, indices = _core.max_pool2d_forward(x, *case.options, True)
        dx = _core.max_pool2d_backward(dy, indices, x.shape)
    for threads in (2, 7):
        with using(threads=threads):
            again, again_indices = _core.max_pool2d_forward(x, *case.options, True)
            assert_same_bits(again, y)
            assert_same_bits(again_indices, indices)
            assert_same_bits(_core.max_pool2d_backward(dy, indices, x.shape), dx)
    for n in range(4):
        assert_same_bits(_core.max_pool2d_forward(x[n], *case.options, False), y[n])
        assert_same_bits(_core.max_pool2d_backward(dy[n], indices[n], x.shape[1:]), dx[n])


def test_isas_agree():
    """Sums differ, in their order and so in their bits; integers, maxima and positions do not."""
    case = Conv(C=5, K=6, H=9, W=11, stride=(2, 1), padding=(1, 1, 1, 1))
    pool = Pool(N=2, C=3, H=15, W=37, kernel=(3, 2), padding=(1, 1, 0, 1), stride=(1, 2))
    x, w, b, _ = case.arrays("int32")
    values = draw("float32", *pool.x_size)
    answers = []
    for isa in _core.available_isas():
        with using(isa):
            y = _core.conv2d_forward(x, w, b, *case.options)
            answers.append(
                (y, *_core.max_pool2d_forward(values, *pool.options, True), _core.relu_forward(values))
            )
    for other in answers[1:]:
        for got, want in zip(other, answers[0], strict=True):
            np.testing.assert_array_equal(got, want)
