"""rushlight.plan: that it tells what happens, not what somebody once thought would happen."""

from __future__ import annotations

import dataclasses
import doctest
import json
import subprocess
import sys

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from kernel_cases import Conv, draw, run_conv, using
from oracle import assert_same_bits
from rushlight import _core, plan, roofline

CASES = [
    Conv(),
    Conv(N=2, C=3, K=7, H=20, W=33, padding=(1, 1, 1, 1), stride=(2, 1)),
    Conv(N=1, C=24, K=32, H=30, W=31, padding=(1, 1, 1, 1)),
    Conv(N=4, C=64, K=48, H=37, W=41, padding=(1, 1, 1, 1)),
    Conv(N=1, C=32, K=64, H=60, W=62, padding=(2, 2, 2, 2), dilation=(2, 2)),
    Conv(N=2, C=64, K=64, H=26, W=28, groups=2),
    Conv(N=2, C=40, K=24, H=17, W=19, kernel=(1, 1)),
    Conv(N=1, C=48, K=48, H=23, W=25, groups=48, padding=(1, 1, 1, 1)),
]
DIRECTIONS = {"forward": "forward", "input": "grad_input", "weight": "grad_weight"}


def plan_of(case: Conv, **options) -> rushlight.Plan:
    top, bottom, left, right = case.padding
    return rushlight.plan(
        "conv2d",
        case.x_size,
        case.w_size,
        stride=case.stride,
        padding=((top, bottom), (left, right)),
        dilation=case.dilation,
        groups=case.groups,
        **options,
    )


@pytest.fixture(autouse=True)
def quick_measurements(monkeypatch):
    """The machine is measured once for all tests, and not for long."""
    monkeypatch.setattr(plan_module, "_fma_peak", lambda isa, float64: 1e11 if float64 else 2e11)
    monkeypatch.setattr(plan_module, "_bandwidth", lambda working_set, threads: 1e10 * threads)


plan_module = sys.modules["rushlight.plan"]


