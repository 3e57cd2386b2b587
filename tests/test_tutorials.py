"""The tutorials of examples/: what they print, and that torch prints the same with other import lines.

tests/expected/*.txt holds torch 2.13's output, so that the comparison is made where torch is missing too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"
EXPECTED = HERE / "expected"
TUTORIALS = sorted(path.name for path in EXAMPLES.glob("0*.py"))

IMPORTS = {  # the lines that may differ
    "import rushlight as torch": "import torch",
    "import rushlight.nn.functional as F": "import torch.nn.functional as F",
    "from rushlight import nn": "from torch import nn",
}


def run(source: str, folder: Path) -> str:
    """What a program prints, run in a process of its own, in `folder`."""
    program = folder / "program.py"
    program.write_text(source)
    import rushlight

    package = str(Path(rushlight.__file__).resolve().parent.parent)
    environment = {
        **os.environ,
        "MPLBACKEND": "agg",
        "PYTHONPATH": package,
        "PYTHONWARNINGS": "error::UserWarning",
    }
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def for_torch(source: str) -> str:
    lines = [IMPORTS.get(line, line) for line in source.splitlines()]
    return "\n".join(lines) + "\n"


def source_of(name: str) -> str:
    if name.startswith("04"):
        pytest.importorskip("matplotlib")
    return (EXAMPLES / name).read_text()


def test_there_are_five():
    assert [name[:2] for name in TUTORIALS] == ["01", "02", "03", "04", "05"]
    assert {path.stem for path in EXPECTED.glob("0*.txt")} == {Path(name).stem for name in TUTORIALS}


@pytest.mark.parametrize("name", TUTORIALS)
def test_only_the_import_lines_name_the_library(name):
    source = (EXAMPLES / name).read_text()
    code = source.split('"""', 2)[2]
    assert code.count("rushlight") == sum(line in IMPORTS for line in code.splitlines()) > 0


@pytest.mark.parametrize("name", TUTORIALS)
def test_prints_what_torch_printed(name, tmp_path):
    expected = (EXPECTED / name).with_suffix(".txt").read_text()
    assert run(source_of(name), tmp_path) == expected


@pytest.mark.parity
@pytest.mark.parametrize("name", TUTORIALS)
def test_prints_what_torch_prints(name, tmp_path):
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13"):
        pytest.skip("torch's texts change between versions")
    expected = (EXPECTED / name).with_suffix(".txt").read_text()
    assert run(for_torch(source_of(name)), tmp_path) == expected


# ---- the figures that the tutorials are known for ------------------------------------------------------
def test_numbers_of_the_first_tutorial(tmp_path):
    text = run(source_of("01_conv2d_by_hand.py"), tmp_path)
    assert "tensor([[[[10, 12, 12],\n          [18, 16, 16],\n          [13,  9,  3]]]])" in text
    assert "tensor([[[[10, 12],\n          [13,  3]]]])" in text
    assert "torch.Size([1, 1, 3, 3])" in text and "torch.Size([1, 1, 5, 5])" in text


def test_the_edge_kernel_is_learned(tmp_path):
    text = run(source_of("02_learn_an_edge_kernel.py"), tmp_path)
    losses = [float(loss) for loss in re.findall(r"^epoch \d+, loss (\d+\.\d{3})$", text, re.MULTILINE)]
    assert len(losses) == 5 and losses == sorted(losses, reverse=True) and losses[-1] < 0.2
    kernel = [float(v) for v in re.findall(r"-?\d\.\d{4}", text.splitlines()[-1])]
    np.testing.assert_allclose(kernel, [1, -1], atol=0.1)


def test_feature_maps_of_the_cross(tmp_path):
    text = run(source_of("03_x_and_o_feature_maps.py"), tmp_path)
    first = text.split("feature map, falling diagonal:\n")[1].splitlines()
    assert first[0].split() == ["0.78", "-0.11", "0.11", "0.33", "0.56", "-0.11", "0.33"]
    pooled = text.split("pooled:\n")[1].splitlines()[:4]
    assert [row.split() for row in pooled] == [
        ["1.00", "0.33", "0.56", "0.33"],
        ["0.33", "1.00", "0.33", "0.56"],
        ["0.56", "0.33", "1.00", "0.11"],
        ["0.33", "0.56", "0.11", "0.78"],
    ]
    assert "loops and library agree" in text


def test_the_pictures_are_saved(tmp_path):
    run(source_of("04_feature_maps_in_pictures.py"), tmp_path)
    picture = tmp_path / "feature_maps.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    import matplotlib.image

    pixels = matplotlib.image.imread(picture)
    assert pixels.shape[0] >= 600 and pixels.shape[1] >= 1000
    assert len(np.unique(pixels[..., :3].reshape(-1, 3), axis=0)) > 20  # not a blank page
