"""Weights that stay put: prepare_conv2d and Conv2d in eval mode give the bits of the plain call, always."""

from __future__ import annotations

import copy
import ctypes
import pickle

import numpy as np
import pytest

import rushlight
from kernel_cases import using
from oracle import assert_same_bits
from rushlight import _core, nn, optim
from rushlight import functional as F

EVERY_ISA = pytest.mark.parametrize("isa", _core.available_isas(), indirect=True)
EVERY_PRECISION = pytest.mark.parametrize("precision", ["highest", "high", "medium"])

# (input, weight, stride, padding, dilation, groups): Winograd with few tiles, many tiles, a batch, groups,
# dilation; direct sums in one block and in several, with output channels that fill whole vectors and that do
# not, cut for threads and in groups; and what no algorithm prepares anything for.
CASES = [
    ((1, 32, 29, 30), (40, 32, 3, 3), 1, 1, 1, 1),
    ((2, 17, 47, 61), (19, 17, 3, 3), 1, (0, 2), 1, 1),
    ((3, 48, 21, 22), (34, 24, 3, 3), 1, 1, 1, 2),
    ((1, 16, 61, 60), (18, 16, 3, 3), 1, 2, (2, 1), 1),
    ((2, 16, 9, 9), (16, 16, 3, 3), 2, 1, 1, 1),
    ((1, 700, 13, 13), (100, 700, 1, 1), 1, 0, 1, 1),
    ((1, 150, 40, 20), (272, 150, 3, 3), 2, 1, 1, 1),
    ((2, 160, 17, 17), (96, 80, 5, 3), 1, (2, 1), (1, 2), 2),
    ((2, 3, 9, 9), (5, 3, 2, 4), 1, 1, 1, 1),
    ((4, 5, 5), (4, 1, 3, 3), 1, 1, 1, 4),
]


