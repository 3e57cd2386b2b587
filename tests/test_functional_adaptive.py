"""adaptive_avg_pool2d, adaptive_max_pool2d, max_unpool2d: loops, special values, gradients, errors."""
# ruff: noqa: E501  (a wrong call is one line)

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck

NAN = math.nan
SIZES = [
    ((2, 3, 6, 8), (3, 4)),
    ((2, 3, 7, 5), (3, 2)),
    ((3, 5, 5), (7, 3)),
    ((1, 1, 9, 4), (1, 4)),
    ((1, 2, 3, 3), 1),
]


def windows(x, size):
    """(i, j, rows, columns) of every output element."""
    size = (size, size) if isinstance(size, int) else size
    h, w = x.shape[-2:]
    for i in range(size[0]):
        for j in range(size[1]):
            rows = slice(math.floor(i * h / size[0]), math.ceil((i + 1) * h / size[0]))
            columns = slice(math.floor(j * w / size[1]), math.ceil((j + 1) * w / size[1]))
            yield i, j, rows, columns


@pytest.mark.parametrize("shape, size", SIZES)
def test_against_loops(shape, size):
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(np.float64)
    mean, (most, at) = F.adaptive_avg_pool2d(x, size), F.adaptive_max_pool2d(x, size, return_indices=True)
    for i, j, rows, columns in windows(x, size):
        window = x[..., rows, columns]
        np.testing.assert_allclose(mean[..., i, j], window.mean((-1, -2)), rtol=1e-14, atol=1e-14)
        np.testing.assert_array_equal(most[..., i, j], window.max((-1, -2)))
        for plane in np.ndindex(shape[:-2]):
            row, column = divmod(at[plane][i, j], shape[-1])
            first = np.argmax(window[plane])
            assert (row - rows.start) * window.shape[-1] + column - columns.start == first
    for dtype in ("float32", "float16", "int64"):
        assert F.adaptive_avg_pool2d(x.astype(dtype), size).dtype == dtype
        assert F.adaptive_max_pool2d(x.astype(dtype), size).dtype == dtype


@pytest.mark.parametrize("shape, size", SIZES)
def test_gradients(shape, size):
    values = np.random.default_rng(0).permutation(math.prod(shape)).reshape(shape) / 10.0
    x = rushlight.tensor(values, requires_grad=True)
    for function in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        assert gradcheck(lambda x, f=function: f(x, size), (x,))
        assert gradgradcheck(lambda x, f=function: f(x, size) ** 2, (x,))


def test_special_values():
    y, at = F.adaptive_max_pool2d(np.array([[[1, NAN], [NAN, 3]]]), 1, True)
    assert np.isnan(y).all() and at.tolist() == [[[2]]]
    y, at = F.adaptive_max_pool2d(np.full((1, 2, 2), -np.inf), 1, True)
    assert y.tolist() == [[[-np.inf]]] and at.tolist() == [[[0]]]
    x = np.zeros((1, 4, 4))
    x[0, 0, 0] = NAN
    assert np.isnan(F.adaptive_avg_pool2d(x, 2)).tolist() == [[[True, False], [False, False]]]
    assert F.adaptive_avg_pool2d(np.array([[[7, 8], [-9, -9]]]), (2, 1)).tolist() == [[[7], [-9]]]


def test_sizes_that_are_kept_or_empty():
    x = np.ones((2, 3, 4, 5))
    assert F.adaptive_avg_pool2d(x, (None, 2)).shape == (2, 3, 4, 2)
    assert F.adaptive_max_pool2d(x, (2, None)).shape == (2, 3, 2, 5)
    for function in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        assert function(x, (0, 2)).shape == (2, 3, 0, 2)
        assert function(x[:0], 2).shape == (0, 3, 2, 2)
    assert F.adaptive_avg_pool2d(np.ones((3, 3)), 1).shape == (1, 1)


# ---- max_unpool2d
def test_unpool_puts_maxima_back():
    x = np.random.default_rng(0).permutation(96).reshape(1, 2, 6, 8).astype(np.float64)
    for args in ((2,), (3, 2, 1), ((2, 3), (2, 3))):
        y, at = F.max_pool2d(x, *args, return_indices=True)
        back = F.max_unpool2d(y, at, *args, output_size=x.shape)
        kept = np.isin(x, y)
        np.testing.assert_array_equal(back, np.where(kept, x, 0))
    assert F.max_unpool2d(y[:0], at[:0], 2).shape == (0, 2, 6, 4)


def test_unpool_gradients():
    y = rushlight.tensor(np.arange(8.0).reshape(1, 2, 2, 2), requires_grad=True)
    at = rushlight.tensor([[[[0, 3], [9, 15]]] * 2]).reshape(1, 2, 2, 2)
    assert gradcheck(lambda y: F.max_unpool2d(y, at, 2), (y,))
    assert gradgradcheck(lambda y: F.max_unpool2d(y, at, 2) ** 2, (y,))


def test_adaptive_of_no_images_looks_at_no_window():
    none = np.empty((0, 2, 3, 3), np.float32)
    assert F.adaptive_avg_pool2d(none, (2**30, 2)).shape == (0, 2, 2**30, 2)
    assert F.adaptive_max_pool2d(none, (2**30, 2)).shape == (0, 2, 2**30, 2)


