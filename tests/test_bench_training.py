"""The benchmark of training steps: what it compares, its command line. No test judges a time."""

from __future__ import annotations

import json

import pytest

from rushlight.bench import training
from rushlight.bench.training import Trained
from test_bench import call


def test_losses_are_compared_with_the_first_library() -> None:
    results = [
        Trained("m", 1, "torch", [2.0, 1.0], 0),
        Trained("m", 1, "near", [2.0, 1.0001], 0),
        Trained("m", 1, "far", [2.0, 1.001], 0),
        Trained("m", 1, "lost", [2.0, float("nan")], 0),
    ]
    training._compare(results)
    assert [bool(result.reason) for result in results] == [False, False, True, True]
    assert results[1].difference == pytest.approx(5e-5)


def test_quick_run_trains_times_and_writes(tmp_path) -> None:
    file = tmp_path / "out.json"
    arguments = "--quick --suite training,overhead --models lenet --precision high,medium --peers none"
    done = call(*arguments.split(), "--json", str(file))
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    assert [each["label"] for each in document["training"]] == ["rushlight high", "rushlight medium"]
    for each in document["training"]:
        assert len(each["losses"]) == training.QUICK_STEPS
        assert each["losses"][-1] < each["losses"][0]
        assert all(round["median"] > 0 for round in each["rounds"])
    assert all(time > 0 for time in document["overhead"]["rushlight"].values())


@pytest.mark.parity
def test_losses_are_those_of_torch() -> None:
    pytest.importorskip("torch")
    done = call(*["--quick", "--suite", "training", "--models", "lenet", "--peers", "torch"])
    assert done.returncode == 0, done.stdout + done.stderr