# ---- what is told is what is done ----------------------------------------------------------------------
@pytest.mark.parametrize("level", ["highest", "high", "medium"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_algorithm_is_the_one_that_runs(isa, level, case):
    """Winograd's bits differ from those of the direct sum; the plan must agree with them about who ran."""
    arrays = case.arrays("float32")
    before = _core.conv_precision()
    try:
        _core.set_conv_precision("highest")
        direct = run_conv(case, *arrays)
        _core.set_conv_precision(level)
        got = run_conv(case, *arrays)
        for direction, key in DIRECTIONS.items():
            told = plan_of(case, direction=direction)
            assert told.algorithm in told.algorithms and told.isa == isa and told.precision == level
            same = np.array_equal(got[key], direct[key])
            assert same == ("winograd" not in told.algorithm), (direction, told.algorithm)
    finally:
        _core.set_conv_precision(before)


WORKSPACE = """
import json, sys
import numpy as np
from rushlight import _core
x_size, w_size, options, dtype, direction, precision, isa = json.loads(sys.argv[1])
_core.set_isa(isa)
_core.set_conv_precision(precision)
_core.set_num_threads(1)
x, w = np.ones(x_size, dtype), np.ones(w_size, dtype)
told = _core.plan_conv2d(direction, x_size, w_size, False, *options, np.dtype(dtype), 1)
dy = np.ones(told["output_size"], dtype)
if direction == "forward":
    _core.conv2d_forward(x, w, None, *options)
elif direction == "input":
    _core.conv2d_backward_input(dy, w, x_size, *options)
else:
    _core.conv2d_backward_weight(dy, x, w_size, *options)
print(json.dumps([told["workspace_bytes"], _core.config()["workspace_bytes_per_thread"]]))
"""


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("case", CASES[1:6], ids=str)
def test_the_workspace_is_what_is_used(case, direction):
    """In a fresh process, whose largest workspace is that of the one call."""
    precision = "medium" if case.C == 64 else "high"
    given = [case.x_size, case.w_size, case.options, "float32", direction, precision, _core.isa()]
    done = subprocess.run(
        [sys.executable, "-c", WORKSPACE, json.dumps(given)], capture_output=True, text=True, check=True
    )
    told, used = json.loads(done.stdout)
    buffers, line = 4, 64  # each buffer is rounded up to cache lines
    assert told <= used < told + buffers * line and told > 0


def test_gradients_with_partial_sums_share_memory():
    told = plan_of(Conv(N=32, C=3, K=8, H=64, W=64), direction="weight")
    assert told.shared_bytes == 4 * told.blocks["parts of the batch"] * told.blocks["parts of the rows"] * (
        8 * 3 * 9
    )


def test_tasks_are_the_product_of_the_parts():
    case = Conv(N=3, C=8, K=64, H=100, W=700, padding=(1, 1, 1, 1))
    told = plan_of(case, threads=2)
    rows = -(-case.y_size[2] // told.blocks["rows per tile"])
    columns = -(-case.y_size[3] // told.blocks["columns per tile"])
    assert told.tasks == 3 * rows * columns * told.blocks["parts of the channels"]
    assert told.threads == 2


# ---- sizes, counts, times ------------------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES, ids=str)
def test_counts(case):
    arrays = case.arrays("float64")
    for direction in DIRECTIONS:
        told = plan_of(case, direction=direction, dtype="float64", bias=True)
        assert told.output_size == case.y_size
        N, K, OH, OW = case.y_size
        assert told.flops == 2 * N * K * OH * OW * np.prod(case.w_size[1:])
        assert told.bytes_moved == sum(array.nbytes for array in arrays)
        if told.algorithm == "direct":
            assert told.executed_flops == told.flops
        elif "winograd" in told.algorithm:
            assert told.executed_flops < told.flops
    assert plan_of(case).bytes_moved == sum(a.nbytes for a in arrays[:2] + arrays[3:]) / 2


def test_max_pool2d():
    told = rushlight.plan("max_pool2d", (2, 3, 20, 30), (3, 2), (2, 1), padding=1, return_indices=True)
    y, indices = F.max_pool2d(draw("float32", 2, 3, 20, 30), (3, 2), (2, 1), padding=1, return_indices=True)
    assert told.output_size == y.shape
    assert told.flops == y.size * 5
    assert told.executed_flops == 6 * y.shape[2] * 30 * 2 + y.size
    assert told.bytes_moved == 4 * 2 * 3 * 20 * 30 + y.nbytes + indices.nbytes
    assert told.tasks % 6 == 0


def test_relu():
    told = rushlight.plan("relu", (5, 1000, 100), dtype=rushlight.float64, threads=1)
    assert told.output_size == (5, 1000, 100) and told.threads == 1
    assert told.bytes_moved == 2 * 8 * 500_000 and told.flops == 500_000
    assert told.tasks == -(-500_000 // told.blocks["elements per task"])
    assert told.bound_by == "memory" and told.roofline_seconds == told.bytes_moved / told.bandwidth


def test_roofline():
    told = plan_of(Conv(N=8, C=64, K=64, H=56, W=56), threads=2)
    assert told.peak_flops == 2e11 * told.threads and told.bandwidth == 1e10 * told.threads
    assert told.arithmetic_seconds == told.executed_flops / told.peak_flops
    assert told.memory_seconds == told.bytes_moved / told.bandwidth
    assert told.roofline_seconds == max(told.arithmetic_seconds, told.memory_seconds)
    assert told.bound_by == "arithmetic"
    assert dataclasses.replace(told, bandwidth=1.0).bound_by == "memory"
    integers = plan_of(Conv(), dtype="int8")
    assert integers.peak_flops is None and integers.bound_by == "memory"


def test_threads():
    big, small = Conv(N=8, C=64, K=64, H=56, W=56), Conv()
    before = _core.num_threads()
    assert [plan_of(big, threads=n).threads for n in (1, 2, 3)] == [1, 2, 3]
    assert plan_of(small, threads=7).threads == 1
    assert _core.num_threads() == before
    with using(threads=2):
        assert plan_of(big) == plan_of(big, threads=2)
    x, w = draw("float32", *big.x_size), draw("float32", *big.w_size)
    with using(threads=1):
        want = F.conv2d(x, w)
    plan_of(big, threads=7)
    assert_same_bits(F.conv2d(x, w), want)


def test_the_machine_is_measured_once(monkeypatch):
    monkeypatch.undo()
    calls = []
    monkeypatch.setattr(_core, "measure_fma_peak", lambda *given: calls.append(given) or 1e9)
    monkeypatch.setattr(_core, "measure_bandwidth", lambda *given: calls.append(given) or 1e9)
    for cached in (plan_module._fma_peak, plan_module._bandwidth):
        cached.cache_clear()
    try:
        for _ in range(3):
            rushlight.plan("conv2d", (1, 4, 9, 9), (4, 4, 3, 3))
        assert len(calls) == 2
        rushlight.plan("relu", (10**9,))
        assert calls[-1] == (2**28, _core.num_threads())
    finally:
        for cached in (plan_module._fma_peak, plan_module._bandwidth):
            cached.cache_clear()


def test_measurements_are_plausible():
    assert 1e8 < _core.measure_fma_peak(0.005) < 1e13
    assert 1e8 < _core.measure_bandwidth(2**22, 1, 0.005) < 1e14


# ---- asking, reading -----------------------------------------------------------------------------------
def test_it_prints_readably():
    told = rushlight.plan("conv2d", (64, 56, 56), (32, 64, 3, 3), True, padding=1)
    lines = str(told).splitlines()
    assert lines[0] == (
        "conv2d forward, float32: input (64, 56, 56), weight (32, 64, 3, 3), bias (32,) "
        "-> output (32, 56, 56)"
    )
    text = str(told)
    for fact in (told.algorithm, told.isa, f"precision '{told.precision}'", "116 M", "flop/s", "bound by"):
        assert fact in text
    assert repr(told) == text and all(len(line) < 160 for line in lines)
    with pytest.raises(dataclasses.FrozenInstanceError):
        told.tasks = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(0, "0 "), (1, "1 "), (999, "999 "), (999.6, "1 k"), (1000, "1 k"), (231211008, "231 M")],
        *[(0.5, "500 m"), (1.5e-5, "15 u"), (1e-9, "1 n"), (7.45e-10, "0.745 n"), (1e18, "1e+03 P")],
    ],
)
def test_numbers_are_short(value, text):
    assert roofline._si(value) == text


def test_same_padding_and_other_spellings():
    plain = rushlight.plan("conv2d", (1, 3, 9, 9), (4, 3, 3, 3), padding=1, dtype=np.float32)
    for padding in ("same", (1, 1), ((1, 1), (1, 1))):
        assert rushlight.plan("conv2d", [1, 3, 9, 9], [4, 3, 3, 3], padding=padding) == plain
    assert plan.__doc__ and rushlight.plan is plan


@pytest.mark.parametrize(
    ("error", "text", "args", "options"),
    [
        (ValueError, "'conv2d', 'max_pool2d', 'relu'", ("conv3d", (1, 2)), {}),
        (
            ValueError,
            "'forward', 'input' or 'weight'",
            ("conv2d", (1, 1, 5, 5), (1, 1, 3, 3)),
            {"direction": "x"},
        ),
        (RuntimeError, "to have 2 channels", ("conv2d", (1, 1, 5, 5), (1, 2, 3, 3)), {}),
        (RuntimeError, "greater than actual input", ("conv2d", (1, 1, 2, 2), (1, 1, 3, 3)), {}),
        (RuntimeError, "threads=0", ("relu", (5,)), {"threads": 0}),
        (TypeError, "threads", ("relu", (5,)), {"threads": 1.5}),
        (TypeError, "input_size", ("relu", 5), {}),
        (TypeError, "weight_size", ("conv2d", (1, 1, 5, 5), None), {}),
        (TypeError, "bias", ("conv2d", (1, 1, 5, 5), (1, 1, 3, 3), np.ones(1)), {}),
        (TypeError, "data type", ("relu", (5,)), {"dtype": 5}),
        (RuntimeError, "Boolean", ("relu", (5,)), {"dtype": "bool"}),
        (
            NotImplementedError,
            "only floating point",
            ("conv2d", (1, 1, 5, 5), (1, 1, 3, 3)),
            {"direction": "weight", "dtype": "int8"},
        ),
        (RuntimeError, "at most half", ("max_pool2d", (1, 1, 5, 5), 2), {"padding": 2}),
    ],
)
def test_errors_are_those_of_the_operation(error, text, args, options):
    with pytest.raises(error, match=text):
        rushlight.plan(*args, **options)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_absurd_sizes_do_no_harm(direction):
    def error(*sizes, **options):
        with pytest.raises(RuntimeError) as raised:
            rushlight.plan("conv2d", *sizes, direction=direction, **options)
        return str(raised.value)

    assert "input of size [-1, 1, 5, 5] has a negative" in error((-1, 1, 5, 5), (1, 1, 3, 3))
    assert "weight of size [1, 1, -3, 3] has a negative" in error((1, 1, 5, 5), (1, 1, -3, 3))
    assert "larger than any memory" in error((2**62,) * 4, (1, 1, 3, 3))
    assert "output of size" in error((1, 1, 5, 5), (1, 1, 3, 3), padding=2**39)


@pytest.mark.parametrize("precision", ["high", "medium"])
@pytest.mark.parametrize("direction", ["forward", "input", "weight"])
def test_an_empty_batch_has_a_plan(isa, direction, precision):
    with rushlight.float32_conv_precision(precision):
        plan = rushlight.plan("conv2d", (0, 64, 56, 56), (64, 64, 3, 3), padding=1, direction=direction)
    assert plan.flops == 0


def test_the_example_in_the_docstring():
    assert doctest.testmod(plan_module).failed == 0
