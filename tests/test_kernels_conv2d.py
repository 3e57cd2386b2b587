"""conv2d and its gradients against the oracle: sizes around tile edges, all options, dtypes and ISAs."""

from __future__ import annotations

import numpy as np
import pytest

from kernel_cases import INTEGERS, VECTOR_BYTES, Conv, check_conv, check_conv_integer, using
from rushlight import _core

FLOATS = pytest.mark.parametrize("dtype", ["float32", "float64"])


def around_vectors(isa: str, dtype: str) -> list[int]:
    """Widths around one, two, three and four vectors; the widest register tile is three vectors."""
    lanes = VECTOR_BYTES[isa] // np.dtype(dtype).itemsize
    return sorted({n * lanes + d for n in (1, 2, 3, 4) for d in (-1, 0, 1)} - {0})


@FLOATS
@pytest.mark.parametrize(
    "kernel, stride", [((1, 1), (1, 1)), ((3, 3), (1, 1)), ((2, 3), (2, 2)), ((1, 2), (1, 3))]
)
def test_output_widths_around_vectors(isa, dtype, kernel, stride):
    for width in around_vectors(isa, dtype):
        size = (width - 1) * stride[1] + kernel[1]
        for height in (1, 2) if width % 2 else (1, 5):
            case = Conv(
                H=(height - 1) * stride[0] + kernel[0], W=size, C=2, K=3, kernel=kernel, stride=stride
            )
            assert case.y_size[2:] == (height, width)
            check_conv(case, dtype)


@FLOATS
@pytest.mark.parametrize("channels", [*range(1, 10), 16, 17, 33])
def test_channels_around_register_tiles(isa, dtype, channels):
    check_conv(Conv(C=3, K=channels, H=5, W=9, padding=(1, 1, 1, 1)), dtype)
    check_conv(Conv(C=channels, K=3, H=5, W=9, padding=(1, 1, 1, 1)), dtype)
    check_conv(Conv(C=channels, K=channels, H=2, W=5, kernel=(1, 1)), dtype)


# At most 320 taps are summed before sums reach memory: 35 channels of 3 x 3 are one block, 36 are two.
@FLOATS
@pytest.mark.parametrize("channels", [35, 36, 71, 72, 107])
def test_reductions_around_blocks(isa, dtype, channels):
    check_conv(Conv(C=channels, K=2, H=4, W=7, padding=(1, 1, 1, 1)), dtype)
    check_conv(Conv(C=2, K=channels, H=4, W=7, padding=(1, 1, 1, 1)), dtype)


@FLOATS
@pytest.mark.parametrize("channels", [319, 320, 321])
def test_pointwise_reductions_around_blocks(isa, dtype, channels):
    check_conv(Conv(C=channels, K=3, H=3, W=5, kernel=(1, 1)), dtype)


