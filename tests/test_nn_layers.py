"""Layers: constructors, reprs, initial weights, forward passes, errors; beside torch where it is installed."""

# ruff: noqa: E501  (expected texts stay on one line)

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight import nn

REPRS = [
    ("Conv2d(3, 16, (3, 5), 2, 1, bias=False)", "Conv2d(3, 16, kernel_size=(3, 5), stride=(2, 2), padding=(1, 1), bias=False)"),
    ("Conv2d(4, 4, 3, 1, 'same', 2, 4)", "Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1), padding=same, dilation=(2, 2), groups=4)"),
    ("Conv2d(4, 4, 3, padding='valid')", "Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1), padding=valid)"),
    ("Conv2d(4, 4, 3, padding=1, padding_mode='reflect')", "Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), padding_mode=reflect)"),
    ("Conv2d(1, 1, [2, 3], [1, 2])", "Conv2d(1, 1, kernel_size=(2, 3), stride=(1, 2))"),
    ("Conv2d(1, 1, 2, bias=None)", "Conv2d(1, 1, kernel_size=(2, 2), stride=(1, 1), bias=False)"),
    ("Conv1d(3, 16, 5, 2, 1)", "Conv1d(3, 16, kernel_size=(5,), stride=(2,), padding=(1,))"),
    ("Conv1d(4, 4, (3,), padding='same', dilation=2, groups=2, bias=False)", "Conv1d(4, 4, kernel_size=(3,), stride=(1,), padding=same, dilation=(2,), groups=2, bias=False)"),
    ("ConvTranspose2d(2, 4, 3, 2, 1, 1, 2, False, 2)", "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), output_padding=(1, 1), groups=2, bias=False)"),
    ("ConvTranspose2d(2, 4, (3, 2))", "ConvTranspose2d(2, 4, kernel_size=(3, 2), stride=(1, 1))"),
    ("MaxPool2d(2)", "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
    ("MaxPool2d((2, 3), 1, 0, 1, True, True)", "MaxPool2d(kernel_size=(2, 3), stride=1, padding=0, dilation=1, ceil_mode=True)"),
    ("ReLU()", "ReLU()"),
    ("ReLU(True)", "ReLU(inplace=True)"),
    ("ZeroPad2d(1)", "ZeroPad2d((1, 1, 1, 1))"),
    ("ZeroPad2d((1, 1, 2, 0))", "ZeroPad2d((1, 1, 2, 0))"),
    ("Flatten()", "Flatten(start_dim=1, end_dim=-1)"),
    ("Linear(3, 4)", "Linear(in_features=3, out_features=4, bias=True)"),
    ("Linear(3, 4, False)", "Linear(in_features=3, out_features=4, bias=False)"),
    ("Identity(54, unused=True)", "Identity()"),
    ("MSELoss()", "MSELoss()"),
    ("CrossEntropyLoss()", "CrossEntropyLoss()"),
]  # fmt: skip

ERRORS = [
    ("nn.Conv2d(1, 1, 2, groups=0)", ValueError, "groups must be a positive integer"),
    ("nn.Conv2d(3, 4, 2, groups=2)", ValueError, "in_channels must be divisible by groups"),
    ("nn.Conv2d(4, 3, 2, groups=2)", ValueError, "out_channels must be divisible by groups"),
    ("nn.Conv2d(-1, 3, 2)", RuntimeError, r"Trying to create tensor with negative dimension -1: \[3, -1, 2, 2\]"),
    ("nn.Conv2d(1, 1, 2, padding='foo')", ValueError, "Invalid padding string 'foo', should be one of"),
    ("nn.Conv2d(1, 1, 2, 2, 'same')", ValueError, "padding='same' is not supported for strided convolutions"),
    ("nn.Conv2d(1, 1, 2, padding_mode='foo')", ValueError, "padding_mode must be one of.*but got padding_mode='foo'"),
    ("nn.Conv2d(1, 1, 1.0)", TypeError, "float"),
    ("nn.Conv2d(1.0, 1, 1)", TypeError, "float"),
    ("nn.Conv1d(3, 4, 2, groups=2)", ValueError, "in_channels must be divisible by groups"),
    ("nn.Conv1d(1, 1, 2, 2, 'same')", ValueError, "padding='same' is not supported for strided convolutions"),
    ("nn.ConvTranspose2d(1, 3, 2, groups=2)", ValueError, "in_channels must be divisible by groups"),
    ("nn.ConvTranspose2d(1, 1, 2, padding_mode='reflect')", ValueError, 'Only "zeros" padding mode is supported for ConvTranspose2d'),
    ("nn.ConvTranspose2d(1, 1, 3, 2)(torch.ones(1, 1, 6, 6), (3, 3))", ValueError, r"requested an output size of \(3, 3\), but valid sizes range from \[13, 13\] to \[14, 14\] \(for an input of torch.Size\(\[6, 6\]\)\)"),
    ("nn.ConvTranspose2d(1, 1, 3, 2)(torch.ones(1, 1, 6, 6), (1, 13, 13))", ValueError, r"ConvTranspose2D: for 4D input, output_size must have 2 or 4 elements \(got 3\)"),
    ("nn.ConvTranspose2d(1, 1, 2)(torch.ones(1, 3, 4, 4))", RuntimeError, r"weight of size \[1, 1, 2, 2\].*to have 1 channels, but got 3"),
    ("nn.Linear(-1, 3)", RuntimeError, "Trying to create tensor with negative dimension -1"),
    ("nn.Linear(2.0, 3)", TypeError, "float"),
    ("nn.Conv2d(1, 1, 2)(torch.ones(1, 1, 4, 4, dtype=torch.float64))", RuntimeError, "Input type .double. and bias type .float. should be the same"),
    ("nn.Conv2d(1, 1, 2)(torch.ones(1, 3, 4, 4))", RuntimeError, r"weight of size \[1, 1, 2, 2\].*to have 1 channels, but got 3"),
    ("nn.Conv2d(1, 1, 2, stride=1.5)(torch.ones(1, 1, 4, 4))", TypeError, "stride"),
    ("nn.Conv2d(1, 1, 2, stride=0)(torch.ones(1, 1, 4, 4))", RuntimeError, "non-positive stride is not supported"),
    ("nn.MaxPool2d(2.0)(torch.ones(1, 4, 4))", TypeError, "'kernel_size' .position 2. must be tuple of ints, not float"),
    ("nn.ZeroPad2d((1, 2, 3))(torch.ones(1, 2, 2))", RuntimeError, "Padding length must be divisible by 2"),
    ("nn.Flatten()(torch.ones(2))", IndexError, r"expected to be in range of \[-1, 0\], but got 1"),
    ("nn.Flatten(2, 1)(torch.ones(2, 2, 2))", RuntimeError, "start_dim cannot come after end_dim"),
    ("nn.Linear(2, 3)(torch.ones(4, 5))", RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(4x5 and 2x3\)"),
    ("nn.MSELoss(reduction='foo')(torch.ones(1), torch.ones(1))", ValueError, "foo is not a valid value for reduction"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "text"), REPRS, ids=[made for made, _ in REPRS])
def test_repr(made, text):
    assert repr(eval("nn." + made)) == text


@pytest.mark.parity
@pytest.mark.parametrize(("made", "text"), REPRS, ids=[made for made, _ in REPRS])
def test_repr_is_torchs(made, text):
    torch = pytest.importorskip("torch")
    assert repr(eval("nn." + made, {"nn": torch.nn})) == text


@pytest.mark.parametrize(("call", "error", "words"), ERRORS, ids=[row[0] for row in ERRORS])
def test_wrong_call(call, error, words):
    with pytest.raises(error, match=words):
        eval(call, {"nn": nn, "torch": rushlight})


@pytest.mark.parity
@pytest.mark.parametrize(("call", "error", "words"), ERRORS, ids=[row[0] for row in ERRORS])
def test_torch_says_the_same(call, error, words):
    torch = pytest.importorskip("torch")
    with pytest.raises(error, match=words):
        eval(call, {"nn": torch.nn, "torch": torch})


# ---- forward passes ----------------------------------------------------------------------------------------------
def test_conv2d_is_the_function_with_its_own_weights():
    layer = nn.Conv2d(4, 6, (3, 2), 2, (1, 0), (1, 2), 2)
    assert layer.weight.shape == (6, 2, 3, 2) and layer.bias.shape == (6,)
    x = rushlight.rand(2, 4, 9, 8)
    want = F.conv2d(x, layer.weight, layer.bias, 2, (1, 0), (1, 2), 2)
    np.testing.assert_array_equal(layer(x).detach().numpy(), want.detach().numpy())
    assert layer(x[0]).shape == want.shape[1:]


def test_conv1d_is_the_function_with_its_own_weights():
    layer = nn.Conv1d(4, 6, 3, 2, 1, 1, 2)
    assert layer.weight.shape == (6, 2, 3) and layer.bias.shape == (6,)
    x = rushlight.rand(2, 4, 9)
    want = F.conv1d(x, layer.weight, layer.bias, 2, 1, 1, 2)
    np.testing.assert_array_equal(layer(x).detach().numpy(), want.detach().numpy())


def test_conv_transpose2d_is_the_function_with_its_own_weights():
    layer = nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (0, 1), 2, True, (1, 2))
    assert layer.weight.shape == (4, 3, 3, 2) and layer.bias.shape == (6,) and layer.transposed
    x = rushlight.rand(2, 4, 9, 8)
    want = F.conv_transpose2d(x, layer.weight, layer.bias, (2, 3), (1, 0), (0, 1), 2, (1, 2))
    np.testing.assert_array_equal(layer(x).detach().numpy(), want.detach().numpy())
    for extra in ((0, 0), (1, 2)):
        size = [n + e for n, e in zip(layer(x, None).shape[2:], (extra[0], extra[1] - 1), strict=True)]
        want = F.conv_transpose2d(x, layer.weight, layer.bias, (2, 3), (1, 0), extra, 2, (1, 2)).detach()
        np.testing.assert_array_equal(layer(x, size).detach().numpy(), want.numpy())
        np.testing.assert_array_equal(layer(x, output_size=want.shape).detach().numpy(), want.numpy())
        np.testing.assert_array_equal(layer(x[0], want.shape[1:]).detach().numpy(), want[0].numpy())


@pytest.mark.parametrize("padding", ["valid", 1, (1, 2), ((1, 0), (2, 1))], ids=str)
def test_conv2d_padding_modes_pad_first(padding):
    layer = nn.Conv2d(2, 3, 3, padding=padding)
    left, right, top, bottom = layer._pad_amounts()
    x = rushlight.rand(1, 2, 6, 6)
    np.testing.assert_allclose(
        layer(x).detach().numpy(),
        F.conv2d(F.pad(x, (left, right, top, bottom)), layer.weight, layer.bias).detach().numpy(),
        rtol=1e-5,
        atol=1e-6,
    )
    for mode, numpy_mode in (("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")):
        other = nn.Conv2d(2, 3, 3, padding=padding, padding_mode=mode)
        padded = np.pad(x.numpy(), ((0, 0), (0, 0), (top, bottom), (left, right)), numpy_mode)
        expected = F.conv2d(padded, other.weight.detach().numpy(), other.bias.detach().numpy())
        np.testing.assert_allclose(other(x).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_conv2d_takes_ndarrays_too():
    layer = nn.Conv2d(1, 1, 2)
    assert isinstance(layer(np.ones((1, 1, 3, 3), np.float32)), rushlight.Tensor)


def test_maxpool_argument_order_differs_from_the_function():
    y, indices = nn.MaxPool2d(2, 2, 0, 1, True)(rushlight.rand(1, 5, 5))
    assert y.shape == indices.shape == (1, 2, 2)
    assert nn.MaxPool2d(2, 2, 0, 1, False, True)(rushlight.rand(1, 5, 5)).shape == (1, 3, 3)


def test_relu_zero_pad_flatten():
    x = rushlight.tensor([[[-1.0, 2.0]]])
    assert nn.ReLU()(x).tolist() == [[[0.0, 2.0]]]
    assert nn.ReLU(inplace=True)(x) is x and x.tolist() == [[[0.0, 2.0]]]
    assert nn.ZeroPad2d((1, 0, 0, 1))(x).tolist() == [[[0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]]
    assert nn.Flatten()(rushlight.ones(2, 3, 4)).shape == (2, 12)
    assert nn.Flatten(0, 1)(rushlight.ones(2, 3, 4)).shape == (6, 4)


def test_losses():
    x, t = rushlight.rand(4, 3), rushlight.tensor([0, 2, 1, 1])
    weight = rushlight.tensor([1.0, 2.0, 3.0])
    loss = nn.CrossEntropyLoss(weight, ignore_index=2, reduction="sum", label_smoothing=0.1)
    want = F.cross_entropy(x, t, weight, ignore_index=2, reduction="sum", label_smoothing=0.1)
    assert loss(x, t).item() == want.item()
    assert list(loss.state_dict()) == ["weight"] and not list(loss.parameters())
    assert nn.MSELoss(reduction="sum")(x, x * 0).item() == pytest.approx((x * x).sum().item(), rel=1e-6)
    with pytest.warns(UserWarning, match="reduction='sum' instead"):
        assert nn.MSELoss(size_average=False).reduction == "sum"


def test_dtype_argument():
    layer = nn.Conv2d(1, 1, 2, dtype=rushlight.float64, device="cpu")
    assert layer.weight.dtype == layer.bias.dtype == rushlight.float64
    assert nn.Linear(1, 1, dtype=rushlight.float64).weight.dtype == rushlight.float64


def test_layers_without_elements_warn():
    for make in (lambda: nn.Conv2d(0, 3, 2), lambda: nn.Conv2d(1, 1, 0), lambda: nn.Linear(0, 3)):
        with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
            make()


# ---- initial weights -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (lambda: nn.Conv2d(8, 64, 3), 72),
        (lambda: nn.Conv2d(8, 64, (3, 5), groups=4), 30),
        (lambda: nn.Conv1d(8, 64, 5, groups=4), 10),
        (lambda: nn.ConvTranspose2d(64, 8, (3, 5), groups=4), 30),  # of the outputs, not the inputs
        (lambda: nn.Linear(100, 50), 100),
    ],
    ids=["conv", "grouped", "conv1d", "transposed", "linear"],
)
def test_initial_weights_are_uniform_below_one_over_the_root_of_fan_in(layer, fan_in):
    rushlight.manual_seed(3)
    layer, bound = layer(), 1 / math.sqrt(fan_in)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    assert weight.min() >= -bound and weight.max() <= bound and np.abs(bias).max() <= bound
    assert abs(weight.mean()) < 0.1 * bound
    assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.1)
    before = layer.weight.detach().numpy().copy()
    layer.reset_parameters()
    assert (layer.weight.detach().numpy() != before).any() and layer.weight.is_leaf


