"""optim.lr_scheduler: rates over 50 epochs equal torch's to the bit; order, state, errors."""

from __future__ import annotations

import warnings

import pytest

import rushlight
from rushlight import optim


class Decay:
    """A callable with something to save."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, epoch):
        return self.factor**epoch


SCHEDULERS = {
    "StepLR": {"step_size": 7, "gamma": 0.3},
    "MultiStepLR": {"milestones": [3, 10, 10, 40], "gamma": 0.5},
    "ExponentialLR": {"gamma": 0.9},
    "CosineAnnealingLR": {"T_max": 9, "eta_min": 0.001},
    "LambdaLR": {"lr_lambda": lambda epoch: 1 / (1 + epoch)},
}


def make(library, name, last_epoch=-1, groups=({"lr": 0.1}, {"lr": 0.7}), **settings):
    groups = [{"params": [library.ones(1, requires_grad=True)], **group} for group in groups]
    optimizer = library.optim.SGD(groups)
    scheduler = getattr(library.optim.lr_scheduler, name)(
        optimizer, **(settings or SCHEDULERS[name]), last_epoch=last_epoch
    )
    return optimizer, scheduler


def rates(optimizer, scheduler, epochs=50):
    found = []
    for epoch in range(epochs):
        optimizer.step()
        scheduler.step()
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        found.append(scheduler.get_last_lr())
        if epoch == 20:
            optimizer.param_groups[0]["lr"] *= 2  # by hand, in between
    return found


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("StepLR", {"step_size": 2, "gamma": 0.5}, [1, 1, 0.5, 0.5, 0.25]),
        ("MultiStepLR", {"milestones": [1, 3, 3], "gamma": 0.5}, [1, 0.5, 0.5, 0.125, 0.125]),
        ("ExponentialLR", {"gamma": 0.5}, [1, 0.5, 0.25, 0.125, 0.0625]),
        ("CosineAnnealingLR", {"T_max": 2}, [1, 0.5, 0, 0.5, 1]),
        ("LambdaLR", {"lr_lambda": [lambda epoch: 2 - epoch]}, [2, 1, 0, -1, -2]),
    ],
)
def test_rates(name, settings, expected):
    optimizer, scheduler = make(rushlight, name, groups=[{"lr": 1.0}], **settings)
    first = scheduler.get_last_lr()
    assert first + [rate for (rate,) in rates(optimizer, scheduler, 4)] == pytest.approx(expected)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_going_on(name):
    optimizer, scheduler = make(rushlight, name)
    rates(optimizer, scheduler, 25)
    state, kept = scheduler.state_dict(), optimizer.state_dict()
    assert "optimizer" not in state and state["last_epoch"] == 25
    other, resumed = make(rushlight, name)
    other.load_state_dict(kept)
    resumed.load_state_dict(state)
    assert rates(other, resumed, 15) == rates(optimizer, scheduler, 15)


def test_callable_objects_are_saved():
    _, scheduler = make(rushlight, "LambdaLR", lr_lambda=Decay(0.5))
    state = scheduler.state_dict()
    assert state["lr_lambdas"] == [{"factor": 0.5}] * 2
    _, other = make(rushlight, "LambdaLR", lr_lambda=Decay(0.25))
    other.load_state_dict(state)
    assert other.lr_lambdas[0].factor == 0.5


def test_rate_in_a_tensor_is_changed_in_place():
    lr = rushlight.tensor(0.5)
    optimizer = optim.SGD([rushlight.ones(1)], lr=lr)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr and lr.item() == 0.25
    assert scheduler.get_last_lr()[0] is not lr


def test_warnings():
    _, scheduler = make(rushlight, "StepLR")
    with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\)` before `optimizer.step"):
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(14)
    assert scheduler.get_last_lr() == pytest.approx([0.009, 0.063])


WRONG = [
    ("s.StepLR(3, 1)", TypeError, "int is not an Optimizer"),
    (
        "s.StepLR(o, 1, last_epoch=3)",
        KeyError,
        "'initial_lr' is not specified in param_groups.0. when resuming",
    ),
    ("s.LambdaLR(o, [abs])", ValueError, "Expected 2 lr_lambdas, but got 1"),
]


@pytest.mark.parametrize("library", ["rushlight", pytest.param("torch", marks=pytest.mark.parity)])
@pytest.mark.parametrize(("call", "error", "words"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_call(library, call, error, words):
    library = pytest.importorskip(library)
    groups = [{"params": [library.ones(1)]}, {"params": [library.ones(1)]}]
    names = {"s": library.optim.lr_scheduler, "o": library.optim.SGD(groups)}
    with pytest.raises(error, match=words):
        eval(call, names)


@pytest.mark.parity
@pytest.mark.parametrize("name", SCHEDULERS)
def test_rates_are_torchs(name):
    torch = pytest.importorskip("torch")
    (our_optimizer, ours), (their_optimizer, theirs) = make(rushlight, name), make(torch, name)
    assert ours.get_last_lr() == theirs.get_last_lr()
    assert rates(our_optimizer, ours) == rates(their_optimizer, theirs)
    assert repr(our_optimizer) == repr(their_optimizer)
    our_state, their_state = ours.state_dict(), theirs.state_dict()
    assert our_state == {key: their_state[key] for key in our_state} and set(their_state) == set(our_state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours.step(33)
        theirs.step(33)
    assert ours.get_last_lr() == theirs.get_last_lr()
