"""SummaryWriter: what it writes is read back, by TensorBoard's own reader and by its server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

import rushlight
from rushlight import nn

pytest.importorskip("tensorboardX")
from rushlight.utils.tensorboard import SummaryWriter

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    with SummaryWriter(path) as writer:
        for step in range(5):
            writer.add_scalar("loss", rushlight.tensor(1.0 / (step + 1)), step)
        writer.add_scalars("both", {"a": rushlight.tensor(1.0), "b": 2.0}, 0)
        writer.add_image("noise", rushlight.rand(3, 8, 8), 0)
        writer.add_histogram("weights", net[0].weight, 0)
        writer.add_kernels("kernels", net[0].weight, 0)
        writer.add_graph(net, rushlight.rand(1, 1, 8, 8))
        assert writer.log_dir == str(path)
    return path


def test_tensorboard_reads_what_was_written(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder)).Reload()
    np.testing.assert_allclose([e.value for e in events.Scalars("loss")], [1 / (i + 1) for i in range(5)])
    assert [e.step for e in events.Scalars("loss")] == list(range(5))
    kernels = events.Images("kernels")[0]
    assert (kernels.height, kernels.width) == (4 * 4 * 8, 4 * 8)
    assert events.Histograms("weights")[0].histogram_value.num == 36
    nodes = {node.name: node for node in events.Graph().node}
    assert list(nodes) == ["input", "0_Conv2d", "1_ReLU", "2_Flatten", "3_Linear"]
    shape = nodes["0_Conv2d"].attr["_output_shapes"].list.shape[0]
    assert [dim.size for dim in shape.dim] == [1, 4, 6, 6] and list(nodes["3_Linear"].input) == ["2_Flatten"]


@pytest.mark.slow
def test_the_server_shows_it(folder):
    pytest.importorskip("tensorboard")
    command = [
        sys.executable,
        "-m",
        "tensorboard.main",
        "--logdir",
        str(folder),
        "--port",
        "0",
        "--host",
        "127.0.0.1",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            line = next(line for line in server.stderr if "http://" in line)
            address = next(word for word in line.split() if word.startswith("http://"))
            tags: dict = {}
            for _ in range(100):
                with urllib.request.urlopen(address + "data/plugin/scalars/tags") as answer:
                    tags = json.load(answer)
                if "loss" in tags.get(".", {}):
                    break
                time.sleep(0.2)
            assert "loss" in tags["."]
        finally:
            server.terminate()


def test_wrong_arguments(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(ValueError, match=r"\(3, 3\)"):
            writer.add_kernels("k", np.ones((3, 3)))
        with pytest.raises(TypeError, match="Sequential, not Linear"):
            writer.add_graph(nn.Linear(2, 2), rushlight.ones(2))
        with pytest.raises(AttributeError, match="add_scalar"):
            writer.add_video("v", np.ones((1, 1, 3, 4, 4)))
