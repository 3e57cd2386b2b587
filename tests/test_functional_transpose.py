"""functional.conv_transpose2d and conv1d: spelling, kinds of arrays, gradients of every order, errors. The
kernels are tested in test_kernels_transpose.py; torch's samples are in test_op_parity.py."""

# ruff: noqa: E501  (one wrong call a line)

from __future__ import annotations

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight.autograd import gradcheck, gradgradcheck
from rushlight.nn import grad


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def leaves(*arrays):
    return tuple(rushlight.tensor(a, requires_grad=True) for a in arrays)


X, W, B = draw(2, 4, 5, 6), draw(4, 3, 3, 2, seed=1), draw(6, seed=2)
SIGNALS, TAPS, BIAS = draw(2, 4, 9), draw(6, 2, 3, seed=1), draw(6, seed=2)


def scattered(x, w, b, stride, groups):
    """The definition, copy by copy."""
    n, c, height, width = x.shape
    depth, rows, columns = w.shape[1:]
    y = (
        np.zeros((n, depth * groups, (height - 1) * stride + rows, (width - 1) * stride + columns))
        + b[:, None, None]
    )
    for channel, i, j in np.ndindex(c, height, width):
        first = channel // (c // groups) * depth
        copy = x[:, channel, i, j][:, None, None, None] * w[channel]
        y[:, first : first + depth, i * stride : i * stride + rows, j * stride : j * stride + columns] += copy
    return y


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_transposed_is_the_definition(stride):
    got = F.conv_transpose2d(X, W, B, stride, groups=2)
    np.testing.assert_allclose(got, scattered(X, W, B, stride, 2), rtol=1e-12, atol=1e-12)
    larger = F.conv_transpose2d(
        X, W, B, [stride], padding=(1, 0), output_padding=(0, np.int64(stride - 1)), groups=2
    )
    want = np.pad(scattered(X, W, 0 * B, stride, 2), ((0, 0), (0, 0), (0, 0), (0, stride - 1)))[:, :, 1:-1]
    np.testing.assert_allclose(larger, want + B[:, None, None], rtol=1e-12, atol=1e-12)


def test_transposed_positional_order_is_torchs():
    got = F.conv_transpose2d(X, W, B, (2, 3), 1, (1, 0), 2, (1, 2))
    named = F.conv_transpose2d(
        X, W, B, stride=(2, 3), padding=1, output_padding=(1, 0), groups=2, dilation=(1, 2)
    )
    np.testing.assert_array_equal(got, named)


@pytest.mark.parametrize(
    ("settings", "in_rows"),
    [
        ({}, {}),
        ({"stride": 2, "padding": 1}, {"stride": (1, 2), "padding": (0, 1)}),
        ({"dilation": (2,), "padding": [3]}, {"dilation": (1, 2), "padding": (0, 3)}),
        ({"padding": "valid", "stride": np.int64(3)}, {"stride": (1, 3)}),
        ({"padding": "same", "dilation": 3}, {"dilation": (1, 3), "padding": (0, 3)}),
    ],
    ids=str,
)
def test_conv1d_is_conv2d_of_one_row(settings, in_rows):
    want = F.conv2d(SIGNALS[:, :, None], TAPS[:, :, None], BIAS, groups=2, **in_rows)[:, :, 0]
    np.testing.assert_array_equal(F.conv1d(SIGNALS, TAPS, BIAS, groups=2, **settings), want)
    strange = np.repeat(SIGNALS[..., ::-1], 2, -1)[..., ::-2].astype(">f8")
    np.testing.assert_array_equal(F.conv1d(strange, TAPS, BIAS, groups=2, **settings), want)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_conv1d_same_puts_the_odd_one_after():
    got = F.conv1d(SIGNALS, TAPS[..., :2], padding="same", groups=2)
    padded = np.pad(SIGNALS, ((0, 0), (0, 0), (0, 1)))
    np.testing.assert_array_equal(got, F.conv1d(padded, TAPS[..., :2], groups=2))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8"])
def test_conv1d_of_integers(dtype):
    y = F.conv1d(np.full((1, 3, 4), 100, dtype), np.full((2, 3, 3), 7, dtype))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.full(y.shape, 100 * 7 * 9).astype(dtype))


