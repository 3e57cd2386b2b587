"""The documentation's table of what of torch there is."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

import rushlight

HOOK = Path(__file__).parents[1] / "docs" / "hooks" / "parity.py"


@pytest.fixture(scope="module")
def hook() -> Any:
    spec = importlib.util.spec_from_file_location("parity_hook", HOOK)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_function_and_layer_is_listed(hook):
    text = hook.on_page_markdown(f"# Title\n\n{hook.PLACE}\n")
    functional, _, layers = text.partition("## torch.nn\n")
    for name in rushlight.functional.__all__:
        assert f"`{name}`" in functional.partition("Absent")[0], name
    for name in hook.public(rushlight.nn):
        assert f"`{name}`" in layers.partition("Absent")[0], name
    assert "`ctc_loss`" in functional.partition("Absent")[2]


def test_differences(hook):
    assert hook.differences(["a", "b"], ["a", "b"]) == ""
    assert hook.differences(["a"], ["a", "b"]) == "without `b`"
    assert hook.differences(["a", "c"], ["a", "b"]) == "without `b`; also `c`"
    assert hook.differences(["b", "a"], ["a", "b"]) == "another order of parameters"


@pytest.mark.parity
def test_the_names_are_those_of_torch(hook):
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13"):
        pytest.skip("the names were taken from torch 2.13")
    assert json.loads(hook.NAMES.read_text()) == hook.torch_names()
