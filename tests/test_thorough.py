"""Short runs of what tests/thorough.py does for hours, and proofs that it would notice."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import thorough


def test_guard_pages(isa):
    assert thorough.run("guard", isa, shapes=12, seed=1, rows=False) == 12


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_same_bits(isa):
    assert thorough.run("bits", isa, shapes=12, seed=1, rows=False) == 12


def test_every_row_of_the_benchmarks_is_among_the_problems():
    small = [layer for layer in thorough.ROWS if layer.flops < 1e7 and np.prod(layer.input_shape) < 1e5]
    for layer in small:
        problem = thorough.row_problem(layer, "high")
        thorough.check_guard(problem, "end")
        for call in problem.calls:
            if call.name in ("forward", "max"):
                assert call.run(problem.arrays).shape == layer.output_shape
    assert len(small) > 5


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_other_bits_are_noticed():
    calls = iter(range(1000))
    x = np.ones((2, 3), np.float32)
    moody = thorough.Problem("x", {"x": x}, (thorough.Call("y", lambda a: a["x"] * (next(calls) < 3)),))
    with pytest.raises(AssertionError, match="other bits with 7 threads"):
        thorough.check_bits(moody, fork=False, beside=False)
    whole = thorough.Problem("x", {"x": x}, (thorough.Call("y", lambda a: a["x"] * len(a["x"])),))
    with pytest.raises(AssertionError, match="alone has other bits"):
        thorough.check_bits(whole, fork=True, beside=False)