OPTIONS = [
    Conv(H=9, W=10, stride=(2, 3)),
    Conv(H=9, W=10, C=3, K=4, stride=(3, 2), padding=(2, 2, 1, 1)),
    Conv(H=7, W=8, C=2, K=2, stride=(4, 5)),  # pixels that no window touches
    Conv(H=2, W=1, C=2, K=3, kernel=(3, 1), stride=(2, 2), padding=(1, 1, 3, 7)),  # nor any of the image's
    Conv(N=2, H=9, W=33, C=2, K=3, kernel=(15, 1), stride=(2, 2), padding=(3, 7, 1, 1)),  # nor the last one's
    Conv(H=11, W=12, C=2, K=3, dilation=(2, 3)),
    Conv(H=11, W=12, C=2, K=3, stride=(2, 2), dilation=(2, 2), padding=(2, 2, 2, 2)),
    Conv(H=11, W=12, C=2, K=3, stride=(3, 2), dilation=(2, 3), padding=(3, 1, 0, 2)),
    Conv(H=12, W=13, C=2, K=3, stride=(4, 6), dilation=(6, 4), padding=(6, 6, 6, 6)),
    Conv(H=40, W=70, C=1, K=2, dilation=(18, 33)),
    Conv(H=5, W=6, C=2, K=2, dilation=(50, 70), padding=(98, 98, 138, 140)),
    Conv(H=6, W=7, C=2, K=2, padding=(0, 2, 3, 1)),
    Conv(H=4, W=4, C=1, K=1, padding=(5, 6, 7, 8)),  # windows that see padding alone
    Conv(H=1, W=1, C=4, K=5, kernel=(5, 5), padding=(2, 2, 2, 2)),
    Conv(H=9, W=9, C=2, K=3, kernel=(9, 9)),
    Conv(H=20, W=23, C=2, K=2, kernel=(13, 17), padding=(6, 6, 8, 8)),
    Conv(H=3, W=40, C=2, K=2, kernel=(1, 31), padding=(0, 0, 15, 15)),
    Conv(H=40, W=3, C=2, K=2, kernel=(31, 1), padding=(15, 15, 0, 0)),
    Conv(H=6, W=7, C=6, K=4, groups=2, padding=(1, 1, 1, 1)),
    Conv(H=6, W=7, C=9, K=6, groups=3, kernel=(2, 2), stride=(2, 2)),
    Conv(H=6, W=7, C=5, K=5, groups=5, padding=(1, 1, 1, 1)),  # depthwise
    Conv(H=6, W=7, C=4, K=12, groups=4, padding=(1, 1, 1, 1)),  # three outputs per channel
    Conv(H=9, W=8, C=19, K=19, groups=19, stride=(2, 2), padding=(1, 1, 1, 1)),
    Conv(N=3, H=6, W=7, C=5, K=4, kernel=(1, 1)),
    Conv(N=2, H=6, W=7, C=5, K=4, kernel=(1, 1), stride=(2, 2), padding=(1, 0, 0, 1)),
    Conv(N=5, H=8, W=7, C=3, K=6, padding=(1, 1, 1, 1)),
]


@FLOATS
@pytest.mark.parametrize("case", OPTIONS, ids=str)
def test_options(isa, dtype, case):
    check_conv(case, dtype)


# Few pixels, many channels: output channels side by side in the lanes, and rows next to the border that skip
# what lies on the padding. Two vectors of channels, one alone, and parts of one; stride phases; groups.
NARROW = [
    Conv(C=40, K=40, H=7, W=7, kernel=(5, 5), padding=(2, 2, 2, 2)),
    Conv(N=2, C=35, K=49, H=13, W=6, kernel=(7, 1), padding=(3, 3, 0, 0)),
    Conv(N=2, C=64, K=64, H=3, W=3, kernel=(1, 1)),
    Conv(C=48, K=43, H=15, W=11, stride=(2, 2), padding=(1, 1, 1, 1)),
    Conv(C=33, K=34, H=9, W=10, kernel=(2, 3), dilation=(3, 3), padding=(3, 2, 3, 3)),
    Conv(C=64, K=96, H=8, W=6, kernel=(3, 5), padding=(1, 1, 2, 2), groups=2),
    Conv(C=32, K=32, H=2, W=9, kernel=(5, 5), padding=(9, 9, 2, 2)),  # rows of padding alone
]


@FLOATS
@pytest.mark.parametrize("case", NARROW, ids=str)
def test_narrow_images_of_many_channels(isa, dtype, case):
    check_conv(case, dtype)


# Wide enough for several column tiles (512), tall enough for several row tiles, and with enough pixels
# that the weight gradient is summed in chunks.
LARGE = [
    Conv(H=3, W=1100, C=2, K=2, kernel=(2, 5), padding=(1, 1, 2, 2)),
    Conv(H=200, W=60, C=12, K=3, padding=(1, 1, 1, 1)),
    Conv(N=4, H=64, W=64, C=4, K=8, padding=(1, 1, 1, 1)),
    Conv(N=9, H=33, W=70, C=3, K=5, stride=(2, 1), kernel=(5, 5)),
]


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_several_tiles(isa, case):
    check_conv(case, "float32")