@pytest.mark.parametrize(
    "function, arrays", [(F.conv_transpose2d, (X, W, B)), (F.conv1d, (SIGNALS, TAPS, BIAS))]
)
def test_kinds_of_arrays(function, arrays):
    y = function(*arrays, groups=2)
    assert type(y) is np.ndarray
    tensors = [rushlight.from_numpy(a) for a in arrays]
    for index in range(3):
        mixed = function(*arrays[:index], tensors[index], *arrays[index + 1 :], groups=2)
        assert isinstance(mixed, rushlight.Tensor) and mixed.grad_fn is None
        np.testing.assert_array_equal(mixed.numpy(), y)
    assert "ConvolutionBackward0" in repr(function(*leaves(*arrays), groups=2).grad_fn)
    assert function(arrays[0][0], *arrays[1:], groups=2).shape == y.shape[1:]
    assert function(arrays[0][:0], *arrays[1:], groups=2).shape == (0, *y.shape[1:])


SMALL = draw(2, 2, 3, 4), draw(2, 2, 2, 3, seed=1), draw(2, seed=2)
GRADIENTS = {
    "transposed": (lambda x, w, b: F.conv_transpose2d(x, w, b), SMALL),
    "transposed, strided": (lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, (1, 0)), SMALL),
    "transposed, dilated": (lambda x, w, b: F.conv_transpose2d(x, w, b, (1, 2), 0, (1, 2), 1, (2, 3)), SMALL),
    "transposed, groups": (lambda x, w, b: F.conv_transpose2d(x, w, b, groups=2), (*SMALL[:2], draw(4))),
    "transposed, one image": (lambda x, w: F.conv_transpose2d(x, w, None, 2), (SMALL[0][0], SMALL[1])),
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, 2, 1, 1, 2), (draw(2, 4, 5), draw(4, 2, 3), draw(4))),
    "conv1d, same": (
        lambda x, w, b: F.conv1d(x, w, b, padding="same"),
        (draw(1, 2, 5), draw(3, 2, 3), draw(3)),
    ),
    "conv1d, one signal": (lambda x, w: F.conv1d(x, w, dilation=2), (draw(2, 6), draw(3, 2, 3))),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    function, arrays = GRADIENTS[name]
    assert gradcheck(function, leaves(*arrays))
    assert gradgradcheck(function, leaves(*arrays))


@pytest.mark.parametrize(
    "settings", [{}, {"stride": 2, "padding": 1}, {"padding": "same", "dilation": 2}], ids=str
)
def test_conv1ds_backward_passes_are_those_of_autograd(settings):
    x, w = leaves(SIGNALS, TAPS)
    y = F.conv1d(x, w, groups=2, **settings)
    upstream = draw(*y.shape, seed=3)
    y.backward(rushlight.from_numpy(upstream))
    dx = grad.conv1d_input(SIGNALS.shape, TAPS, upstream, groups=2, **settings)
    dw = grad.conv1d_weight(SIGNALS, list(TAPS.shape), upstream, groups=2, **settings)
    np.testing.assert_array_equal(dx, x.grad.numpy())
    np.testing.assert_array_equal(dw, w.grad.numpy())
    with pytest.raises(RuntimeError, match="expected grad_output of size"):
        grad.conv1d_input((2, 4, 8), TAPS, upstream[..., :3], groups=2, **settings)
    with pytest.raises(TypeError, match=r"'weight_size'.*must be tuple of ints"):
        grad.conv1d_weight(SIGNALS, 3, upstream)


