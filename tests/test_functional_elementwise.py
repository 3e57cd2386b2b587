"""l1_loss, binary_cross_entropy_with_logits, one_hot, interpolate: formulas, gradients, wrong calls."""
# ruff: noqa: E501  (a wrong call is one line)

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck

bce = F.binary_cross_entropy_with_logits
RND = np.random.default_rng(0)
X, T, W, P = (
    RND.standard_normal((3, 4)) * 3,
    RND.random((3, 4)),
    RND.random((3, 4)) + 0.5,
    RND.random(4) + 0.5,
)


def leaf(array):
    return rushlight.tensor(array, requires_grad=True)


def reduced(losses, reduction):
    return {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[reduction]


# ---- l1_loss
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_l1_loss(reduction):
    np.testing.assert_allclose(
        F.l1_loss(X, T, reduction=reduction), reduced(abs(X - T), reduction), rtol=1e-14
    )
    weighted = abs(X - T) * W
    expected = weighted.sum() / W.sum() if reduction == "mean" else reduced(weighted, reduction)
    np.testing.assert_allclose(F.l1_loss(X, T, reduction=reduction, weight=W), expected, rtol=1e-14)
    given = leaf(X), leaf(T)
    assert gradcheck(lambda x, t: F.l1_loss(x, t, reduction=reduction), given)


def test_l1_loss_of_equal_elements_has_no_gradient():
    x = leaf(np.array([1.0, 2.0]))
    F.l1_loss(x, rushlight.tensor([1.0, 0.0]).double()).backward()
    assert x.grad.tolist() == [0, 0.5]
    with pytest.warns(UserWarning, match="Using a target size"):
        F.l1_loss(np.ones((2, 1)), np.ones(2))


# ---- binary_cross_entropy_with_logits
def formula(x, t, p=1.0):
    log = lambda y: -np.log1p(np.exp(-y))  # noqa: E731  (of the sigmoid)
    return -(p * t * log(x) + (1 - t) * log(-x))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_binary_cross_entropy(reduction):
    np.testing.assert_allclose(bce(X, T, reduction=reduction), reduced(formula(X, T), reduction), rtol=1e-12)
    expected = reduced(formula(X, T, P) * W, reduction)
    np.testing.assert_allclose(bce(X, T, W, pos_weight=P, reduction=reduction), expected, rtol=1e-12)
    given = leaf(X), leaf(T)
    for weight, pos_weight in ((None, None), (W, P)):
        function = lambda x, t, w=weight, p=pos_weight: bce(x, t, w, pos_weight=p, reduction=reduction)  # noqa: E731
        assert gradcheck(function, given) and gradgradcheck(function, given)


def test_binary_cross_entropy_does_not_overflow():
    losses = bce(np.array([1000.0, -1000.0, 1000.0]), np.array([0.0, 1.0, 1.0]), reduction="none")
    assert losses.tolist() == [1000, 1000, 0]
    y = bce(rushlight.zeros(2), rushlight.ones(2))
    assert y.dtype == rushlight.float32 and y.shape == () and abs(y.item() - math.log(2)) < 1e-6
    assert np.isnan(bce(np.ones(0), np.ones(0)))


# ---- one_hot
def test_one_hot():
    x = np.array([[0, 2], [1, 1]])
    y = F.one_hot(x, 4)
    assert y.shape == (2, 2, 4) and y.dtype == np.int64
    assert (y.argmax(-1) == x).all() and (y.sum(-1) == 1).all()
    assert F.one_hot(rushlight.tensor(2)).tolist() == [0, 0, 1]
    assert F.one_hot(x[:0], 3).shape == (0, 2, 3)


# ---- interpolate
IMAGE = RND.standard_normal((2, 3, 4, 5))


def linear(x, axis, wanted, scale, align):
    """One dimension, element by element."""
    x = np.moveaxis(x, axis, 0)
    rows = []
    for i in range(wanted):
        at = i * (len(x) - 1) / max(wanted - 1, 1) if align else max((i + 0.5) * scale - 0.5, 0)
        low = min(int(at), len(x) - 1)
        high = min(low + 1, len(x) - 1)
        rows.append(x[low] + (at - low) * (x[high] - x[low]))
    return np.moveaxis(np.array(rows), 0, axis)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", [(8, 10), (3, 2), (1, 7), (4, 5)])
def test_bilinear(size, align):
    y = F.interpolate(IMAGE, size, mode="bilinear", align_corners=align)
    expected = linear(linear(IMAGE, 2, size[0], 4 / size[0], align), 3, size[1], 5 / size[1], align)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    single = F.interpolate(IMAGE.astype("f4"), size, mode="bilinear", align_corners=align)
    assert single.dtype == np.float32 and np.abs(single - expected).max() < 1e-5
    x = leaf(IMAGE[:1, :1])
    function = lambda x: F.interpolate(x, size, mode="bilinear", align_corners=align)  # noqa: E731
    assert gradcheck(function, (x,)) and gradgradcheck(lambda x: function(x) ** 2, (x,))


@pytest.mark.parametrize("mode, middle", [("nearest", 0.0), ("nearest-exact", 0.5)])
@pytest.mark.parametrize("size", [(8, 10), (3, 2), (1, 7)])
def test_nearest(size, mode, middle):
    rows, columns = (
        [min(int((i + middle) * n / wanted), n - 1) for i in range(wanted)]
        for n, wanted in zip((4, 5), size, strict=True)
    )
    np.testing.assert_array_equal(F.interpolate(IMAGE, size, mode=mode), IMAGE[:, :, rows][..., columns])
    x = leaf(IMAGE[:1, :1])
    assert gradcheck(lambda x: F.interpolate(x, size, mode=mode), (x,))
    assert gradgradcheck(lambda x: F.interpolate(x, size, mode=mode) ** 2, (x,))


def test_scale_factors():
    assert F.interpolate(IMAGE, scale_factor=2).shape == (2, 3, 8, 10)
    assert F.interpolate(IMAGE, scale_factor=(0.5, 1.7)).shape == (2, 3, 2, 8)
    own = F.interpolate(IMAGE, scale_factor=1.7, mode="bilinear")
    np.testing.assert_allclose(
        own, linear(linear(IMAGE, 2, 6, 1 / 1.7, False), 3, 8, 1 / 1.7, False), rtol=1e-12
    )
    ratio = F.interpolate(IMAGE, scale_factor=1.7, mode="bilinear", recompute_scale_factor=True)
    np.testing.assert_array_equal(ratio, F.interpolate(IMAGE, (6, 8), mode="bilinear"))


def test_other_dimensions_and_dtypes():
    assert F.interpolate(IMAGE[0], 7).shape == (3, 4, 7)
    np.testing.assert_allclose(
        F.interpolate(IMAGE[0], 7, mode="linear"), linear(IMAGE[0], 2, 7, 5 / 7, False)
    )
    assert F.interpolate(IMAGE[None], (2, 3, 4), mode="trilinear").shape == (1, 2, 2, 3, 4)
    assert F.interpolate(IMAGE[:0], 2).shape == (0, 3, 2, 2)
    assert F.interpolate(np.arange(4, dtype=np.uint8).reshape(1, 1, 2, 2), 4).dtype == np.uint8
    assert F.interpolate(IMAGE.astype("f2"), 4, mode="bilinear").dtype == np.float16


# ---- wrong calls
ONES = np.ones
WRONG = [
    (lambda: F.l1_loss(X, T, reduction="foo"), ValueError, "foo is not a valid value for reduction"),
    (lambda: F.l1_loss(X, T, weight=P), ValueError, "Weights and input must have the same size"),
    (lambda: F.l1_loss(ONES(2, int), ONES(2, int)), RuntimeError, r"mean\(\): could not infer output dtype"),
    (lambda: bce(X, T[:2]), ValueError, r"Target size \(torch.Size\(\[2, 4\]\)\) must be the same as input size"),
    (lambda: bce(X, T.astype(int)), RuntimeError, "result type Float can't be cast to the desired output type Long"),
    (lambda: bce(X, T > 0), RuntimeError, "with two bool tensors is not supported"),
    (lambda: bce(X.astype(int), T), NotImplementedError, "log_sigmoid_cpu.*'Long'"),
    (lambda: bce(X, T, ONES(3)), RuntimeError, "size of tensor a .4. must match the size of tensor b .3."),
    (lambda: bce(X, T, leaf(W)), RuntimeError, "not differentiable with respect to argument 'weight'"),
    (lambda: bce(X, T, pos_weight=leaf(P)), RuntimeError, "not differentiable with respect to argument 'pos_weight'"),
    (lambda: F.one_hot(ONES(2, int), 1), RuntimeError, "Class values must be smaller than num_classes"),
    (lambda: F.one_hot(-ONES(2, int)), RuntimeError, "Class values must be non-negative"),
    (lambda: F.one_hot(ONES(2)), RuntimeError, "only applicable to index tensor of type LongTensor"),
    (lambda: F.one_hot(ONES(0, int)), RuntimeError, "Can not infer total number of classes from empty tensor"),
    (lambda: F.one_hot(ONES(2, int), 3.0), TypeError, "'num_classes' .position 2. must be int, not float"),
    (lambda: F.interpolate(IMAGE), ValueError, "either size or scale_factor should be defined"),
    (lambda: F.interpolate(IMAGE, 2, 2), ValueError, "only one of size or scale_factor should be defined"),
    (lambda: F.interpolate(IMAGE, (2, 3, 4)), ValueError, r"output size of \(2, 3, 4\)"),
    (lambda: F.interpolate(IMAGE, scale_factor=(2, 3, 4)), ValueError, r"scale_factor of shape \(2, 3, 4\)"),
    (lambda: F.interpolate(IMAGE, 2, align_corners=True), ValueError, "align_corners option can only be set"),
    (lambda: F.interpolate(IMAGE, 2, mode="foo"), NotImplementedError, r"Only 3D, 4D and 5D .*\(got foo\)"),
    (lambda: F.interpolate(IMAGE[0], 2, mode="bilinear"), NotImplementedError, "Got 3D input, but bilinear mode needs 4D"),
    (lambda: F.interpolate(IMAGE, 2, mode="bicubic"), NotImplementedError, "'bicubic' does not exist in rushlight"),
    (lambda: F.interpolate(IMAGE, 0), RuntimeError, "Input and output sizes should be greater than 0"),
    (lambda: F.interpolate(IMAGE[:, :0], 2), RuntimeError, "Non-empty 4D data tensor expected"),
    (lambda: F.interpolate(IMAGE, (2.0, 2)), TypeError, "expected size to be one of int or Tuple"),
    (lambda: F.interpolate(IMAGE, 2, recompute_scale_factor=True), ValueError, "not meaningful with an explicit size"),
    (lambda: F.interpolate(IMAGE.astype(int), 2), NotImplementedError, "upsample_nearest2d.*'Long'"),
    (lambda: F.interpolate(IMAGE, 2, antialias=True), ValueError, "Anti-alias option is restricted to bilinear"),
]  # fmt: skip


@pytest.mark.parametrize("call, error, text", WRONG)
def test_wrong_calls(call, error, text):
    with pytest.raises(error, match=text):
        call()