def draw(*size: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(sum(size)).standard_normal(size).astype(dtype)


@EVERY_ISA
@EVERY_PRECISION
@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_bits(isa, precision, case):
    x_size, w_size, *settings = case
    x, w, b = draw(*x_size), draw(*w_size), draw(w_size[0])
    prepared = F.prepare_conv2d(w)
    with rushlight.float32_conv_precision(precision):
        want = F.conv2d(x, w, b, *settings)
        for threads in (1, 2, 7):
            with using(threads=threads):
                assert_same_bits(F.conv2d(x, prepared, b, *settings), want)
                assert_same_bits(F.conv2d(x, prepared, None, *settings), F.conv2d(x, w, None, *settings))


def test_every_dtype():
    x, w = np.ones((1, 16, 30, 30)), np.ones((16, 16, 3, 3))
    for dtype in ("float64", "int32", "uint8"):
        got = F.conv2d(x.astype(dtype), F.prepare_conv2d(w.astype(dtype)))
        assert_same_bits(got, F.conv2d(x.astype(dtype), w.astype(dtype)))


def test_follows_precision_isa_and_shape():
    """One object through changes of all that decides what is prepared."""
    w = draw(32, 32, 3, 3)
    prepared = F.prepare_conv2d(w)
    sizes = [(1, 32, 8, 8), (1, 32, 16, 16), (2, 32, 40, 40), (1, 64, 9, 40)]
    for _ in range(2):
        for isa in _core.available_isas():
            for precision in ("highest", "high", "medium"):
                with using(isa=isa), rushlight.float32_conv_precision(precision):
                    for size in sizes:
                        x, groups = draw(*size), size[1] // 32
                        assert_same_bits(F.conv2d(x, prepared, groups=groups), F.conv2d(x, w, groups=groups))
    assert 0 < prepared.nbytes <= 2 * 36 * (w.size + 16) * 4


def test_memory_is_shown_and_given_back():
    def shown() -> int:
        return _core.config()["prepared_weights_bytes"]

    before = shown()
    prepared = F.prepare_conv2d(draw(32, 32, 3, 3))
    assert prepared.nbytes == 0 and shown() == before
    F.conv2d(draw(1, 32, 40, 40), prepared)
    if _core.isa() != "reference":
        assert prepared.nbytes >= 16 * 32 * 32 * 4
    assert shown() == before + prepared.nbytes
    assert f"{shown()}" in rushlight.show_config()
    del prepared
    assert shown() == before


def test_prepared_is_a_constant_copy():
    w, x = draw(16, 16, 3, 3), draw(1, 16, 20, 20)
    prepared = F.prepare_conv2d(rushlight.tensor(w))
    want = F.conv2d(x, w)
    w[:] = 0
    assert_same_bits(F.conv2d(x, prepared), want)
    with pytest.raises(ValueError, match="read-only"):
        prepared.weight[0] = 0
    for other in (copy.deepcopy(prepared), pickle.loads(pickle.dumps(prepared))):
        assert_same_bits(F.conv2d(x, other), want)


def test_gradient_of_the_input():
    w, x = draw(16, 16, 3, 3), rushlight.tensor(draw(1, 16, 20, 20), requires_grad=True)
    for weight in (w, F.prepare_conv2d(w)):
        x.grad = None
        F.conv2d(x, weight, padding=1).square().sum().backward()
        if weight is w:
            want = x.grad.numpy().copy()
    assert_same_bits(x.grad.numpy(), want)


def test_errors():
    with pytest.raises(TypeError, match=r"prepare_conv2d\(\): argument 'weight'"):
        F.prepare_conv2d([1.0])
    prepared = F.prepare_conv2d(draw(16, 16, 3, 3))
    for bad, error in [(draw(1, 17, 9, 9), RuntimeError), ([1.0], TypeError)]:
        with pytest.raises(error) as plain:
            F.conv2d(bad, prepared.weight)
        with pytest.raises(error) as same:
            F.conv2d(bad, prepared)
        assert str(same.value) == str(plain.value)


# ---------------------------------------------------------------- the layer


def layer_in_eval() -> tuple[nn.Conv2d, rushlight.Tensor]:
    layer = nn.Conv2d(16, 16, 3, padding=1).eval()
    x = rushlight.tensor(draw(1, 16, 24, 24))
    with rushlight.no_grad():
        layer(x)
    return layer, x


def plain(layer: nn.Conv2d, x: rushlight.Tensor) -> np.ndarray:
    return F.conv2d(x, layer.weight, layer.bias, padding=1).detach().numpy()


@EVERY_ISA
def test_not_finite(isa):
    """Zeros of the padding times weights that are not finite, which prepared ones are known to be."""
    x, w = draw(1, 128, 12, 12), draw(128, 128, 3, 3)
    for value in (np.inf, np.nan):
        w[7, 5, 0, 2] = value
        assert_same_bits(
            F.conv2d(x, F.prepare_conv2d(w), stride=2, padding=1), F.conv2d(x, w, stride=2, padding=1)
        )


def step_of_an_optimizer(layer: nn.Conv2d) -> None:
    layer.weight.grad = rushlight.ones(layer.weight.shape)
    optim.SGD([layer.weight], lr=0.1).step()


def load(layer: nn.Conv2d) -> None:
    layer.load_state_dict({"weight": draw(16, 16, 3, 3), "bias": draw(16)})


WAYS_TO_WRITE = {
    "operator": lambda layer: layer.weight.mul_(2),
    "index": lambda layer: layer.weight.__setitem__((3, 4, 1, 1), 5.0),
    "data": lambda layer: layer.weight.data.__setitem__(0, 1.0),
    "new data": lambda layer: setattr(layer.weight, "data", rushlight.ones(16, 16, 3, 3)),
    "numpy": lambda layer: layer.weight.detach().numpy().__setitem__((15, 15, 2, 2), -1.0),
    "view": lambda layer: layer.weight.detach()[1, 2].numpy().__setitem__((0, 1), 7.0),
    "ufunc": lambda layer: np.add(layer.weight.detach(), 1, out=layer.weight.detach()),
    "ufunc at": lambda layer: np.add.at(layer.weight.detach(), 0, 1.0),
    "dlpack": lambda layer: np.from_dlpack(layer.weight.detach()).__setitem__(0, 2.0),
    "same memory": lambda layer: nn.Parameter(layer.weight).mul_(3),
    "init": lambda layer: nn.init.zeros_(layer.weight),
    "parameter": lambda layer: setattr(layer, "weight", nn.Parameter(rushlight.ones(16, 16, 3, 3))),
    "optimizer": step_of_an_optimizer,
    "state dict": load,
}


@pytest.mark.parametrize("way", WAYS_TO_WRITE)
def test_layer_notices_a_change(way):
    layer, x = layer_in_eval()
    with rushlight.no_grad():
        before = layer(x).numpy()
        WAYS_TO_WRITE[way](layer)
        after = layer(x).numpy()
    assert not np.array_equal(before, after)
    assert_same_bits(after, plain(layer, x))


def test_layer_notices_an_array_that_was_handed_out_earlier():
    """Somebody writes after one look of the layer, lets go of the array, and the next look sees it."""
    layer, x = layer_in_eval()
    with rushlight.no_grad():
        for array in (layer.weight.detach().numpy(), layer.weight.detach()[2:].numpy()):
            layer(x)
            array += 1
            layer(x)
            array += 1
            del array
            assert_same_bits(layer(x).numpy(), plain(layer, x))


def test_layer_looks_at_its_weights_only_if_they_may_have_changed():
    """A change behind everybody's back, through an address, shows that nobody looked; a Tensor's write, that
    somebody did."""
    layer, x = layer_in_eval()
    if _core.isa() == "reference":
        pytest.skip("the reference prepares nothing")
    with rushlight.no_grad():
        before = layer(x).numpy()
        ctypes.c_float.from_address(layer.weight.data_ptr()).value += 1
        assert_same_bits(layer(x).numpy(), before)
        layer.weight.add_(0)
        assert_same_bits(layer(x).numpy(), plain(layer, x))


def test_layer_prepares_only_without_gradients_and_train_drops_it():
    for few in (nn.Conv2d(16, 16, 1).eval(), nn.Conv2d(512, 512, 3, groups=512).eval()):
        few(rushlight.zeros(1, few.in_channels, 5, 5))
        assert few._prepared is None
    layer, x = layer_in_eval()
    if _core.isa() != "reference":
        assert layer._prepared.nbytes > 0
    layer.train()
    assert layer._prepared is None
    with rushlight.no_grad():
        layer(x)
    layer.eval()
    layer(x).sum().backward()
    assert layer._prepared is None
    assert layer.weight.grad is not None
    layer.requires_grad_(False)
    y = layer(x)
    assert layer._prepared is not None and not y.requires_grad
    assert_same_bits(y.numpy(), plain(layer, x))


def test_layer_in_eval_travels():
    layer, x = layer_in_eval()
    with rushlight.no_grad():
        want = layer(x).numpy()
        for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert_same_bits(other(x).numpy(), want)
