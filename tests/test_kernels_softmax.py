"""softmax, log_softmax, their gradients and sigmoid in C++ against float64 NumPy, on every ISA."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight import _core

# Rows (the last dim), columns (the others); odd sizes, one class, one column, more than one run of sums.
CASES = [((3, 5), 1), ((3, 5), 0), ((2, 7, 3, 11), 1), ((4, 1), 1), ((1, 4), 0), ((2, 2500), -1), ((6,), 0)]
DTYPES = [np.float32, np.float64]


@pytest.fixture(params=rushlight.available_isas())
def isa(request):
    before = rushlight.isa()
    rushlight.set_isa(request.param)
    yield request.param
    rushlight.set_isa(before)


def softmax_of(x, dim, logarithm):
    v = x.astype(np.float64) - x.max(dim, keepdims=True)
    total = np.exp(v).sum(dim, keepdims=True)
    return v - np.log(total) if logarithm else np.exp(v) / total


def sigmoid_of(x):
    e = np.exp(-np.abs(x.astype(np.float64)))
    return np.where(x < 0, e, 1.0) / (1 + e)


@pytest.mark.parametrize("logarithm", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "dim"), CASES, ids=str)
def test_both_directions(isa, shape, dim, dtype, logarithm):
    random = np.random.default_rng(3)
    x = (random.standard_normal(shape) * 5).astype(dtype)
    dy = random.standard_normal(shape).astype(dtype)
    y = _core.try_softmax(x, dim, logarithm)
    want = softmax_of(x, dim, logarithm)
    close = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-14}
    assert y.dtype == dtype
    np.testing.assert_allclose(y, want, **close)
    given, wide = y.astype(np.float64), dy.astype(np.float64)
    if logarithm:
        dx = wide - np.exp(given) * wide.sum(dim, keepdims=True)
    else:
        dx = given * (wide - (wide * given).sum(dim, keepdims=True))
    np.testing.assert_allclose(_core.try_softmax_backward(dy, y, dim, logarithm), dx, **close)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_to_the_last_digits(isa, dtype):
    """From the smallest denormal result on: exp is right there too."""
    lowest = -104.0 if dtype == np.float32 else -746.0
    x = np.concatenate([np.linspace(lowest, 40, 20001), np.linspace(-1e-3, 1e-3, 101)]).astype(dtype)
    y, want = _core.try_sigmoid(x), sigmoid_of(x)
    units = np.abs(y.astype(np.float64) - want) / np.spacing(np.maximum(want.astype(dtype), 0))
    assert units.max() <= (2 if isa.startswith("avx") else 2.5)  # without a fused multiply-add, a little more
    assert np.isnan(_core.try_sigmoid(np.array([np.nan], dtype)))[0]
    np.testing.assert_array_equal(
        _core.try_sigmoid(np.array([np.inf, 1e30, -1e30, -np.inf, -0.0], dtype)), [1, 1, 0, 0, 0.5]
    )


@pytest.mark.parametrize("logarithm", [False, True])
def test_infinities_and_nan(isa, logarithm):
    """-inf is a score that cannot be; nan and inf spoil their row alone."""
    x = np.array([[-np.inf, 0, 0], [np.nan, 0, 1], [np.inf, 0, 1], [-np.inf] * 3, [1, 2, 3]], np.float32)
    for y in (
        _core.try_softmax(x, 1, logarithm),
        _core.try_softmax(np.ascontiguousarray(x.T), 0, logarithm).T,
    ):
        probability = np.exp(y) if logarithm else y
        np.testing.assert_allclose(probability[0], [0, 0.5, 0.5])
        assert np.isnan(y[1:4]).all()
        np.testing.assert_allclose(probability[4].sum(), 1, rtol=1e-6)


def test_same_bits_for_threads_layouts_and_slices(isa):
    x = np.random.default_rng(0).standard_normal((70, 33, 40)).astype(np.float32)
    before = rushlight.get_num_threads()
    try:
        for dim in (1, 2):
            rushlight.set_num_threads(1)
            want, want_sigmoid = F.softmax(x, dim), F.sigmoid(x)
            for threads in (1, 2, 7):
                rushlight.set_num_threads(threads)
                np.testing.assert_array_equal(F.softmax(x, dim), want)
                np.testing.assert_array_equal(F.sigmoid(x), want_sigmoid)
            turned = np.asfortranarray(x)
            np.testing.assert_array_equal(F.softmax(turned, dim), want)
            np.testing.assert_array_equal(F.sigmoid(turned), want_sigmoid)
            np.testing.assert_array_equal(F.softmax(x[3:5], dim), want[3:5])
            np.testing.assert_array_equal(F.softmax(x.astype(">f4"), dim), want)
    finally:
        rushlight.set_num_threads(before)


def test_sum_of_classes():
    scores = np.random.default_rng(0).standard_normal((5, 3))
    classes = np.array([0, 2, 1, 1, 0])
    want = -0.5 * scores[np.arange(5), classes].sum()
    found = _core.try_sum_of_classes(scores, classes, -0.5)
    assert found.shape == () and found.dtype == np.float64
    np.testing.assert_allclose(found, want, rtol=1e-14)
    for bad in (np.array([0, 3, 1, 1, 0]), np.array([0, -1, 1, 1, 0]), classes[:4], classes.astype(np.int32)):
        assert _core.try_sum_of_classes(scores, bad, 1.0) is NotImplemented


def test_what_is_not_usual_goes_the_long_way():
    x = np.ones((2, 3), np.float32)
    for arguments in ((x, 2, False), (x, -3, False), (x, 1.0, False), (x, 1, 0), (x.T, 1, True), (x, 1)):
        assert _core.try_softmax(*arguments) is NotImplemented
    for arguments in ((x, x[:1], 1, True), (x, x.astype(np.float64), 1, True), (x, x.T, 1, True)):
        assert _core.try_softmax_backward(*arguments) is NotImplemented
    for given in (x.T, x.astype(np.int64), x.astype(np.float16), [1.0]):
        assert _core.try_sigmoid(given) is NotImplemented
