"""A short run of the fuzzer, in a process of its own. tests/fuzz.py says what it does."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fuzz
import fuzz_oracle
from rushlight import _core

CASES = 4000


@pytest.mark.parametrize("seed", [0, 1])
def test_random_arguments_are_answered_or_refused(seed):
    """And answers, comparisons and every kind of refusal are among the outcomes. In a process of its own, for
    its address space is limited."""
    command = [sys.executable, str(Path(fuzz.__file__)), "--cases", str(CASES), "--seed", str(seed)]
    command += ["--limit", "200"]  # of a machine that does other things
    result = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert f"{CASES} cases, 0 bad" in result.stdout
    outcomes = ast.literal_eval(result.stdout[result.stdout.index("{") :])
    assert outcomes["answer"] > CASES // 10 and outcomes["answer, compared"] > CASES // 50
    assert outcomes["answer, right"] > CASES // 10
    assert {"TypeError", "ValueError", "RuntimeError"} <= set(outcomes)
    assert len(fuzz.NAMES) > 40


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("bounded_memory")
def test_answers_that_differ_between_instruction_sets_are_seen(monkeypatch):
    name = "rushlight.functional.adaptive_max_pool2d"
    case = next(
        i for i in range(9999) if fuzz.make_case(0, i)[0] == name and fuzz.run(0, i, False) == "answer"
    )
    monkeypatch.setattr(fuzz, "differs", lambda got, want: True)
    with pytest.raises(AssertionError, match="reference differ"):
        fuzz.run(0, case, True)


@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize("name", fuzz_oracle.CORE)
def test_the_oracle_sees_a_wrong_answer(name):
    """One element of a right answer changed by a thousandth of the largest."""
    rng, seen = random.Random(name), 0
    while seen < 3:
        function, arguments = fuzz_oracle.fitting(rng, lambda shape, dtype: fuzz.drawn(rng, shape, dtype))
        if function != f"_core.{name}":
            continue
        answer = getattr(_core, name)(*arguments)
        if not fuzz_oracle.check(function, arguments, answer):  # too large for the oracle
            continue
        first = answer[0] if isinstance(answer, tuple) else answer
        if not first.size or not np.isfinite(first).all():
            continue
        first.flat[first.size // 2] += 1 if first.dtype.kind != "f" else abs(first).max() / 1000 + 0.1
        with pytest.raises(AssertionError):
            fuzz_oracle.check(function, arguments, answer)
        seen += 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("bounded_memory")
def test_a_writer_beside_the_call_changes_no_rule():
    assert [fuzz.run_beside_a_writer(3, case) for case in range(40)]
