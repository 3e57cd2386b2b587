"""optim.SGD: its formula over several steps, groups, closures, state, errors; the same as torch's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rushlight
from rushlight import nn, optim

SETTINGS = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.9, "dampening": 0.5},
    {"weight_decay": 0.1},
    {"momentum": 0.5, "weight_decay": 0.1, "nesterov": True},
    {"momentum": 0.5, "weight_decay": 0.1, "dampening": 0.25, "maximize": True},
]
START = np.array([[1.0, -2.0], [3.0, 0.5]])
TARGET = np.array([[0.5, 1.0], [-1.0, 2.0]])


def train(library, steps=5, dtype="float64", **settings):
    """Walk from START towards TARGET; returns the path and the optimizer."""
    w = library.tensor(START.astype(dtype), requires_grad=True)
    goal = library.tensor(TARGET.astype(dtype))
    optimizer = library.optim.SGD([w], lr=0.1, **settings)
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        ((w - goal) ** 2).sum().backward()
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return np.array(path), optimizer


def plain(steps=5, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    """The formula of the docstring."""
    w, buffer, path = START.copy(), None, []
    for _ in range(steps):
        g = 2 * (w - TARGET) * (-1 if maximize else 1) + weight_decay * w
        if momentum:
            buffer = g if buffer is None else momentum * buffer + (1 - dampening) * g
            g = g + momentum * buffer if nesterov else buffer
        w = w - 0.1 * g
        path.append(w)
    return np.array(path)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_steps(settings):
    path, _ = train(rushlight, **settings)
    np.testing.assert_allclose(path, plain(**settings), rtol=1e-12)


def test_groups_have_their_own_settings():
    a, b, c = (nn.Parameter(rushlight.ones(1)) for _ in range(3))
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.5)
    optimizer.add_param_group({"params": [c], "lr": 0.0})
    (a + b + c).backward()
    optimizer.step()
    assert [p.item() for p in (a, b, c)] == [0.5, 0.0, 1.0]
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 1.0, 0.0]


def test_parameters_without_a_gradient_are_left_alone():
    a, b = nn.Parameter(rushlight.ones(1)), nn.Parameter(rushlight.ones(1))
    optimizer = optim.SGD([a, b], lr=0.5, momentum=0.9)
    a.sum().backward()
    optimizer.step()
    assert (a.item(), b.item()) == (0.5, 1.0)
    assert list(optimizer.state_dict()["state"]) == [0]


def test_zero_grad():
    a = nn.Parameter(rushlight.ones(2))
    optimizer = optim.SGD([a])
    a.sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert a.grad is None


def test_closure_computes_the_loss():
    a = nn.Parameter(rushlight.ones(1))
    optimizer = optim.SGD([a], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (a * 2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2.0
    assert a.item() == 0.0


def test_step_changes_the_parameter_in_place_and_records_nothing():
    a = nn.Parameter(rushlight.ones(2))
    memory = a.detach().numpy()
    kept = (a * a).sum()
    kept.backward(retain_graph=True)
    optim.SGD([a], lr=0.5).step()
    assert a.is_leaf and a.requires_grad and a.grad_fn is None
    np.testing.assert_array_equal(memory, [0.0, 0.0])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        kept.backward()


def test_first_buffer_is_a_copy_of_the_gradient():
    a = nn.Parameter(rushlight.ones(1))
    optimizer = optim.SGD([a], lr=0.0, momentum=0.5)
    a.sum().backward()
    optimizer.step()
    a.grad.zero_()
    assert optimizer.state[a]["momentum_buffer"].item() == 1.0


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_training_goes_on_from_a_state_dict(settings):
    whole, _ = train(rushlight, 6, **settings)
    half, first = train(rushlight, 3, **settings)
    w = rushlight.tensor(half[-1], requires_grad=True)
    second = optim.SGD([w], lr=5.0)
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0]["lr"] == 0.1 and second.param_groups[0]["params"][0] is w
    for step in range(3, 6):
        second.zero_grad()
        ((w - rushlight.tensor(TARGET)) ** 2).sum().backward()
        second.step()
        np.testing.assert_allclose(w.detach().numpy(), whole[step], rtol=1e-12)
    np.testing.assert_array_equal(half, whole[:3])


def test_state_dict_is_plain_and_loading_copies_it():
    _, optimizer = train(rushlight, momentum=0.9)
    state = optimizer.state_dict()
    assert state["param_groups"][0]["params"] == [0]
    other = optim.SGD([rushlight.tensor(START, requires_grad=True)], lr=0.1)
    other.load_state_dict(state)
    buffer = other.state_dict()["state"][0]["momentum_buffer"]
    assert buffer is not state["state"][0]["momentum_buffer"]
    np.testing.assert_array_equal(buffer.numpy(), state["state"][0]["momentum_buffer"].numpy())


def test_named_parameters():
    layer = nn.Linear(2, 3)
    optimizer = optim.SGD(layer.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"][0] is layer.weight


def test_repr():
    text = repr(optim.SGD([rushlight.ones(1)], lr=0.1, momentum=0.9))
    assert text == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n"
        "    fused: None\n    lr: 0.1\n    maximize: False\n    momentum: 0.9\n    nesterov: False\n"
        "    weight_decay: 0\n)"
    )


# ---- wrong calls, with torch's words -------------------------------------------------------------------
WRONG = [
    ("optim.SGD([], lr=1)", ValueError, "optimizer got an empty parameter list"),
    ("optim.SGD(p, lr=1)", TypeError, "should be an iterable of Tensors or dicts, but got torch.FloatTensor"),
    ("optim.SGD([1], lr=1)", TypeError, "optimizer can only optimize Tensors, but one of the params is int"),
    ("optim.SGD([p * 2], lr=1)", ValueError, "can't optimize a non-leaf Tensor"),
    ("optim.SGD([p], lr=-1)", ValueError, "Invalid learning rate: -1"),
    ("optim.SGD([p], momentum=-1)", ValueError, "Invalid momentum value: -1"),
    ("optim.SGD([p], weight_decay=-1)", ValueError, "Invalid weight_decay value: -1"),
    ("optim.SGD([p], nesterov=True)", ValueError, "Nesterov momentum requires a momentum and zero dampening"),
    (
        "optim.SGD([p], 1, 0.9, 0.1, 0, True)",
        ValueError,
        "Nesterov momentum requires a momentum and zero damp",
    ),
    (
        "optim.SGD([{'params': [p]}, {'params': [p]}])",
        ValueError,
        "some parameters appear in more than one par",
    ),
    (
        "optim.SGD([{'params': {p}}])",
        TypeError,
        "organized in ordered collections.*Please use a list instead",
    ),
    ("optim.SGD([{}])", KeyError, "params"),
    ("optim.SGD([p], lr=torch.tensor([0.1, 0.1]))", ValueError, "Tensor lr must be 1-element"),
    ("optim.SGD([p]).add_param_group(3)", TypeError, "param_group must be a dict, but got <class 'int'>"),
    ("optim.SGD([p], foo=3)", TypeError, "unexpected keyword argument 'foo'"),
    ("optim.SGD([p]).load_state_dict({})", KeyError, "param_groups"),
    ("optim.SGD([p]).load_state_dict(two)", ValueError, "different number of parameter groups"),
    ("optim.SGD([p, q]).load_state_dict(one)", ValueError, "doesn't match the size of optimizer's group"),
]


def names(library):
    p, q = (library.nn.Parameter(library.ones(1)) for _ in range(2))
    sgd = library.optim.SGD
    return {
        "torch": library,
        "optim": library.optim,
        "p": p,
        "q": q,
        "one": sgd([p]).state_dict(),
        "two": sgd([{"params": [p]}, {"params": [q]}]).state_dict(),
    }


@pytest.mark.parametrize(("call", "error", "words"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_call(call, error, words):
    with pytest.raises(error, match=words):
        eval(call, names(rushlight))


@pytest.mark.parity
@pytest.mark.parametrize(("call", "error", "words"), WRONG, ids=[row[0] for row in WRONG])
def test_torch_says_the_same(call, error, words):
    torch = pytest.importorskip("torch")
    with pytest.raises(error, match=words):
        eval(call, names(torch))


@pytest.mark.parity
@pytest.mark.parametrize(
    ("settings", "dtype"), list(itertools.product(SETTINGS, ["float32", "float64"])), ids=str
)
def test_same_steps_as_torch(settings, dtype):
    torch = pytest.importorskip("torch")
    tolerance = {"float32": 1e-6, "float64": 1e-14}[dtype]
    ours, our_optimizer = train(rushlight, 8, dtype, **settings)
    theirs, their_optimizer = train(torch, 8, dtype, **settings)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    assert repr(our_optimizer) == repr(their_optimizer)
    a, b = our_optimizer.state_dict(), their_optimizer.state_dict()
    assert a["param_groups"] == b["param_groups"] and list(a["state"]) == list(b["state"])