# ---- lp_pool2d
def test_lp_pool():
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 6))
    for p, args in ((1, (2,)), (2, (3, 2)), (4, ((2, 3), (1, 2)))):
        y = F.lp_pool2d(x, p, *args)
        windows = F.unfold(x**p, args[0], stride=args[-1])
        k = args[0] if isinstance(args[0], tuple) else (args[0],) * 2
        sums = windows.reshape(2, 3, k[0] * k[1], -1).sum(2).reshape(y.shape)
        np.testing.assert_allclose(y, np.sign(sums) * np.abs(sums) ** (1 / p), rtol=1e-12)
    np.testing.assert_array_equal(F.lp_pool2d(x, math.inf, 2), F.max_pool2d(abs(x), 2))
    np.testing.assert_array_equal(F.lp_pool2d(x, -math.inf, 2), -F.max_pool2d(-abs(x), 2))
    corner = F.lp_pool2d(np.full((1, 3, 3), 2.0), 2, 2, ceil_mode=True)
    np.testing.assert_allclose(corner, 4.0)  # as if the window were whole


def test_lp_pool_gradients():
    x = rushlight.tensor(np.random.default_rng(1).standard_normal((1, 2, 4, 5)), requires_grad=True)
    assert gradcheck(lambda x: F.lp_pool2d(x, 2, 2, ceil_mode=True), (x,))
    assert gradgradcheck(lambda x: F.lp_pool2d(x, 2, (2, 3), 1), (x,))
    zero = rushlight.zeros(1, 2, 2, requires_grad=True)
    F.lp_pool2d(zero, 2, 2).sum().backward()
    assert zero.grad.tolist() == [[[0, 0], [0, 0]]]


Y, AT, ONES = np.ones((1, 2, 1, 2)), np.array([[[[0, 3]], [[1, 2]]]]), np.ones
WRONG = [
    (lambda: F.adaptive_avg_pool2d(ONES((1, 3, 3)), -1), RuntimeError, r"greater than or equal to 0 but received \{-1"),
    (lambda: F.adaptive_avg_pool2d(ONES((1, 3, 3)), (2,)), RuntimeError, "output_size must be 2"),
    (lambda: F.adaptive_avg_pool2d(ONES((1, 3, 3)), 2.0), TypeError, "output_size.*not float"),
    (lambda: F.adaptive_avg_pool2d(ONES((1, 3, 3)), (2, 2.0)), TypeError, "element of type float at pos 1"),
    (lambda: F.adaptive_avg_pool2d(ONES((3, 3)), 2), RuntimeError, r"Expected 3D or 4D tensor, but got \[3, 3\]"),
    (lambda: F.adaptive_avg_pool2d(ONES((3, 3)), (2, 2)), ValueError, "Input dimension should be at least 3"),
    (lambda: F.adaptive_avg_pool2d(ONES((1, 0, 3)), 2), RuntimeError, "non-zero size for non-batch dimensions"),
    (lambda: F.adaptive_max_pool2d(ONES((1, 0, 3, 3)), 2), RuntimeError, "with dimension 1 being empty"),
    (lambda: F.adaptive_max_pool2d(ONES((1, 3, 3)), -1), RuntimeError, "negative dimension -1"),
    (lambda: F.adaptive_avg_pool2d(ONES((1, 3, 3)), (2**40, 2**40)), ValueError, "Maximum allowed|too big"),
    (lambda: F.lp_pool2d(ONES((1, 3, 3)), 0, 2), ValueError, "norm_type must not be 0"),
    (lambda: F.lp_pool2d(ONES((1, 3, 3)), 10**400, 2), ValueError, "norm_type.*too large for a float"),
    (lambda: F.adaptive_max_pool2d(ONES((1, 3, 3), bool), 2), NotImplementedError, "adaptive_max_pool2d.*'Bool'"),
    (lambda: F.max_unpool2d(Y, AT, 2, output_size=(9, 9)), ValueError, r"dim 0 must be between 0 and 4"),
    (lambda: F.max_unpool2d(Y, AT, 2, output_size=(9,)), ValueError, "2 or 4 elements, but it has a length of '1'"),
    (lambda: F.max_unpool2d(Y, AT + 100, 2), RuntimeError, "Found an invalid max index: 10. .output volumes are of"),
    (lambda: F.max_unpool2d(Y, AT.astype("i4"), 2), RuntimeError, "should be type int64 but got: Int"),
    (lambda: F.max_unpool2d(Y, AT[..., :1], 2), RuntimeError, "Expected shape of indices to be same as that of"),
    (lambda: F.max_unpool2d(Y[0, 0], AT[0, 0], 2), RuntimeError, "should be a 3d or 4d Tensor, but got a tensor with 2"),
    (lambda: F.max_unpool2d(Y[:, :0], AT[:, :0], 2), RuntimeError, "non-zero size for non-batch dimensions"),
    (lambda: F.max_unpool2d(Y.astype(int), AT, 2), NotImplementedError, "max_unpool2d.*'Long'"),
]  # fmt: skip


@pytest.mark.parametrize("call, error, text", WRONG)
def test_wrong_calls(call, error, text):
    with pytest.raises(error, match=text):
        call()
