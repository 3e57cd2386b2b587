"""No kernel reads or writes outside its arrays: all of them lie against inaccessible pages."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from guard import Guards, guarded_outputs
from kernel_cases import INTEGERS, VECTOR_BYTES, Conv, Pool, check_conv, draw, run_conv
from rushlight import _core

CONVS = [
    Conv(H=3, W=3),
    Conv(N=2, C=3, H=9, W=17, K=5, padding=(1, 1, 1, 1)),
    Conv(C=2, H=8, W=33, K=9, kernel=(5, 2), stride=(2, 2), padding=(2, 0, 1, 3)),
    Conv(C=4, H=13, W=14, K=4, stride=(3, 2), dilation=(2, 3), groups=4),
    Conv(N=2, C=36, H=5, W=6, K=17, kernel=(1, 1)),
    Conv(C=64, H=3, W=3, K=64, kernel=(1, 1)),
    Conv(C=40, H=7, W=7, K=41, kernel=(5, 5), padding=(2, 2, 2, 2)),
    Conv(C=33, H=9, W=14, K=48, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)),
    Conv(C=2, H=2, W=300, K=2, kernel=(2, 1), stride=(1, 4)),
    Conv(C=1, H=7, W=7, K=1, kernel=(7, 7)),
    Conv(N=2, C=17, H=11, W=13, K=19, padding=(1, 1, 1, 1)),  # these three: fast algorithms
    Conv(C=16, H=40, W=41, K=16),
    Conv(C=32, H=54, W=55, K=32, dilation=(2, 2), groups=2),
]
POOLS = [
    Pool(H=2, W=2),
    Pool(N=2, C=3, H=9, W=17, kernel=(3, 3), padding=(1, 1, 1, 1)),
    Pool(C=2, H=12, W=67, kernel=(2, 3), stride=(1, 2), dilation=(3, 2)),
    Pool(C=2, H=5, W=130, kernel=(5, 4), stride=(3, 3), ceil_mode=True),
    Pool(C=3, H=7, W=7, kernel=(7, 7), stride=(1, 1)),
]
SIDES = pytest.mark.parametrize("side", ["start", "end"])


def test_the_guard_bites():
    """Else the rest of this file proves nothing: one element too far must end the process, on either side."""
    program = (
        "import ctypes, sys; import numpy as np; from guard import Block, guarded_outputs\n"
        "side = sys.argv[1]\n"
        "if side == 'output':\n"
        "    with guarded_outputs(): address = np.zeros(100).ctypes.data + 800\n"
        "else:\n"
        "    block = Block(400, side); address = block.address + (400 if side == 'end' else -1)\n"
        "print('here', flush=True); ctypes.string_at(address, 1); print('survived')"
    )
    for side in ("start", "end", "output"):
        done = subprocess.run(
            [sys.executable, "-c", program, side],
            capture_output=True,
            text=True,
            cwd=__file__.rpartition("/")[0],
        )
        assert done.stdout == "here\n"
        assert done.returncode < 0, f"{side}: the process lived on"


def test_changed_bytes_beside_an_array_are_noticed():
    guards = Guards()
    array = guards(np.zeros(3))
    guards.check()
    memory = np.lib.stride_tricks.as_strided(array, (4,), (-8,))
    memory[3] = 1  # 16 bytes before its begin
    with pytest.raises(AssertionError, match="overwritten"):
        guards.check()


@SIDES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_conv2d(isa, dtype, side):
    for case in CONVS:
        guards = Guards()
        x, w, b, dy = (guards(a, side) for a in case.arrays(dtype))
        with guarded_outputs():
            run_conv(case, x, w, b, dy)
            run_conv(case, guards(x.transpose(0, 2, 3, 1), side).transpose(0, 3, 1, 2), w, b, dy)
        guards.check()
        check_conv(case, dtype)


@SIDES
def test_conv2d_strided_views(isa, side):
    """Some rows, columns and channels of a larger guarded array, whose corners are the view's corners."""
    case = Conv(N=2, C=3, H=7, W=19, K=4, padding=(1, 1, 2, 2))
    x, w, b, dy = case.arrays("float32")
    for step in ((1, 2, 2, 2), (1, -1, -2, -3), (-1, 2, 1, -1)):
        slices = tuple(slice(None, None, s) for s in step)
        guards = Guards()

        def strided(a, slices=slices, step=step, guards=guards):
            larger = np.zeros([(n - 1) * abs(s) + 1 for n, s in zip(a.shape, step, strict=True)], a.dtype)
            view = guards(larger, side)[slices]
            view[...] = a
            return view

        with guarded_outputs():
            got = run_conv(case, strided(x), strided(w), b, strided(dy))
        guards.check()
        for direction, want in run_conv(case, x, w, b, dy).items():
            np.testing.assert_array_equal(got[direction], want)


@SIDES
@pytest.mark.parametrize("dtype", INTEGERS)
def test_conv2d_integers(isa, dtype, side):
    for case in CONVS:
        guards = Guards()
        x, w, b, _ = (guards(a, side) for a in case.arrays(dtype))
        with guarded_outputs():
            _core.conv2d_forward(x, w, b, *case.options)
        guards.check()


@SIDES
@pytest.mark.parametrize("dtype", ["float32", "float64", *INTEGERS])
def test_max_pool2d(isa, dtype, side):
    for case in POOLS:
        guards = Guards()
        x = guards(draw(dtype, *case.x_size), side)
        with guarded_outputs():
            y, indices = _core.max_pool2d_forward(x, *case.options, True)
            _core.max_pool2d_forward(x, *case.options, False)
            _core.max_pool2d_forward(
                guards(x.transpose(0, 3, 2, 1), side).transpose(0, 3, 2, 1), *case.options, True
            )
            if x.dtype.kind == "f":
                _core.max_pool2d_backward(guards(y, side), guards(indices, side), x.shape)
        guards.check()


@SIDES
@pytest.mark.parametrize("dtype", ["float32", "float64", *INTEGERS])
def test_relu(isa, dtype, side):
    lanes = VECTOR_BYTES[isa] // np.dtype(dtype).itemsize or 1
    for size in (1, lanes - 1, lanes, lanes + 1, 5 * lanes + 3):
        guards = Guards()
        x = guards(draw(dtype, size), side)
        out = guards(np.zeros(size, dtype), side)
        with guarded_outputs():
            y = _core.relu_forward(x)
            assert _core.relu_forward(x, out) is out
            _core.relu_forward(x, x)
            if x.dtype.kind == "f":
                _core.relu_backward(guards(y, side), guards(y, side))
        np.testing.assert_array_equal(out, y)
        np.testing.assert_array_equal(x, y)
        guards.check()
