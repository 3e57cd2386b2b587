"""`python -m rushlight run script.py`: the script sees torch, itself as __main__ and its arguments; what is
missing is named with the script's line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rushlight

SCRIPT = """\
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.utils.data
from torch import optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset
import beside

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
optimizer = optim.SGD(model.parameters(), lr=0.1)
scheduler = StepLR(optimizer, 1)
data = TensorDataset(torch.rand(6, 1, 4, 4), torch.randint(0, 2, (6,)))
for x, y in DataLoader(data, batch_size=3, shuffle=True):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.4f}")
scheduler.step()
print(model)
print(scheduler.get_last_lr(), torch.device("cuda" if torch.cuda.is_available() else "cpu"))
if __name__ == "__main__":
    print(sys.argv[1:], beside.torch is torch, torch.__name__ in ("torch", "rushlight"))
"""


def run(tmp_path, code, *arguments, command=("-m", "rushlight", "run")):
    script = tmp_path / "script.py"
    script.write_text(code)
    (tmp_path / "beside.py").write_text("import torch\n")
    return subprocess.run(
        [sys.executable, *command, str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )


def test_a_pytorch_script_runs(tmp_path):
    done = run(tmp_path, SCRIPT, "--epochs", "3")
    assert done.returncode == 0, done.stderr
    assert "  (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))\n" in done.stdout
    assert done.stdout.endswith("cpu\n['--epochs', '3'] True True\n")


@pytest.mark.parity
def test_it_prints_what_torch_prints(tmp_path):
    pytest.importorskip("torch")
    ours, theirs = run(tmp_path, SCRIPT), run(tmp_path, SCRIPT, command=())
    assert theirs.returncode == 0, theirs.stderr
    assert ours.stdout == theirs.stdout


@pytest.mark.parity
def test_a_script_in_the_manner_of_the_beginner_tutorials(tmp_path):
    pytest.importorskip("torch")
    code = Path(__file__).with_name("pytorch_script.py").read_text()
    theirs = run(tmp_path, code, "net.pth", command=())
    assert theirs.returncode == 0, theirs.stderr
    ours = run(tmp_path, code, "net.pth")
    assert ours.stdout == theirs.stdout, ours.stderr


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import torch\n\ntorch.stft(1)", "script.py:3: rushlight has no torch.stft; docs/parity.md lists"),
        ("from torch import nn\nnn.LSTM(3)", "script.py:2: rushlight has no torch.nn.LSTM; docs/parity.md"),
        (
            "from torch.nn import LSTM",
            "script.py:1: cannot import name 'LSTM' from 'rushlight.nn'; docs/parity",
        ),
        ("import torch.fft", "script.py:1: rushlight has no torch.fft; docs/parity.md lists what it has"),
        ("import torchvision", "torchvision works with PyTorch itself only"),
    ],
)
def test_what_is_missing_is_named_with_its_line(tmp_path, code, words):
    done = run(tmp_path, code)
    assert done.returncode == 1 and words in done.stderr.splitlines()[-1]
    assert "_missing.py" not in done.stderr


def test_tracebacks_begin_in_the_script(tmp_path):
    done = run(tmp_path, "def f():\n    1 / 0\nf()")
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and lines[-1] == "ZeroDivisionError: division by zero"
    assert lines[1].endswith('script.py", line 3, in <module>') and "run.py" not in done.stderr
    assert run(tmp_path, "import sys\nsys.exit(5)").returncode == 5
    assert "SyntaxError" in run(tmp_path, "1 +").stderr


def test_what_cannot_be_run(tmp_path):
    missing = subprocess.run(
        [sys.executable, "-m", "rushlight", "run", "no such file.py"], capture_output=True, text=True
    )
    assert missing.returncode == 2
    assert missing.stderr == "rushlight run: error: cannot read no such file.py: No such file or directory\n"
    nothing = subprocess.run([sys.executable, "-m", "rushlight", "run"], capture_output=True, text=True)
    assert nothing.returncode == 2 and nothing.stderr.startswith("usage: rushlight run script.py")


def test_missing_names_say_so():
    for module, name in (
        (rushlight, "stft"),
        (rushlight.nn, "LSTM"),
        (rushlight.nn.functional, "ctc_loss"),
        (rushlight.functional, "ctc_loss"),
        (rushlight.optim, "Rprop"),
        (rushlight.optim.lr_scheduler, "CyclicLR"),
        (rushlight.utils, "cpp_extension"),
        (rushlight.utils.data, "graph"),
    ):
        with pytest.raises(
            AttributeError, match=rf"rushlight has no torch\.[\w.]*{name}.*docs/parity\.md list"
        ):
            getattr(module, name)
        assert not hasattr(module, "__wrapped__")
