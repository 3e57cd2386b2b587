"""Lazy layers: what may be asked before the first input, what the first input does, loading, and BatchNorm's
own state.
"""

from __future__ import annotations

import copy

import pytest

import rushlight
from rushlight import nn


@pytest.mark.parametrize(
    "lazy, ready, shape",
    [
        (lambda: nn.LazyLinear(3), lambda: nn.Linear(5, 3), (2, 5)),
        (lambda: nn.LazyLinear(3, bias=False), lambda: nn.Linear(5, 3, bias=False), (2, 5)),
        (lambda: nn.LazyConv2d(4, 3, 2), lambda: nn.Conv2d(5, 4, 3, 2), (1, 5, 6, 6)),
        (lambda: nn.LazyConv2d(4, 3, bias=False), lambda: nn.Conv2d(5, 4, 3, bias=False), (5, 6, 6)),
        (lambda: nn.LazyConv2d(4, 3, groups=2), lambda: nn.Conv2d(6, 4, 3, groups=2), (1, 6, 6, 6)),
        (lambda: nn.LazyBatchNorm2d(), lambda: nn.BatchNorm2d(5), (2, 5, 6, 6)),
        (lambda: nn.LazyBatchNorm1d(), lambda: nn.BatchNorm1d(5), (4, 5)),
        (lambda: nn.LazyBatchNorm2d(affine=False), lambda: nn.BatchNorm2d(5, affine=False), (2, 5, 6, 6)),
    ],
)
def test_the_first_input_makes_it_the_ordinary_layer(lazy, ready, shape):
    rushlight.manual_seed(0)
    layer = lazy()
    waiting = list(layer.parameters())
    expected_name = type(layer).__name__
    assert repr(layer).startswith(expected_name) and "Lazy" in expected_name
    assert all(repr(each) == "<UninitializedParameter>" for each in waiting)
    optimizer = rushlight.optim.SGD(layer.parameters(), 0.1) if waiting else None
    x = rushlight.ones(*shape)
    y = layer(x)
    rushlight.manual_seed(0)
    other = ready()
    assert type(layer) is type(other) and repr(layer) == repr(other)
    assert list(layer.state_dict()) == list(other.state_dict())
    assert [p is q for p, q in zip(layer.parameters(), waiting, strict=True)] == [True] * len(waiting)
    assert rushlight.equal(y, other(x))
    if optimizer:
        y.sum().backward()
        before = layer.weight.detach().clone()
        optimizer.step()
        assert layer.weight.grad is not None and type(layer.weight) is nn.Parameter
        assert layer.weight.shape == before.shape


def test_what_may_be_asked_before():
    layer = nn.LazyConv2d(4, 3)
    assert layer.has_uninitialized_params()
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.requires_grad
    assert layer.weight.dtype == rushlight.float32 and layer.double().weight.dtype == rushlight.float64
    layer.zero_grad()
    layer.reset_parameters()
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter or buffer"):
        layer.weight.shape  # noqa: B018
    for use in (lambda: layer.weight + 1, layer.weight.numel, lambda: nn.init.ones_(layer.weight)):
        with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
            use()
    assert layer(rushlight.ones(1, 2, 5, 5).double()).dtype == rushlight.float64


def test_a_deep_copy_is_lazy_too():
    layer = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm2d())
    other = copy.deepcopy(layer)
    layer[0](rushlight.ones(1, 2))
    assert repr(other[0]) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    assert other[0](rushlight.ones(1, 7)).shape == (1, 3)


def test_loading():
    layer, source = nn.LazyLinear(3), nn.Linear(5, 3)
    assert str(layer.load_state_dict(source.state_dict())) == "<All keys matched successfully>"
    x = rushlight.rand(2, 5)
    assert rushlight.equal(layer(x), source(x)) and repr(layer) == repr(source)
    lazy = nn.LazyLinear(3)
    lazy.load_state_dict(nn.LazyLinear(3).state_dict())
    assert lazy.has_uninitialized_params()
    with pytest.raises(RuntimeError, match="Can't access the shape"):
        source.load_state_dict(lazy.state_dict())


@pytest.mark.parametrize(
    "layer, shape, error, text",
    [
        (nn.LazyConv2d(4, 3), (3, 3), RuntimeError, r"input to LazyConv2d, but got .*torch.Size\(\[3, 3\]\)"),
        (nn.LazyConv2d(4, 3, groups=2), (1, 3, 5, 5), ValueError, "in_channels must be divisible by groups"),
        (nn.LazyBatchNorm2d(), (3, 3), ValueError, r"expected 4D input \(got 2D input\)"),
    ],
)
def test_wrong_inputs(layer, shape, error, text):
    with pytest.raises(error, match=text):
        layer(rushlight.ones(*shape))


# ---- BatchNorm
def test_running_statistics():
    x = rushlight.rand(8, 3, 4, 4)
    layer = nn.BatchNorm2d(3, momentum=None)
    layer(x)
    layer(x * 3)
    assert layer.num_batches_tracked.item() == 2
    assert rushlight.allclose(layer.running_mean, x.mean((0, 2, 3)) * 2)
    layer.reset_running_stats()
    assert layer.num_batches_tracked.item() == 0 and layer.running_var.tolist() == [1, 1, 1]
    layer.eval()
    assert rushlight.allclose(layer(x), x, atol=1e-4)
    assert layer.num_batches_tracked.item() == 0


def test_without_running_statistics_the_batch_counts_in_evaluation_too():
    layer = nn.BatchNorm1d(3, track_running_stats=False)
    x = rushlight.rand(8, 3)
    assert rushlight.equal(layer(x), layer.eval()(x)) and list(layer.state_dict()) == ["weight", "bias"]


def test_a_state_from_before_num_batches_tracked_loads():
    layer = nn.BatchNorm2d(2)
    layer(rushlight.rand(3, 2, 2, 2))
    old = {
        name: value for name, value in nn.BatchNorm2d(2).state_dict().items() if name != "num_batches_tracked"
    }
    assert str(layer.load_state_dict(old)) == "<All keys matched successfully>"
    assert layer.num_batches_tracked.item() == 1


def test_wrong_numbers_of_dimensions():
    with pytest.raises(ValueError, match=r"expected 2D or 3D input \(got 4D input\)"):
        nn.BatchNorm1d(3)(rushlight.ones(1, 3, 2, 2))
    with pytest.raises(ValueError, match="probability has to be between 0 and 1"):
        nn.Dropout(2)
