"""What a backward pass does not do: compute gradients that nobody wants, keep gradients after their use."""

from __future__ import annotations

import tracemalloc

import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight import nn
from rushlight.functional import conv as conv_rules
from rushlight.functional import normalization


@pytest.fixture
def calls(monkeypatch):
    """Names of the C++ gradients of conv2d that were asked for, in order."""
    seen: list[str] = []
    for name in ("conv2d_backward_input", "conv2d_backward_weight", "conv2d_backward_bias"):
        original = getattr(conv_rules, name)

        def counted(*args, name=name, original=original):
            seen.append(name.removeprefix("conv2d_backward_"))
            return original(*args)

        monkeypatch.setattr(conv_rules, name, counted)
    return seen


def test_a_first_layer_pays_nothing_for_its_input(calls):
    first, second = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3)
    second(first(rushlight.rand(1, 1, 8, 8))).sum().backward()
    assert sorted(calls[:3]) == ["bias", "input", "weight"]
    assert sorted(calls[3:]) == ["bias", "weight"]


@pytest.mark.parametrize(
    ("weight", "bias", "input", "want"),
    [
        (False, False, True, ["input"]),
        (True, False, False, ["weight"]),
        (False, True, False, ["bias"]),
        (False, True, True, ["bias", "input"]),
    ],
)
def test_frozen_parameters_cost_nothing(calls, weight, bias, input, want):
    layer = nn.Conv2d(1, 2, 3)
    layer.weight.requires_grad_(weight)
    layer.bias.requires_grad_(bias)
    layer(rushlight.rand(1, 1, 5, 5, requires_grad=input)).sum().backward()
    assert sorted(calls) == want


def test_autograd_grad_computes_what_leads_to_its_inputs(calls):
    first, second = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3)
    y = second(first(rushlight.rand(1, 1, 8, 8)))
    rushlight.autograd.grad(y.sum(), second.weight)
    assert calls == ["weight"]


def test_batch_norm_of_constants_makes_no_input_gradient(monkeypatch):
    wanted = []
    original = normalization.batch_norm_backward

    def seen(*args):
        wanted.append(args[-1])
        return original(*args)

    monkeypatch.setattr(normalization, "batch_norm_backward", seen)
    layer = nn.BatchNorm2d(2)
    layer(rushlight.rand(2, 2, 4, 4)).sum().backward()
    layer(rushlight.rand(2, 2, 4, 4, requires_grad=True)).sum().backward()
    assert wanted == [False, True]


@pytest.mark.parametrize("operation", [lambda y: y * 0.5, F.relu, lambda y: y.exp(), lambda y: y + y])
def test_gradients_die_as_soon_as_they_are_used(operation):
    """A chain's backward holds a few gradients at a time, however long it is."""
    size, length = 4 * 2**18, 24  # bytes of one array
    x = rushlight.full((2**18,), 1e-3, requires_grad=True)
    y = x
    for _ in range(length):
        y = operation(y) * 0.1
    loss = y.sum()
    del y
    tracemalloc.start()
    loss.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4.5 * size


def test_where_two_paths_meet_no_third_array_is_made():
    """A residual sum's gradient goes both ways; what comes back round the block takes it up in place."""
    size = 4 * 2**18
    x = rushlight.full((2**18,), 1e-3, requires_grad=True)
    h = x * 1.0
    seen = []
    h.register_hook(lambda grad: seen.append(grad.sum().item()))
    loss = ((h + h.exp()) * 3.0).sum()
    tracemalloc.start()
    loss.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * size  # one for each way
    assert seen == pytest.approx([2**18 * 3 * 2.0010005], rel=1e-5)


def test_a_gradient_that_two_edges_share_is_not_summed_in_place():
    """One array for two inputs, and one that is a view of another: neither may be written into."""

    class Twice(rushlight.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, grad):
            return grad, grad

    a = rushlight.ones(3, requires_grad=True)
    h, k = a * 1.0, a * 2.0
    (Twice.apply(h, k) + h.reshape(3) + k.exp()).sum().backward()
    assert a.grad.tolist() == pytest.approx([1 + 2 + 1 + 2 * 7.38905609893065] * 3)
