"""functional.conv2d and nn.grad's conv2d_input and conv2d_weight: spelling, kinds of arrays, gradients.

The kernels themselves are tested elsewhere; here a float64 loop over windows is oracle enough.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck
from rushlight.functional import conv
from rushlight.nn import grad


def oracle(x, w, b=None, stride=(1, 1), sides=(0, 0, 0, 0), dilation=(1, 1), groups=1):
    """conv2d of a batch, window by window, in the arrays' own type."""
    x = np.pad(x, ((0, 0), (0, 0), sides[:2], sides[2:]))
    kernels, depth, height, width = w.shape
    rows = (x.shape[2] - dilation[0] * (height - 1) - 1) // stride[0] + 1
    columns = (x.shape[3] - dilation[1] * (width - 1) - 1) // stride[1] + 1
    y = np.zeros((len(x), kernels, rows, columns), x.dtype)
    for k, i, j in itertools.product(range(kernels), range(rows), range(columns)):
        first = k // (kernels // groups) * depth
        top, left = i * stride[0], j * stride[1]
        window = x[
            :,
            first : first + depth,
            top : top + dilation[0] * (height - 1) + 1 : dilation[0],
            left : left + dilation[1] * (width - 1) + 1 : dilation[1],
        ]
        y[:, k, i, j] = (window * w[k]).sum((1, 2, 3)) + (0 if b is None else b[k])
    return y


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


X, W, B = draw(2, 4, 7, 6), draw(6, 2, 3, 2, seed=1), draw(6, seed=2)


# ---- spelling ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("spelled", "plain"),
    [
        ({}, {}),
        ({"stride": 2}, {"stride": (2, 2)}),
        ({"stride": (2,)}, {"stride": (2, 2)}),
        ({"stride": [2, 1]}, {"stride": (2, 1)}),
        ({"stride": np.int64(2)}, {"stride": (2, 2)}),
        ({"stride": (np.int8(2), 1)}, {"stride": (2, 1)}),
        ({"padding": 1}, {"sides": (1, 1, 1, 1)}),
        ({"padding": (1, 2)}, {"sides": (1, 1, 2, 2)}),
        ({"padding": [2]}, {"sides": (2, 2, 2, 2)}),
        ({"padding": ((1, 2), (0, 3))}, {"sides": (1, 2, 0, 3)}),
        ({"padding": [[0, 1], [1, 0]]}, {"sides": (0, 1, 1, 0)}),
        ({"padding": "valid", "stride": 2}, {"stride": (2, 2)}),
        ({"padding": "same"}, {"sides": (1, 1, 0, 1)}),
        ({"padding": "same", "dilation": (1, 3)}, {"sides": (1, 1, 1, 2), "dilation": (1, 3)}),
        ({"dilation": 2}, {"dilation": (2, 2)}),
        ({"dilation": (np.int32(1), 2), "padding": 1}, {"dilation": (1, 2), "sides": (1, 1, 1, 1)}),
    ],
    ids=str,
)
def test_spelling(spelled, plain):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # uneven 'same'
        got = F.conv2d(X, W, B, groups=np.int64(2), **spelled)
    np.testing.assert_allclose(got, oracle(X, W, B, groups=2, **plain), rtol=1e-12, atol=1e-12)


def test_positional_order():
    got = F.conv2d(X, W, B, (2, 1), 1, (1, 2), 2)
    want = oracle(X, W, B, (2, 1), (1, 1, 1, 1), (1, 2), 2)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("kernel", "dilation"), list(itertools.product([1, 2, 3, 4, 5], [1, 2, 3])))
