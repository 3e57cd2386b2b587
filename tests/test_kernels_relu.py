"""relu and its gradient against the oracle, to the bit; out=, in place and overlapping memory."""

from __future__ import annotations

import numpy as np
import pytest

from kernel_cases import INTEGERS, VECTOR_BYTES, draw
from oracle import assert_same_bits, relu_forward, relu_grad_input
from rushlight import _core

FLOATS = pytest.mark.parametrize("dtype", ["float32", "float64"])
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64", *INTEGERS])
SPECIAL = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e-40, -1e-40]


@DTYPES
def test_sizes_around_vectors(isa, dtype):
    lanes = VECTOR_BYTES[isa] // np.dtype(dtype).itemsize or 1
    for size in {0, 1, 2, lanes - 1, lanes, lanes + 1, 2 * lanes + 1, 7 * lanes - 1}:
        x = draw(dtype, size)
        y = _core.relu_forward(x)
        assert_same_bits(y, relu_forward(x))
        if x.dtype.kind == "f":
            dy = draw(dtype, size, seed=1)
            assert_same_bits(_core.relu_backward(dy, y), relu_grad_input(dy, y))


@FLOATS
def test_special_values_at_every_position(isa, dtype):
    """NaN, -0.0 and infinities, in vectors and in what is left over."""
    size = 2 * VECTOR_BYTES[isa] // np.dtype(dtype).itemsize + 3
    for value in SPECIAL:
        for position in range(size):
            x, dy = draw(dtype, size), draw(dtype, size, seed=1)
            x[position] = value
            y = _core.relu_forward(x)
            assert_same_bits(y, relu_forward(x), f"{value} at {position}")
            assert_same_bits(_core.relu_backward(dy, y), relu_grad_input(dy, y), f"{value} at {position}")
            dy[position] = value
            assert_same_bits(_core.relu_backward(dy, y), relu_grad_input(dy, y), f"dy {value} at {position}")


@FLOATS
def test_gradient_at_special_values(isa, dtype):
    """torch: 1 at NaN, 0 at both zeros; a NaN that arrives where y is 0 is dropped."""
    x = np.array([-1, -0.0, 0, 1, np.nan, np.inf, -np.inf], dtype)
    y = _core.relu_forward(x)
    np.testing.assert_array_equal(_core.relu_backward(np.ones_like(y), y), [0, 0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(_core.relu_backward(np.full_like(y, np.nan), y)[:3], [0, 0, 0])


@DTYPES
@pytest.mark.parametrize("shape", [(), (1,), (3, 0, 2), (2, 3, 4, 5, 6), (1,) * 32], ids=str)
def test_any_number_of_dimensions(isa, dtype, shape):
    x = draw(dtype, *shape)
    y = _core.relu_forward(x)
    assert_same_bits(y, relu_forward(x).reshape(shape))


@DTYPES
def test_many_elements_and_threads(isa, threads, dtype):
    x = draw(dtype, 300_001)
    y = _core.relu_forward(x)
    assert_same_bits(y, relu_forward(x))
    if x.dtype.kind == "f":
        assert_same_bits(_core.relu_backward(x, y), relu_grad_input(x, y))


def test_more_than_caches_hold(isa, threads):
    x = draw("float32", 4_400_003)
    y = _core.relu_forward(x)
    assert_same_bits(y, relu_forward(x))
    assert_same_bits(_core.relu_backward(x, y), relu_grad_input(x, y))
    assert_same_bits(_core.relu_forward(x, x), y)


@DTYPES
def test_out(isa, dtype):
    x = draw(dtype, 5, 37)
    want = relu_forward(x)
    out = np.empty_like(x)
    assert _core.relu_forward(x, out) is out
    assert_same_bits(out, want)
    assert _core.relu_forward(x.astype(x.dtype.newbyteorder()), out=out) is out
    assert_same_bits(out, want)
    assert _core.relu_forward(x, out=x) is x
    assert_same_bits(x, want)


@FLOATS
@pytest.mark.parametrize("shift", [-40, -1, 1, 40])
def test_out_that_partly_overlaps(isa, dtype, shift):
    """As if x had been copied first."""
    memory = draw(dtype, 300)
    x, out = memory[50:250], memory[50 + shift : 250 + shift]
    want = relu_forward(x)
    _core.relu_forward(x, out)
    assert_same_bits(out, want)


@FLOATS
def test_out_is_the_reversed_input(isa, dtype):
    memory = draw(dtype, 301)
    want = relu_forward(memory)[::-1].copy()
    _core.relu_forward(memory[::-1], memory)
    assert_same_bits(memory, want)


@pytest.mark.parametrize(
    "out, word",
    [
        (np.zeros(5), r"size \[5\]"),
        (np.zeros(4, np.float32), "dtype Float"),
        (np.zeros(8)[::2], "not C-contiguous"),
        (np.zeros(4, ">f8"), "native byte order"),
        (np.broadcast_to(np.zeros(4), 4), "read-only"),
    ],
    ids=["size", "dtype", "strides", "byte order", "read-only"],
)
def test_out_that_cannot_be_written(out, word):
    with pytest.raises(RuntimeError, match=f"out .*{word}"):
        _core.relu_forward(np.ones(4), out)
