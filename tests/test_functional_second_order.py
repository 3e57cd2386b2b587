"""Gradients of gradients: the rules of functional/ run on Tensors too, so gradgradcheck passes for each."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight.autograd import gradgradcheck


def leaf(*shape, seed=0):
    return rushlight.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def distinct(*shape):
    """Values far enough apart that a small step changes no maximum and no sign."""
    size = int(np.prod(shape))
    values = np.random.default_rng(0).permutation(size) - size / 2 + 0.5
    return rushlight.tensor(values.reshape(shape) / 10.0, requires_grad=True)


CLASSES = rushlight.tensor([0, 2, 1])
WEIGHT = rushlight.tensor([0.5, 2.0, 1.25], dtype=rushlight.float64)
PROBABILITIES = F.softmax(leaf(3, 3, seed=5).detach(), 1)

CASES = {
    "conv2d": (
        lambda x, w, b: F.conv2d(x, w, b, (2, 1), ((1, 0), (0, 2)), (1, 2), 2),
        [leaf(2, 4, 5, 4), leaf(4, 2, 2, 2, seed=1), leaf(4, seed=2)],
    ),
    "conv2d of one image": (lambda x, w, b: F.conv2d(x, w, b), [leaf(1, 3, 3), leaf(2, 1, 2, 2), leaf(2)]),
    "conv2d of each channel by itself": (
        lambda x, w, b: F.conv2d(x, w, b, 1, 1, 1, 3),
        [leaf(2, 3, 4, 3), leaf(3, 1, 3, 3, seed=1), leaf(3, seed=2)],
    ),
    "conv_transpose2d": (
        lambda x, w, b: F.conv_transpose2d(x, w, b, (2, 1), (1, 0), (1, 0), 2, (1, 2)),
        [leaf(2, 4, 3, 3), leaf(4, 1, 2, 3, seed=1), leaf(2, seed=2)],
    ),
    "conv1d": (
        lambda x, w, b: F.conv1d(x, w, b, 2, 1, 2, 2),
        [leaf(2, 4, 9), leaf(4, 2, 3, seed=1), leaf(4, seed=2)],
    ),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, (3, 2), (2, 1), 1, True, False) ** 2, [leaf(2, 2, 5, 4)]),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        [leaf(3, 2, 3, 2), leaf(2, seed=1), leaf(2, seed=2)],
    ),
    "max_pool2d, dilated": (
        lambda x: F.max_pool2d(x, (2, 3), (2, 1), 1, (2, 1)) ** 2,
        [distinct(2, 1, 5, 4)],
    ),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 1, 1), [distinct(1, 2, 4, 4)]),
    "relu": (F.relu, [distinct(3, 4)]),
    "relu in place": (lambda x: F.relu_(x * 1.0), [distinct(3, 4)]),
    "pad": (lambda x: F.pad(x, (1, -1, 2, 0)) ** 2, [leaf(3, 4)]),
    "linear": (F.linear, [leaf(2, 3, 4), leaf(5, 4, seed=1), leaf(5, seed=2)]),
    "linear of a vector": (F.linear, [leaf(4), leaf(5, 4, seed=1)]),
    "softmax": (lambda x: F.softmax(x, 1), [leaf(3, 4)]),
    "log_softmax": (lambda x: F.log_softmax(x, 0), [leaf(3, 4)]),
    "mse_loss": (F.mse_loss, [leaf(3, 4), leaf(3, 4, seed=1)]),
    "mse_loss, each": (lambda x, y: F.mse_loss(x, y, reduction="none"), [leaf(3, 4), leaf(3, 4, seed=1)]),
    "nll_loss": (lambda x: F.nll_loss(x, CLASSES, WEIGHT) ** 2, [leaf(3, 3)]),
    "cross_entropy": (lambda x: F.cross_entropy(x, CLASSES, WEIGHT, label_smoothing=0.1), [leaf(3, 3)]),
    "cross_entropy, each": (lambda x: F.cross_entropy(x, CLASSES, reduction="none"), [leaf(3, 3)]),
    "cross_entropy, probabilities": (lambda x: F.cross_entropy(x, PROBABILITIES, WEIGHT), [leaf(3, 3)]),
}


@pytest.mark.parametrize("name", CASES)
def test_gradgradcheck(name):
    function, inputs = CASES[name]
    assert gradgradcheck(function, tuple(inputs))


def test_gradient_penalty():
    """The usual use: a loss that contains a gradient."""
    x, w = leaf(1, 2, 4, 4), leaf(3, 2, 3, 3, seed=1)
    y = F.relu(F.conv2d(x, w, padding=1)).sum()
    (dx,) = rushlight.autograd.grad(y, x, create_graph=True)
    (dx**2).sum().backward()
    assert w.grad is not None and w.grad.shape == w.shape and bool((w.grad != 0).any())
