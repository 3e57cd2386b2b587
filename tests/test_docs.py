"""The documentation is a test: every Python block of the site's pages runs, and so does every notebook.

That the site builds without a warning, links included, is for the build itself (.ci/run).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "docs" / "tour" / "en").glob("*.ipynb"))
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs(block):
    if "import cv2" in block:
        pytest.importorskip("cv2")
    exec(compile(block, "block", "exec"), {})


def _code(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_notebook_runs(notebook, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(_code(notebook))],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr


def test_notebooks_hold_the_same_code_in_both_languages_and_no_output():
    assert len(NOTEBOOKS) == 7
    for english in NOTEBOOKS:
        chinese = english.parents[1] / "zh" / english.name
        assert _code(chinese) == _code(english)
        for notebook in (english, chinese):
            assert '"outputs": [\n' not in notebook.read_text("utf-8")


def test_every_page_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.ipynb")]
    assert len(pages) > 20
    for page in pages:
        assert f"{page.relative_to(ROOT / 'docs').as_posix()}\n" in menu


def test_every_family_of_functions_is_in_the_reference():
    page = (ROOT / "docs" / "api" / "functional.md").read_text("utf-8")
    families = sorted((ROOT / "python" / "rushlight" / "functional").glob("[a-z]*.py"))
    assert [family.stem for family in families] == re.findall(
        r"^::: rushlight\.functional\.(\w+)$", page, re.M
    )
