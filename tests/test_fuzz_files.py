"""A short run of the fuzzer of files, in a process of its own. tests/fuzz_files.py says what it does."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import fuzz_files
import rushlight

CASES = 1000


def test_damaged_and_hostile_files_are_refused():
    command = [sys.executable, str(Path(fuzz_files.__file__)), "--cases", str(CASES)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert f"{CASES} files, 0 bad" in result.stdout
    outcomes = ast.literal_eval(result.stdout[result.stdout.index("{") :])
    assert min(outcomes[each] for each in ("Unreadable", "UnpicklingError", "loaded")) > CASES // 50


@pytest.mark.parametrize("act", ["open('/dev/null')", "eval('1')", "__import__('this')", "os.system('true')"])
def test_the_guard_ends_a_process_that_does_something(act):
    program = f"""
import os, sys
sys.path.insert(0, {str(Path(fuzz_files.__file__).parent)!r})
import fuzz_files, rushlight
rushlight.load = lambda file: {act}
fuzz_files.load(b"", fuzz_files.Guard())
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.returncode == 3 and "a file made the process do" in result.stderr


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (lambda file: np.ones(2**20), "bytes for a file of 5"),
        (lambda file: pickle.loads(b"no pickle", errors=1), "must be str"),
        (lambda file: [][0], "out of range"),
        (lambda file: "ab" + 1, "can only concatenate"),
    ],
)
def test_the_fuzzer_sees_wrong_errors_and_too_much_memory(load, words, monkeypatch):
    class Deaf:  # a real guard would stay for the rest of the process
        watching = False

    monkeypatch.setattr(rushlight, "load", load)
    tracemalloc.start()
    try:
        with pytest.raises((AssertionError, IndexError), match=words):
            fuzz_files.load(b"12345", Deaf())
    finally:
        tracemalloc.stop()
