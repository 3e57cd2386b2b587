"""optim.Adam and AdamW against their formula and against torch: 50 steps, groups, state, errors; and how all
optimizers walk arrays."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest

import rushlight
from rushlight import nn, optim
from rushlight.optim import _blocks

SETTINGS = [
    {},
    {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3},
    {"weight_decay": 0.1},
    {"weight_decay": 0.1, "maximize": True},
    {"amsgrad": True, "betas": (0.9, 0.5)},
    {"amsgrad": True, "maximize": True, "lr": 0.1},
]
NAMES = ("Adam", "AdamW")


def train(library, name, steps=50, dtype="float64", size=(3, 5), **settings):
    """Minimise a bumpy function; returns the path, the optimizer and the parameter."""
    start = np.random.default_rng(0).standard_normal(size).astype(dtype)
    w = library.tensor(start, requires_grad=True)
    optimizer = getattr(library.optim, name)([w], **settings)
    return walk(optimizer, w, steps), optimizer, w


def walk(optimizer, w, steps, first=0):
    path = []
    for step in range(first, first + steps):
        optimizer.zero_grad()
        ((w - 1) ** 2 * (1 + step % 3) + (3 * w).sin()).sum().backward()
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return np.array(path)


def formula(
    name, steps=50, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=None, amsgrad=False, maximize=False
):
    """The docstring's, in float64."""
    decay = {"Adam": 0, "AdamW": 1e-2}[name] if weight_decay is None else weight_decay
    w = np.random.default_rng(0).standard_normal((3, 5))
    m, v, peak, path = 0, 0, 0, []
    for t in range(1, steps + 1):
        g = (2 * (w - 1) * (1 + (t - 1) % 3) + 3 * np.cos(3 * w)) * (-1 if maximize else 1)
        if name == "AdamW":
            w = w * (1 - lr * decay)
        else:
            g = g + decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        peak = np.maximum(peak, v) if amsgrad else v
        w = w - lr / (1 - betas[0] ** t) * m / (np.sqrt(peak) / np.sqrt(1 - betas[1] ** t) + eps)
        path.append(w)
    return np.array(path)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_formula(name, settings):
    np.testing.assert_allclose(train(rushlight, name, **settings)[0], formula(name, **settings), rtol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_going_on_from_a_state_dict(name):
    whole, _, _ = train(rushlight, name, 20, amsgrad=True)
    _, first, w = train(rushlight, name, 10, amsgrad=True)
    other = getattr(optim, name)([w], lr=5.0)
    other.load_state_dict(copy.deepcopy(first.state_dict()))
    np.testing.assert_array_equal(walk(other, w, 10, 10), whole[10:])


def test_state():
    _, optimizer, w = train(rushlight, "Adam", 3, "float32", amsgrad=True)
    state = optimizer.state[w]
    assert list(state) == ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    assert repr(state["step"]) == "tensor(3.)"
    other = optim.Adam([rushlight.zeros(3, 5, dtype=rushlight.float64, requires_grad=True)])
    other.load_state_dict(optimizer.state_dict())
    (loaded,) = other.state.values()
    assert [value.dtype.name for value in loaded.values()] == ["float32"] + ["float64"] * 3


def test_groups():
    a, b = nn.Parameter(rushlight.ones(1)), nn.Parameter(rushlight.ones(1))
    optimizer = optim.Adam([{"params": a, "lr": 0.5}, {"params": b, "weight_decay": 1.0}], lr=0.25)
    (a + b).backward()
    optimizer.step()
    assert [round(p.item(), 6) for p in (a, b)] == [0.5, 0.75]


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_pieces_do_not_show(make, monkeypatch):
    """One array in many pieces, in one, transposed, and a 0-dim or empty one: the same bits."""
    paths = []
    for size, arrange in itertools.product((7, 1 << 14), (lambda x: x.copy(), lambda x: x.T.copy().T)):
        monkeypatch.setattr(_blocks, "SIZE", size)
        w = rushlight.from_numpy(arrange(np.arange(12.0).reshape(3, 4))).requires_grad_()
        empty, point = rushlight.zeros(0, 3).requires_grad_(), rushlight.ones(()).requires_grad_()
        settings = {"momentum": 0.9} if make is optim.SGD else {}
        optimizer = make([w, empty, point], lr=0.1, weight_decay=0.5, maximize=True, **settings)
        for _ in range(3):
            optimizer.zero_grad()
            ((w * w).sum() + empty.sum() + point).backward()
            optimizer.step()
        paths.append((w.detach().numpy().tolist(), point.item()))
    assert all(path == paths[0] for path in paths)


def test_infinite_gradients_are_quiet():
    w = nn.Parameter(rushlight.tensor([1.0, 2.0]))
    w.grad = rushlight.tensor([float("inf"), 1e30])
    optim.Adam([w]).step()
    assert np.isnan(w[0].item()) and np.isfinite(w[1].item())


# ---- wrong calls, with torch's words -------------------------------------------------------------------
WRONG = [
    ("optim.Adam([p], lr=-1)", ValueError, "Invalid learning rate: -1"),
    ("optim.Adam([p], lr=float('nan'))", ValueError, "Invalid learning rate: nan"),
    ("optim.Adam([p], eps=-1)", ValueError, "Invalid epsilon value: -1"),
    ("optim.AdamW([p], betas=(1.0, 0.9))", ValueError, "Invalid beta parameter at index 0: 1.0"),
    ("optim.Adam([p], betas=(0.9, -1.0))", ValueError, "Invalid beta parameter at index 1: -1.0"),
    ("optim.Adam([p], betas=(0, 0.9))", ValueError, "betas must be either both floats or both Tensors"),
    ("optim.AdamW([p], weight_decay=-1)", ValueError, "Invalid weight_decay value: -1"),
    ("optim.Adam([p], fused=True, foreach=True)", RuntimeError, "`fused` and `foreach` cannot be `True`"),
    ("optim.Adam([p], fused=True, differentiable=True)", RuntimeError, "`fused` does not support"),
    ("optim.SGD([('p', p), q])", ValueError, "Some param names are missing"),
    (
        "optim.SGD([('p', p)]).add_param_group({'params': [q]})",
        ValueError,
        "cannot add param group without names",
    ),
]


def names(library):
    p, q = (library.nn.Parameter(library.ones(1)) for _ in range(2))
    return {"optim": library.optim, "p": p, "q": q}


@pytest.mark.parametrize(("call", "error", "words"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_call(call, error, words):
    with pytest.raises(error, match=words):
        eval(call, names(rushlight))


def test_differentiable_is_refused():
    with pytest.raises(NotImplementedError, match="outside the graph"):
        optim.AdamW([rushlight.ones(1)], differentiable=True)


@pytest.mark.parity
@pytest.mark.parametrize(("call", "error", "words"), WRONG, ids=[row[0] for row in WRONG])
def test_torch_says_the_same(call, error, words):
    torch = pytest.importorskip("torch")
    with pytest.raises(error, match=words):
        eval(call, names(torch))


@pytest.mark.parity
@pytest.mark.parametrize(("name", "settings"), list(itertools.product(NAMES, SETTINGS)), ids=str)
def test_fifty_steps_as_torch(name, settings):
    torch = pytest.importorskip("torch")
    for dtype, tolerance in (("float32", 2e-6), ("float64", 1e-13)):
        ours, our_optimizer, _ = train(rushlight, name, dtype=dtype, **settings)
        theirs, their_optimizer, _ = train(torch, name, dtype=dtype, **settings)
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
        assert repr(our_optimizer) == repr(their_optimizer)
        a, b = our_optimizer.state_dict(), their_optimizer.state_dict()
        assert a["param_groups"] == b["param_groups"]
        for key, value in b["state"][0].items():
            np.testing.assert_allclose(
                a["state"][0][key].numpy(),
                value.numpy(),
                rtol=1e-4 if dtype == "float32" else 1e-12,
                atol=1e-7,
            )
