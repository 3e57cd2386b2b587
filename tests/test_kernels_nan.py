"""NaN and infinities reach exactly the results that they take part in, wherever they lie."""

from __future__ import annotations

import numpy as np
import pytest

from kernel_cases import VECTOR_BYTES, Conv, Pool, check_pool, conv_answers, draw, run_conv, using
from oracle import (
    conv2d_forward,
    conv2d_grad_input,
    conv2d_grad_weight,
    max_pool2d_forward,
)
from rushlight import _core

FLOATS = pytest.mark.parametrize("dtype", ["float32", "float64"])


def assert_same_footprint(got: np.ndarray, want: np.ndarray, what: str) -> None:
    """NaN and infinities exactly where the oracle has them."""
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=f"{what}: NaN elsewhere")
    infinite = np.isinf(want)
    np.testing.assert_array_equal(np.isinf(got), infinite, err_msg=f"{what}: infinities elsewhere")
    np.testing.assert_array_equal(got[infinite], want[infinite], err_msg=f"{what}: infinities differ")


def check_footprint(case: Conv, x, w, b, dy, what: str) -> None:
    got = run_conv(case, x, w, b, dy)
    want = {
        "forward": conv2d_forward(x, w, b, *case.options),
        "grad_input": conv2d_grad_input(dy, w, case.x_size, *case.options),
        "grad_weight": conv2d_grad_weight(dy, x, case.w_size, *case.options),
    }
    for direction, answer in want.items():
        assert_same_footprint(got[direction], answer, f"{direction} of {case}, {what}, {_core.isa()}")


# The last three suit fast algorithms that mix neighbouring pixels before they multiply.
CONVS = [
    Conv(C=2, K=3, H=5, W=7, padding=(1, 1, 1, 1)),
    Conv(C=2, K=2, H=7, W=8, kernel=(2, 3), stride=(2, 2), dilation=(2, 1), padding=(1, 0, 2, 2)),
    Conv(C=4, K=4, H=4, W=9, groups=4, padding=(1, 1, 1, 1)),
    Conv(C=3, K=2, H=4, W=6, kernel=(1, 1), stride=(1, 2)),
    Conv(C=20, K=40, H=7, W=6, kernel=(5, 3), padding=(2, 2, 1, 1)),
    Conv(C=16, K=16, H=10, W=10, padding=(1, 1, 1, 1)),
    Conv(C=17, K=18, H=9, W=12, padding=(0, 2, 1, 3)),
    Conv(C=32, K=32, H=50, W=51, padding=(1, 3, 2, 2), dilation=(2, 2), groups=2),
]


def some(count: int, case: Conv) -> range:
    """All of 0 .. count - 1, or about a dozen of them, the last included, if the case is large."""
    return range(count) if case.C < 16 else range(count - 1, -1, -max(1, count // 11))


VALUES = pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])


@FLOATS
@VALUES
@pytest.mark.parametrize("case", CONVS, ids=str)
def test_conv2d_input_at_every_pixel(isa, dtype, value, case):
    x, w, b, dy = case.arrays(dtype)
    w[0, 0] = 0  # 0 * inf is NaN, also where the weight is zero
    for pixel in some(case.H * case.W, case):
        bad_x = x.copy()
        bad_x[0, pixel % case.C].flat[pixel] = value
        check_footprint(case, bad_x, w, b, dy, f"x {value} at pixel {pixel}")


@FLOATS
@VALUES
@pytest.mark.parametrize("case", CONVS, ids=str)
def test_conv2d_weight_at_every_tap(isa, dtype, value, case):
    """At the border such a tap lies on the padding and takes no part: no 0 * inf = NaN there."""
    x, w, b, dy = case.arrays(dtype)
    x[0, 0] = 0
    dy[0, 0] = 0
    for tap in some(case.kernel[0] * case.kernel[1], case):
        bad_w = w.copy()
        bad_w[tap % case.K, 0].flat[tap] = value
        check_footprint(case, x, bad_w, b, dy, f"w {value} at tap {tap}")
    check_footprint(case, x, np.full_like(w, value), b, dy, f"w {value} everywhere")


@FLOATS
@VALUES
@pytest.mark.parametrize("case", CONVS, ids=str)
def test_conv2d_gradient_at_every_pixel(isa, dtype, value, case):
    x, w, b, dy = case.arrays(dtype)
    x[0, 0] = 0
    for pixel in some(dy[0, 0].size, case):
        bad_dy = dy.copy()
        bad_dy[0, pixel % case.K].flat[pixel] = value
        check_footprint(case, x, w, b, bad_dy, f"dy {value} at pixel {pixel}")


@FLOATS
@pytest.mark.parametrize("padding", [(3, 3, 3, 3), (4, 1, 0, 5)])
def test_conv2d_windows_on_padding_alone(isa, dtype, padding):
    case = Conv(C=2, K=2, H=2, W=2, padding=padding)
    x, w, b, dy = case.arrays(dtype)
    for value in (np.nan, np.inf):
        check_footprint(case, x, np.full_like(w, value), b, dy, f"w {value}")
        check_footprint(case, np.full_like(x, value), np.full_like(w, value), b, dy, f"x and w {value}")