@pytest.mark.parity
@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_initial_weights_are_torchs_bit_for_bit(seed):
    torch = pytest.importorskip("torch")
    results = []
    for library in (rushlight, torch):
        library.manual_seed(seed)
        layers = [
            library.nn.Conv2d(3, 7, (3, 2), bias=True),
            library.nn.Linear(11, 5),
            library.nn.Conv2d(4, 8, 3, groups=2),
            library.nn.Conv1d(4, 8, 3, groups=2),
            library.nn.ConvTranspose2d(4, 8, (3, 4), stride=2, groups=2),
        ]
        layers.append(library.nn.Linear(6, 2, bias=False))
        for fill in ("xavier_uniform_", "kaiming_uniform_"):
            weight = library.empty(6, 4, 3, 3)
            assert getattr(library.nn.init, fill)(weight) is weight
            results.append(weight.numpy())
        results.extend(p.detach().numpy() for layer in layers for p in layer.parameters())
    half = len(results) // 2
    for ours, theirs in zip(results[:half], results[half:], strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parity
def test_init_functions_same_as_torch():
    torch = pytest.importorskip("torch")
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert nn.init.calculate_gain("leaky_relu", 0.2) == torch.nn.init.calculate_gain("leaky_relu", 0.2)
    for fill in ("xavier_normal_", "kaiming_normal_", "normal_", "uniform_"):
        drawn = []
        for library in (rushlight, torch):
            library.manual_seed(5)
            drawn.append(getattr(library.nn.init, fill)(library.empty(20, 30)).numpy())
        np.testing.assert_allclose(*drawn, rtol=1e-5, atol=1e-6)
    for fill, args in (("zeros_", ()), ("ones_", ()), ("constant_", (0.25,))):
        drawn = [
            getattr(library.nn.init, fill)(library.empty(2, 3), *args).numpy()
            for library in (rushlight, torch)
        ]
        np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.init.calculate_gain("foo"), "Unsupported nonlinearity foo"),
        (lambda: nn.init.xavier_uniform_(rushlight.ones(3)), "fewer than 2 dimensions"),
        (lambda: nn.init.kaiming_uniform_(rushlight.ones(3, 3), mode="foo"), "Mode foo not supported"),
    ],
)
def test_wrong_calls_of_init(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# ---- a small network, beside torch ---------------------------------------------------------------------------------
def network(library):
    layers = library.nn
    return layers.Sequential(
        layers.Conv2d(1, 4, 3, padding=1), layers.ReLU(), layers.MaxPool2d(2),
        layers.Conv2d(4, 6, 3), layers.ReLU(inplace=True), layers.ZeroPad2d((0, 1, 0, 1)), layers.MaxPool2d(2),
        layers.Flatten(), layers.Linear(6, 3),
    )  # fmt: skip


@pytest.mark.parity
def test_training_a_small_network_prints_torchs_losses():
    torch = pytest.importorskip("torch")
    images = np.random.default_rng(0).random((12, 1, 8, 8), np.float32)
    labels = np.random.default_rng(1).integers(0, 3, 12)
    losses = []
    for library in (rushlight, torch):
        library.manual_seed(0)
        model = network(library)
        optimizer = library.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        criterion = library.nn.CrossEntropyLoss()
        losses.append([])
        for _ in range(20):
            optimizer.zero_grad()
            loss = criterion(model(library.tensor(images)), library.tensor(labels))
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-4)


def test_network_shapes_and_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = network(rushlight)
        assert model(rushlight.rand(2, 1, 8, 8)).shape == (2, 3)
    assert sum(p.numel() for p in model.parameters()) == 40 + 222 + 21
