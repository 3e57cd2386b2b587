"""Unusual interpreters: sub-interpreters are refused, a Python without the GIL stays without it."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from fresh_process import run

WITHOUT_GIL = not getattr(sys, "_is_gil_enabled", lambda: True)()
SUB = next(
    (name for name in ("_interpreters", "_xxsubinterpreters") if importlib.util.find_spec(name)),
    "none of them",
)


@pytest.mark.skipif(SUB == "none of them", reason="this Python has no sub-interpreters")
@pytest.mark.parametrize("first", ["rushlight.functional", "numpy"])
def test_sub_interpreters_are_refused_and_the_main_one_goes_on(first):
    program = f"""
        import {SUB} as interpreters
        import {first}
        attempt = "try: import rushlight\\nexcept ImportError as e: assert 'main interpreter only' in str(e)"
        attempt += "\\nelse: raise AssertionError('imported')"
        for _ in range(3):
            other = interpreters.create()
            execute = getattr(interpreters, "exec", None) or interpreters.run_string
            failed = execute(other, attempt)
            assert failed is None, failed
            interpreters.destroy(other)
        conv(arrays())
        print("ok")
    """
    assert run(program, timeout=60) == "ok"


@pytest.mark.skipif(not WITHOUT_GIL, reason="this Python has the GIL")
def test_everything_at_once_without_the_gil():
    """In a process of its own, for another extension module may have brought the GIL back in this one."""
    program = """
        import everything
        assert not sys._is_gil_enabled(), "the import has enabled the GIL"
        everything.together(threads=16, rounds=5)
        assert not sys._is_gil_enabled()
        print("ok")
    """
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    assert run(program, timeout=250, PYTHONPATH=path) == "ok"
