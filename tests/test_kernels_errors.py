"""Every check of the operators at `_core` level: torch's exception class and text, and what was given."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rushlight import _core

ONE, NONE = (1, 1), (0, 0, 0, 0)


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


def conv(x=None, w=None, b=None, stride=ONE, padding=NONE, dilation=ONE, groups=1):
    x = zeros(1, 3, 5, 5) if x is None else x
    w = zeros(4, 3, 3, 3) if w is None else w
    return _core.conv2d_forward(x, w, b, stride, padding, dilation, groups)


CONV = {
    "bias dtype, before all else": (
        {"x": zeros(5, 5), "b": zeros(4, dtype="float64")},
        "Input type (float) and bias type (double) should be the same",
    ),
    "byte image, float bias": (
        {"x": zeros(1, 3, 5, 5, dtype="uint8"), "b": zeros(4)},
        "Input type (unsigned char) and bias type (float)",
    ),
    "long bias": ({"b": zeros(4, dtype="int64")}, "bias type (long int)"),
    "2-D input": (
        {"x": zeros(5, 5)},
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [5, 5]",
    ),
    "5-D input": ({"x": zeros(1, 1, 3, 5, 5)}, "input of size: [1, 1, 3, 5, 5]"),
    "2-D weight": ({"w": zeros(3, 3)}, "weight should have at least three dimensions"),
    "3-D weight": ({"w": zeros(3, 3, 3)}, "weight of size: [3, 3, 3]"),
    "groups 0": ({"groups": 0}, "non-positive groups is not supported"),
    "groups -1": ({"groups": -1, "padding": (-1, 0, 0, 0)}, "groups=-1"),
    "negative padding": ({"padding": (0, 0, -2, 0), "stride": (0, 1)}, "negative padding is not supported"),
    "zero stride": ({"stride": (1, 0), "dilation": (-1, 1)}, "non-positive stride is not supported"),
    "negative stride": ({"stride": (-1, 1)}, "stride=[-1, 1]"),
    "negative dilation": ({"dilation": (-1, 1)}, "dilation should be greater than zero"),
    "zero dilation": ({"dilation": (1, 0)}, "dilation should be greater than zero, but got [1, 0]"),
    "fewer kernels than groups": (
        {"groups": 4, "w": zeros(2, 1, 3, 3)},
        "Given groups=4, expected weight to be at least 4 at dimension 0, "
        "but got weight of size [2, 1, 3, 3]",
    ),
    "kernels not divisible by groups": (
        {"groups": 2, "w": zeros(3, 2, 3, 3)},
        "Given groups=2, expected weight to be divisible by 2 at dimension 0, "
        "but got weight of size [[3, 2, 3, 3]]",
    ),
    "channels": (
        {"w": zeros(4, 2, 3, 3)},
        "Given groups=1, weight of size [4, 2, 3, 3], expected input[1, 3, 5, 5] to have 2 channels, "
        "but got 3 channels instead",
    ),
    "channels of an unbatched input": (
        {"x": zeros(3, 5, 5), "w": zeros(4, 2, 3, 3)},
        "expected input[3, 5, 5] to have 2 channels",
    ),
    "channels last": ({"x": zeros(1, 32, 32, 3)}, "permute(0, 3, 1, 2)"),
    "channels not divisible by groups": (
        {"x": zeros(1, 3, 5, 5), "w": zeros(4, 1, 3, 3), "groups": 2},
        "to have 2 channels, but got 3 channels instead",
    ),
    "bias length": (
        {"b": zeros(3)},
        "expected bias to be 1-dimensional with 4 elements, but got bias of size [3] instead",
    ),
    "2-D bias": ({"b": zeros(4, 1)}, "bias of size [4, 1]"),
    "0-D bias": ({"b": zeros()}, "bias of size []"),
    "kernel too large": (
        {"x": zeros(1, 3, 2, 2)},
        "Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3). "
        "Kernel size can't be greater than actual input size",
    ),
    "dilated kernel too large": ({"dilation": (2, 3)}, "Kernel size: (5 x 7)"),
    "kernel too large although padded": (
        {"x": zeros(1, 3, 1, 5), "padding": (1, 0, 0, 0)},
        "padded input size per channel: (2 x 5)",
    ),
    "empty kernel": (
        {"w": zeros(4, 3, 0, 3)},
        "kernel size should be greater than zero, but got kernel_height: 0 kernel_width: 3",
    ),
    "height 0": ({"x": zeros(2, 3, 0, 5), "padding": (2, 2, 0, 0)}, "Only zero batch or zero channel inputs"),
    "float and double": (
        {"w": zeros(4, 3, 3, 3, dtype="float64")},
        "expected scalar type Float but found Double",
    ),
    "double and float": (
        {"x": zeros(1, 3, 5, 5, dtype="float64")},
        "expected scalar type Double but found Float",
    ),
    "long and float": ({"x": zeros(1, 3, 5, 5, dtype="int64")}, "expected scalar type Long but found Float"),
    "huge padding": ({"padding": (2**62, 2**62, 0, 0)}, "2**40"),
    "huge dilation": ({"dilation": (2**62, 1)}, "2**40"),
}


@pytest.mark.parametrize("arguments, text", CONV.values(), ids=list(CONV))
def test_conv2d(arguments, text):
    with pytest.raises(RuntimeError, match=re.escape(text)):
        conv(**arguments)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint16", "uint32", "uint64", "float16", "complex64", "object", "U3"]
)
def test_conv2d_other_dtypes(dtype):
    with pytest.raises(NotImplementedError, match="not implemented for"):
        conv(zeros(1, 3, 5, 5, dtype=dtype), zeros(4, 3, 3, 3, dtype=dtype))


@pytest.mark.parametrize("value", [[[1.0]], 3, None, "x"], ids=str)
def test_what_is_no_array(value):
    x = zeros(1, 3, 5, 5)
    for call, argument in [
        (lambda: conv(value), "input"),
        (lambda: conv(x, value), "weight"),
        (lambda: _core.conv2d_backward_bias(value), "grad_output"),
        (lambda: _core.max_pool2d_forward(value, ONE, ONE, NONE, ONE, False, False), "input"),
        (lambda: _core.max_pool2d_backward(x, value, x.shape), "indices"),
        (lambda: _core.relu_forward(value), "input"),
        (lambda: _core.relu_backward(x, value), "output"),
    ]:
        if value is None and argument in ("input", "weight"):
            continue  # the defaults of conv() above
        with pytest.raises(TypeError, match=f"'{argument}' must be a NumPy array"):
            call()


def test_conv2d_gradients():
    x, w, dy = zeros(1, 3, 5, 5), zeros(4, 3, 3, 3), zeros(1, 4, 3, 3)
    options = ONE, NONE, ONE, 1
    cases = [
        (_core.conv2d_backward_input, (dy[:, :3], w, x.shape), r"grad_output of size \[1, 3, 3, 3\]"),
        (_core.conv2d_backward_input, (dy, w, (1, 3, 6, 5)), r"expected grad_output of size \[1, 4, 4, 3\]"),
        (_core.conv2d_backward_input, (dy, w, (3, 5)), "3D .* or 4D"),
        (
            _core.conv2d_backward_input,
            (dy.astype("f8"), w, x.shape),
            "expected scalar type Float but found Double",
        ),
        (_core.conv2d_backward_weight, (dy, x, (4, 2, 3, 3)), "2 channels"),
        (_core.conv2d_backward_weight, (dy[:, :, :2], x, w.shape), r"grad_output of size \[1, 4, 2, 3\]"),
        (
            _core.conv2d_backward_weight,
            (dy, x.astype("f8"), w.shape),
            "expected scalar type Double but found Float",
        ),
    ]
    for function, arguments, text in cases:
        with pytest.raises(RuntimeError, match=text):
            function(*arguments, *options)
    with pytest.raises(RuntimeError, match=r"\[4\]"):
        _core.conv2d_backward_bias(zeros(4))
    for dtype in ("int64", "uint8"):
        x, w, dy = (a.astype(dtype) for a in (x, w, dy))
        with pytest.raises(NotImplementedError):
            _core.conv2d_backward_input(dy, w, x.shape, *options)
        with pytest.raises(NotImplementedError):
            _core.conv2d_backward_weight(dy, x, w.shape, *options)
        with pytest.raises(NotImplementedError):
            _core.conv2d_backward_bias(dy)


# ---------------------------------------------------------------- max pooling


def pool(x=None, kernel=(2, 2), stride=(2, 2), padding=NONE, dilation=ONE, ceil_mode=False):
    x = zeros(1, 2, 4, 4) if x is None else x
    return _core.max_pool2d_forward(x, kernel, stride, padding, dilation, ceil_mode, True)


POOL = {
    "padding over half the kernel, before all else": (
        {"x": zeros(4, 4), "kernel": (3, 3), "padding": (0, 2, 0, 0), "stride": (0, 0)},
        "pad should be at most half of effective kernel size, but got pad=2, kernel_size=3 and dilation=1",
    ),
    "padding over half the kernel, not the dilated one": (
        {"kernel": (3, 3), "padding": (0, 0, 2, 2), "dilation": (2, 2), "x": zeros(1, 2, 9, 9)},
        "pad should be at most half of effective kernel size, but got pad=2, kernel_size=3 and dilation=2",
    ),
    "what was given": ({"padding": (2, 0, 0, 0)}, "padding=((2, 0), (0, 0)), kernel_size=(2, 2)"),
    "negative padding": ({"padding": (0, 0, 0, -1)}, "pad must be non-negative, but got pad: -1"),
    "kernel 0 says kernel": (
        {"kernel": (0, 0), "stride": (0, 0)},
        "kernel size should be greater than zero, but got kH: 0 kW: 0",
    ),
    "negative kernel": ({"kernel": (2, -1)}, "kernel size should be greater than zero, but got kH: 2 kW: -1"),
    "stride 0": ({"stride": (2, 0)}, "stride should not be zero"),
    "negative stride": ({"stride": (-1, 2)}, "stride should be greater than zero, but got dH: -1 dW: 2"),
    "dilation 0": (
        {"dilation": (0, 1)},
        "dilation should be greater than zero, but got dilationH: 0 dilationW: 1",
    ),
    "2-D": (
        {"x": zeros(4, 4)},
        "non-empty 3D or 4D (batch mode) tensor expected for input, but got input of size: [4, 4]",
    ),
    "5-D": ({"x": zeros(1, 1, 1, 4, 4)}, "non-empty 3D or 4D (batch mode) tensor expected for input"),
    "no channels": (
        {"x": zeros(2, 0, 4, 4)},
        "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, "
        "but got:[2, 0, 4, 4]",
    ),
    "no height": ({"x": zeros(0, 3, 0, 4)}, "optional 0 dim batch size for input, but got:[0, 3, 0, 4]"),
    "unbatched without channels": ({"x": zeros(0, 4, 4)}, "but got:[0, 4, 4]"),
    "kernel too large": (
        {"x": zeros(1, 2, 2), "kernel": (3, 3), "stride": (3, 3)},
        "Given input size: (1x2x2). Calculated output size: (1x0x0). Output size is too small",
    ),
    "kernel too large, ceil_mode, stride 1": (
        {"x": zeros(1, 2, 2), "kernel": (3, 3), "stride": (1, 1), "ceil_mode": True},
        "Output size is too small",
    ),
    "huge kernel": ({"kernel": (2**62, 2)}, "2**40"),
    "huge dilation": ({"kernel": (2**30, 2), "dilation": (2**30, 1)}, "2**40"),
}


@pytest.mark.parametrize("arguments, text", POOL.values(), ids=list(POOL))
def test_max_pool2d(arguments, text):
    with pytest.raises(RuntimeError, match=re.escape(text)):
        pool(**arguments)


@pytest.mark.parametrize(
    "dtype, name", [("bool", "Bool"), ("complex64", ""), ("float16", ""), ("uint16", "")]
)
def test_max_pool2d_other_dtypes(dtype, name):
    with pytest.raises(NotImplementedError, match=f'"max_pool2d" not implemented for \'{name}'):
        pool(zeros(1, 2, 4, 4, dtype=dtype))


def test_max_pool2d_gradient():
    dy, indices = zeros(1, 1, 2, 2), zeros(1, 1, 2, 2, dtype="int64")
    size = 1, 1, 4, 4
    for args, text in [
        ((zeros(2, 2), indices, size), "3D or 4D grad_output, but got size [2, 2]"),
        ((dy, indices.astype("int32"), size), "elements in indices should be type int64 but got: Int"),
        (
            (dy, indices[..., :1], size),
            "Expected shape of indices to be same as that of grad_output ([1, 1, 2, 2])",
        ),
        ((dy, indices[0], size), "indices tensor with shape: [1, 2, 2]"),
        ((dy, indices, (1, 4, 4)), "input_size [1, 4, 4]"),
        ((dy, indices, (1, 2, 4, 4)), "input_size [1, 2, 4, 4]"),
        ((dy, indices, (1, 1, -4, 4)), "input_size"),
        ((dy, indices + 16, size), "Found an invalid max index: 16 (output volumes are of size 4x4)"),
        ((dy, indices - 1, size), "Found an invalid max index: -1"),
        ((dy, indices + 2**62, size), f"Found an invalid max index: {2**62}"),
        ((dy, indices, (1, 1, 0, 4)), "Found an invalid max index: 0 (output volumes are of size 0x4)"),
    ]:
        with pytest.raises(RuntimeError, match=re.escape(text)):
            _core.max_pool2d_backward(*args)
    for dtype in ("int64", "bool", "float16"):
        with pytest.raises(NotImplementedError, match="only floating point has gradients"):
            _core.max_pool2d_backward(dy.astype(dtype), indices, size)


def test_the_first_bad_index_is_named(threads):
    dy, indices = zeros(50, 40, 8, 8), zeros(50, 40, 8, 8, dtype="int64")
    indices[7, 3, 2, 2], indices[7, 3, 2, 5], indices[30:] = 1001, 1002, 1003
    with pytest.raises(RuntimeError, match="index: 1001 "):
        _core.max_pool2d_backward(dy, indices, (50, 40, 16, 16))


# ---------------------------------------------------------------- relu


def test_relu():
    with pytest.raises(RuntimeError, match="Boolean inputs not supported for relu"):
        _core.relu_forward(zeros(2, dtype="bool"))
    for dtype in ("complex64", "float16", "uint16", "object"):
        with pytest.raises(NotImplementedError, match="relu"):
            _core.relu_forward(zeros(2, dtype=dtype))


def test_relu_gradient():
    with pytest.raises(RuntimeError, match=r"grad_output of size \[3\]"):
        _core.relu_backward(zeros(3), zeros(2))
    with pytest.raises(RuntimeError, match="expected scalar type Float but found Double"):
        _core.relu_backward(zeros(2, dtype="float64"), zeros(2))
    with pytest.raises(NotImplementedError, match="only floating point has gradients"):
        _core.relu_backward(zeros(2, dtype="int64"), zeros(2, dtype="int64"))


# ---------------------------------------------------------------- the runtime


def test_sizes_that_no_memory_holds():
    """A result too large to exist is a MemoryError, not a crash."""
    x = np.broadcast_to(np.float32(0), (1, 1, 2**29, 2**29))
    with pytest.raises(MemoryError):
        _core.max_pool2d_forward(x, ONE, ONE, NONE, ONE, False, False)
    with pytest.raises(MemoryError):
        _core.conv2d_forward(x, zeros(2**10, 1, 1, 1), None, ONE, NONE, ONE, 1)


def test_sizes_that_overflow():
    """Where a product or a sum of sizes passes 2**63, nothing is computed with what is left of it."""
    dot = np.broadcast_to(np.uint8(0), (1, 2**24, 1, 1))
    with pytest.raises(MemoryError):  # 2**24 * 2**20 * 2**20 is 0 in 64 bits
        _core.unfold(dot, (2**20, 2**20), ONE, (2**19, 2**19), ONE)
    line = np.broadcast_to(np.uint8(0), (1, 1, 1, 2**63 - 1))
    for call in (
        lambda: _core.conv2d_forward(line, zeros(1, 1, 1, 1, dtype="uint8"), None, ONE, NONE, ONE, 1),
        lambda: _core.max_pool2d_forward(line, (3, 3), ONE, (1, 1, 1, 1), ONE, True, False),
        lambda: _core.unfold(line, ONE, ONE, (1, 1), ONE),
        lambda: _core.conv_transpose2d_backward_input(
            zeros(1, 1, 1, 1), zeros(1, 1, 1, 1), (1, 1, 1, -(2**63)), ONE, (0, 0), (0, 0), 1, ONE
        ),
        lambda: _core.avg_pool2d_backward(
            zeros(1, 1, 1, 1), (1, 1, 1, -(2**63)), ONE, ONE, NONE, False, True, None
        ),
    ):
        with pytest.raises(RuntimeError, match=r"height and width of the input must be .*2\*\*"):
            call()
    with pytest.raises(RuntimeError, match="expected weight of a size that an array can have"):
        _core.conv2d_backward_weight(
            zeros(1, 4, 1, 1), zeros(1, 4, 1, 1), (4, 2**62, 1, 1), ONE, NONE, ONE, 4
        )


def test_an_empty_result_takes_no_time():
    """However many groups there are, each without a channel."""
    many = np.broadcast_to(np.float32(0), (1, 2**31, 4, 4))
    weight = np.empty((2**31, 0, 1, 1), np.float32)
    dx = _core.conv2d_backward_input(many, weight, (1, 0, 4, 4), ONE, NONE, ONE, 2**31)
    assert dx.shape == (1, 0, 4, 4)
    assert _core.conv2d_backward_weight(many, dx, weight.shape, ONE, NONE, ONE, 2**31).shape == weight.shape
    assert _core.conv2d_backward_bias(np.empty((2**40, 1, 0, 1), np.float32)).tolist() == [0]
    assert _core.batch_norm_forward(np.empty((2**40, 1, 0)), None, None, 1e-5, None, None)[0].size == 0
    planes = np.empty((1, 2**40, 0, 3), np.float32)
    assert _core.max_pool2d_backward(planes, planes.astype(np.int64), (1, 2**40, 0, 0)).size == 0


def test_isa_and_threads():
    with pytest.raises(ValueError, match=r"unknown or unusable ISA 'sse9', expected one of .*'reference'"):
        _core.set_isa("sse9")
    for n in (0, -3):
        with pytest.raises(ValueError, match=str(n)):
            _core.set_num_threads(n)
    with pytest.raises(TypeError):
        _core.set_num_threads("two")
