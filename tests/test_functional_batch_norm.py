"""batch_norm and dropout: against formulas in float64, their gradients, running statistics, random stream, and
wrong calls.
"""
# ruff: noqa: E501  (a wrong call is one line)

from __future__ import annotations

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck


def oracle(x, mean, var, weight, bias, eps=1e-5):
    shape = (1, -1) + (1,) * (x.ndim - 2)
    x = x.astype(np.float64)
    y = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    return y * weight.reshape(shape) + bias.reshape(shape)


def batch(shape, dtype="float64", offset=3.0):
    rnd = np.random.default_rng(0)
    x = (rnd.standard_normal(shape) * 2 + offset).astype(dtype)
    return x, rnd.standard_normal(shape[1]).astype(dtype), rnd.standard_normal(shape[1]).astype(dtype)


SHAPES = [(6, 3), (5, 3, 7), (4, 3, 5, 6), (300, 16, 8, 8), (1, 2, 400, 400), (2, 3, 2, 3, 2), (4, 1, 1, 1)]


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-11), ("float32", 2e-5), ("float16", 2e-2)])
@pytest.mark.parametrize("shape", SHAPES)
def test_training(shape, dtype, tolerance):
    x, w, b = batch(shape, dtype)
    mean, var = np.zeros(shape[1], dtype), np.ones(shape[1], dtype)
    y = F.batch_norm(x, mean, var, w, b, training=True, momentum=0.2)
    dims = (0, *range(2, x.ndim))
    wide = x.astype(np.float64)
    centre, spread = wide.mean(dims), wide.var(dims)
    assert y.dtype == dtype and y.shape == shape
    expected = oracle(x, centre, spread, w, b)
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(mean, 0.2 * centre, rtol=max(tolerance, 1e-6))
    count = x.size / shape[1]
    np.testing.assert_allclose(var, 0.8 + 0.2 * spread * count / (count - 1), rtol=max(tolerance, 1e-6))


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_large_mean_does_not_hurt(offset):
    x, w, b = batch((64, 8, 16, 16), "float32", offset)
    wide = x.astype(np.float64)
    y = F.batch_norm(x, None, None, w, b, training=True)
    expected = oracle(x, wide.mean((0, 2, 3)), wide.var((0, 2, 3)), w, b)
    assert np.abs(y - expected).max() < 1e-5 + 5e-7 * offset


@pytest.mark.parametrize("offset", [0.0, 20.0, 1e3])
def test_float32_gradients_keep_their_digits(offset):
    x, w, b = batch((32, 4, 8, 8), "float64", offset)
    grad = np.random.default_rng(2).standard_normal(x.shape)
    found = {}
    for dtype in ("float64", "float32"):
        given = [rushlight.tensor(each.astype(dtype).astype("float32").astype(dtype)) for each in (x, w, b)]
        for each in given:
            each.requires_grad_()
        y = F.batch_norm(given[0], None, None, *given[1:], training=True)
        y.backward(rushlight.tensor(grad.astype(dtype)))
        found[dtype] = [each.grad.double().numpy() for each in given]
    for exact, single in zip(found["float64"], found["float32"], strict=True):
        assert np.abs(exact - single).max() < 2e-5 * max(1, offset / 100) * np.abs(exact).max()


@pytest.mark.parametrize("shape", SHAPES)
def test_evaluation(shape):
    x, w, b = batch(shape)
    mean, var = np.linspace(-1, 1, shape[1]), np.linspace(0.5, 2, shape[1])
    before = mean.copy(), var.copy()
    np.testing.assert_allclose(
        F.batch_norm(x, mean, var, w, b), oracle(x, mean, var, w, b), rtol=1e-12, atol=1e-12
    )
    assert (mean == before[0]).all() and (var == before[1]).all()


@pytest.mark.parametrize("block", [16, 65536])
@pytest.mark.parametrize("training", [True, False])
def test_gradients(training, block, monkeypatch):
    monkeypatch.setattr("rushlight.functional.normalization._BLOCK", block)
    x, w, b = batch((3, 2, 2, 3))
    given = [rushlight.tensor(each, requires_grad=True) for each in (x, w, b)]
    mean, var = rushlight.tensor([1.0, 2.0]).double(), rushlight.tensor([1.5, 0.5]).double()

    def function(x, w, b):
        return F.batch_norm(x, mean.clone(), var.clone(), w, b, training=training)

    assert gradcheck(function, given)
    assert gradgradcheck(function, given)
    assert gradcheck(lambda x: F.batch_norm(x, None, None, training=True), given[:1])


