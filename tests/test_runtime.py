"""Instruction set, threads, precision and show_config, as the public names of rushlight."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import rushlight
from rushlight import functional as F


@pytest.fixture(autouse=True)
def settings_as_before():
    isa, precision = rushlight.isa(), rushlight.get_float32_conv_precision()
    yield
    rushlight.set_isa(isa)
    rushlight.set_float32_conv_precision(precision)


def test_every_isa_can_be_forced_and_wrong_names_list_the_right_ones():
    for name in rushlight.available_isas():
        rushlight.set_isa(name)
        assert rushlight.isa() == name
    with pytest.raises(ValueError, match="'reference'"):
        rushlight.set_isa("sse9")
    assert rushlight.isa() == "reference"


@pytest.mark.parametrize("variable", ["RUSHLIGHT_ISA", "RUSHLIGHT_CONV_PRECISION"])
def test_wrong_names_in_the_environment_fail_the_import(variable):
    result = subprocess.run(
        [sys.executable, "-c", "import rushlight; rushlight.show_config()"],
        env={variable: "best", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode != 0 and variable in result.stderr and "'best'" in result.stderr


def test_num_threads_is_lent_for_a_block_and_given_back_after_an_error():
    before = rushlight.get_num_threads()
    with rushlight.num_threads(before + 2):
        assert rushlight.get_num_threads() == before + 2
        with pytest.raises(RuntimeError, match="positive"), rushlight.num_threads(0):
            raise AssertionError("not reached")
    assert rushlight.get_num_threads() == before
    with pytest.raises(KeyError), rushlight.num_threads(1):
        raise KeyError
    assert rushlight.get_num_threads() == before


def test_precision_decides_the_algorithm():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 32, 24, 24), dtype=np.float32)
    w = rng.standard_normal((32, 32, 3, 3), dtype=np.float32)
    results = {}
    for name in ("highest", "high", "medium"):
        with rushlight.float32_conv_precision(name):
            assert rushlight.get_float32_conv_precision() == name
            results[name] = F.conv2d(x, w, padding=1)
            assert name in rushlight.show_config()
    np.testing.assert_allclose(results["high"], results["highest"], atol=1e-4)
    np.testing.assert_allclose(results["medium"], results["highest"], atol=1e-3)
    if rushlight.isa() != "reference":
        assert not np.array_equal(results["high"], results["highest"])
        assert not np.array_equal(results["medium"], results["high"])


def test_a_wrong_precision_raises_and_changes_nothing():
    before = rushlight.get_float32_conv_precision()
    with pytest.raises(ValueError, match="'highest', 'high' or 'medium'"):
        rushlight.set_float32_conv_precision("low")
    with pytest.raises(TypeError, match="int"):
        rushlight.set_float32_conv_precision(1)
    assert rushlight.get_float32_conv_precision() == before


def test_show_config_tells_what_runs():
    text = rushlight.show_config()
    for fact in (
        "compiler",
        "isa",
        "threads",
        "threading layer",
        "conv precision",
        "workspace bytes per thread",
    ):
        assert fact in text
    assert text.startswith(f"rushlight {rushlight.__version__}")
