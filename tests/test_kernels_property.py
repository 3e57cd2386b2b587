"""Random configurations of every operator against the oracle, on every ISA."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from kernel_cases import INTEGERS, Conv, Pool, check_conv, check_conv_integer, check_pool, draw, using
from oracle import assert_same_bits, conv2d_size, max_pool2d_size, relu_forward, relu_grad_input
from rushlight import _core

floats = st.sampled_from(["float32", "float64"])
dtypes = st.sampled_from(["float32", "float64", *INTEGERS])


def pair(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convs(draw_from: st.DrawFn) -> Conv:
    groups = draw_from(st.integers(1, 4))
    # Now and then the channels that make fast algorithms worth their while.
    per_group = st.integers(1, 6) if draw_from(st.integers(0, 4)) else st.integers(15, 36)
    case = Conv(
        N=draw_from(st.integers(1, 3)),
        C=groups * draw_from(per_group),
        H=draw_from(st.integers(1, 20)),
        W=draw_from(st.integers(1, 40)),
        K=groups * draw_from(per_group),
        kernel=draw_from(st.one_of(st.just((3, 3)), pair(1, 6))),
        stride=draw_from(st.one_of(st.just((1, 1)), pair(1, 4))),
        padding=tuple(draw_from(st.tuples(*[st.integers(0, 6)] * 4))),
        dilation=draw_from(st.one_of(st.just((1, 1)), pair(1, 5))),
        groups=groups,
    )
    assume(min(conv2d_size((case.H, case.W), case.kernel, case.stride, case.padding, case.dilation)) >= 1)
    return case


@st.composite
def pools(draw_from: st.DrawFn) -> Pool:
    kernel = draw_from(pair(1, 6))
    case = Pool(
        N=draw_from(st.integers(1, 2)),
        C=draw_from(st.integers(1, 3)),
        H=draw_from(st.integers(1, 20)),
        W=draw_from(st.integers(1, 60)),
        kernel=kernel,
        stride=draw_from(pair(1, 5)),
        padding=tuple(draw_from(st.tuples(*(st.integers(0, kernel[i // 2] // 2) for i in range(4))))),
        dilation=draw_from(st.one_of(st.just((1, 1)), pair(1, 5))),
        ceil_mode=draw_from(st.booleans()),
    )
    assume(min(max_pool2d_size((case.H, case.W), *case.options)) >= 1)
    return case


def special(x: np.ndarray, seed: int) -> np.ndarray:
    """Ties, zeros of both signs, NaN and infinities, in different amounts."""
    rng = np.random.default_rng(seed)
    x = np.array(np.round(x) if seed % 2 else x)
    if x.dtype.kind == "f":
        for value, share in ((-0.0, 0.1), (np.nan, 0.1), (-np.inf, 0.5), (np.inf, 0.02)):
            if rng.random() < 0.4:
                x[rng.random(x.shape) < share] = value
    return x


@given(convs(), floats)
def test_conv2d(case, dtype):
    for isa in _core.available_isas():
        with using(isa):
            check_conv(case, dtype)


@given(convs(), st.sampled_from(INTEGERS))
def test_conv2d_integers(case, dtype):
    for isa in _core.available_isas():
        with using(isa):
            check_conv_integer(case, dtype)


@given(pools(), dtypes, st.integers(0, 1000))
def test_max_pool2d(case, dtype, seed):
    x = special(draw(dtype, *case.x_size, seed=seed), seed)
    for isa in _core.available_isas():
        with using(isa):
            check_pool(case, x)


@given(st.lists(st.integers(0, 9), max_size=4), dtypes, st.integers(0, 1000))
def test_relu(shape, dtype, seed):
    x = special(draw(dtype, *shape, seed=seed), seed)
    for isa in _core.available_isas():
        with using(isa):
            y = _core.relu_forward(x)
            assert_same_bits(y, relu_forward(x))
            if x.dtype.kind == "f":
                dy = special(draw(dtype, *shape, seed=seed + 1), seed + 2)
                assert_same_bits(_core.relu_backward(dy, y), relu_grad_input(dy, y))
