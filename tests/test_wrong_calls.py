"""Wrong calls by the thousand (wrong_calls.py makes them): each is answered or refused with a word, and where
torch is installed, refused with its class and its key words: the argument's name and the shapes."""

from __future__ import annotations

import re
from typing import Any

import pytest

import fuzz
import rushlight
import wrong_calls
from wrong_calls import A, Call

RIGHT = [*wrong_calls.FUNCTIONS, *wrong_calls.MODULES, *wrong_calls.TENSORS]
ALLOWED = (
    *fuzz.ALLOWED,
    AssertionError,
    AttributeError,
)  # the last two are torch's, of Hardtanh and Parameter
LEFT_OUT = object()

# Where the classes differ and stay so, as "function argument", and why.
OTHERWISE = {
    "torch computes with a bias of another dtype or with bools": (
        "F.conv_transpose2d bias, F.mse_loss input, F.mse_loss target"
    ),
    "torch's Python trips over what rushlight checks": (
        "F.max_unpool2d input, F.max_unpool2d kernel_size, F.max_unpool2d stride, F.max_unpool2d padding, "
        "F.lp_pool2d kernel_size, F.adaptive_avg_pool2d output_size, F.adaptive_max_pool2d output_size, "
        "nn.BatchNorm1d num_features, nn.BatchNorm2d num_features, nn.PReLU num_parameters, "
        "nn.ConvTranspose2d padding, optim.Adam betas, optim.AdamW betas, F.unfold input, "
        "F.avg_pool2d input, F.lp_pool2d input, F.batch_norm input, mv input, T.scatter src, "
        "T.unflatten sizes"
    ),
    "a list of one element: its length comes before its type": (
        "F.unfold dilation, F.unfold padding, F.unfold stride, F.fold dilation, F.fold padding, F.fold stride"
    ),
    "rushlight takes what NumPy takes": (
        "F.batch_norm running_mean, F.batch_norm running_var, F.cross_entropy target, where input, "
        "F.binary_cross_entropy_with_logits weight, F.binary_cross_entropy_with_logits pos_weight, "
        "arange start, eye m, randint low, T.sum dim, T.mean dim, T.prod dim, T.var dim, T.max dim, "
        "T.logsumexp dim, T.topk self, T.softmax dim, T.add alpha, T.sub alpha, T.sub other, "
        "T.maximum other, T.squeeze dim, T.flip dims, T.repeat_interleave repeats, T.reshape shape, "
        "T.permute dims, T.expand size"
    ),
    "refused by both, one calls it a type": (
        "nn.PReLU init, full fill_value, T.div rounding_mode, F.dropout p, F.dropout2d p, "
        "T.backward gradient, F.interpolate scale_factor, F.cross_entropy label_smoothing, T.copy_ other"
    ),
}
KNOWN = {each for names in OTHERWISE.values() for each in names.split(", ")}


def outcome(call: Call, library: Any) -> tuple[type | None, str]:
    try:
        call.run(library)
    except Exception as error:
        return type(error), str(error)
    return None, ""


def cases() -> list[tuple[str, Any, Call]]:
    """(the argument that is wrong, its value, the call)."""
    found = []
    for right in RIGHT:
        for call in wrong_calls.wrong_calls(right):
            names = [*right.arguments, *(set(call.arguments) - set(right.arguments))]
            both = [[repr(each.arguments.get(name, LEFT_OUT)) for each in (right, call)] for name in names]
            wrong = next((name for name, (was, now) in zip(names, both, strict=True) if was != now), None)
            if wrong is None:  # not spoilt after all
                continue
            if wrong != "self" or isinstance(call.arguments["self"], A):  # else there is no such method
                found.append((wrong, call.arguments.get(wrong, LEFT_OUT), call))
    return found


def flat(value: Any) -> list[Any]:
    return [x for each in value for x in flat(each)] if type(value) in (tuple, list) else [value]


def reason(wrong: str, value: Any, call: Call, ours: Any, theirs: Any) -> bool:
    """Whether the classes may differ."""
    values = flat(value)
    numbers = [each for each in values if isinstance(each, (int, float))]
    return (
        f"{call.name} {wrong}" in KNOWN
        or theirs is AttributeError  # torch looked for a Tensor's method; rushlight: TypeError
        or any(not abs(each) < 2**31 for each in numbers)  # beyond memory, 64 bits or floats
        or (ours is TypeError and any(each is True for each in values))  # for a size: refused
        or (isinstance(value, A) and NotImplementedError in (ours, theirs))  # other dtypes
        or (isinstance(value, A) and {ours, theirs} <= {TypeError, RuntimeError})  # a Tensor for a number
    )


@pytest.mark.parametrize("right", RIGHT, ids=repr)
def test_the_right_calls_are_right(right):
    if right.name != "T.backward":  # of a Tensor without a history
        right.run(rushlight)


@pytest.mark.usefixtures("bounded_memory")
def test_every_wrong_call_is_answered_or_refused_with_a_word():
    bad = []
    for _, _, call in cases():
        kind, message = outcome(call, rushlight)
        if kind is not None and not (issubclass(kind, ALLOWED) and (message or kind is MemoryError)):
            bad.append(f"{call}: {kind.__name__} {message}")
    assert not bad, "\n".join(bad)
    assert len(cases()) > 5000


@pytest.mark.parity
@pytest.mark.usefixtures("bounded_memory")
def test_wrong_calls_are_refused_as_torch_refuses_them():
    """The class, but for `reason`; nearly always the argument's name and the shapes, where torch has them."""
    torch = pytest.importorskip("torch")
    bad, agreeing, used = [], 0, set()
    named, stated = [], []
    for wrong, value, call in cases():
        (ours, text), (theirs, torch_text) = outcome(call, rushlight), outcome(call, torch)
        if ours is not theirs:
            used.add(f"{call.name} {wrong}")
            if not reason(wrong, value, call, ours, theirs):
                bad.append(f"{call}: {ours} {text!r}, torch: {theirs} {torch_text!r:.200}")
            continue
        if ours is not None:
            agreeing += 1
            states(named, rf"\b{re.escape(wrong)}\b", torch_text, text)
            states(stated, r"\[[-\d, ]+\]", torch_text, text)
    assert not bad, "\n".join(bad)
    assert used >= KNOWN, f"no longer different: {KNOWN - used}"
    assert agreeing > 3400 and len(named) > 1900 and len(stated) > 400
    assert sum(named) / len(named) > 0.9 and sum(stated) / len(stated) > 0.93


def states(found: list[bool], pattern: str, theirs: str, ours: str) -> None:
    """Note, if torch's message has words of this pattern, whether ours has them all."""
    words = set(re.findall(pattern, theirs))
    if words:
        found.append(all(word in ours for word in words))
