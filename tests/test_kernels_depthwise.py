"""Depthwise convolutions and their gradients at the edges of vectors and bands, with all that padding can do.

Every plane is filtered alone: groups == C, one or a few outputs per channel, one channel included.
"""

from __future__ import annotations

import numpy as np
import pytest

from guard import Guards, guarded_outputs
from kernel_cases import VECTOR_BYTES, Conv, check_conv, draw, run_conv, using
from oracle import assert_same_bits, conv2d_forward, conv2d_grad_input, conv2d_grad_weight
from rushlight import _core

FLOATS = pytest.mark.parametrize("dtype", ["float32", "float64"])

# Kernel and padding (top, bottom, left, right).
KERNELS = [
    ((3, 3), (1, 1, 1, 1)),
    ((3, 3), (0, 2, 0, 3)),
    ((1, 15), (0, 0, 7, 7)),
    ((15, 1), (7, 7, 0, 0)),
    ((2, 5), (2, 0, 1, 3)),
    ((8, 7), (3, 4, 9, 2)),  # two blocks of kernel rows; windows on padding alone
]
STRIDES = pytest.mark.parametrize("stride", [1, 2])


def depthwise(C: int = 2, multiplier: int = 1, **sizes) -> Conv:
    return Conv(C=C, K=C * multiplier, groups=C, **sizes)


def fits(case: Conv) -> bool:
    return min(case.y_size) > 0


