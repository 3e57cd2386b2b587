"""The performance page and the READMEs' tables say what docs/performance.json says. Nothing is measured."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from rushlight.bench import layers

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def hook() -> Any:
    """docs/hooks/performance.py, as mkdocs loads it."""
    spec = importlib.util.spec_from_file_location("performance", ROOT / "docs" / "hooks" / "performance.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "performance.md").read_text("utf-8")


def test_the_page_has_the_parts_that_the_file_makes(hook: Any, page: str) -> None:
    """Else: python docs/hooks/performance.py"""
    assert len(hook.PLACE.findall(page)) == page.count("<!-- bench") >= 10
    assert hook.with_parts(page) == page


def test_the_pictures_are_of_the_same_run(hook: Any, page: str) -> None:
    """Else: python docs/hooks/performance.py"""
    shown = re.findall(r"\]\(images/performance/(\w+\.svg)\)", page)
    assert len(shown) >= 3
    assert set(shown) == {path.name for path in hook.IMAGES.iterdir()}
    for name in shown:
        assert (hook.IMAGES / name).read_text("utf-8").startswith(hook.stamp() + "<svg")


def test_every_row_of_the_file_is_on_the_page(hook: Any, page: str) -> None:
    document = hook.document()
    for row in document.rows(suites=("layers", "ops")):
        mine = hook._mine(row)
        assert mine is not None, row[0].layer
        assert f"| {hook._name(mine)} | {hook._time(mine)} |" in page


def test_the_file_holds_every_layer_that_there_is(hook: Any) -> None:
    measured = {(row[0].layer, row[0].direction) for row in hook.document().rows(1, ("layers", "ops"))}
    assert measured == {(layer.name, each) for layer in layers.LAYERS for each in layer.directions}


def test_losses_are_told(hook: Any, page: str) -> None:
    section = page.split("## Where others are faster")[1].split("\n## ")[0]
    rivals = ("torch", "onnxruntime", "opencv", "scipy", "numpy", "python")
    lost = set()
    for row in hook.document().rows(suites=("layers", "ops")):
        ours = [r["median"] for r in hook._mine(row).rounds]
        others = [r["median"] for each in row if each.peer in rivals for r in each.rounds]
        lost |= {row[0].layer} if others and min(others) * max(ours) < min(ours) ** 2 else set()
    assert lost == set(re.findall(r"`(\w+)`", section))


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_readme_has_the_table_that_the_file_makes(hook: Any, name: str) -> None:
    """Else: python docs/hooks/performance.py"""
    text = (ROOT / name).read_text("utf-8")
    assert hook.with_speed(name, text) == text
    block = hook.BLOCK.search(text)[0]
    assert block.count("\n| ") == 2 + len(hook.ROWS) and hook.document().when[:10] in block
