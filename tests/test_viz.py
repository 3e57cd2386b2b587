"""Pictures: each against a stored one, small and blurred, so that another matplotlib's text does not matter.

RUSHLIGHT_WRITE_PICTURES=1 writes tests/expected/viz anew: look at what it wrote before committing it.
"""

from __future__ import annotations

import doctest
import importlib
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import rushlight
from rushlight import nn, viz

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")
STORED = Path(__file__).with_name("expected") / "viz"


def _rng():
    return np.random.default_rng(0)


def _plan(**sizes):
    facts = {"operation": "conv2d", "direction": "forward", "dtype": "float32", "isa": "baseline"}
    facts |= {"sizes": {"input": (1, 8, 20, 30)}, "output_size": (1, 8, 20, 30), "precision": "high"}
    facts |= {"algorithms": ("direct",), "algorithm": "direct", "tasks": 6, "threads": 2, "flops": 1e6}
    facts |= {"blocks": {"rows per tile": 7, "columns per tile": 30}, "executed_flops": 1e6}
    facts |= {"bytes_moved": 1e5, "workspace_bytes": 1.0, "shared_bytes": 1.0}
    return rushlight.Plan(**facts, peak_flops=1e11, bandwidth=1e10)


def _network():
    rushlight.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, dilation=2))


PICTURES = {
    "images": lambda: viz.show_images(_rng().random((5, 3, 8, 8)), titles=[f"number {i}" for i in range(5)]),
    "kernels": lambda: viz.kernels(_rng().standard_normal((6, 1, 3, 3))),
    "kernels_of_channels": lambda: viz.kernels(_rng().standard_normal((2, 3, 5, 5))),
    "feature_maps": lambda: viz.feature_maps(_rng().random((6, 10, 14))),
    "receptive_field": lambda: viz.receptive_field(_network(), (1, 24, 24)),
    "conv_steps": lambda: viz.conv_steps(np.arange(16.0).reshape(4, 4), [[0, 1], [-1, 2]], padding=1)[7],
    "pool_steps": lambda: viz.pool_steps(_rng().integers(0, 20, (6, 6)), 2)[4],
    "training_curve": lambda: viz.training_curve(np.exp(-np.arange(90) / 30), [0.2, 0.8, 0.9]),
    "compare": lambda: viz.compare(np.eye(12), np.eye(12) + 0.01 * _rng().standard_normal((12, 12))),
    "plan": lambda: viz.plan(_plan()),
}


def _pixels(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    return Image.open(buffer).convert("RGB")


def _blurred(image):
    return np.asarray(image.resize((image.width // 4, image.height // 4), Image.Resampling.BOX), np.float64)


@pytest.mark.parametrize("name", PICTURES)
def test_picture_is_the_stored_one(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = _pixels(PICTURES[name]())
    path = STORED / f"{name}.png"
    if os.environ.get("RUSHLIGHT_WRITE_PICTURES"):
        path.parent.mkdir(exist_ok=True)
        got.save(path, optimize=True)
    with Image.open(path) as stored:
        want = stored.convert("RGB")
    assert got.size == want.size
    assert np.sqrt(np.mean((_blurred(got) - _blurred(want)) ** 2)) < 8  # of 255; blank against any: above 20
    blank = np.full_like(_blurred(want), 255)
    assert np.sqrt(np.mean((blank - _blurred(want)) ** 2)) > 10


@pytest.mark.parametrize("module", ["text", "mosaics", "steps", "charts"])
def test_examples(module):
    result = doctest.testmod(importlib.import_module(f"rushlight.viz.{module}"))
    assert result.attempted and not result.failed


def test_notebooks_show_the_figure():
    assert viz.kernels(np.ones((1, 1, 2, 2)))._repr_png_()[:4] == b"\x89PNG"
    assert "<script" in viz.pool_steps(np.eye(4), 2)._repr_html_()


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: viz.kernels(np.ones((3, 3))), ValueError, r"\(K, C, R, S\).*\(3, 3\)"),
        (lambda: viz.kernels("edges"), TypeError, "weight must be a Tensor"),
        (lambda: viz.feature_maps(np.ones((2, 3, 4, 4))), ValueError, r"\(2, 3, 4, 4\)"),
        (lambda: viz.show_images(np.ones((2, 5, 6, 6))), ValueError, r"\(5, 6, 6\)"),
        (lambda: viz.show_images(np.ones((2, 4, 4)), titles=["one"]), ValueError, "expected 2 titles"),
        (lambda: viz.show_images(np.ones((0, 4, 4))), ValueError, "empty"),
        (lambda: viz.compare(np.ones((2, 2)), np.ones((2, 3))), ValueError, r"\(2, 2\) and \(2, 3\)"),
        (lambda: viz.conv_steps(np.ones((20, 20)), np.ones((3, 3))), ValueError, "16 x 16"),
        (lambda: viz.conv_steps(np.ones((2, 2)), np.ones((3, 3))), RuntimeError, "Kernel size"),
        (lambda: viz.pool_steps(np.ones((4, 4)), 2)[9], IndexError, "there are 4"),
        (lambda: viz.pool_steps(np.ones((4, 4)), 2).save("steps.mp4"), ValueError, "steps.mp4"),
        (lambda: viz.training_curve([[1.0]]), ValueError, r"\(1, 1\)"),
        (lambda: viz.plan("conv2d"), TypeError, "rushlight.plan"),
        (lambda: viz.receptive_field(nn.Flatten(), (1, 4, 4)), ValueError, r"\(1, 16\)"),
        (lambda: viz.receptive_field(nn.ReLU(), (4, 4)), ValueError, r"\(C, H, W\)"),
    ],
)
def test_wrong_arguments(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_receptive_field_is_exact_and_leaves_no_gradient():
    network = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3, dilation=3))
    axes = viz.receptive_field(network, (1, 20, 20)).axes[0]
    assert axes.get_title() == "9 x 9 of 20 x 20 pixels"
    assert all(parameter.grad is None for parameter in network.parameters())


def test_steps_are_written_as_gif_and_page(tmp_path):
    steps = viz.conv_steps(np.eye(4), np.ones((2, 2)), stride=2)
    steps.save(tmp_path / "steps.gif")
    steps.save(tmp_path / "steps.html")
    with Image.open(tmp_path / "steps.gif") as animation:
        assert animation.n_frames == len(steps) == 4
    page = (tmp_path / "steps.html").read_text("utf-8")
    assert page.count("data:image/png") == 4
    assert "http" not in page and "<i class" not in page  # it needs nothing else


def test_without_matplotlib_arrays_become_text():
    program = """
import sys
sys.modules["matplotlib"] = None  # as if it were not installed
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "matplotlib" else found(name, *more)
import numpy as np
from rushlight import viz
print(viz.show_images([np.eye(3)], titles=["eye"]))
print(viz.compare(np.eye(2), np.eye(2) + 1).splitlines()[6])
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "eye",
        "@@",
        "  @@",
        "    @@",
        "difference: largest 1, rms 1 (1.41 of a)",
    ]


def test_nothing_optional_is_imported_with_rushlight():
    names = "('matplotlib', 'PIL', 'rushlight.viz')"
    program = f"import sys, rushlight; print([m for m in {names} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.stdout.strip() == "[]", result.stderr
