"""Activations in NumPy: against formulas in Python floats, special values, gradients, in place, errors.
relu, which has kernels, is in test_functional_pool_relu_pad.py.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck

INF, NAN = math.inf, math.nan


def gelu_tanh(x):
    return F.gelu(x, approximate="tanh")


def phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


# name: function, formula for one Python float, {special x: (value, gradient)}
CASES = {
    "relu6": (F.relu6, lambda x: min(max(x, 0), 6), {NAN: (NAN, 1), 6: (6, 0), 0: (0, 0), INF: (6, 0)}),
    "hardtanh": (
        lambda x: F.hardtanh(x, -2, 1.5),
        lambda x: min(max(x, -2), 1.5),
        {1.5: (1.5, 0), -2: (-2, 0), NAN: (NAN, 1), -INF: (-2, 0)},
    ),
    "leaky_relu": (
        lambda x: F.leaky_relu(x, 0.1),
        lambda x: x if x > 0 else 0.1 * x,
        {0: (0, 0.1), NAN: (NAN, 0.1), -INF: (-INF, 0.1)},
    ),
    "elu": (
        lambda x: F.elu(x, 2),
        lambda x: x if x > 0 else 2 * math.expm1(x),
        {0: (0, 2), NAN: (NAN, 1), -INF: (-2, 0), INF: (INF, 1)},
    ),
    "threshold": (
        lambda x: F.threshold(x, 0.1, 20),
        lambda x: x if x > 0.1 else 20,
        {0.1: (20, 0), NAN: (NAN, 1)},
    ),
    "silu": (F.silu, lambda x: x / (1 + math.exp(-x)), {0: (0, 0.5), INF: (INF, NAN), -INF: (0, NAN)}),
    "softplus": (
        lambda x: F.softplus(x, 2, 3),
        lambda x: x if 2 * x > 3 else math.log1p(math.exp(2 * x)) / 2,
        {1000: (1000, 1), -INF: (0, 0), NAN: (NAN, NAN)},
    ),
    "sigmoid": (F.sigmoid, lambda x: 1 / (1 + math.exp(-x)), {INF: (1, 0), -INF: (0, 0), NAN: (NAN, NAN)}),
    "tanh": (F.tanh, math.tanh, {INF: (1, 0), -INF: (-1, 0)}),
    "gelu": (F.gelu, lambda x: x * phi(x), {0: (0, 0.5), INF: (INF, NAN), -INF: (0, NAN)}),
    "gelu by tanh": (
        gelu_tanh,
        lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        {0: (0, 0.5), INF: (INF, NAN), -INF: (0, NAN)},
    ),
}
POINTS = np.array([-6.3, -2.2, -1.0, -0.7, -0.3, 0.05, 0.4, 0.9, 1.3, 2.0, 5.5, 7.0])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_values(name, dtype):
    function, formula, _ = CASES[name]
    x = POINTS.astype(dtype).reshape(3, 4)
    expected = np.array([formula(float(each)) for each in x.flat]).reshape(3, 4)
    before = x.copy()
    for given in (x, np.asfortranarray(x), x[::-1, ::-1].copy()[::-1, ::-1]):
        y = function(given)
        assert isinstance(y, np.ndarray) and y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=1e-14 if dtype == "float64" else 1e-5, atol=1e-7)
    assert (x == before).all()
    for shape in ((), (0, 3)):
        y = function(rushlight.ones(shape, dtype=getattr(rushlight, dtype)))
        assert y.shape == shape and str(y.dtype) == f"torch.{dtype}"


@pytest.mark.parametrize("name", CASES)
def test_special_values(name):
    function, _, special = CASES[name]
    for x, (value, gradient) in special.items():
        given = rushlight.tensor([x], dtype=rushlight.float64, requires_grad=True)
        y = function(given)
        y.sum().backward()
        np.testing.assert_allclose([y.item(), given.grad.item()], [value, gradient], atol=1e-15)
    zero = function(rushlight.tensor([-0.0]))
    if name in ("relu6", "hardtanh", "leaky_relu", "elu", "silu", "tanh", "gelu"):
        assert math.copysign(1, zero.item()) == -1


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    function = CASES[name][0]
    x = rushlight.tensor(POINTS, requires_grad=True)
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


IN_PLACE = {
    "relu6": (F.relu6, ()),
    "hardtanh": (F.hardtanh, (-1.1, 1.5)),
    "leaky_relu": (F.leaky_relu, (0.1,)),
    "elu": (F.elu, (1.5,)),
    "threshold": (F.threshold, (0.1, 3.0)),
    "silu": (F.silu, ()),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name):
    function, args = IN_PLACE[name]
    x = POINTS.copy()
    assert function(x, *args, inplace=True) is x
    np.testing.assert_array_equal(x, function(POINTS, *args))
    assert gradcheck(
        lambda x: function(x * 1.0, *args, inplace=True), (rushlight.tensor(POINTS, requires_grad=True),)
    )
    leaf = rushlight.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        function(leaf, *args, inplace=True)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        function(x, *args, inplace=True)


def test_in_place_with_a_negative_slope_has_no_gradient():
    for function in (F.leaky_relu, F.elu):
        y = function(rushlight.ones(2, requires_grad=True) * 1, -0.5, inplace=True)
        with pytest.raises(RuntimeError, match="triggered with a negative slope"):
            y.sum().backward()


# ---- prelu
def test_prelu():
    rnd = np.random.default_rng(0)
    x, w = rnd.standard_normal((2, 3, 4)), np.array([0.1, -0.5, 2.0])
    np.testing.assert_array_equal(F.prelu(x, w), np.where(x > 0, x, w[:, None] * x))
    np.testing.assert_array_equal(F.prelu(x, w[:1]), np.where(x > 0, x, 0.1 * x))
    for weight in (w, w[:1], np.array(0.3)):
        given = [rushlight.tensor(x, requires_grad=True), rushlight.tensor(weight, requires_grad=True)]
        assert gradcheck(F.prelu, given) and gradgradcheck(F.prelu, given)


# ---- erf
def test_erf():
    x = np.concatenate([np.linspace(-7, 7, 2001), [1e-300, 0.46875, INF, -INF]])
    expected = np.array([math.erf(each) for each in x])
    np.testing.assert_allclose(rushlight.erf(x), expected, rtol=1e-15, atol=0)
    assert np.isnan(rushlight.erf(np.array([NAN]))).all()
    given = rushlight.tensor(POINTS, requires_grad=True)
    assert gradcheck(rushlight.erf, (given,)) and gradgradcheck(rushlight.erf, (given,))


# ---- wrong calls
INTS, FLOATS = rushlight.tensor([1, 2]), rushlight.ones(2)
WRONG = [
    (lambda: F.hardtanh(FLOATS, 2, 1), ValueError, "min_val cannot be greater than max_val"),
    (lambda: F.hardtanh(INTS > 0), RuntimeError, "Bool inputs not supported for hardtanh"),
    (lambda: F.hardtanh(INTS.to(rushlight.uint8)), RuntimeError, "unsigned type with negative limits"),
    (lambda: F.leaky_relu(INTS), NotImplementedError, "leaky_relu_cpu.*Long"),
    (lambda: F.leaky_relu(FLOATS, "a"), TypeError, "'negative_slope' .position 2. must be Number, not str"),
    (lambda: F.elu(FLOATS, None), TypeError, "'alpha'.*must be Number, not NoneType"),
    (lambda: F.elu([1.0]), TypeError, "'input' .position 1. must be Tensor"),
    (lambda: F.threshold(INTS > 0, 1, 1), NotImplementedError, "threshold_cpu.*Bool"),
    (lambda: F.silu(INTS), NotImplementedError, "silu_cpu"),
    (lambda: F.softplus(INTS), NotImplementedError, "softplus_cpu"),
    (lambda: F.gelu(INTS), NotImplementedError, "GeluKernelImpl"),
    (lambda: F.gelu(FLOATS, "erf"), RuntimeError, "approximate argument must be either none or tanh"),
    (lambda: F.gelu(FLOATS, 1), TypeError, "'approximate' must be str, not int"),
    (lambda: F.prelu(FLOATS, INTS), RuntimeError, "Type promoting not supported. Got Float and Long"),
    (lambda: F.prelu(FLOATS, FLOATS), RuntimeError, "parameter numbers = 2 and channel size = 1"),
    (lambda: F.prelu(FLOATS.sum(), FLOATS), RuntimeError, "Not allow zero-dim input tensor"),
    (lambda: F.prelu(FLOATS, rushlight.ones(1, 2)), RuntimeError, "scalar or 1D tensor, but got: ndim = 2"),
]


@pytest.mark.parametrize("call, error, text", WRONG)
def test_wrong_calls(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_integers_where_torch_takes_them():
    assert F.relu6(rushlight.tensor([-1, 3, 9])).tolist() == [0, 3, 6]
    assert F.threshold(rushlight.tensor([1, 2]), 1.5, 7.9).tolist() == [7, 2]
    assert F.sigmoid(rushlight.tensor([0])).dtype == rushlight.float32


def test_erf_of_float32_to_two_units_in_the_last_place():
    x = np.concatenate([np.linspace(-6, 6, 4001), np.geomspace(1e-40, 1, 200)]).astype(np.float32)
    want = np.array([math.erf(value) for value in x.tolist()])
    units = np.abs(rushlight.erf(rushlight.tensor(x)).numpy() - want) / np.spacing(
        np.abs(want).astype(np.float32)
    )
    assert units.max() <= 2
    assert rushlight.erf(rushlight.tensor([np.inf, -np.inf, -0.0])).tolist() == [1.0, -1.0, 0.0]
    assert math.isnan(rushlight.erf(rushlight.tensor(np.nan)))
