"""What `import rushlight` brings with it: NumPy, and of rushlight itself only what every program needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import rushlight

OPTIONAL = ("viz", "demo", "bench", "run", "utils", "optim", "nn", "serialization", "roofline", "__main__")


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result


def test_only_numpy_and_what_every_program_needs_is_imported():
    """-X importtime names every module in the order of its import, and nothing that was there before."""
    trace = _python("-X", "importtime", "-c", "import numpy\nimport rushlight").stderr
    names = re.findall(r"^import time:\s+\d+ \|\s+\d+ \| +(\S+)$", trace, re.MULTILINE)
    after = names[names.index("numpy") + 1 :]
    assert "rushlight._core" in after and after[-1] == "rushlight"
    others = {name.partition(".")[0] for name in after} - {"rushlight", "numpy", *sys.stdlib_module_names}
    assert others <= {"org"}  # which the standard library's copy.py looks for
    for module in OPTIONAL:
        assert f"rushlight.{module}" not in after, module


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux")
def test_it_takes_less_than_ten_megabytes_beyond_numpy():
    code = (
        "import {}, resource; print(int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize())"
    )
    numpy, both = (int(_python("-c", code.format(name)).stdout) for name in ("numpy", "rushlight"))
    assert both - numpy < 10e6


def test_modules_that_come_later_are_there_when_named():
    code = (
        "import rushlight\n"
        "assert {'nn', 'optim', 'utils', 'save', 'load', 'Plan'} <= set(dir(rushlight))\n"
        "rushlight.optim.SGD, rushlight.utils.data.DataLoader, rushlight.nn.functional.relu\n"
        "assert rushlight.save is rushlight.serialization.save\n"
        "from rushlight import nn, cuda\n"
        "import rushlight.nn.functional as F\n"
    )
    _python("-c", code)


@pytest.mark.parametrize(
    "name", ["nowhere", "nn.Nowhere", "nn.functional.nowhere", "optim.Nowhere", "utils.data.x"]
)
def test_names_that_are_not_there_are_told_of(name):
    *path, last = name.split(".")
    module = rushlight
    for part in path:
        module = getattr(module, part)
    with pytest.raises(AttributeError, match=rf"rushlight has no torch\.{name}\."):
        getattr(module, last)
