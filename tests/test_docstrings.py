"""What a docstring must tell: every parameter, a dtype or a shape, an error, the source, an example.

A docstring may send its reader to another ("as in `softmax`", "See functional.conv2d"): what stands there, or
in the module's own docstring, counts as said. That the examples are true is for the doctests
(test_functional_docs.py).
"""

from __future__ import annotations

import inspect
import re

import pytest

import rushlight
from rushlight import functional, nn, optim
from rushlight.nn import grad, init
from rushlight.optim import lr_scheduler

FAMILIES = {
    "functional": (functional, functional.__all__),
    "nn": (nn, [name for name in nn.__all__ if inspect.isclass(getattr(nn, name))]),
    "nn.grad": (grad, grad.__all__),
    "nn.init": (init, [name for name in vars(init) if name.endswith("_") and not name.startswith("_")]),
    "optim": (optim, ["SGD", "Adam", "AdamW"]),
    "optim.lr_scheduler": (lr_scheduler, lr_scheduler.__all__),
}
EACH = [
    pytest.param(module, name, id=f"{family}.{name}")
    for family, (module, names) in FAMILIES.items()
    for name in names
]
UNSAID = {"args", "kwargs", "modules", "self", "_stacklevel"}


def _docstring(module, name):
    return inspect.getdoc(getattr(module, name)) or ""


def _with_what_it_names(module, name):
    """The docstring, those of the public things that it names, and of those that they name; the module's."""
    texts, known = [], set()
    todo = [(module, name)]
    for _ in range(3):
        found = []
        for where, each in todo:
            if each in known or not hasattr(where, each) or not inspect.getdoc(getattr(where, each)):
                continue
            known.add(each)
            texts.append(_docstring(where, each) + (inspect.getdoc(module) or ""))
            words = set(re.findall(r"\w+", texts[-1]))
            found += [(functional, word) for word in words & set(functional.__all__)]
            found += [(module, word) for word in words & set(dir(module)) if word != "Module"]
        todo = found
    return "\n".join(texts)


@pytest.mark.parametrize(("module", "name"), EACH)
def test_it_tells_what_there_is_to_know(module, name):
    own, said = _docstring(module, name), _with_what_it_names(module, name)
    assert ">>>" in own, "no example"
    assert "torch" in own or "torch" in (inspect.getdoc(module) or ""), "no source"
    parameters = set(inspect.signature(getattr(module, name)).parameters) - UNSAID
    unsaid = {parameter for parameter in parameters if not re.search(rf"\b{parameter}\b", said)}
    assert not unsaid, f"parameters not explained: {sorted(unsaid)}"
    assert re.search(r"\w+Error\b", said), "no error"
    assert re.search(r"float|integer|dtype|int\b|shape|size|\(N|\(\*", said), "no shape and no dtype"


def test_the_check_can_fail(monkeypatch):
    monkeypatch.setattr(functional.relu, "__doc__", "max(0, x). torch\n\n>>> 1\n1")
    with pytest.raises(AssertionError, match="inplace"):
        test_it_tells_what_there_is_to_know(functional, "relu")


def test_every_other_public_function_has_a_docstring():
    for name in dir(rushlight):
        thing = getattr(rushlight, name)
        assert name.startswith("_") or not callable(thing) or inspect.getdoc(thing), name


# Settings, what undoes them, and other names of functions that have an example.
NEED_NO_EXAMPLE = {"get_printoptions", "printoptions", "set_default_dtype", "set_isa", "set_num_threads"}
NEED_NO_EXAMPLE |= {"get_rng_state", "seed", "set_rng_state", "rsub", "ravel", "moveaxis", "movedim", "load"}
NEED_NO_EXAMPLE |= {"swapaxes", "swapdims", "t", "transpose", "unflatten", "unsqueeze", "logspace"}
NEED_NO_EXAMPLE |= {"tril_indices", "triu_indices"}


def test_every_other_public_function_has_an_example():
    public = {name: getattr(rushlight, name) for name in dir(rushlight) if not name.startswith("_")}
    ours = {n for n, f in public.items() if inspect.isfunction(f) and f.__module__.startswith("rushlight")}
    assert len(ours) > 200
    assert {name for name in ours if ">>>" not in (inspect.getdoc(public[name]) or "")} <= NEED_NO_EXAMPLE