# Cut into parts of which the smaller one has planes of 256 elements: they get gaps (see NOTE [ 4 KiB
# aliasing ]) that the larger one does not need. Memory counted too tightly is overrun, by enough to crash.
UNEVEN = [
    Conv(C=512, H=1, W=513, K=2, kernel=(1, 1)),
    Conv(C=2, H=1, W=513, K=512, kernel=(1, 1)),
    Conv(C=140, H=1, W=513, K=2, kernel=(1, 2), stride=(1, 1), padding=(0, 0, 0, 1)),
    Conv(C=16, H=62, W=14, K=16, padding=(1, 1, 1, 1)),
    # Output channels in the lanes: results wait in bands of at most 1024 pixels.
    Conv(C=16, H=55, W=55, K=64, padding=(4, 4, 4, 4), dilation=(4, 4)),
    Conv(C=64, H=35, W=59, K=64, kernel=(1, 1)),
]


@pytest.mark.parametrize("case", UNEVEN, ids=str)
def test_uneven_parts(isa, case):
    check_conv(case, "float32")


def test_several_tiles_and_threads(isa, threads):
    check_conv(Conv(N=2, H=45, W=600, C=4, K=20, padding=(1, 1, 1, 1)), "float32")


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("case", OPTIONS, ids=str)
def test_integers_wrap_in_their_own_type(isa, dtype, case):
    check_conv_integer(case, dtype)


def test_integers_beyond_float64(isa):
    x = np.array([[[[2**53 + 1, 3]]]])
    w = np.array([[[[1, 2**40]]]])
    y = _core.conv2d_forward(x, w, None, (1, 1), (0, 0, 0, 0), (1, 1), 1)
    assert y.dtype == np.int64
    assert y.item() == 2**53 + 1 + 3 * 2**40


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_small_integers_wrap(isa, dtype):
    value = {"uint8": 200, "int8": 100}[dtype]
    x, w = np.full((1, 1, 3, 3), value, dtype), np.full((1, 1, 3, 3), 3, dtype)
    y = _core.conv2d_forward(x, w, None, (1, 1), (0, 0, 0, 0), (1, 1), 1)
    assert y.item() == {"uint8": 24, "int8": -116}[dtype]


def test_without_bias(isa):
    case = Conv(C=3, K=4, padding=(1, 1, 1, 1))
    x, w, b, _ = case.arrays("float32")
    without = _core.conv2d_forward(x, w, None, *case.options)
    np.testing.assert_array_equal(without, _core.conv2d_forward(x, w, 0 * b, *case.options))
    assert not np.array_equal(without, _core.conv2d_forward(x, w, b, *case.options))


def test_unbatched(isa):
    case = Conv(C=3, K=4, H=6, W=7, stride=(2, 1), padding=(1, 1, 1, 1))
    x, w, b, dy = case.arrays("float32")
    pairs = [
        (_core.conv2d_forward(x[0], w, b, *case.options), _core.conv2d_forward(x, w, b, *case.options)[0]),
        (
            _core.conv2d_backward_input(dy[0], w, x.shape[1:], *case.options),
            _core.conv2d_backward_input(dy, w, x.shape, *case.options)[0],
        ),
        (
            _core.conv2d_backward_weight(dy[0], x[0], w.shape, *case.options),
            _core.conv2d_backward_weight(dy, x, w.shape, *case.options),
        ),
        (_core.conv2d_backward_bias(dy[0]), _core.conv2d_backward_bias(dy)),
    ]
    for unbatched, batched in pairs:
        assert unbatched.shape == batched.shape
        np.testing.assert_array_equal(unbatched, batched)


EMPTY = [
    Conv(N=0, C=3, K=4),
    Conv(N=0, C=4, K=4, groups=4, stride=(2, 2)),
    Conv(N=2, C=0, K=4),  # y is the bias, not torch's empty array
    Conv(N=0, C=0, K=2),
]


@FLOATS
@pytest.mark.parametrize("case", EMPTY, ids=str)
def test_empty(isa, dtype, case):
    check_conv(case, dtype)
    x, w, _, _ = case.arrays(dtype)
    y = _core.conv2d_forward(x, w, None, *case.options)
    assert y.shape == case.y_size
    assert not y.any()


@pytest.mark.parametrize("name", VECTOR_BYTES)
def test_isa_can_be_forced(name):
    if name not in _core.available_isas():
        pytest.skip(f"this CPU or build has no {name}")
    with using(name):
        assert _core.isa() == name
        check_conv(Conv(C=2, K=3), "float32")
