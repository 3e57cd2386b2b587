"""docs/hooks/docstrings.py: what the reference makes of a docstring."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("griffe")
HOOK = Path(__file__).parents[1] / "docs" / "hooks" / "docstrings.py"


def _markdown(text):
    spec = importlib.util.spec_from_file_location("docstrings_hook", HOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.markdown(text)


def test_columns_become_a_list():
    text = "input  (N, C), any\n       dtype\nstride, padding: as in conv2d; 2*stride"
    want = "- `input`: (N, C), any dtype\n- `stride, padding`: as in conv2d; 2\\*stride"
    assert _markdown(text) == want


def test_formulas_and_sessions_become_code_and_prose_stays():
    text = "Sum of a*b.\nMore `a*b`.\n\nout[i] = sum of\n    a[i]\n\n>>> f(1)\n2"
    want = (
        "Sum of a\\*b.\nMore `a*b`.\n\n```text\nout[i] = sum of\n    a[i]\n```\n\n```pycon\n>>> f(1)\n2\n```"
    )
    assert _markdown(text) == want
