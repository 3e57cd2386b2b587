"""Programs that run in a fresh interpreter: answers about threads depend on what a process did before."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from rushlight import _core

LINUX = sys.platform.startswith("linux")
HAS_TEAM = _core.config()["threading_layer"].startswith("OpenMP")
needs_linux = pytest.mark.skipif(not LINUX, reason="reads /proc")
needs_team = pytest.mark.skipif(not (LINUX and HAS_TEAM), reason="needs OpenMP and /proc")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
CPUS = sorted(os.sched_getaffinity(0)) if LINUX else []

# Every program starts with this: arrays for convolutions large and small, and a look at our threads.
PRELUDE = """
import os, sys, time
import numpy as np

def arrays(channels=32, size=56, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((2, channels, size, size), dtype=np.float32),
            rng.standard_normal((channels, channels, 3, 3), dtype=np.float32))

def conv(arrays):
    from rushlight import _core
    x, w = arrays
    return _core.conv2d_forward(x, w, None, (1, 1), (1, 1, 1, 1), (1, 1), 1)

def team():
    found = []
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm") as name:
                if name.read().strip() == "rushlight":
                    found.append(int(task))
        except FileNotFoundError:  # it ended meanwhile
            pass
    return found

def team_of(size):  # waits for the members, which arrive when they like
    end = time.monotonic() + 20
    while len(team()) < size and time.monotonic() < end:
        time.sleep(0.01)
    return team()
"""


def run(program: str, timeout: float = 120, **variables: str) -> str:
    """What `program` prints in a fresh interpreter; only the given variables say anything about threads."""
    result = attempt(program, timeout, **variables)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout.strip()


def attempt(program: str, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "KMP_", "RUSHLIGHT_"))
    }
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(program)],
        env=inherited | variables,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


ASK = "from rushlight import _core; print(_core.num_threads())"
