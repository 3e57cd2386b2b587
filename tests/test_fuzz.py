"""A short run of the fuzzer, in a process of its own. tests/fuzz.py says what it does."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fuzz

CASES = 4000


@pytest.mark.parametrize("seed", [0, 1])
def test_random_arguments_are_answered_or_refused(seed):
    """And answers, comparisons and every kind of refusal are among the outcomes. In a process of its own, for
    its address space is limited."""
    command = [sys.executable, str(Path(fuzz.__file__)), "--cases", str(CASES), "--seed", str(seed)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert f"{CASES} cases, 0 bad" in result.stdout
    outcomes = ast.literal_eval(result.stdout[result.stdout.index("{") :])
    assert outcomes["answer"] > CASES // 10 and outcomes["answer, compared"] > CASES // 50
    assert {"TypeError", "ValueError", "RuntimeError"} <= set(outcomes)
    assert len(fuzz.NAMES) > 40


@pytest.mark.filterwarnings("ignore")
def test_the_fuzzer_sees_a_wrong_answer(monkeypatch):
    name = "rushlight.functional.relu"
    case = next(
        i for i in range(9999) if fuzz.make_case(0, i)[0] == name and fuzz.run(0, i, False) == "answer"
    )
    monkeypatch.setattr(fuzz, "differs", lambda got, want: True)
    with pytest.raises(AssertionError, match="reference differ"):
        fuzz.run(0, case, True)
