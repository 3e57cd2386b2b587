"""The examples in the docstrings of functional/, nn/, optim/ and utils/data/ run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import rushlight

MODULES = [
    module.name
    for package in (
        rushlight.functional,
        rushlight.nn,
        rushlight.optim,
        rushlight.utils.data,
        rushlight.serialization,
    )
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("package", [rushlight.functional, rushlight.nn, rushlight.optim])
def test_every_public_name_says_what_it_does(package):
    for name in package.__all__:
        thing = getattr(package, name)
        assert inspect.getdoc(thing), name
        if not inspect.ismodule(thing) and name not in ("Module", "Optimizer"):
            assert ">>>" in inspect.getdoc(thing), f"{name} has no example"
            assert "torch" in inspect.getdoc(thing), f"{name} names no source"
