"""The weight gradient at the edges of its tiles: channels or pixels in the lanes, Winograd's two sizes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from guard import Guards, guarded_outputs
from kernel_cases import VECTOR_BYTES, Conv, draw, using
from oracle import assert_close, assert_same_bits, conv2d_grad_weight
from rushlight import _core

LEVELS = ["highest", "high", "medium"]
FLOATS = pytest.mark.parametrize("dtype", ["float32", "float64"])
ALL_LEVELS = pytest.mark.parametrize("level", LEVELS)


@pytest.fixture(autouse=True)
def restore_precision() -> Iterator[None]:
    before = _core.conv_precision()
    yield
    _core.set_conv_precision(before)


def run(case: Conv, dy: np.ndarray, x: np.ndarray, level: str) -> np.ndarray:
    _core.set_conv_precision(level)
    return _core.conv2d_backward_weight(dy, x, case.w_size, *case.options)


def operands(case: Conv, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    return draw(dtype, *case.y_size, seed=3), draw(dtype, *case.x_size)


def check(case: Conv, dtype: str, dy: np.ndarray, x: np.ndarray, level: str) -> None:
    """Direct sums element by element; Winograd mixes the pixels of a tile, so against the largest scale."""
    got = run(case, dy, x, level)
    want = conv2d_grad_weight(dy, x, case.w_size, *case.options)
    scale = conv2d_grad_weight(abs(dy), abs(x), case.w_size, *case.options)
    if level != "highest":
        scale[:] = scale.max(initial=0) * (4 if level == "medium" else 1)
    what = f"{case}, {dtype}, {level}, {_core.isa()}"
    assert_close(got, want, scale, case.N * int(np.prod(case.y_size[2:])), what)


# ---------------------------------------------------------------- channels in the lanes


@FLOATS
def test_output_channels_around_vectors_and_panels(isa, dtype):
    lanes = VECTOR_BYTES[isa] // np.dtype(dtype).itemsize
    edges = {max(1, n * lanes + d) for n in (1, 2, 3, 4, 8) for d in (-1, 0, 1)}
    for K in sorted(edges):
        case = Conv(N=2, C=7, K=K, H=5, W=6, padding=(1, 1, 1, 1))
        check(case, dtype, *operands(case, dtype), "highest")


@FLOATS
@pytest.mark.parametrize("C", [1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 16, 23, 25])
def test_input_channels_around_register_tiles(isa, dtype, C):
    """Few of them share a register tile between taps, on a padded copy of x."""
    for kernel in ((1, 1), (3, 3), (5, 4)):
        case = Conv(N=2, C=C, K=32, H=7, W=6, kernel=kernel, padding=(1, 2, 2, 1))
        check(case, dtype, *operands(case, dtype), "highest")


GEOMETRY = [
    Conv(N=5, H=2, W=3, kernel=(1, 1)),
    Conv(N=9, H=3, W=3, padding=(1, 1, 1, 1)),  # several images in a block
    Conv(N=2, H=7, W=7, padding=(1, 1, 1, 1)),
    Conv(H=11, W=12, padding=(1, 1, 1, 1)),
    Conv(H=4, W=70, padding=(1, 1, 1, 1)),
    Conv(H=3, W=400),  # a row in several blocks
    Conv(H=300, W=1, kernel=(3, 1)),
    Conv(N=2, H=9, W=13, stride=(2, 3), padding=(1, 0, 2, 1)),
    Conv(H=14, W=14, kernel=(1, 1), stride=(2, 2)),
    Conv(H=13, W=12, kernel=(3, 2), dilation=(2, 5), padding=(2, 1, 0, 3)),
    Conv(H=9, W=40, kernel=(2, 2), dilation=(7, 30)),  # a copy of x would be wider than what is read
    Conv(H=2, W=2, kernel=(3, 3), padding=(4, 3, 5, 2)),  # taps that meet no pixel
    Conv(H=5, W=5, kernel=(5, 5)),  # one output pixel
    Conv(H=30, W=9, kernel=(7, 5), padding=(3, 3, 2, 2)),  # more taps than a table of runs
]


@FLOATS
@pytest.mark.parametrize("geometry", GEOMETRY, ids=str)
def test_geometry(isa, dtype, geometry):
    for C, K, groups in ((2, 33, 1), (14, 34, 1), (16, 48, 2), (4, 5, 1)):
        case = Conv(**{**vars(geometry), "C": C, "K": K, "groups": groups})
        check(case, dtype, *operands(case, dtype), "highest")


def layouts(a: np.ndarray) -> dict[str, np.ndarray]:
    """The same values in other orders of memory."""
    return {
        "channels last": np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        "transposed": np.ascontiguousarray(a.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0),
        "reversed": np.ascontiguousarray(a[:, ::-1, ::-1, ::-1])[:, ::-1, ::-1, ::-1],
        "every second": np.repeat(a, 2, axis=3)[..., ::2],
    }


@ALL_LEVELS
@pytest.mark.parametrize("C", [3, 17])
def test_layouts_do_not_change_a_bit(isa, level, C):
    case = Conv(N=2, C=C, K=35, H=14, W=17, padding=(1, 1, 1, 1))
    dy, x = operands(case, "float32")
    want = run(case, dy, x, level)
    others = layouts(dy)
    for name, other in layouts(x).items():
        assert_same_bits(run(case, dy, other, level), want, f"x {name}")
        assert_same_bits(run(case, others[name], x, level), want, f"dy {name}")
    for part in (dy, x):
        assert not np.shares_memory(want, part)


def test_broadcast_gradient(isa):
    """What the gradient of a sum looks like: one element, no strides."""
    case = Conv(N=2, C=16, K=32, H=12, W=12, padding=(1, 1, 1, 1))
    _, x = operands(case, "float32")
    dy = np.broadcast_to(np.float32(0.5), case.y_size)
    for level in LEVELS:
        assert_same_bits(run(case, dy, x, level), run(case, dy.copy(), x, level), level)


# ---------------------------------------------------------------- Winograd

# 3 x 3, stride 1, 16 channels or more: around tiles of 2 and 4, vectors of channels, blocks of tiles; wide
# padding. Many images make several blocks, or segments of them, whose sums wait in memory; wide ones segments
# of unlike numbers of blocks.
WINOGRAD = [
    Conv(C=16, K=16, H=12, W=12, padding=(1, 1, 1, 1)),
    Conv(C=17, K=33, H=13, W=14, padding=(1, 1, 1, 1)),
    Conv(N=3, C=23, K=31, H=15, W=11),
    Conv(N=2, C=48, K=18, H=16, W=17, padding=(2, 0, 0, 2)),
    Conv(N=4, C=32, K=80, H=8, W=9, padding=(5, 4, 3, 6)),
    Conv(N=7, C=16, K=20, H=33, W=34, padding=(0, 1, 1, 0)),
    Conv(N=40, C=20, K=16, H=7, W=7, padding=(1, 1, 1, 1)),
    Conv(C=19, K=32, H=3, W=300, padding=(1, 1, 1, 1)),
    Conv(C=16, K=16, H=130, W=12, padding=(1, 1, 1, 1)),
    Conv(C=16, K=16, H=42, W=600, padding=(1, 1, 1, 1)),
    Conv(N=2, C=36, K=40, H=14, W=15, padding=(1, 1, 1, 1), groups=2),
]


@FLOATS
@ALL_LEVELS
@pytest.mark.parametrize("case", WINOGRAD, ids=str)
def test_winograd(isa, level, dtype, case):
    check(case, dtype, *operands(case, dtype), level)


MIXED_TAPS = Conv(N=8, C=3, K=40, H=33, W=34, padding=(1, 1, 1, 1))


@ALL_LEVELS
@pytest.mark.parametrize("case", [*WINOGRAD[:7], MIXED_TAPS], ids=str)
def test_bits_do_not_depend_on_threads(isa, level, case):
    dy, x = operands(case, "float32")
    with using(threads=1):
        want = run(case, dy, x, level)
    for threads in (2, 7):
        with using(threads=threads):
            for _ in range(2):
                assert_same_bits(run(case, dy, x, level), want, f"{threads} threads")


# Root mean square of the error over that of the result, as measured on normal data plus a third.
ERROR = {"highest": 5.4e-7, "high": 5e-7, "medium": 1.4e-6}


@ALL_LEVELS
@pytest.mark.parametrize(
    "case",
    [
        Conv(N=2, C=512, K=16, H=14, W=14, padding=(1, 1, 1, 1)),
        Conv(N=16, C=16, K=16, H=32, W=32, padding=(1, 1, 1, 1)),
        Conv(N=8, C=64, K=32, H=28, W=28, padding=(1, 1, 1, 1)),
    ],
    ids=str,
)
def test_error(level, case):
    dy, x = operands(case, "float32")
    want = conv2d_grad_weight(dy, x, case.w_size, *case.options)
    for isa in _core.available_isas():
        if isa == "reference":
            continue  # one long chain of sums
        with using(isa):
            error = run(case, dy, x, level) - want
        assert np.sqrt((error**2).mean() / (want**2).mean()) <= ERROR[level], isa


def test_small_integers_are_exact(isa):
    """Sums and halves of small integers do not round."""
    case = WINOGRAD[3]
    rng = np.random.default_rng(0)
    dy, x = (rng.integers(-8, 9, size).astype("float32") for size in (case.y_size, case.x_size))
    want = conv2d_grad_weight(dy, x, case.w_size, *case.options)
    for level in ("highest", "high"):
        np.testing.assert_array_equal(run(case, dy, x, level), want)


@ALL_LEVELS
def test_channels_of_zeros_give_zeros(isa, level):
    case = WINOGRAD[1]
    dy, x = operands(case, "float32")
    x[:, 5] = 0
    dy[:, 20] = 0
    dw = run(case, dy, x, level)
    assert not dw[:, 5].any() and not dw[20].any()
    assert np.count_nonzero(dw) == (case.K - 1) * (case.C - 1) * 9


@ALL_LEVELS
@pytest.mark.parametrize("side", ["start", "end"])
def test_stays_inside_its_arrays(isa, level, side):
    narrow = [Conv(**{**vars(case), "C": 3, "K": 33}) for case in GEOMETRY]
    wide = [Conv(**{**vars(case), "C": 14, "K": 34}) for case in GEOMETRY]
    for case in (*narrow, *wide, *WINOGRAD):
        guards = Guards()
        dy, x = (guards(a, side) for a in operands(case, "float32"))
        with guarded_outputs():
            run(case, dy, x, level)
        guards.check()


# ---------------------------------------------------------------- NaN and infinities

FOOTPRINTS = [
    WINOGRAD[0],
    WINOGRAD[2],
    WINOGRAD[9],
    Conv(N=2, C=3, K=32, H=9, W=10, padding=(1, 1, 1, 1)),
    Conv(N=2, C=9, K=32, H=9, W=10, stride=(2, 2), padding=(1, 1, 1, 1)),
    Conv(N=2, C=9, K=3, H=9, W=10, padding=(1, 1, 1, 1)),
]


@ALL_LEVELS
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("case", FOOTPRINTS, ids=str)
def test_not_finite_reaches_what_it_takes_part_in(isa, level, value, case):
    """At a corner or border of the image some taps never meet it."""
    for where in ("x", "dy"):
        for row, col in ((0, 0), (0, -1), (-1, 0), (-1, -1), (2, -1), (-1, 3), (3, 4)):
            dy, x = operands(case, "float32")
            (x if where == "x" else dy)[-1, 1, row, col] = value
            got = run(case, dy, x, level)
            want = conv2d_grad_weight(dy, x, case.w_size, *case.options)
            what = f"{where} {value} at {row}, {col}"
            np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=what)
            np.testing.assert_array_equal(got[np.isinf(want)], want[np.isinf(want)], err_msg=what)
            assert np.isfinite(got[np.isfinite(want)]).all(), what


@ALL_LEVELS
def test_transforms_that_overflow_are_repaired(isa, level):
    case = Conv(C=16, K=16, H=12, W=12, padding=(1, 1, 1, 1))
    dy, x = operands(case, "float32")
    x = np.sign(x) * np.float32(3e38)  # sums of two of them are infinite
    dy *= np.float32(1e-6)
    check(case, "float32", dy, x, level)


@ALL_LEVELS
def test_empty_batch_gives_zeros(isa, level):
    for C in (3, 16):
        dw = run(Conv(N=0, C=C, K=32), np.empty((0, 32, 3, 3), "f4"), np.empty((0, C, 5, 5), "f4"), level)
        assert dw.shape == (32, C, 3, 3) and not dw.any()
