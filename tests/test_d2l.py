"""The code of the convolution pages of "Dive into Deep Learning" (examples/d2l), run by torch and by
`rushlight run`: the same texts, shapes, values and losses. One process for each library runs all pages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "d2l"
PAGES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "d2l_shim")
DRIVER = """\
import runpy, sys, traceback
sys.path.insert(0, sys.argv[1])
for page in sys.argv[2:]:
    print(f"<<{page}>>")
    try:
        runpy.run_path(f"{sys.argv[1]}/{page}.py", run_name="__main__")
    except Exception:
        print(traceback.format_exc())
"""
NUMBER = re.compile(r"-?(?:\d+\.\d*(?:e[+-]\d+)?|inf|nan)")


def outputs(folder, command):
    driver = folder / "driver.py"
    driver.write_text(DRIVER)
    done = subprocess.run(
        [sys.executable, *command, str(driver), str(FOLDER), *PAGES],
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    parts = re.split(r"<<(\w+)>>\n", done.stdout)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return outputs(tmp_path_factory.mktemp("ours"), ("-m", "rushlight", "run"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    pytest.importorskip("torch")
    return outputs(tmp_path_factory.mktemp("theirs"), ("-W", "ignore"))


def test_there_is_a_page_of_each():
    assert len(PAGES) == 12


@pytest.mark.slow
@pytest.mark.parity
@pytest.mark.parametrize("page", PAGES)
def test_a_page_prints_what_torch_prints(page, ours, theirs):
    assert "Traceback" not in theirs[page], theirs[page]
    assert NUMBER.sub("#", ours[page]) == NUMBER.sub("#", theirs[page]), ours[page]
    found, expected = (np.array([float(n) for n in NUMBER.findall(text[page])]) for text in (ours, theirs))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-4)
