"""pad in the modes reflect, replicate and circular: values against np.pad, gradients, crops."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck

NUMPY = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
AMOUNTS = [(1, 2), (0, 3, 2, 0), (2, 1, 0, 1), (1, 0, 0, 1, 2, 2)]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8"])
@pytest.mark.parametrize("mode", NUMPY)
def test_values(mode, dtype):
    for amounts in AMOUNTS:
        x = np.random.default_rng(0).integers(0, 99, (2, 3, 4, 5)[4 - len(amounts) // 2 - 1 :]).astype(dtype)
        pairs = list(zip(amounts[::2], amounts[1::2], strict=True))[::-1]
        expected = np.pad(x, [(0, 0)] * (x.ndim - len(pairs)) + pairs, NUMPY[mode])
        for given in (x, np.asfortranarray(x)):
            y = F.pad(given, amounts, mode)
            assert y.dtype == dtype
            np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    "mode, amounts, expected",
    [
        ("reflect", (-1, 2), [1, 2, 3, 2, 1]),
        ("reflect", (2, -1), [2, 1, 0, 1, 2]),
        ("reflect", (-5, 3), [1, 0]),
        ("replicate", (-3, 3), [3, 3, 3, 3]),
        ("replicate", (5, -3), [0, 0, 0, 0, 0, 0]),
        ("circular", (-1, 2), [1, 2, 3, 1, 2]),
        ("circular", (2, -1), [1, 2, 0, 1, 2]),
        ("circular", (-2, -2), []),
        ("circular", (4, 0), [0, 1, 2, 3, 0, 1, 2, 3]),
    ],
)
def test_negative_amounts_crop(mode, amounts, expected):
    assert F.pad(np.arange(4).reshape(1, 4), amounts, mode).tolist() == [expected]
    x = rushlight.arange(4.0, dtype=rushlight.float64).reshape(1, 4).requires_grad_()
    if expected:
        assert gradcheck(lambda x: F.pad(x, amounts, mode), (x,))


@pytest.mark.parametrize("mode", NUMPY)
def test_gradients(mode):
    x = rushlight.tensor(np.random.default_rng(0).standard_normal((1, 2, 3, 4)), requires_grad=True)
    assert gradcheck(lambda x: F.pad(x, (3, 1, 0, 2), mode), (x,))
    assert gradgradcheck(lambda x: F.pad(x, (3, 1, 0, 2), mode) ** 2, (x,))


def test_how_often_each_element_is_shown():
    """The gradient of the sum; torch's figures for 3 x 3 ones padded by 1."""
    counts = {
        "reflect": [[1, 3, 1], [3, 9, 3], [1, 3, 1]],
        "replicate": [[4, 2, 4], [2, 1, 2], [4, 2, 4]],
        "circular": [[4, 2, 4], [2, 1, 2], [4, 2, 4]],
    }
    for mode, expected in counts.items():
        x = rushlight.ones(1, 3, 3, requires_grad=True)
        F.pad(x, (1, 1, 1, 1), mode).sum().backward()
        assert x.grad[0].tolist() == expected


def test_empty_batch():
    for mode in NUMPY:
        assert F.pad(np.ones((0, 2, 3, 3)), (1, 1, 1, 1), mode).shape == (0, 2, 5, 5)