ZERO = "z(1, 4, 5, 5), z(4, 3, 3, 3)"
ERRORS = [
    (f"F.conv_transpose2d({ZERO}, z(3).double())", RuntimeError, r"Input type \(float\) and bias type \(double\)", False),
    ("F.conv_transpose2d(z(5, 5), z(4, 3, 3, 3))", RuntimeError, r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv_transpose2d, but got input of size: \[5, 5\]", True),
    (f"F.conv_transpose2d({ZERO}, stride=(1, 1, 1))", RuntimeError, r"expected stride to be a single integer value or a list of 2 values.*stride=\[1, 1, 1\]", True),
    (f"F.conv_transpose2d({ZERO}, output_padding=(1, 1, 1))", RuntimeError, r"expected output_padding to be .* output_padding=\[1, 1, 1\]", True),
    (f"F.conv_transpose2d({ZERO}, stride=0)", RuntimeError, "non-positive stride is not supported", True),
    (f"F.conv_transpose2d({ZERO}, stride=-1, padding=-1)", RuntimeError, "negative padding is not supported", True),
    (f"F.conv_transpose2d({ZERO}, output_padding=-1)", RuntimeError, "negative output_padding is not supported", True),
    (f"F.conv_transpose2d({ZERO}, dilation=0)", RuntimeError, "dilation should be greater than zero", True),
    (f"F.conv_transpose2d({ZERO}, groups=0)", RuntimeError, "non-positive groups is not supported", True),
    (f"F.conv_transpose2d({ZERO}, groups=3, stride=2, output_padding=2)", RuntimeError, r"Given groups=3, expected weight to be divisible by 3 at dimension 0, but got weight of size \[\[4, 3, 3, 3\]\] instead", True),
    (f"F.conv_transpose2d({ZERO}, groups=8)", RuntimeError, "Given groups=8, expected weight to be at least 8 at dimension 0", True),
    (f"F.conv_transpose2d({ZERO}, output_padding=1)", RuntimeError, "output padding must be smaller than either stride or dilation, but got output_padding_height: 1 output_padding_width: 1 stride_height: 1 stride_width: 1 dilation_height: 1 dilation_width: 1", True),
    (f"F.conv_transpose2d({ZERO}, stride=(2, 1), output_padding=1)", RuntimeError, "output padding must be smaller", True),
    (f"F.conv_transpose2d({ZERO}, padding=4)", RuntimeError, r"Given input size per channel: \(5 x 5\). Calculated output size per channel: \(-1 x -1\). Output size is too small", True),
    ("F.conv_transpose2d(z(1, 3, 5, 5), z(4, 3, 3, 3), padding=9)", RuntimeError, r"Given transposed=1, weight of size \[4, 3, 3, 3\], expected input\[1, 3, 5, 5\] to have 4 channels, but got 3 channels instead", True),
    (f"F.conv_transpose2d({ZERO}, z(4), output_padding=1)", RuntimeError, r"Given transposed=1, weight of size \[4, 3, 3, 3\], expected bias to be 1-dimensional with 3 elements, but got bias of size \[4\] instead|output padding must be smaller", True),
    (f"F.conv_transpose2d({ZERO}, z(3, 1))", RuntimeError, r"with 3 elements, but got bias of size \[3, 1\]", True),
    ("F.conv_transpose2d(z(1, 4, 0, 5), z(4, 3, 3, 3))", RuntimeError, "Only zero batch or zero channel inputs are supported", True),
    ("F.conv_transpose2d(z(1, 4, 5, 5), z(4, 0, 3, 3))", RuntimeError, r"weight tensor expected, but got: \[4, 0, 3, 3\]", True),
    ("F.conv_transpose2d(z(1, 4, 5, 5), z(4, 3, 0, 3))", RuntimeError, "kernel size should be greater than zero, but got kernel_height: 0 kernel_width: 3", True),
    ("F.conv_transpose2d(z(1, 4, 5, 5), z(4, 3))", RuntimeError, "weight should have at least three dimensions", True),
    ("F.conv_transpose2d(z(1, 4, 5, 5), z(4, 3, 3))", RuntimeError, r"weight of size: \[4, 3, 3\]", False),
    ("F.conv_transpose2d(z(1, 4, 5, 5).double(), z(4, 3, 3, 3))", RuntimeError, "expected scalar type Double but found Float", True),
    ("F.conv_transpose2d(z(1, 4, 5, 5).int(), z(4, 3, 3, 3).int())", NotImplementedError, "\"slow_conv_transpose2d_out_cpu\" not implemented for 'Int'", True),
    ("F.conv_transpose2d(z(1, 4, 5, 5).bool(), z(4, 3, 3, 3).bool())", NotImplementedError, "not implemented for 'Bool'", True),
    (f"F.conv_transpose2d({ZERO}, padding='same')", TypeError, r"conv_transpose2d\(\): argument 'padding' .*must be tuple of ints, not str", True),
    (f"F.conv_transpose2d({ZERO}, stride=1.5)", TypeError, r"conv_transpose2d\(\): argument 'stride' .*must be tuple of ints, not float", True),
    (f"F.conv_transpose2d({ZERO}, groups=1.0)", TypeError, r"argument 'groups' .*must be int, not float", True),
    (f"F.conv_transpose2d({ZERO}, 1.0)", TypeError, r"argument 'bias' \(position 3\) must be Tensor", True),
    ("F.conv_transpose2d([1], z(4, 3, 3, 3))", TypeError, r"argument 'input' \(position 1\) must be Tensor", True),
    ("F.conv1d(z(9), z(6, 4, 3))", RuntimeError, r"Expected 2D \(unbatched\) or 3D \(batched\) input to conv1d, but got input of size: \[9\]", True),
    ("F.conv1d(z(1, 2, 4, 9), z(6, 4, 3))", RuntimeError, r"input to conv1d, but got input of size: \[1, 2, 4, 9\]", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4))", RuntimeError, "weight should have at least three dimensions", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), stride=(1, 1))", RuntimeError, r"a list of 1 values to match the convolution dimensions, but got stride=\[1, 1\]", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), padding=(1, 1))", RuntimeError, r"a list of 1 values .*padding=\[1, 1\]", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), stride=0)", RuntimeError, "non-positive stride is not supported", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), padding=-1)", RuntimeError, "negative padding is not supported", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), dilation=0)", RuntimeError, "non-positive dilation is not supported", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), dilation=-1)", RuntimeError, "dilation should be greater than zero", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), groups=3)", RuntimeError, r"Given groups=3, weight of size \[6, 4, 3\], expected input\[2, 4, 9\] to have 12 channels, but got 4 channels instead", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), groups=8)", RuntimeError, r"at least 8 at dimension 0, but got weight of size \[6, 4, 3\] instead", True),
    ("F.conv1d(z(2, 9, 4), z(6, 4, 3))", RuntimeError, "to have 4 channels, but got 9 channels instead", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), z(4))", RuntimeError, r"Given weight of size \[6, 4, 3\], expected bias to be 1-dimensional with 6 elements, but got bias of size \[4\] instead", True),
    ("F.conv1d(z(2, 4, 2), z(6, 4, 3), dilation=2, padding=1)", RuntimeError, r"Calculated padded input size per channel: \(4\). Kernel size: \(5\). Kernel size can't be greater than actual input size", True),
    ("F.conv1d(z(2, 4, 0), z(6, 4, 3), padding=2)", RuntimeError, "Only zero batch or zero channel inputs are supported", True),
    ("F.conv1d(z(2, 4, 9).double(), z(6, 4, 3))", RuntimeError, "expected scalar type Double but found Float", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), padding='same', stride=2)", RuntimeError, "padding='same' is not supported for strided convolutions", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), padding='foo')", RuntimeError, "Invalid padding string: 'foo'", True),
    ("F.conv1d(z(2, 4, 9).bool(), z(6, 4, 3).bool())", NotImplementedError, "\"slow_conv2d_cpu\" not implemented for 'Bool'", True),
    ("F.conv1d(z(2, 4, 9), z(6, 4, 3), 1.0)", TypeError, r"conv1d\(\) received an invalid combination of arguments", True),
    ("F.conv1d([1], z(6, 4, 3))", TypeError, r"conv1d\(\) received an invalid combination of arguments", True),
]  # fmt: skip


def call(library, text):
    eval(text, {"F": library.nn.functional, "z": library.zeros})


@pytest.mark.parametrize(
    ("text", "error", "words"), [row[:3] for row in ERRORS], ids=[row[0] for row in ERRORS]
)
def test_wrong_calls(text, error, words):
    with pytest.raises(error, match=words):
        call(rushlight, text)


@pytest.mark.parity
@pytest.mark.parametrize(("text", "error", "words"), [row[:3] for row in ERRORS if row[3]])
def test_torch_says_the_same(text, error, words):
    torch = pytest.importorskip("torch")
    with pytest.raises(error, match=words):
        call(torch, text)
