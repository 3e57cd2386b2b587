"""Fixtures for all tests: every ISA, several thread counts, bounded memory, hypothesis without deadlines.

No test helpers; those are modules beside.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from rushlight import _core

hypothesis.settings.register_profile("local", deadline=None, max_examples=40)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=40, derandomize=True)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=3000)  # --hypothesis-profile
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(params=_core.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each usable ISA in turn, made active; the one active before is restored."""
    before = _core.isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)


@pytest.fixture(params=[1, 2, 7])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Fewer, as many and more threads than most machines' cores, restored afterwards."""
    before = _core.num_threads()
    _core.set_num_threads(request.param)
    yield request.param
    _core.set_num_threads(before)


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """What is too large is refused, and not gigabytes of the test run: 3 GiB more than there are."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        yield
        return
    resource = importlib.import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    present = int(statm.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (present + 3 * 2**30, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