@FLOATS
def test_conv2d_bias(isa, dtype):
    case = Conv(C=2, K=3, padding=(1, 1, 1, 1))
    x, w, b, _ = case.arrays(dtype)
    b[1] = np.nan
    nan = np.isnan(_core.conv2d_forward(x, w, b, *case.options))
    assert nan[:, 1].all()
    assert not nan[:, [0, 2]].any()


def test_conv2d_overflow_is_infinite_not_nan(isa):
    """A sum beyond float32 is inf at the border as in the middle, whatever the padding is multiplied with."""
    case = Conv(C=2, K=2, H=6, W=20, padding=(1, 1, 1, 1))
    x, w = np.full(case.x_size, 1e30, np.float32), np.full(case.w_size, 1e30, np.float32)
    assert (_core.conv2d_forward(x, w, None, *case.options) == np.inf).all()


@FLOATS
def test_conv2d_finite_neighbours_keep_their_values(isa, dtype):
    """What a NaN does not reach is as accurate as without it."""
    for case in CONVS:
        x, w, b, _ = case.arrays(dtype)
        x[0, 0, 0, 0] = np.nan
        got = _core.conv2d_forward(x, w, b, *case.options)
        want, scale, _ = conv_answers(case, dtype)["forward"]
        fine = ~np.isnan(got)
        budget = np.finfo(dtype).eps * 40 * scale[fine]
        assert (abs(got[fine] - want[fine]) <= budget).all()


# ---------------------------------------------------------------- max pooling

POOLS = [
    Pool(H=6, W=8),
    Pool(H=6, W=9, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)),
    Pool(H=5, W=7, kernel=(3, 3), stride=(1, 1)),
    Pool(H=7, W=9, kernel=(2, 3), stride=(1, 3), dilation=(2, 1), padding=(1, 0, 1, 1)),
    Pool(H=5, W=5, kernel=(5, 5), stride=(1, 1), padding=(2, 2, 2, 2), ceil_mode=True),
    Pool(H=1, W=67, kernel=(1, 5), stride=(1, 1), padding=(0, 0, 2, 2)),  # inside, vectors need no masks
    Pool(H=2, W=70, kernel=(2, 3), stride=(1, 2)),
]


@FLOATS
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_max_pool2d_at_every_pixel(isa, dtype, value, case):
    for pixel in range(case.H * case.W):
        x = draw(dtype, *case.x_size)
        x[0, 0].flat[pixel] = value
        check_pool(case, x)


@FLOATS
@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (1, 4)])
def test_max_pool2d_at_every_window_position_and_lane(isa, dtype, kernel):
    """Each window of a row longer than two vectors has its NaN at the same place."""
    count = 2 * VECTOR_BYTES[isa] // np.dtype(dtype).itemsize + 1
    case = Pool(H=2 * kernel[0], W=count * kernel[1], kernel=kernel, stride=kernel)
    for r, s in np.ndindex(*kernel):
        x = draw(dtype, *case.x_size)
        x[..., r :: kernel[0], s :: kernel[1]] = np.nan
        y, indices = _core.max_pool2d_forward(x, *case.options, True)
        assert np.isnan(y).all()
        windows = np.arange(2)[:, None] * kernel[0] * case.W + np.arange(count) * kernel[1]
        np.testing.assert_array_equal(indices[0, 0], windows + r * case.W + s)


@FLOATS
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_max_pool2d_infinities_of_both_signs(isa, dtype, case):
    """Their sum is NaN, they are not."""
    x = draw(dtype, *case.x_size)
    check_pool(case, np.where(abs(x) > 0.8, x * np.inf, x))


@FLOATS
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_max_pool2d_several_nans(isa, dtype, case):
    """The last one of a window, bits and all."""
    x = draw(dtype, *case.x_size)
    bits = x.view(np.uint32 if dtype == "float32" else np.uint64)
    quiet = np.full_like(x, np.nan).view(bits.dtype)
    quiet += np.arange(1, x.size + 1, dtype=bits.dtype).reshape(x.shape)  # every NaN with bits of its own
    for share in (0.2, 0.6, 1.0):
        chosen = np.random.default_rng(0).random(x.shape) < share
        with_nans = np.where(chosen, quiet, bits).view(dtype)
        check_pool(case, with_nans)
        assert np.isnan(max_pool2d_forward(with_nans, *case.options)[0]).any()


def test_nan_does_not_depend_on_channels_or_threads(isa):
    """The same image in every channel gives the same plane, at any number of them."""
    x = draw("float32", 1, 1, 20, 21)
    x[0, 0, ::5, ::4] = np.nan
    alone = _core.max_pool2d_forward(x, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), False, True)
    for channels in (2, 7, 64):
        for threads in (1, 7):
            with using(threads=threads):
                many = np.repeat(x, channels, axis=1)
                y, indices = _core.max_pool2d_forward(many, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), False, True)
            np.testing.assert_array_equal(y, np.repeat(alone[0], channels, axis=1))
            np.testing.assert_array_equal(indices, np.repeat(alone[1], channels, axis=1))
