"""max_pool2d, its positions and its gradient against the oracle, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from kernel_cases import INTEGERS, VECTOR_BYTES, Pool, check_pool, draw
from rushlight import _core

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64", *INTEGERS])

OPTIONS = [
    Pool(),
    Pool(H=6, W=7, kernel=(3, 3), stride=(1, 1)),
    Pool(H=7, W=9, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)),
    Pool(H=7, W=9, kernel=(2, 3), stride=(1, 2), padding=(1, 0, 0, 1)),  # torch has no such padding
    Pool(H=7, W=9, kernel=(5, 4), stride=(2, 3), padding=(2, 1, 0, 2)),
    Pool(H=11, W=12, kernel=(2, 3), stride=(1, 1), dilation=(3, 4)),
    Pool(H=11, W=12, kernel=(3, 3), stride=(2, 3), dilation=(2, 3), padding=(1, 1, 1, 1)),
    Pool(H=11, W=12, kernel=(3, 2), stride=(4, 6), dilation=(3, 4)),
    Pool(H=40, W=50, kernel=(2, 3), stride=(7, 1), dilation=(33, 20)),
    Pool(H=9, W=10, kernel=(1, 1), stride=(3, 2)),
    Pool(H=9, W=10, kernel=(9, 10), stride=(1, 1)),
    Pool(H=20, W=21, kernel=(15, 16), stride=(1, 1), padding=(7, 7, 8, 8)),
    Pool(H=1, W=1, kernel=(1, 1), stride=(1, 1)),
    Pool(H=1, W=1, kernel=(4, 2), stride=(1, 1), padding=(2, 2, 1, 0)),
    Pool(H=6, W=7, kernel=(2, 2), stride=(5, 5)),
    Pool(N=3, C=5, H=6, W=7, kernel=(3, 2)),
]
CEIL = [
    Pool(H=4, W=6, kernel=(3, 3), ceil_mode=True),
    Pool(H=6, W=6, kernel=(3, 3), padding=(1, 1, 1, 1), ceil_mode=True),
    Pool(H=5, W=5, kernel=(3, 3), stride=(3, 3), padding=(1, 1, 1, 1), ceil_mode=True),
    Pool(H=2, W=2, kernel=(1, 1), stride=(3, 3), ceil_mode=True),
    Pool(H=2, W=2, kernel=(3, 3), stride=(3, 3), ceil_mode=True),
    Pool(H=3, W=4, kernel=(20, 19), stride=(20, 20), ceil_mode=True),  # far larger than the image
    Pool(H=17, W=34, kernel=(2, 2), ceil_mode=True),
    Pool(H=17, W=34, kernel=(3, 5), stride=(2, 3), padding=(1, 0, 0, 2), dilation=(2, 1), ceil_mode=True),
]
# A dilated window can step over the whole image: its value is the lowest, its position lies outside, as
# torch's.
STEPPED_OVER = [
    Pool(H=2, W=2, kernel=(2, 2), stride=(1, 1), padding=(1, 1, 1, 1), dilation=(3, 3)),
    Pool(H=2, W=5, kernel=(2, 2), stride=(1, 1), padding=(1, 1, 1, 1), dilation=(3, 3)),
    Pool(H=5, W=2, kernel=(2, 2), stride=(1, 1), padding=(1, 1, 1, 1), dilation=(3, 3)),
]


@DTYPES
@pytest.mark.parametrize("case", OPTIONS + CEIL + STEPPED_OVER, ids=str)
def test_options(isa, dtype, case):
    check_pool(case, draw(dtype, *case.x_size))


@DTYPES
@pytest.mark.parametrize("case", OPTIONS + CEIL, ids=str)
def test_ties(isa, dtype, case):
    """Few different values, so that nearly every window has its maximum several times."""
    x = (abs(draw(dtype, *case.x_size)) > 0.7).astype(dtype)
    check_pool(case, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", OPTIONS + CEIL, ids=str)
def test_zeros_of_both_signs(isa, dtype, case):
    """Equal, so the first one wins, with its sign."""
    x = draw(dtype, *case.x_size)
    check_pool(case, np.where(x > 0, 0.0, -0.0).astype(dtype))
    check_pool(case, np.where(x > 0, np.where(abs(x) > 1, 0.0, -0.0), -1.0).astype(dtype))


@DTYPES
@pytest.mark.parametrize("case", OPTIONS + CEIL + STEPPED_OVER, ids=str)
def test_lowest_values_everywhere(isa, dtype, case):
    """-inf, or the smallest integer: padding holds the same and must never win."""
    lowest = -np.inf if np.dtype(dtype).kind == "f" else np.iinfo(dtype).min
    check_pool(case, np.full(case.x_size, lowest, dtype))


@DTYPES
@pytest.mark.parametrize(
    "kernel, stride", [((1, 1), (1, 1)), ((2, 2), (2, 2)), ((3, 3), (2, 1)), ((2, 3), (1, 3))]
)
def test_output_widths_around_vectors(isa, dtype, kernel, stride):
    lanes = VECTOR_BYTES[isa] // max(np.dtype(dtype).itemsize, 4) or 1
    for width in sorted({n * lanes + d for n in (1, 2, 3) for d in (-1, 0, 1)} - {0}):
        for rest in range(stride[1]):  # columns after the last window
            W = (width - 1) * stride[1] + kernel[1] + rest
            case = Pool(C=2, H=4 * stride[0] + kernel[0], W=W, kernel=kernel, stride=stride)
            check_pool(case, draw(dtype, *case.x_size))


LARGE = [
    Pool(H=9, W=1100, kernel=(3, 3), padding=(1, 1, 1, 1)),  # several column tiles
    Pool(H=9, W=1100, kernel=(2, 2), stride=(1, 1)),
    Pool(H=700, W=90, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)),  # several row tiles
    Pool(N=3, C=20, H=60, W=62, kernel=(3, 3), stride=(1, 2)),
    Pool(N=3, C=7, H=45, W=46, kernel=(3, 3), stride=(1, 1), padding=(1, 1, 1, 1)),  # planes that take turns
    Pool(H=5, W=17000, kernel=(2, 2)),
]


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_several_tiles_and_threads(isa, threads, case):
    check_pool(case, draw("float32", *case.x_size))


def test_unbatched(isa):
    case = Pool(C=3, H=7, W=8, kernel=(3, 2), stride=(1, 2))
    x = draw("float32", *case.x_size)
    y, indices = _core.max_pool2d_forward(x, *case.options, True)
    flat, flat_indices = _core.max_pool2d_forward(x[0], *case.options, True)
    assert flat.shape == y.shape[1:]
    np.testing.assert_array_equal(flat, y[0])
    np.testing.assert_array_equal(flat_indices, indices[0])
    gradient = _core.max_pool2d_backward(flat, flat_indices, x.shape[1:])
    np.testing.assert_array_equal(gradient, _core.max_pool2d_backward(y, indices, x.shape)[0])


@DTYPES
def test_empty_batch(isa, dtype):
    x = np.zeros((0, 3, 4, 6), dtype)
    y, indices = _core.max_pool2d_forward(x, *Pool().options, True)
    assert y.shape == indices.shape == (0, 3, 2, 3)
    assert (y.dtype, indices.dtype) == (x.dtype, np.int64)
    if x.dtype.kind == "f":
        assert _core.max_pool2d_backward(y, indices, x.shape).shape == x.shape


def test_gradient_adds_where_windows_overlap(isa):
    x = np.zeros((1, 1, 3, 3), np.float32)
    x[0, 0, 1, 1] = 1
    _, indices = _core.max_pool2d_forward(x, (2, 2), (1, 1), (0, 0, 0, 0), (1, 1), False, True)
    gradient = _core.max_pool2d_backward(np.full((1, 1, 2, 2), 2, np.float32), indices, x.shape)
    np.testing.assert_array_equal(gradient, 8 * x)


def test_gradient_of_a_larger_plane(isa):
    """input_size rules, not the size that the indices came from (torch's max_unpool2d works the same way)."""
    dy, indices = np.ones((1, 1, 1, 2)), np.array([[[[0, 11]]]])
    gradient = _core.max_pool2d_backward(dy, indices, (1, 1, 3, 4))
    assert gradient.shape == (1, 1, 3, 4)
    assert gradient.sum() == gradient[0, 0, 0, 0] + gradient[0, 0, 2, 3] == 2


def test_images_whose_columns_are_apart(isa):
    """Every second, every third and reversed columns, for the windows that have code of their own."""
    for kernel, stride in ((3, 2), (3, 1), (2, 2), (2, 1), (5, 1)):
        case = Pool(C=2, H=22, W=40, kernel=(kernel, kernel), stride=(stride, stride), padding=(1, 1, 1, 0))
        x = draw("float32", *case.x_size)
        for step in (2, 3, -1):
            view = np.zeros((1, 2, 22, 40 * abs(step)), np.float32)[:, :, :, ::step]
            view[...] = x
            for indices in (True, False):
                got = _core.max_pool2d_forward(view, *case.options, indices)
                want = _core.max_pool2d_forward(x, *case.options, indices)
                for one, other in zip(got, want, strict=True) if indices else ((got, want),):
                    np.testing.assert_array_equal(one, other)


def test_kernels_far_larger_than_the_image(isa):
    """Their taps outside cost neither time nor memory."""
    x = draw("float32", 1, 2, 5, 6)
    size = 10**9
    for pad in (0, size // 2):
        y, indices = _core.max_pool2d_forward(x, (size, size), (size, size), (pad,) * 4, (1, 1), True, True)
        np.testing.assert_array_equal(y[..., 0, 0], x.max(axis=(2, 3)))
        np.testing.assert_array_equal(indices[..., 0, 0], x.reshape(1, 2, 30).argmax(axis=2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_positions_beyond_32_bits(isa, dtype):
    """A plane of 10**10 pixels (one number in memory), and windows wider than an int32 can count."""
    side = 100_000
    x = np.broadcast_to(np.array(1, dtype), (1, 1, side, side))
    for dilation in (3, 60_000):
        y, indices = _core.max_pool2d_forward(
            x, (2, 2), (39_999, 39_999), (1, 1, 1, 1), (dilation,) * 2, False, True
        )
        starts = np.arange(y.shape[-1]) * 39_999 - 1
        first = np.where(starts < 0, starts + dilation, starts)
        assert first[-1] * side > 2**31 or dilation > 3
        np.testing.assert_array_equal(indices[0, 0], first[:, None] * side + first)
        assert (y == 1).all()
