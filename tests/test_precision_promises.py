"""What set_float32_conv_precision promises: the errors it states, and that "high" reaches no other pixels."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import rushlight
from rushlight import _core
from rushlight import functional as F

LEVELS = ["highest", "high", "medium"]
EVERY_ISA = pytest.mark.parametrize("isa", _core.available_isas(), indirect=True)


def oracle(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """3 x 3, padding 1, in float64."""
    H, W = x.shape[-2:]
    padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    total = np.zeros((len(w), H, W))
    for r, s in itertools.product(range(3), range(3)):
        total += np.tensordot(w[:, :, r, s].astype(np.float64), padded[:, r : r + H, s : s + W], 1)
    return total


def stated_errors() -> dict[tuple[str, int], list[float]]:
    """(data, channels): max and rms of each level, as the docstring's table has them."""
    line = re.compile(r"^ *(normal|positive) +(\d+) +(.*)$", re.MULTILINE)
    return {
        (kind, int(channels)): [float(number) for number in numbers.replace("/", " ").split()]
        for kind, channels, numbers in line.findall(rushlight.set_float32_conv_precision.__doc__)
    }


@EVERY_ISA
@pytest.mark.parametrize("kind", ["normal", "positive"])
@pytest.mark.parametrize("channels", [64, 256, 512])
def test_errors_are_as_stated(isa, kind, channels):
    """Twice the stated maximum is allowed for, since it is one draw's; the mean is not a matter of luck."""
    rng = np.random.default_rng(1)
    draw = rng.standard_normal if kind == "normal" else rng.random
    x, w = draw((channels, 16, 16)).astype(np.float32), draw((16, channels, 3, 3)).astype(np.float32)
    want = oracle(x, w)
    size = np.sqrt((want**2).mean())
    stated = stated_errors()[kind, channels]
    for i, level in enumerate(LEVELS):
        with rushlight.float32_conv_precision(level):
            error = abs(F.conv2d(x, w, padding=1) - want) / size
        if isa == "reference":  # one long chain
            assert error.max() < 3e-5
            continue
        assert error.max() <= 2 * stated[2 * i], level
        assert np.sqrt((error**2).mean()) <= 1.3 * stated[2 * i + 1], level
    assert stated[5] <= 1.5e-6 / 1.3


@EVERY_ISA
@pytest.mark.parametrize("level", ["highest", "high"])
def test_small_integers_are_exact(isa, level):
    rng = np.random.default_rng(2)
    x = rng.integers(-8, 9, (64, 21, 23)).astype(np.float32)
    w = rng.integers(-8, 9, (32, 64, 3, 3)).astype(np.float32)
    with rushlight.float32_conv_precision(level):
        np.testing.assert_array_equal(F.conv2d(x, w, padding=1), oracle(x, w))


@EVERY_ISA
@pytest.mark.parametrize("spike", [np.nan, np.inf, 1e30])
def test_high_reaches_the_pixels_that_direct_sums_reach(isa, spike):
    """One pixel among zeros, at every place that it can have in a tile: outputs that do not see it stay 0."""
    w = np.random.default_rng(3).standard_normal((16, 16, 3, 3)).astype(np.float32)
    for row, col in itertools.product(range(8, 12), range(8, 12)):
        x = np.zeros((16, 20, 21), np.float32)
        x[5, row, col] = spike
        seen = np.zeros((20, 21), bool)
        seen[row - 1 : row + 2, col - 1 : col + 2] = True
        for level in ("highest", "high"):
            with rushlight.float32_conv_precision(level):
                y = F.conv2d(x, w, padding=1)
            assert not y[:, ~seen].any(), f"{level}, row {row}, column {col}"
            assert (y[:, seen] != 0).all()
            assert np.isfinite(spike) or not np.isfinite(y[:, seen]).any()
