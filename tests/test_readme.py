"""The README is a test: its example runs and prints what it says, its commands and folders exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh.md").read_text(encoding="utf-8")


def _program(text):
    """The example's code, without its comments."""
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return [line.split("  #")[0] for line in example.splitlines() if not line.startswith("#")]


def test_both_languages_have_the_same_example_and_commands():
    assert _program(CHINESE) == _program(README)
    for command in ("pip install '.[demo]' && python -m rushlight", "pip install '.[test]' && pytest"):
        assert command in CHINESE


def test_example_runs_and_prints_what_it_says(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    result = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert result.returncode == 0, result.stderr
    shape, kernel = result.stdout.strip().split("\n")
    assert shape == "(8, 16, 32, 32)" and f"# {shape}" in example
    learned = [float(number) for number in re.findall(r"-?\d+\.\d+", kernel)]
    np.testing.assert_allclose(learned, [1, -1], atol=0.2)


def test_the_two_commands_are_there_and_ci_runs_the_second():
    assert "pip install '.[demo]' && python -m rushlight" in README
    assert "pip install '.[test]' && pytest" in README
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"pip install (--quiet )?'\.\[test\]' && pytest", ci)


def test_named_files_and_folders_exist():
    texts = [
        (ROOT / name).read_text("utf-8") for name in ("README.md", "docs/how_it_works.md", "CONTRIBUTING.md")
    ]
    named = set(re.findall(r"`([\w./]+/|[\w./]+\.(?:py|cpp|hpp|md|txt))`", "".join(texts)))
    assert len(named) > 15
    for name in named:
        roots = (ROOT, ROOT / "python" / "rushlight", ROOT / "cpp" / "kernels")
        assert any((root / name).exists() for root in roots), name


def test_the_list_of_files_for_an_operator_is_true_and_complete():
    """Followed for unfold: all that it names speak of unfold, and nothing else in these folders does."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text[text.index("## To add an operator") : text.index("## To add an instruction set")]
    section = section.replace("<op>", "unfold")
    named = {name for name in re.findall(r"`([\w./]+)`", section) if (ROOT / name).is_file()}
    named |= {"CMakeLists.txt"}
    speaking = {
        path.relative_to(ROOT).as_posix()
        for folder in ("cpp", "python/rushlight/functional", "docs/api")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path.suffix in (".cpp", ".hpp", ".py", ".md")
        and "unfold" in path.read_text("utf-8")
    } - {"cpp/ops/unfold_shape.cpp"}  # a part of cpp/ops/unfold.cpp
    assert speaking <= named
    for name in named - {
        "tests/oracle.py",
        "tests/test_docstrings.py",
        "tests/test_module_parity.py",
        "python/rushlight/bench/layers.py",
    }:
        assert "unfold" in (ROOT / name).read_text("utf-8"), name
