"""The benchmark's tables, its progress, and compare.py, on results made up here: nothing is measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench import compare, measure, report, run

ROOT = Path(__file__).resolve().parents[1]


# ---- tables ----------------------------------------------------------------------------------------------
def result(layer: str, medians: list[float], peer: str = "rushlight", status: str = "ok", **more: Any) -> Any:
    """A result as measure.py makes them, with these medians."""
    rounds = [{"median": m, "low": m, "high": m, "calls": 10, "faults": 0.0, "switches": 0} for m in medians]
    named = {
        "layer": layer,
        "op": "conv2d",
        "direction": "forward",
        "dtype": "float32",
        "shape": "",
        "flops": 10**6,
    }
    made = {
        **named,
        "threads": 1,
        "peer": peer,
        "label": peer,
        "options": {},
        "status": status,
        "rounds": rounds,
    }
    return measure.Result(**{**made, **more})


def test_tables_and_notes() -> None:
    rows = [
        [
            result("a", [2e-5, 1e-5]),
            result("a", [3e-5], "numpy"),
            result("a", [], "torch", "error", reason="bad"),
        ]
    ]
    assert "| a     | forward   |      10.0 |  30.0 | ERROR |" in report.times(rows)
    judged = report.ours(rows, {"float32": 200.0})
    assert "3.00 numpy" in judged and "50%" in judged and "100%" in judged  # 100 GFLOP/s; spread 2 to 1
    assert report.notes(rows[0]) == ["ERROR a forward torch: bad"]
    assert report.microseconds(0.0123) == "12.3ms"


# ---- compare.py ------------------------------------------------------------------------------------------
def saved(path: Path, results: list[Any], **head: Any) -> str:
    usual = {"machine": {"cpu": "x"}, "settings": {"quick": False}, "versions": {}, "peaks": {}}
    report.write_json(path, {**usual, **head}, results)
    return str(path)


def compared(tmp_path: Path, old: list[Any], new: list[Any], *options: str) -> int:
    return compare.main([saved(tmp_path / "old.json", old), saved(tmp_path / "new.json", new), *options])


@pytest.mark.parametrize(
    ("new", "status", "word"),
    [
        ([1.02, 1.05, 1.10], 0, ""),  # within the threshold
        ([1.30, 1.32, 1.40], 1, "slower"),
        ([1.08, 1.20, 1.30], 0, "slower? rounds overlap"),
        ([0.70, 0.72, 0.75], 0, "faster"),
    ],
)
def test_compare(
    new: list[float], status: int, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compared(tmp_path, [result("a", [1.0, 1.05, 1.1])], [result("a", new)]) == status
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| a "))
    assert line.split("|")[-2].strip() == word


def test_compare_threshold_and_other_peer(tmp_path: Path) -> None:
    old = [result("a", [1.0]), result("a", [1.0], "torch")]
    new = [result("a", [1.3]), result("a", [2.0], "torch")]
    assert compared(tmp_path, old, new, "--threshold", "0.5") == 0
    assert compared(tmp_path, old, new, "--threshold", "0.2") == 1
    assert compared(tmp_path, old, new, "--peer", "torch", "--threshold", "0.5") == 1
    assert compared(tmp_path, old, new, "--relative-to", "torch") == 0  # torch got slower by more


def test_compare_finds_broken_rows_and_strange_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = result("a", [], status="error", reason="wrong answer")
    assert compared(tmp_path, [result("a", [1.0])], [broken]) == 1
    assert "BROKEN a forward" in capsys.readouterr().out
    old = saved(tmp_path / "old.json", [result("a", [1.0]), result("b", [1.0])], machine={"cpu": "y"})
    new = saved(tmp_path / "new.json", [result("a", [1.0])], settings={"quick": True})
    assert compare.main([old, new]) == 0
    out = capsys.readouterr().out
    assert "machine differ in cpu" in out and "single cold calls" in out and "1 rows of the old file" in out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        ("{", "cannot read"),
        ("[]", "not a file written by"),
        ('{"schema": 0}', "schema 1"),
    ],
)
def test_compare_refuses_other_files(content: str | None, message: str, tmp_path: Path) -> None:
    good, bad = saved(tmp_path / "good.json", [result("a", [1.0])]), tmp_path / "bad.json"
    if content is not None:
        bad.write_text(content)
    done = call_compare(good, str(bad))
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1
    lonely = saved(tmp_path / "lonely.json", [result("b", [1.0])])
    assert "no row in common" in call_compare(good, lonely).stderr


def call_compare(*arguments: str) -> subprocess.CompletedProcess[str]:
    """compare.py in a process of its own, as one would call it."""
    command = [sys.executable, str(ROOT / "bench" / "compare.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_progress_without_tqdm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    row = [result("a", [1.0])]
    assert list(run.with_progress(iter([row, row]), 2, "1 thread")) == [row, row]
    assert capsys.readouterr().err.splitlines() == ["1 thread: 1/2 a forward", "1 thread: 2/2 a forward"]