def test_same_keeps_the_size_and_puts_the_odd_one_after(kernel, dilation):
    total = dilation * (kernel - 1)
    assert conv.same_sides(kernel, dilation) == (total // 2, total - total // 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        y = F.conv2d(draw(1, 1, 2, 9), draw(1, 1, kernel, kernel), padding="same", dilation=dilation)
    assert y.shape == (1, 1, 2, 9)


def test_uneven_same_warns_once_per_process(monkeypatch):
    monkeypatch.setattr(conv, "_warned", False)
    image, kernel = draw(1, 1, 4, 4), draw(1, 1, 2, 2)
    with pytest.warns(UserWarning, match="padding='same' with even kernel lengths and odd dilation"):
        F.conv2d(image, kernel, padding="same")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.conv2d(image, kernel, padding="same")


# ---- kinds of arrays -----------------------------------------------------------------------------------
def test_ndarrays_give_ndarrays_and_any_tensor_a_tensor():
    tensor = rushlight.from_numpy
    assert type(F.conv2d(X, W, B, groups=2)) is np.ndarray
    for mixed in itertools.product([False, True], repeat=3):
        arrays = [tensor(a) if is_tensor else a for a, is_tensor in zip((X, W, B), mixed, strict=True)]
        y = F.conv2d(*arrays, groups=2)
        assert isinstance(y, rushlight.Tensor) == any(mixed)
        np.testing.assert_array_equal(np.asarray(y), F.conv2d(X, W, B, groups=2))


def test_strange_arrays_give_the_same_numbers():
    want = F.conv2d(X, W, B, groups=2)
    read_only = X.copy()
    read_only.flags.writeable = False
    for image in (
        X[::-1][::-1],
        np.asfortranarray(X),
        X.astype(">f8"),
        read_only,
        np.repeat(X, 2, 3)[..., ::2],
    ):
        np.testing.assert_array_equal(F.conv2d(image, W[:, ::-1][:, ::-1], B, groups=2), want)


def test_subclass_of_ndarray():
    class Image(np.ndarray):
        pass

    y = F.conv2d(X.view(Image), W, B, groups=2)
    np.testing.assert_array_equal(y, F.conv2d(X, W, B, groups=2))


def test_one_image_without_a_batch():
    y = F.conv2d(X[0], W, B, groups=2)
    np.testing.assert_allclose(y, F.conv2d(X[:1], W, B, groups=2)[0], rtol=1e-12)


def test_empty_batch_and_no_channels():
    assert F.conv2d(X[:0], W, B, groups=2).shape == (0, 6, 5, 5)
    y = F.conv2d(np.zeros((2, 0, 5, 5)), np.zeros((3, 0, 2, 2)), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(y, np.broadcast_to([[[1.0]], [[2.0]], [[3.0]]], (2, 3, 4, 4)))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8"])
def test_integers_wrap_around_in_their_own_type(dtype):
    x, w = np.full((1, 3, 4, 4), 100, dtype), np.full((2, 3, 3, 3), 7, dtype)
    y = F.conv2d(x, w)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.full(y.shape, 100 * 7 * 27).astype(dtype))
    assert F.conv2d(rushlight.from_numpy(x), rushlight.from_numpy(w)).dtype == getattr(rushlight, dtype)


# ---- gradients -----------------------------------------------------------------------------------------
CASES = [
    {},
    {"stride": 2},
    {"stride": (1, 2), "padding": (2, 1)},
    {"padding": "valid"},
    {"padding": "same"},
    {"padding": ((1, 0), (0, 2))},
    {"dilation": 2, "padding": 1},
    {"dilation": (1, 2)},
]


def leaves(*arrays):
    return tuple(rushlight.tensor(a, requires_grad=True) for a in arrays)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("settings", CASES, ids=str)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_gradcheck(settings, groups):
    x, w, b = draw(2, 4, 6, 5), draw(4, 4 // groups, 3, 2, seed=1), draw(4, seed=2)
    assert gradcheck(lambda x, w, b: F.conv2d(x, w, b, groups=groups, **settings), leaves(x, w, b))


def test_gradcheck_unbatched_and_without_bias():
    assert gradcheck(lambda x, w: F.conv2d(x, w, padding=1), leaves(draw(2, 4, 4), draw(3, 2, 3, 3)))


@pytest.mark.parametrize("asked", list(itertools.product([False, True], repeat=3)), ids=str)
def test_only_the_gradients_asked_for_are_computed(asked, monkeypatch):
    calls = []
    for name in ("conv2d_backward_input", "conv2d_backward_weight", "conv2d_backward_bias"):
        original = getattr(conv, name)
        monkeypatch.setattr(
            conv, name, lambda *a, original=original, name=name: (calls.append(name), original(*a))[1]
        )
    arrays = [rushlight.tensor(a, requires_grad=wanted) for a, wanted in zip((X, W, B), asked, strict=True)]
    y = F.conv2d(*arrays, groups=2)
    assert y.requires_grad == any(asked)
    if any(asked):
        y.sum().backward()
    assert [("input" in c, "weight" in c, "bias" in c) for c in calls] == [
        tuple(i == k for i in range(3)) for k in range(3) if asked[k]
    ]
    assert [a.grad is not None for a in arrays] == list(asked)


def test_changing_the_input_before_backward_is_noticed():
    x, w = leaves(X, W)
    hidden = x * 1.0
    y = F.conv2d(hidden, w, groups=2)
    hidden += 1.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_printed_name_and_empty_batch_gradients():
    x, w, b = leaves(X[:0], W, B)
    y = F.conv2d(x, w, b, groups=2)
    assert y.grad_fn.name() == "ConvolutionBackward0"
    y.sum().backward()
    assert x.grad.shape == (0, 4, 7, 6)
    assert not w.grad.any() and not b.grad.any()


@pytest.mark.parametrize("settings", CASES, ids=str)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_backward_passes_as_functions(settings):
    x, w, b = leaves(X, W, B)
    y = F.conv2d(x, w, b, groups=2, **settings)
    upstream = draw(*y.shape, seed=3)
    y.backward(rushlight.from_numpy(upstream))
    dx = grad.conv2d_input(X.shape, W, upstream, groups=2, **settings)
    dw = grad.conv2d_weight(X, W.shape, upstream, groups=2, **settings)
    assert type(dx) is np.ndarray and type(dw) is np.ndarray
    np.testing.assert_array_equal(dx, x.grad.numpy())
    np.testing.assert_array_equal(dw, w.grad.numpy())


def test_backward_passes_are_differentiable_themselves():
    upstream = draw(2, 6, 5, 5, seed=3)
    assert gradcheck(lambda w, g: grad.conv2d_input(X.shape, w, g, groups=2), leaves(W, upstream))
    assert gradcheck(lambda x, g: grad.conv2d_weight(x, W.shape, g, groups=2), leaves(X, upstream))


# ---- beside torch --------------------------------------------------------------------------------------
@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", [s for s in CASES if s.get("padding") != ((1, 0), (0, 2))], ids=str)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_same_as_torch(settings, dtype):
    torch = pytest.importorskip("torch")
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    arrays = [a.astype(dtype) for a in (X, W, B)]
    upstream = None
    results = []
    for library in (rushlight, torch):
        x, w, b = (library.tensor(a, requires_grad=True) for a in arrays)
        y = library.nn.functional.conv2d(x, w, b, groups=2, **settings)
        upstream = draw(*y.shape, seed=3).astype(dtype) if upstream is None else upstream
        y.backward(library.tensor(upstream))
        results.append([a.detach().numpy() for a in (y, x.grad, w.grad, b.grad)])
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parity
@pytest.mark.parametrize(
    "settings", [{}, {"stride": (1, 2), "padding": (2, 1)}, {"dilation": 2, "padding": 1}], ids=str
)
def test_backward_passes_same_as_torchs(settings):
    torch = pytest.importorskip("torch")
    upstream = draw(*F.conv2d(X, W, groups=2, **settings).shape, seed=3)
    x, w, g = (torch.from_numpy(a) for a in (X, W, upstream))
    for ours, theirs in (
        (
            grad.conv2d_input(X.shape, W, upstream, groups=2, **settings),
            torch.nn.grad.conv2d_input(x.shape, w, g, groups=2, **settings),
        ),
        (
            grad.conv2d_weight(X, W.shape, upstream, groups=2, **settings),
            torch.nn.grad.conv2d_weight(x, w.shape, g, groups=2, **settings),
        ),
    ):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12, atol=1e-12)
