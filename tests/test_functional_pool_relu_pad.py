"""functional.max_pool2d, avg_pool2d, relu, relu_, pad and their gradients."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck
from rushlight.nn import grad


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def distinct(*shape, seed=0):
    """Values far enough apart that a small step changes no maximum."""
    size = int(np.prod(shape))
    return np.random.default_rng(seed).permutation(size).reshape(shape) / 10.0


def leaf(array):
    return rushlight.tensor(array, requires_grad=True)


# ---- max_pool2d ----------------------------------------------------------------------------------------
POOLS = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": (2, 1), "padding": (1, 0), "ceil_mode": True},
    {"kernel_size": 2, "dilation": 2},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
]


@pytest.mark.parametrize(
    ("spelled", "plain"),
    [
        ({"kernel_size": (2,)}, {"kernel_size": 2}),
        ({"kernel_size": np.int64(2)}, {"kernel_size": 2}),
        ({"kernel_size": [2, 3]}, {"kernel_size": (2, 3)}),
        ({"kernel_size": 2, "stride": None}, {"kernel_size": 2, "stride": 2}),
        ({"kernel_size": (2, 3), "stride": []}, {"kernel_size": (2, 3), "stride": (2, 3)}),
        ({"kernel_size": 2, "stride": ()}, {"kernel_size": 2, "stride": 2}),
        ({"kernel_size": 2, "stride": (1,)}, {"kernel_size": 2, "stride": 1}),
        ({"kernel_size": 2, "padding": ((1, 1), (0, 0))}, {"kernel_size": 2, "padding": (1, 0)}),
    ],
    ids=str,
)
def test_spelling(spelled, plain):
    x = draw(2, 3, 7, 8)
    np.testing.assert_array_equal(F.max_pool2d(x, **spelled), F.max_pool2d(x, **plain))


def test_four_sided_padding_pads_each_side_on_its_own():
    x = distinct(1, 2, 6, 6)
    y = F.max_pool2d(x, 3, 1, ((1, 0), (0, 1)))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 1)), constant_values=-np.inf)
    np.testing.assert_array_equal(y, F.max_pool2d(padded, 3, 1))


def test_positional_order_ends_with_ceil_mode_then_return_indices():
    y, indices = F.max_pool2d(draw(1, 5, 5), 2, 2, 0, 1, True, True)
    assert y.shape == indices.shape == (1, 3, 3)
    assert type(F.max_pool2d(draw(1, 5, 5), 2, 2, 0, 1, False, False)) is np.ndarray


def test_kinds_of_results():
    x = distinct(1, 1, 4, 4)
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    assert type(y) is type(indices) is np.ndarray and indices.dtype == np.int64
    np.testing.assert_array_equal(x.ravel()[indices], y)
    for given in (rushlight.from_numpy(x), leaf(x)):
        ty, ti = F.max_pool2d(given, 2, return_indices=True)
        assert isinstance(ty, rushlight.Tensor) and isinstance(ti, rushlight.Tensor)
        assert ti.dtype == rushlight.int64 and not ti.requires_grad
        assert ty.requires_grad == given.requires_grad
        np.testing.assert_array_equal(ti.numpy(), indices)
    assert F.max_pool2d(leaf(x), 2).grad_fn.name() == "MaxPool2DWithIndicesBackward0"
    with rushlight.no_grad():
        assert not F.max_pool2d(leaf(x), 2).requires_grad


@pytest.mark.parametrize("settings", POOLS, ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 6, 7), (3, 6, 7)], ids=str)
def test_pool_gradcheck(shape, settings):
    x = distinct(*shape)
    assert gradcheck(lambda x: F.max_pool2d(x, **settings), (leaf(x),))


def test_pool_backward_as_a_function():
    x = leaf(distinct(2, 3, 6, 7))
    y, indices = F.max_pool2d(x, 3, 1, 1, return_indices=True)  # overlapping windows: gradients add up
    upstream = draw(*y.shape)
    y.backward(rushlight.from_numpy(upstream))
    dx = grad.max_pool2d_input(x.shape, indices.numpy(), upstream)
    assert type(dx) is np.ndarray
    np.testing.assert_array_equal(dx, x.grad.numpy())
    assert gradcheck(lambda g: grad.max_pool2d_input((2, 3, 6, 7), indices, g), (leaf(upstream),))


# ---- avg_pool2d ----------------------------------------------------------------------------------------
MEANS = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": 1, "padding": (1, 0)},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": 3, "stride": (2, 1), "padding": 1, "count_include_pad": False},
    {"kernel_size": 2, "stride": 3, "divisor_override": -5},
    {"kernel_size": 2, "stride": [], "padding": ((1, 0), (0, 1))},
]


@pytest.mark.parametrize("settings", MEANS, ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 6, 7), (3, 6, 7)], ids=str)
def test_avg_pool_gradients(shape, settings):
    x = leaf(draw(*shape))
    assert gradcheck(lambda x: F.avg_pool2d(x, **settings), (x,))
    assert gradgradcheck(lambda x: F.avg_pool2d(x, **settings), (x,))


def test_avg_pool_kinds_and_backward_as_a_function():
    x = draw(2, 3, 6, 7)
    assert type(F.avg_pool2d(x, 2)) is np.ndarray
    y = F.avg_pool2d(leaf(x), 3, 2, 1, False, False, 4)
    assert y.grad_fn.name() == "AvgPool2DBackward0"
    given = leaf(x)
    upstream = draw(*y.shape)
    F.avg_pool2d(given, 3, 2, 1, False, False, 4).backward(rushlight.from_numpy(upstream))
    dx = grad.avg_pool2d_input(x.shape, upstream, 3, 2, 1, False, False, 4)
    np.testing.assert_array_equal(dx, given.grad.numpy())
    with pytest.raises(RuntimeError, match=r"expected grad_output of size \[2, 3, 3, 4\]"):
        grad.avg_pool2d_input(x.shape, upstream[..., :2], 3, 2, 1)


# ---- relu ----------------------------------------------------------------------------------------------
SPECIAL = np.array([-1.0, -0.0, 0.0, 1.0, np.nan, np.inf, -np.inf])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relu_of_special_values_and_its_gradient(dtype):
    x = leaf(SPECIAL.astype(dtype))
    y = F.relu(x)
    np.testing.assert_array_equal(y.detach().numpy(), np.array([0, -0.0, 0, 1, np.nan, np.inf, 0], dtype))
    np.testing.assert_array_equal(np.signbit(y.detach().numpy()[:3]), [False, True, False])
    y.backward(rushlight.from_numpy(np.array([np.nan, 1, 1, 1, 1, 1, 1], dtype)))
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(
        grad.relu_input(y.detach().numpy(), np.ones(7, dtype)), [0, 0, 0, 1, 1, 1, 0]
    )


def test_relu_gradcheck():
    x = distinct(3, 4) - 0.55
    assert gradcheck(F.relu, (leaf(x),))
    assert gradcheck(lambda g: grad.relu_input(x, g), (leaf(draw(3, 4)),))


def test_relu_keeps_integers_and_kinds():
    assert F.relu(np.array([-3, 3], np.int8)).dtype == np.int8
    assert type(F.relu(SPECIAL)) is np.ndarray
    assert F.relu(leaf(SPECIAL)).grad_fn.name() == "ReluBackward0"


@pytest.mark.parametrize("relu_", [F.relu_, lambda x: F.relu(x, inplace=True)], ids=["relu_", "inplace=True"])
def test_relu_in_place(relu_):
    for array in (draw(4, 6), draw(4, 6)[:, ::2], draw(4, 6).T, draw(4, 6).astype(">f4")):
        want = np.maximum(array, 0)
        assert relu_(array) is array
        np.testing.assert_array_equal(array, want)
    tensor = rushlight.tensor([-1.0, 2.0])
    assert relu_(tensor) is tensor and tensor.tolist() == [0.0, 2.0]


def test_relu_in_place_in_the_graph():
    x = leaf(draw(2, 3))
    y = x * 2
    z = F.relu_(y)
    assert z is y and y.grad_fn.name() == "ReluBackward0"
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.where(x.detach().numpy() > 0, 2.0, 0.0))
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place"):
        F.relu_(x)
    w = leaf(draw(2, 3))
    saved = w.exp()
    F.relu_(saved)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        saved.sum().backward()


def test_relu_in_place_after_conv_is_legal():
    x, w = leaf(draw(1, 2, 4, 4)), leaf(draw(3, 2, 3, 3))
    F.relu_(F.conv2d(x, w)).sum().backward()
    assert x.grad is not None and w.grad is not None


def test_relu_in_place_refuses_read_only_memory():
    array = draw(3)
    array.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        F.relu_(array)


# ---- pad -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "amounts", [(), (1, 2), (-1, 2), (1, 0, -1, -1), (0, 1, 2, 0, -1, 3), [np.int64(1), 1]], ids=str
)
def test_pad(amounts):
    x = draw(3, 4, 5)
    y = F.pad(x, amounts, value=7)
    wide = [(max(b, 0), max(a, 0)) for b, a in zip(amounts[::2], amounts[1::2], strict=True)][::-1]
    want = np.pad(x, [(0, 0)] * (3 - len(wide)) + wide, constant_values=7)
    for axis, (before, after) in enumerate(zip(amounts[::2], amounts[1::2], strict=True)):
        keep = slice(max(-before, 0), want.shape[2 - axis] - max(-after, 0))
        want = want[(slice(None),) * (2 - axis) + (keep,)]
    np.testing.assert_array_equal(y, want)
    assert not np.shares_memory(y, x)
    if amounts:
        assert gradcheck(lambda t: F.pad(t, tuple(amounts), value=7), (leaf(x),))


@pytest.mark.parametrize(
    ("dtype", "value", "filled"),
    [
        ("int64", 1.5, 1),
        ("uint8", 255, 255),
        ("bool", 0.5, True),
        ("float32", np.inf, np.inf),
        ("int8", None, 0),
    ],
)
def test_pad_value_in_the_dtype(dtype, value, filled):
    y = F.pad(np.zeros((1, 1), dtype), (0, 1), value=value)
    assert y.dtype == dtype and y[0, 1] == filled


def test_pad_of_empty_and_zero_dimensional_arrays():
    assert F.pad(np.zeros((2, 0, 3)), (1, 1, 1, 1)).shape == (2, 2, 5)
    assert F.pad(np.full((), 3.0), ()).shape == ()
    assert F.pad(np.ones((2, 3)), (-2, -1)).shape == (2, 0)


def test_pad_name():
    assert F.pad(leaf(draw(2)), (1, 1)).grad_fn.name() == "ConstantPadNdBackward0"


# ---- beside torch --------------------------------------------------------------------------------------
@pytest.mark.parity
@pytest.mark.parametrize("settings", POOLS, ids=str)
def test_pool_same_as_torch(settings):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(5).integers(0, 4, (2, 3, 7, 8)).astype(np.float32)  # many ties
    x[0, 1, 2, 3] = np.nan
    x[1, 2] = -np.inf
    results = []
    for library in (rushlight, torch):
        t = library.tensor(x, requires_grad=True)
        y, indices = library.nn.functional.max_pool2d(t, **settings, return_indices=True)
        y.backward(library.ones_like(y))
        results.append([a.detach().numpy() for a in (y, indices, t.grad)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parity
@pytest.mark.parametrize("amounts", list(itertools.product([-1, 0, 2], repeat=4)), ids=str)
def test_pad_same_as_torch(amounts):
    torch = pytest.importorskip("torch")
    x = np.arange(24).reshape(2, 3, 4)
    theirs = torch.nn.functional.pad(torch.from_numpy(x), amounts, value=9).numpy()
    np.testing.assert_array_equal(F.pad(x, amounts, value=9), theirs)
