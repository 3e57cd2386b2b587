"""Batch normalisation in C++ against float64 NumPy: every ISA, odd sizes, threads, errors."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
from rushlight import _core

SHAPES = [(4, 3, 5, 7), (2, 5, 8, 8), (3, 1, 9), (1, 2, 70, 61), (5, 4, 1), (2, 3, 4, 16, 3)]


@pytest.fixture(params=rushlight.available_isas())
def isa(request):
    before = rushlight.isa()
    rushlight.set_isa(request.param)
    yield request.param
    rushlight.set_isa(before)


def made(shape, dtype):
    random = np.random.default_rng(7)
    x = (random.standard_normal(shape) * 3 + 20).astype(dtype)
    dy = random.standard_normal(shape).astype(dtype)
    return x, dy, random.standard_normal(shape[1]), random.standard_normal(shape[1])


def oracle(x, dy, w, b, eps, mean=None, variance=None):
    """(y, mean, variance, dx, sums of dy, sums of dy * (x - mean)) in float64."""
    axes, column = (0, *range(2, x.ndim)), (1, -1) + (1,) * (x.ndim - 2)
    x, dy = x.astype(np.float64), dy.astype(np.float64)
    training = mean is None
    if training:
        mean, variance = x.mean(axes), x.var(axes)
    scale = 1 / np.sqrt(variance + eps)
    deviation = x - mean.reshape(column)
    y = deviation * (scale * w).reshape(column) + b.reshape(column)
    total, product = dy.sum(axes), (dy * deviation).sum(axes)
    n = x.size / x.shape[1]
    inner = dy
    if training:
        inner = dy - total.reshape(column) / n - deviation * (scale**2 * product / n).reshape(column)
    return y, mean, variance, inner * (scale * w).reshape(column), total, product


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_both_directions(isa, shape, dtype, training):
    x, dy, w, b = made(shape, dtype)
    constants = (None, None) if training else (w + 20, b * b + 1)
    want = oracle(x, dy, w, b, 1e-3, *constants)
    y, mean, variance = _core.batch_norm_forward(x, w, b, 1e-3, *constants)
    scale = 1 / np.sqrt(want[2] + 1e-3)
    got = (y, mean, variance, *_core.batch_norm_backward(dy, x, want[1], scale, scale * w, training, True))
    assert y.dtype == got[3].dtype == dtype
    close = 1e-5 if dtype == np.float32 else 1e-13
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=close, atol=close * max(1.0, abs(theirs).max()))


def test_missing_numbers_and_layouts(isa):
    x, dy, _, _ = made((3, 4, 6, 5), np.float32)
    ones, zeros = np.ones(4), np.zeros(4)
    want = _core.batch_norm_forward(x, ones, zeros, 1e-5, None, None)
    turned = np.asfortranarray(x)
    swapped = x.astype(">f4")
    for given in (x, turned, swapped):
        for ours, theirs in zip(
            _core.batch_norm_forward(given, None, None, 1e-5, None, None), want, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    without = _core.batch_norm_backward(dy, x, want[1], ones, ones, True, False)
    assert without[0] is None
    np.testing.assert_array_equal(
        without[1], _core.batch_norm_backward(dy, turned, want[1], ones, ones, True, True)[1]
    )


def test_same_bits_for_any_number_of_threads(isa):
    x, dy, w, b = made((4, 9, 40, 41), np.float32)
    before = rushlight.get_num_threads()
    answers = []
    try:
        for threads in (1, 2, 7):
            rushlight.set_num_threads(threads)
            y, mean, variance = _core.batch_norm_forward(x, w, b, 1e-5, None, None)
            answers.append((y, mean, variance, *_core.batch_norm_backward(dy, x, mean, w, b, True, True)))
    finally:
        rushlight.set_num_threads(before)
    for other in answers[1:]:
        for first, now in zip(answers[0], other, strict=True):
            np.testing.assert_array_equal(first, now)


def test_a_nan_stays_in_its_channel(isa):
    x, _, w, b = made((3, 4, 5, 5), np.float32)
    x[1, 2, 3, 4] = np.nan
    y, mean, _ = _core.batch_norm_forward(x, w, b, 1e-5, None, None)
    assert np.isnan(y[:, 2]).all() and np.isnan(mean[2])
    assert not np.isnan(y[:, [0, 1, 3]]).any()


def test_a_large_mean_costs_no_digits(isa):
    x = np.random.default_rng(0).standard_normal((8, 2, 64, 64)).astype(np.float32) + np.float32(3000)
    _, mean, variance = _core.batch_norm_forward(x, None, None, 1e-5, None, None)
    np.testing.assert_allclose(mean, x.mean((0, 2, 3), dtype=np.float64), rtol=1e-8)
    np.testing.assert_allclose(variance, x.var((0, 2, 3), dtype=np.float64), rtol=1e-5)


def test_wrong_arguments_are_refused():
    x, dy, w, b = made((2, 3, 4, 4), np.float32)
    for args, text in (
        ((x[0, 0, 0], None, None), "expected input"),
        ((x.astype(np.int64), None, None), "not implemented for 'Long'"),
        ((x, w[:2], None), "expected 3 numbers per channel"),
        ((x, None, np.ones(4)), "but got 4"),
    ):
        with pytest.raises(RuntimeError, match=text):
            _core.batch_norm_forward(*args, 1e-5, None, None)
    for wrong in (dy[:1], dy.astype(np.float64)):
        with pytest.raises(RuntimeError, match="expected grad_output of size"):
            _core.batch_norm_backward(wrong, x, w, w, b, True, True)
