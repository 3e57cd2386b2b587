"""functional.linear, softmax, log_softmax, mse_loss, nll_loss, cross_entropy: values, gradients, torch."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaf(array):
    return rushlight.tensor(array, requires_grad=True)


def chances(*shape, axis=1, seed=0):
    """Random class probabilities along `axis`."""
    p = np.random.default_rng(seed).random(shape)
    return p / p.sum(axis, keepdims=True)


def same_in_both(torch, call, *arrays, tolerance=1e-6):
    """Run `call(library, *tensors)` in both libraries; compare the value, its name and all gradients."""
    results = []
    for library in (rushlight, torch):
        tensors = [library.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        y = call(library, *tensors)
        y.backward(library.ones_like(y))
        results.append(
            (y.grad_fn.name(), [y.detach().numpy()] + [t.grad.numpy() for t in tensors if t.requires_grad])
        )
    assert results[0][0] == results[1][0]
    for ours, theirs in zip(results[0][1], results[1][1], strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


# ---- linear --------------------------------------------------------------------------------------------
LINEAR = [
    ((4, 3), (5, 3), (5,)),
    ((4, 3), (5, 3), None),
    ((3,), (5, 3), (5,)),
    ((3,), (5, 3), None),
    ((2, 4, 3), (5, 3), (5,)),
    ((2, 4, 3), (5, 3), None),
    ((4, 3), (3,), None),
    ((3,), (3,), None),
    ((4, 3), (5, 3), (1,)),
    ((4, 3), (5, 3), (4, 5)),
    ((0, 3), (5, 3), (5,)),
    ((4, 0), (5, 0), (5,)),
]


@pytest.mark.parametrize("shapes", LINEAR, ids=str)
def test_linear(shapes):
    arrays = [draw(*shape, seed=n) for n, shape in enumerate(shapes) if shape is not None]
    want = arrays[0] @ arrays[1].T + (arrays[2] if len(arrays) == 3 else 0)
    got = F.linear(*arrays)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    if got.size:
        assert gradcheck(F.linear, tuple(leaf(a) for a in arrays))


@pytest.mark.parity
@pytest.mark.parametrize("shapes", LINEAR, ids=str)
def test_linear_same_as_torch(shapes):
    torch = pytest.importorskip("torch")
    arrays = [draw(*shape, seed=n).astype(np.float32) for n, shape in enumerate(shapes) if shape is not None]
    same_in_both(torch, lambda library, *tensors: library.nn.functional.linear(*tensors), *arrays)


# Products of 2**18 multiplications and more are cut into pieces, of rows or columns.
@pytest.mark.parametrize("sizes", [(33, 4099, 10), (7, 301, 1001), (65, 400, 121), (2, 4096, 1000)], ids=str)
def test_linear_of_some_size(sizes):
    random = np.random.default_rng(0)
    n, c, k = sizes
    x, w, b, dy = (random.integers(-3, 4, size).astype(np.float32) for size in ((n, c), (k, c), (k,), (n, k)))
    leaves = [leaf(a) for a in (x, w, b)]
    y = F.linear(*leaves)
    y.backward(leaf(dy).detach())
    np.testing.assert_array_equal(y.detach().numpy(), x @ w.T + b)  # small integers: no sum is rounded
    for got, want in zip(leaves, (dy @ w, dy.T @ x, dy.sum(0)), strict=True):
        np.testing.assert_array_equal(got.grad.numpy(), want)


def test_linear_of_integers():
    y = F.linear(np.array([[1, 2]]), np.array([[3, 4]]), np.array([5]))
    assert y.dtype == np.int64 and y.tolist() == [[16]]


# ---- softmax -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax(function, dim):
    x = draw(3, 4, 2)
    y = function(x, dim)
    p = y if function is F.softmax else np.exp(y)
    np.testing.assert_allclose(p.sum(dim), 1, rtol=1e-12)
    np.testing.assert_allclose(p, np.exp(x) / np.exp(x).sum(dim, keepdims=True), rtol=1e-12)
    assert gradcheck(lambda t: function(t, dim), (leaf(x),))


def test_softmax_of_large_scores_does_not_overflow():
    np.testing.assert_array_equal(F.softmax(np.array([1e4, 0.0]), 0), [1.0, 0.0])
    np.testing.assert_array_equal(F.log_softmax(np.array([1e4, 0.0]), 0), [0.0, -1e4])
    np.testing.assert_array_equal(F.softmax(np.array([-np.inf, -np.inf]), 0), [np.nan, np.nan])
    np.testing.assert_array_equal(F.softmax(np.array([-np.inf, 0.0]), 0), [0.0, 1.0])


def test_softmax_edges():
    assert F.softmax(np.zeros((0, 3)), 0).shape == (0, 3)
    assert F.softmax(np.array(3.0), 0) == 1.0
    assert F.softmax(np.array([1, 2]), 0, dtype=rushlight.float64).dtype == np.float64
    assert F.softmax(leaf(draw(2)), 0).grad_fn.name() == "SoftmaxBackward0"
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax has been deprecated"):
        np.testing.assert_array_equal(F.softmax(draw(2, 3)), F.softmax(draw(2, 3), 1))


# ---- mse_loss ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse_loss(reduction):
    x, y = draw(3, 4), draw(3, 4, seed=1)
    want = {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction]((x - y) ** 2)
    np.testing.assert_allclose(F.mse_loss(x, y, reduction=reduction), want, rtol=1e-12)
    assert gradcheck(lambda a, b: F.mse_loss(a, b, reduction=reduction), (leaf(x), leaf(y)))
    weight = np.random.default_rng(2).random((3, 4))
    assert gradcheck(lambda a, b: F.mse_loss(a, b, reduction=reduction, weight=weight), (leaf(x), leaf(y)))


def test_mse_loss_warns_about_shapes_that_broadcast():
    with pytest.warns(UserWarning, match=r"Using a target size \(torch.Size\(\[3, 1\]\)\) that is different"):
        got = F.mse_loss(draw(3, 4), draw(3, 1))
    np.testing.assert_allclose(got, ((draw(3, 4) - draw(3, 1)) ** 2).mean(), rtol=1e-12)


def test_older_spelling_of_reduction():
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert F.mse_loss(np.ones(3), np.zeros(3), size_average=False) == 3
    with pytest.warns(UserWarning, match="please use reduction='none' instead"):
        assert F.mse_loss(np.ones(3), np.zeros(3), reduce=False).shape == (3,)


def test_losses_of_nothing():
    empty, none = np.zeros((0, 3)), np.zeros(0, int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(F.mse_loss(empty, empty)) and F.mse_loss(empty, empty, reduction="sum") == 0
        assert np.isnan(F.cross_entropy(empty, none)) and F.cross_entropy(empty, none, reduction="sum") == 0
        assert np.isnan(F.cross_entropy(empty, empty)) and np.isnan(
            F.cross_entropy(np.ones((1, 2)), [[0]][0] * np.ones(1, int) - 100)
        )


# ---- nll_loss, cross_entropy ---------------------------------------------------------------------------
SHAPES = [(5, 3), (3,), (2, 3, 4), (2, 3, 4, 2), (2, 3, 2, 2, 2)]
SETTINGS = [
    {},
    {"weight": True},
    {"ignore_index": 1},
    {"weight": True, "ignore_index": 1},
    {"label_smoothing": 0.2},
    {"label_smoothing": 0.2, "weight": True, "ignore_index": 1},
]


def settings_for(settings, dtype=np.float64):
    settings = dict(settings)
    if settings.get("weight"):
        settings["weight"] = np.array([0.5, 2.0, 1.25], dtype)
    return settings


def classes_for(shape):
    drop = shape[:1] + shape[2:] if len(shape) > 1 else ()
    return np.asarray(np.random.default_rng(3).integers(0, 3, drop))


def plain_cross_entropy(x, t, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """By the definition, in float64: t holds classes."""
    axis = 1 if x.ndim > 1 else 0
    classes = x.shape[axis]
    w = np.ones(classes) if weight is None else weight
    logp = np.moveaxis(x - np.log(np.exp(x).sum(axis, keepdims=True)), axis, -1).reshape(-1, classes)
    losses, used = [], []
    for scores, target in zip(logp, np.ravel(t), strict=True):
        counts = target != ignore_index
        right = -w[target] * scores[target]
        even = -(w * scores).sum() / classes
        losses.append(counts * ((1 - label_smoothing) * right + label_smoothing * even))
        used.append(counts * w[target])
    if reduction == "none":
        return np.reshape(losses, t.shape)
    return np.sum(losses) / (np.sum(used) if reduction == "mean" else 1)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_with_classes(shape, settings, reduction):
    x, t = draw(*shape), classes_for(shape)
    settings = settings_for(settings)
    got = F.cross_entropy(x, t, reduction=reduction, **settings)
    np.testing.assert_allclose(got, plain_cross_entropy(x, t, reduction=reduction, **settings), rtol=1e-10)
    if np.all(np.isfinite(got)):
        t = rushlight.from_numpy(t)
        assert gradcheck(lambda a: F.cross_entropy(a, t, reduction=reduction, **settings), (leaf(x),))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "settings", [{}, {"weight": True}, {"label_smoothing": 0.2, "weight": True}], ids=str
)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_with_probabilities(shape, settings, reduction):
    axis = 1 if len(shape) > 1 else 0
    x, p = draw(*shape), chances(*shape, axis=axis)
    settings = settings_for(settings)
    assert gradcheck(lambda a, b: F.cross_entropy(a, b, reduction=reduction, **settings), (leaf(x), leaf(p)))
    one_hot = np.moveaxis(np.eye(3)[classes_for(shape)], -1, axis)  # certain classes are classes
    if reduction != "mean" or "weight" not in settings:  # 'mean' counts weights only for classes
        np.testing.assert_allclose(
            F.cross_entropy(x, one_hot, reduction=reduction, **settings),
            F.cross_entropy(x, classes_for(shape), reduction=reduction, **settings),
            rtol=1e-10,
        )


def test_infinite_gradients_stay_with_their_class():
    x = leaf(np.array([[0.0, 1.0]]))
    F.nll_loss(x, rushlight.tensor([0]), reduction="none").backward(rushlight.tensor([np.inf]).double())
    np.testing.assert_array_equal(x.grad.numpy(), [[-np.inf, 0.0]])


def test_weight_of_nll_loss_cannot_want_a_gradient():
    with pytest.raises(RuntimeError, match="not differentiable with respect to argument 'weight'"):
        F.cross_entropy(leaf(draw(2, 3)), rushlight.tensor([0, 1]), leaf(np.ones(3)))


def test_kinds_of_results():
    x, t = draw(5, 3), classes_for((5, 3))
    assert type(F.cross_entropy(x, t)) is np.ndarray
    assert isinstance(F.cross_entropy(rushlight.from_numpy(x), t), rushlight.Tensor)
    assert isinstance(F.cross_entropy(x, rushlight.from_numpy(t)), rushlight.Tensor)
    assert F.nll_loss(F.log_softmax(x, 1), t) == pytest.approx(float(F.cross_entropy(x, t)))


# ---- beside torch --------------------------------------------------------------------------------------
@pytest.mark.parity
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("settings", "shape"), list(itertools.product(SETTINGS, SHAPES)), ids=str)
def test_cross_entropy_same_as_torch(shape, settings, reduction):
    torch = pytest.importorskip("torch")
    settings = settings_for(settings, np.float32)
    weight = settings.pop("weight", None)

    def call(library, x, t):
        w = None if weight is None else library.tensor(weight)
        return library.nn.functional.cross_entropy(x, t, w, reduction=reduction, **settings)

    same_in_both(torch, call, draw(*shape).astype(np.float32), classes_for(shape), tolerance=2e-6)
    if "ignore_index" not in settings:
        p = chances(*shape, axis=1 if len(shape) > 1 else 0).astype(np.float32)
        same_in_both(torch, call, draw(*shape).astype(np.float32), p, tolerance=2e-6)


@pytest.mark.parity
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse_and_softmax_same_as_torch(reduction):
    torch = pytest.importorskip("torch")
    x, y = draw(3, 4).astype(np.float32), draw(3, 4, seed=1)
    same_in_both(
        torch, lambda lib, a, b: lib.nn.functional.mse_loss(a, b, reduction=reduction), x, y.astype("f4")
    )
    same_in_both(torch, lambda lib, a, b: lib.nn.functional.mse_loss(a, b, reduction=reduction), x, y)
    same_in_both(torch, lambda lib, a: lib.nn.functional.softmax(a, 1), x)
    same_in_both(torch, lambda lib, a: lib.nn.functional.log_softmax(a, 0), x)