@FLOATS
@STRIDES
@pytest.mark.parametrize("kernel, padding", KERNELS, ids=str)
def test_widths_around_vectors(isa, dtype, stride, kernel, padding):
    lanes = VECTOR_BYTES[isa] // np.dtype(dtype).itemsize
    around = {n * lanes // 2 + d for n in (1, 2, 4) for d in (-1, 0, 1)} | {1, 2}
    for width in sorted(around - {0}):
        W = (width - 1) * stride + kernel[1] - padding[2] - padding[3]
        case = depthwise(H=9, W=max(W, 1), kernel=kernel, stride=(stride, stride), padding=padding)
        if fits(case):
            check_conv(case, dtype)


@STRIDES
@pytest.mark.parametrize("kernel, padding", KERNELS, ids=str)
def test_heights_around_bands(isa, stride, kernel, padding):
    for height in (1, 2, 3, 4, 5, 7, 8, 9, 64, 65):
        case = depthwise(C=1, H=height, W=20, kernel=kernel, stride=(stride, stride), padding=padding)
        if fits(case):
            check_conv(case)


CASES = [
    depthwise(C=1, H=1, W=1, padding=(1, 1, 1, 1)),
    depthwise(C=5, N=3, H=7, W=7, padding=(1, 1, 1, 1)),
    depthwise(C=70, H=14, W=14, padding=(1, 1, 1, 1)),
    depthwise(C=3, N=2, H=28, W=27, padding=(1, 1, 1, 1), stride=(2, 2)),
    depthwise(C=3, H=9, W=40, multiplier=3, padding=(1, 0, 2, 1)),
    depthwise(C=3, N=2, H=30, W=33, multiplier=2, kernel=(5, 5), padding=(2, 2, 2, 2)),
    depthwise(C=1, N=2, H=30, W=33, multiplier=3, kernel=(5, 5), padding=(2, 2, 2, 2)),  # for direct
    depthwise(C=1, H=150, W=70, padding=(1, 1, 1, 1)),
    depthwise(C=2, H=3, W=2, kernel=(1, 1), stride=(2, 2)),
    depthwise(C=2, H=5, W=4100, padding=(1, 1, 1, 1)),  # two tiles of columns
    depthwise(C=1, H=4, W=3, kernel=(16, 16), padding=(9, 9, 10, 10), stride=(2, 2)),  # the largest kernel
    depthwise(C=1, H=40, W=5, kernel=(32, 2), padding=(3, 0, 0, 1)),  # the tallest
    depthwise(C=2, H=6, W=7, padding=(5, 6, 7, 8)),  # more padding than kernel
]


@FLOATS
@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_the_oracle(isa, dtype, case):
    check_conv(case, dtype)


def test_the_plan_names_it(isa):
    """The reference has no such algorithm, nor have many outputs per channel, which direct sweeps at once."""
    for case in CASES:
        most = {"forward": 4 if np.prod(case.kernel) <= 9 else 2, "input": 1, "weight": 2}
        for direction, limit in most.items():
            told = _core.plan_conv2d(
                direction, case.x_size, case.w_size, False, *case.options, np.dtype("f4"), 1
            )
            expected = isa != "reference" and limit * case.C >= case.K
            assert (told["algorithm"] == "depthwise") == expected, (case, direction)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bits_do_not_depend_on_threads_batch_or_layout(isa, case):
    x, w, b, dy = case.arrays("float32")
    with using(threads=1):
        alone = run_conv(case, x, w, b, dy)
    for threads in (2, 7):
        with using(threads=threads):
            for direction, got in run_conv(case, x, w, b, dy).items():
                assert_same_bits(got, alone[direction], f"{direction} with {threads} threads")
    layouts = {
        "channels last": lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        "reversed": lambda a: np.ascontiguousarray(a[:, ::-1, ::-1, ::-1])[:, ::-1, ::-1, ::-1],
    }
    for name, layout in layouts.items():
        for direction, got in run_conv(case, layout(x), w, b, layout(dy)).items():
            assert_same_bits(got, alone[direction], f"{direction}, {name}")
    last = case.N - 1
    assert_same_bits(_core.conv2d_forward(x[last], w, b, *case.options), alone["forward"][last])
    dx = _core.conv2d_backward_input(dy[last], w, case.x_size[1:], *case.options)
    assert_same_bits(dx, alone["grad_input"][last])


@pytest.mark.parametrize("side", ["start", "end"])
def test_stays_inside_its_arrays(isa, side):
    for kernel, padding in KERNELS:
        for H, W in ((9, 17), (7, 7), (5, 65), (20, 3)):
            for stride in (1, 2):
                case = depthwise(H=H, W=W, kernel=kernel, padding=padding, stride=(stride, stride))
                if not fits(case):
                    continue
                guards = Guards()
                x, w, b, dy = (guards(a, side) for a in case.arrays("float32"))
                turned = [guards(a.transpose(0, 3, 2, 1), side).transpose(0, 3, 2, 1) for a in (x, dy)]
                with guarded_outputs():
                    run_conv(case, x, w, b, dy)
                    run_conv(case, turned[0], w, b, turned[1])
                guards.check()


FOOTPRINTS = [
    depthwise(H=6, W=18, padding=(1, 1, 1, 1)),
    depthwise(H=7, W=19, padding=(1, 1, 1, 1), stride=(2, 2)),
    depthwise(H=9, W=9, kernel=(2, 5), padding=(1, 1, 4, 4)),
    depthwise(C=1, H=5, W=7, multiplier=3, padding=(2, 1, 3, 1)),
]


def check_footprint(case: Conv, x, w, b, dy, what: str) -> None:
    got = run_conv(case, x, w, b, dy)
    want = {
        "forward": conv2d_forward(x, w, b, *case.options),
        "grad_input": conv2d_grad_input(dy, w, case.x_size, *case.options),
        "grad_weight": conv2d_grad_weight(dy, x, case.w_size, *case.options),
    }
    for direction, answer in want.items():
        np.testing.assert_array_equal(
            np.isnan(got[direction]), np.isnan(answer), err_msg=f"{direction} {what}"
        )
        np.testing.assert_array_equal(
            got[direction][np.isinf(answer)], answer[np.isinf(answer)], err_msg=f"{direction} {what}"
        )
        assert np.isfinite(got[direction][np.isfinite(answer)]).all(), f"{direction} {what}"


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("case", FOOTPRINTS, ids=str)
def test_not_finite_reaches_what_it_takes_part_in(isa, value, case):
    x, w, b, dy = case.arrays("float32")
    for row, col in ((0, 0), (0, -1), (-1, 0), (-1, -1), (2, 3)):
        for which in range(3):
            arrays = [x.copy(), w.copy(), dy.copy()]
            arrays[which][-1, -1, row % arrays[which].shape[2], col % arrays[which].shape[3]] = value
            check_footprint(
                case, arrays[0], arrays[1], b, arrays[2], f"{value} in {'xw'[which:] or 'dy'} {row, col}"
            )
    check_footprint(case, x, np.full_like(w, value), b, dy, f"w {value} everywhere")
    check_footprint(case, np.zeros_like(x), np.full_like(w, value), b, np.zeros_like(dy), "zeros")


def test_small_integers_are_exact(isa):
    case = depthwise(C=3, H=17, W=18, kernel=(5, 5), padding=(2, 2, 2, 2))
    rng = np.random.default_rng(0)
    x, w, dy = (rng.integers(-8, 9, size).astype("f4") for size in (case.x_size, case.w_size, case.y_size))
    got = run_conv(case, x, w, np.zeros(3, "f4"), dy)
    np.testing.assert_array_equal(got["forward"], conv2d_forward(x, w, None, *case.options))
    np.testing.assert_array_equal(got["grad_input"], conv2d_grad_input(dy, w, case.x_size, *case.options))
    np.testing.assert_array_equal(got["grad_weight"], conv2d_grad_weight(dy, x, case.w_size, *case.options))


def test_error_of_long_sums(isa):
    """As good as the direct algorithm's: 256 products in one chain."""
    case = depthwise(H=40, W=40, kernel=(16, 16))
    x, w = draw("float32", *case.x_size), draw("float32", *case.w_size, seed=1)
    want = conv2d_forward(x, w, None, *case.options)
    error = _core.conv2d_forward(x, w, None, *case.options) - want
    assert np.sqrt((error**2).mean() / (want**2).mean()) < 1e-6
