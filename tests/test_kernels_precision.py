"""conv_precision: "highest" and "high" keep direct sums' error, "medium" trades some of it for speed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from kernel_cases import Conv, check_conv, conv_answers, run_conv, using
from oracle import assert_same_bits
from rushlight import _core

# 3 x 3, stride 1, 16 channels or more: what fast algorithms take. Odd sizes, few and many tiles, less
# than one.
CASES = [
    Conv(C=16, K=16, H=3, W=3),
    Conv(C=16, K=17, H=1, W=1, padding=(1, 1, 1, 1)),
    Conv(N=2, C=21, K=16, H=6, W=7, padding=(1, 1, 1, 1)),
    Conv(C=33, K=40, H=13, W=22, padding=(1, 1, 1, 1)),
    Conv(N=3, C=16, K=18, H=9, W=70, padding=(2, 0, 0, 2)),
    Conv(N=2, C=20, K=35, H=45, W=46, padding=(1, 1, 1, 1)),
    Conv(C=16, K=16, H=4, W=5, padding=(5, 6, 7, 4)),
]
LEVELS = ["highest", "high", "medium"]


@pytest.fixture(params=LEVELS)
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    before = _core.conv_precision()
    _core.set_conv_precision(request.param)
    yield request.param
    _core.set_conv_precision(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_error(isa, precision, dtype, case):
    if precision != "medium":
        check_conv(case, dtype)
        return
    # A tile's transforms mix its pixels, so a result's error depends on its neighbours' size too.
    got = run_conv(case, *case.arrays(dtype))
    for direction, (want, scale, terms) in conv_answers(case, dtype).items():
        budget = 8 * np.finfo(dtype).eps * (2 + np.sqrt(terms)) * scale.max()
        assert got[direction].shape == want.shape
        assert abs(got[direction] - want).max() <= budget, direction


def test_bits_do_not_depend_on_threads_or_batch(isa, precision):
    for case in CASES[2:6]:
        x, w, b, dy = case.arrays("float32")
        with using(threads=1):
            want = run_conv(case, x, w, b, dy)
        for threads in (2, 7):
            with using(threads=threads):
                for direction, got in run_conv(case, x, w, b, dy).items():
                    assert_same_bits(got, want[direction], direction)
        for n in range(case.N):
            assert_same_bits(_core.conv2d_forward(x[n], w, b, *case.options), want["forward"][n])
            dx = _core.conv2d_backward_input(dy[n], w, case.x_size[1:], *case.options)
            assert_same_bits(dx, want["grad_input"][n])


def test_not_finite_footprint(isa, precision):
    """A NaN or infinity reaches the same results at every level."""
    case = CASES[2]
    for name, value in [("x", np.nan), ("w", np.inf), ("dy", -np.inf), ("w", np.nan), ("x", np.inf)]:
        arrays = dict(zip(("x", "w", "b", "dy"), case.arrays("float32"), strict=True))
        arrays[name].flat[arrays[name].size // 2] = value
        got = run_conv(case, **arrays)
        _core.set_conv_precision("highest")
        want = run_conv(case, **arrays)
        _core.set_conv_precision(precision)
        for direction in got:
            np.testing.assert_array_equal(np.isnan(got[direction]), np.isnan(want[direction]))
            np.testing.assert_array_equal(np.isinf(got[direction]), np.isinf(want[direction]))


@pytest.mark.parametrize("name", ["", "HIGH", "low", "highest "])
def test_wrong_name_lists_the_right_ones(name):
    with pytest.raises(ValueError, match=r"highest.*high.*medium"):
        _core.set_conv_precision(name)


def test_environment():
    program = "from rushlight import _core; print(_core.conv_precision())"
    for level in LEVELS:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "RUSHLIGHT_CONV_PRECISION": level, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == level, done.stderr