def test_channels_last_memory():
    x, w, b = batch((4, 3, 5, 6))
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    y = F.batch_norm(last, None, None, w, b, training=True)
    np.testing.assert_allclose(y, F.batch_norm(x, None, None, w, b, training=True), rtol=1e-12, atol=1e-12)
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous
    given = rushlight.from_numpy(last).requires_grad_()
    grads = np.random.default_rng(1).standard_normal(x.shape)
    F.batch_norm(given, None, None, training=True).backward(rushlight.from_numpy(grads))
    plain = rushlight.from_numpy(x).requires_grad_()
    F.batch_norm(plain, None, None, training=True).backward(rushlight.from_numpy(grads))
    np.testing.assert_allclose(given.grad.numpy(), plain.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_running_statistics_count_as_written():
    mean, var = rushlight.zeros(3), rushlight.ones(3)
    x = rushlight.ones(3, requires_grad=True)
    y = x * mean
    F.batch_norm(rushlight.rand(4, 3), mean, var, training=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_empty_batch():
    mean = np.zeros(3)
    assert F.batch_norm(np.ones((0, 3, 2, 2)), mean, np.ones(3), training=True).shape == (0, 3, 2, 2)
    assert (mean == 0).all()


ONES = rushlight.ones
X = rushlight.ones(2, 3, 4, 4)
WRONG = [
    (lambda: F.batch_norm(X, None, None), RuntimeError, "running_mean must be defined in evaluation mode"),
    (lambda: F.batch_norm(X, ONES(2), ONES(2)), RuntimeError, "running_mean should contain 3 elements not 2"),
    (lambda: F.batch_norm(X, ONES(3), ONES(3), ONES(2)), RuntimeError, "weight should contain 3 elements not 2"),
    (lambda: F.batch_norm(X, ONES(3), None), ValueError, "must either both be None or neither"),
    (lambda: F.batch_norm(X.long(), ONES(3), ONES(3)), NotImplementedError, "batch_norm.*not implemented for 'Long'"),
    (lambda: F.batch_norm(X, ONES(3).double(), ONES(3).double()), RuntimeError, "mixed dtype .CPU.: expect param"),
    (lambda: F.batch_norm(X.double(), ONES(3), ONES(3)), RuntimeError, "mixed dtype .CPU.: all inputs must share"),
    (lambda: F.batch_norm(ONES(1, 3), None, None, training=True), ValueError, "Expected more than 1 value per chan"),
    (lambda: F.batch_norm(X, None, None, training=True, eps=0), ValueError, "eps must be positive during training"),
    (lambda: F.batch_norm(X, None, None, None, None, True, None), TypeError, "'momentum'.* must be float, not None"),
    (lambda: F.batch_norm(ONES(3), ONES(3), ONES(3)), RuntimeError, "running_mean should contain 0 elements not 3"),
    (lambda: F.dropout(X, 1.5), ValueError, "probability has to be between 0 and 1, but got 1.5"),
    (lambda: F.dropout(X.long()), RuntimeError, "result type Float can't be cast to the desired output type Long"),
    (lambda: F.dropout2d(ONES(3)), RuntimeError, "Feature dropout requires at least 2 dimensions"),
    (lambda: F.dropout(ONES(3).requires_grad_(), inplace=True), RuntimeError, "a leaf Variable that requires grad"),
]  # fmt: skip


@pytest.mark.parametrize("call, error, text", WRONG)
def test_wrong_calls(call, error, text):
    with pytest.raises(error, match=text):
        call()


# ---- dropout
def test_dropout_draws_one_float64_per_element():
    """As torch: after manual_seed the same elements are kept."""
    x = np.arange(1.0, 25.0).reshape(2, 3, 4)
    for dtype in ("float32", "float64"):
        rushlight.manual_seed(3)
        kept = rushlight.rand(2, 3, 4, dtype=rushlight.float64).numpy() < 1 - 0.3
        rushlight.manual_seed(3)
        y = F.dropout(x.astype(dtype), 0.3)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, np.where(kept, x / 0.7, 0), rtol=1e-6)


def test_dropout2d_draws_one_number_per_channel():
    rushlight.manual_seed(4)
    y = F.dropout2d(np.ones((5, 4, 3, 2)), 0.5)
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (y == y[:, :, :1, :1]).all()


def test_dropout_without_anything_to_drop():
    x = np.ones((3, 4))
    state = rushlight.get_rng_state()
    assert F.dropout(x, 0.5, training=False) is x and F.dropout(x, 0) is x
    assert (F.dropout(x, 1.0) == 0).all()
    assert (rushlight.get_rng_state() == state).all()
    assert F.dropout(np.ones((0, 3))).shape == (0, 3)


def test_dropout_in_place_and_its_gradient():
    x = np.ones(100)
    assert F.dropout(x, 0.5, inplace=True) is x and set(x) == {0.0, 2.0}
    for inplace in (True, False):
        rushlight.manual_seed(0)
        leaf = rushlight.ones(50, requires_grad=True)
        y = F.dropout(leaf * 1, 0.2, inplace=inplace)
        y.sum().backward()
        np.testing.assert_array_equal(leaf.grad.numpy(), y.detach().numpy())


def test_dropout2d_warns_of_other_numbers_of_dimensions():
    with pytest.warns(UserWarning, match="Received a 3D input to dropout2d"):
        F.dropout2d(np.ones((2, 3, 4)))
    with pytest.warns(UserWarning, match="Received a 2-D input"):
        F.dropout2d(np.ones((2, 3)))
