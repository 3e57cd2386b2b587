"""docs/parity.md is what docs/parity.py would write now."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.parity
def test_the_page_is_current():
    pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("parity", DOCS / "parity.py")
    parity = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parity)
    assert (DOCS / "parity.md").read_text() == parity.page(), "run `python docs/parity.py`"
