"""Wrong calls of rushlight.functional: torch's exception class and key words, for Tensors and for ndarrays.

Each row is (call, exception, words that torch's message has too). With torch installed the same call is made
there and must fail the same way. `t(*shape, dtype=)` makes an array of ones of the kind under test.
"""

# ruff: noqa: E501  (a wrong call is one line)

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F

INVALID = "invalid combination of arguments"

CONV2D = [
    # ---- types (torch names the argument and the type in the list of what it got)
    ("F.conv2d(x, w, stride=True)", TypeError, f"conv2d.*{INVALID}.*stride.*bool"),
    ("F.conv2d(x, w, stride=1.0)", TypeError, f"conv2d.*{INVALID}.*stride.*float"),
    ("F.conv2d(x, w, stride='a')", TypeError, f"conv2d.*{INVALID}.*stride.*str"),
    ("F.conv2d(x, w, stride=None)", TypeError, f"conv2d.*{INVALID}.*stride.*NoneType"),
    ("F.conv2d(x, w, stride=np.ones(2, int))", TypeError, f"conv2d.*{INVALID}.*stride.*ndarray"),
    ("F.conv2d(x, w, stride=np.float64(1))", TypeError, f"conv2d.*{INVALID}.*stride.*float64"),
    ("F.conv2d(x, w, stride=np.bool_(True))", TypeError, f"conv2d.*{INVALID}.*stride.*bool"),
    ("F.conv2d(x, w, padding=True)", TypeError, f"conv2d.*{INVALID}.*padding.*bool"),
    ("F.conv2d(x, w, padding=1.5)", TypeError, f"conv2d.*{INVALID}.*padding.*float"),
    ("F.conv2d(x, w, padding=(1, 1.5))", TypeError, "conv2d.*padding.*float"),
    ("F.conv2d(x, w, padding=None)", TypeError, f"conv2d.*{INVALID}.*padding.*NoneType"),
    ("F.conv2d(x, w, dilation=1.0)", TypeError, f"conv2d.*{INVALID}.*dilation.*float"),
    ("F.conv2d(x, w, dilation='same')", TypeError, f"conv2d.*{INVALID}.*dilation.*str"),
    ("F.conv2d(x, w, groups=1.0)", TypeError, f"conv2d.*{INVALID}.*groups.*float"),
    ("F.conv2d(x, w, groups=True)", TypeError, f"conv2d.*{INVALID}.*groups.*bool"),
    ("F.conv2d(x, w, groups=(1,))", TypeError, f"conv2d.*{INVALID}.*groups.*tuple"),
    ("F.conv2d(x, 1.0)", TypeError, f"conv2d.*{INVALID}.*float"),
    ("F.conv2d([1], w)", TypeError, f"conv2d.*{INVALID}.*list"),
    ("F.conv2d(x, w, 1.0)", TypeError, f"conv2d.*{INVALID}.*float"),
    # ---- numbers of elements
    ("F.conv2d(x, w, stride=())", RuntimeError, r"expected stride to be a single integer.*stride=\[\]"),
    ("F.conv2d(x, w, stride=[1, 1, 1])", RuntimeError, r"expected stride .*2 values.*stride=\[1, 1, 1\]"),
    ("F.conv2d(x, w, padding=[1, 1, 1, 1])", RuntimeError, r"expected padding .*2 values.*\[1, 1, 1, 1\]"),
    ("F.conv2d(x, w, dilation=[1, 1, 1])", RuntimeError, r"expected dilation .*2 values.*\[1, 1, 1\]"),
    # ---- padding by name
    ("F.conv2d(x, w, padding='foo')", RuntimeError, "Invalid padding string: 'foo'"),
    ("F.conv2d(x, w, padding='Same')", RuntimeError, "Invalid padding string: 'Same'"),
    ("F.conv2d(x, w, padding='same', stride=2)", RuntimeError, "padding='same' is not supported for strided"),
    ("F.conv2d(x, w, padding='same', stride=(1, 2))", RuntimeError, "padding='same' is not supported for str"),
    ("F.conv2d(t(5, 5), w, padding='same')", RuntimeError, r"Expected 3D .*conv2d.*size: \[5, 5\]"),
    # ---- too large for 64 bits
    ("F.conv2d(x, w, stride=2**70)", ValueError, "Overflow when unpacking long long"),
    ("F.conv2d(x, w, groups=2**70)", ValueError, "Overflow when unpacking long long"),
    # ---- meaning
    ("F.conv2d(t(5, 5), w)", RuntimeError, r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d"),
    ("F.conv2d(x, w, groups=0)", RuntimeError, "non-positive groups is not supported"),
    ("F.conv2d(x, w, padding=-1)", RuntimeError, "negative padding is not supported"),
    ("F.conv2d(x, w, stride=0)", RuntimeError, "non-positive stride is not supported"),
    ("F.conv2d(x, w, dilation=-1)", RuntimeError, "dilation should be greater than zero"),
    ("F.conv2d(x, w, dilation=0)", RuntimeError, "dilation should be greater than zero"),
    ("F.conv2d(x, w, groups=4)", RuntimeError, "Given groups=4, expected weight to be at least 4 at dimension 0"),
    ("F.conv2d(t(1, 2, 5, 5), t(3, 1, 3, 3), groups=2)", RuntimeError, "Given groups=2, .*divisible by 2"),
    ("F.conv2d(t(1, 2, 5, 5), w)", RuntimeError, "Given groups=1, weight of size .*to have 1 channels, but got 2"),
    ("F.conv2d(x, w, t(2))", RuntimeError, "expected bias to be 1-dimensional with 1 elements.*size"),
    ("F.conv2d(t(1, 1, 2, 2), w)", RuntimeError, r"Kernel size can't be greater than actual input size"),
    ("F.conv2d(x, w, dilation=9)", RuntimeError, r"Kernel size: \(19 x 19\)"),
    ("F.conv2d(x, t(1, 1, 0, 3))", RuntimeError, "kernel size should be greater than zero"),
    ("F.conv2d(x, w, t(1, dtype='float64'))", RuntimeError, "Input type .float. and bias type .double."),
    ("F.conv2d(x, t(1, 1, 3, 3, dtype='float64'))", RuntimeError, "expected scalar type Float but found Double"),
    ("F.conv2d(t(1, 1, 5, 5, dtype='bool'), t(1, 1, 3, 3, dtype='bool'))", NotImplementedError, "conv2d.*Bool"),
]  # fmt: skip

MAX_POOL2D = [
    ("F.max_pool2d(x, 2.0)", TypeError, r"max_pool2d\(\).*'kernel_size' \(position 2\).*tuple of ints, not float"),
    ("F.max_pool2d(x, True)", TypeError, "'kernel_size'.*tuple of ints, not bool"),
    ("F.max_pool2d(x, 'a')", TypeError, "'kernel_size'.*tuple of ints, not str"),
    ("F.max_pool2d(x, None)", TypeError, "'kernel_size'.*tuple of ints, not NoneType"),
    ("F.max_pool2d(x, (2, 2.0))", TypeError, "'kernel_size'.*float"),
    ("F.max_pool2d(x, (True, 2))", TypeError, "'kernel_size'.*found element of type bool at pos 0"),
    ("F.max_pool2d(x, ())", RuntimeError, "max_pool2d: kernel_size must either be a single int, or a tuple"),
    ("F.max_pool2d(x, (2, 2, 2))", RuntimeError, "max_pool2d: kernel_size must either be a single int, or"),
    ("F.max_pool2d(x, 2, 2.0)", TypeError, r"'stride' \(position 3\) must be tuple of ints, not float"),
    ("F.max_pool2d(x, 2, (1, 1, 1))", RuntimeError, "stride must either be omitted, a single int, or a tuple"),
    ("F.max_pool2d(x, 2, padding=1.0)", TypeError, r"'padding' \(position 4\) must be tuple of ints, not float"),
    ("F.max_pool2d(x, 2, padding='same')", TypeError, "'padding'.*tuple of ints, not str"),
    ("F.max_pool2d(x, 2, padding=())", RuntimeError, "max_pool2d: padding must either be a single int, or a"),
    ("F.max_pool2d(x, 2, dilation=1.0)", TypeError, r"'dilation' \(position 5\) must be tuple of ints, not"),
    ("F.max_pool2d(x, 2, dilation=(1, 1, 1))", RuntimeError, "max_pool2d: dilation must be either a single int"),
    ("F.max_pool2d(x, 2, ceil_mode=1)", TypeError, r"'ceil_mode' \(position 6\) must be bool, not int"),
    ("F.max_pool2d(x, 2, ceil_mode=None)", TypeError, "'ceil_mode'.*must be bool, not NoneType"),
    ("F.max_pool2d([1], 2)", TypeError, r"max_pool2d\(\): argument 'input' \(position 1\) must be Tensor.*not list"),
    ("F.max_pool2d(x)", TypeError, "missing 1 required positional argument: 'kernel_size'"),
    ("F.max_pool2d(x, 2**70)", ValueError, "Overflow when unpacking long long"),
    ("F.max_pool2d(x, 3, padding=2)", RuntimeError, "pad should be at most half of effective kernel size"),
    ("F.max_pool2d(x, 2, padding=-1)", RuntimeError, "pad must be non-negative"),
    ("F.max_pool2d(x, 6)", RuntimeError, r"Calculated output size: \(1x0x0\). Output size is too small"),
    ("F.max_pool2d(x, 2, 0)", RuntimeError, "stride should not be zero"),
    ("F.max_pool2d(x, 2, -1)", RuntimeError, "stride should be greater than zero"),
    ("F.max_pool2d(x, -1)", RuntimeError, "should be greater than zero"),
    ("F.max_pool2d(x, 2, dilation=0)", RuntimeError, "dilation should be greater than zero"),
    ("F.max_pool2d(t(5, 5), 2)", RuntimeError, r"non-empty 3D or 4D \(batch mode\) tensor expected for input"),
    ("F.max_pool2d(t(2, 0, 4, 4), 2)", RuntimeError, r"Expected 3D or 4D .*got:\[2, 0, 4, 4\]"),
    ("F.max_pool2d(t(1, 4, 4, dtype='bool'), 2)", NotImplementedError, "max_pool2d.* not implemented for 'Bool'"),
]  # fmt: skip

AVG_POOL2D = [
    ("F.avg_pool2d(x, 2, divisor_override=0)", RuntimeError, "divisor must be not zero"),
    ("F.avg_pool2d(x, 2, divisor_override=2.0)", TypeError, "'divisor_override'.*must be int, not float"),
    ("F.avg_pool2d(x, 2, divisor_override=True)", TypeError, "'divisor_override'.*must be int, not bool"),
    ("F.avg_pool2d(x, (2, 2, 2))", RuntimeError, "avg_pool2d: kernel_size must either be a single int, or a"),
    ("F.avg_pool2d(x, 2, (1, 1, 1))", RuntimeError, "avg_pool2d: stride must either be omitted, a single int"),
    ("F.avg_pool2d(x, 2, padding=(1, 1, 1))", RuntimeError, "avg_pool2d: padding must either be a single int"),
    ("F.avg_pool2d(x, 2.0)", TypeError, r"avg_pool2d\(\).*'kernel_size' \(position 2\).*tuple of ints, not float"),
    ("F.avg_pool2d(x, 2, ceil_mode=1)", TypeError, "'ceil_mode'.*must be bool, not int"),
    ("F.avg_pool2d(x, 2, count_include_pad=None)", TypeError, "'count_include_pad'.*must be bool, not NoneType"),
    ("F.avg_pool2d(x, 3, padding=2)", RuntimeError, "pad should be at most half of effective kernel size"),
    ("F.avg_pool2d(x, 6)", RuntimeError, r"Calculated output size: \(1x0x0\). Output size is too small"),
    ("F.avg_pool2d(x, 2, 0)", RuntimeError, "stride should not be zero"),
    ("F.avg_pool2d(x, 2**40)", RuntimeError, "value cannot be converted to type int without overflow"),
    ("F.avg_pool2d(t(2, 0, 4, 4), 2)", RuntimeError, r"Expected 3D or 4D .*got:\[2, 0, 4, 4\]"),
    ("F.avg_pool2d(t(1, 4, 4, dtype='uint8'), 2)", NotImplementedError, "avg_pool2d.* not implemented for 'Byte'"),
    ("F.avg_pool2d([1], 2)", TypeError, r"avg_pool2d\(\): argument 'input' \(position 1\) must be Tensor.*not list"),
]  # fmt: skip

OTHERS = [
    ("F.relu([1])", TypeError, r"relu\(\): argument 'input' \(position 1\) must be Tensor.*not list"),
    ("F.relu_([1])", TypeError, r"relu_\(\): argument 'input' \(position 1\) must be Tensor.*not list"),
    ("F.relu(t(2, dtype='bool'))", RuntimeError, "Boolean inputs not supported for relu"),
    ("F.pad(x, 1)", TypeError, r"pad\(\): argument 'pad' \(position 2\) must be tuple of ints, not int"),
    ("F.pad(x, (1.0, 1))", TypeError, "'pad'.*must be tuple of ints, but found element of type float at pos 0"),
    ("F.pad(x, (True, 1))", TypeError, "'pad'.*must be tuple of ints, but found element of type bool at pos 0"),
    ("F.pad(x, (1,))", RuntimeError, "Padding length must be divisible by 2"),
    ("F.pad(x, (1, 1) * 5)", RuntimeError, "less than or equal to two times the input dimension.*length 10.*4"),
    ("F.pad(x, (1, 1), 'foo')", NotImplementedError, "Unrecognised padding mode foo"),
    ("F.pad(x, (1, 1), None)", TypeError, r"'mode' \(position 3\) must be str, not NoneType"),
    ("F.pad(x, (1, 1), 'constant', 'a')", TypeError, r"'value' \(position 4\) must be float, not str"),
    ("F.pad(x, (1, 1), value=1j)", TypeError, "'value'.*must be float, not complex"),
    ("F.pad(x, (-4, -4))", RuntimeError, "narrow.*length must be non-negative"),
    ("F.pad(x, (8, -7))", RuntimeError, "narrow.*length must be non-negative"),
    ("F.pad(t(2, dtype='uint8'), (1, 1), value=300)", RuntimeError, "cannot be converted to type uint8_t without ov"),
    ("F.pad(t(2, dtype='int64'), (1, 1), value=float('nan'))", RuntimeError, "converted to type int64_t without ov"),
    ("F.pad(t(2), (1, 1), value=1e300)", RuntimeError, "cannot be converted to type float without overflow"),
    ("F.pad(x, (1, 1), 'reflect')", NotImplementedError, "Padding size 2 is not supported for 4D input tensor"),
    ("F.pad(x, (), 'circular')", NotImplementedError, "Padding size 0 is not supported for 4D input tensor"),
    ("F.pad(x, (1, 1, 1, 1), 'reflect', 2)", RuntimeError, 'Padding mode "reflect" doesn.t take in value argument'),
    ("F.pad(x, (5, 0, 0, 0), 'reflect')", RuntimeError, r"Argument #4: .*padding \(5, 0\) at dimension 3 of input \[1"),
    ("F.pad(x, (0, 0, 0, 9), 'reflect')", RuntimeError, r"Argument #6: .*padding \(0, 9\) at dimension 2"),
    ("F.pad(x, (6, 0, 0, 0), 'circular')", RuntimeError, "Padding value causes wrapping around more than once"),
    ("F.pad(x, (-3, -3, 0, 0), 'circular')", RuntimeError, "Negative padding value is resulting in an empty dimen"),
    ("F.pad(t(1, 4), (-3, -2), 'replicate')", RuntimeError, "is too small"),
    ("F.pad(t(1, 0, 3, 3), (1, 1, 1, 1), 'reflect')", RuntimeError, "possibly 0 batch size and other non-zero dim"),
    ("F.pad(t(1, 3, dtype='bool'), (1, 1), 'replicate')", NotImplementedError, "replication_pad1d.*Bool"),
    ("F.pad([1], (1, 1))", TypeError, r"pad\(\): argument 'input' \(position 1\) must be Tensor.*not list"),
    ("F.unfold(x, (3,))", RuntimeError, "It is expected kernel_size equals to 2, but got size 1"),
    ("F.unfold(x, 3, stride=[1])", RuntimeError, "It is expected stride equals to 2, but got size 1"),
    ("F.fold(t(1, 9, 9), (5,), 3)", RuntimeError, "It is expected output_size equals to 2, but got size 1"),
    ("F.linear(t(4, 3), t(5, 2))", RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(4x3 and 2x5\)"),
    ("F.linear(t(3), t(5, 2))", RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(1x3 and 2x5\)"),
    ("F.linear(t(4, 3, dtype='float64'), t(5, 3))", RuntimeError, "m1 and m2 to have the same dtype.*double != fl"),
    ("F.linear(t(4, 3), t(5, 3), t(5, dtype='float64'))", RuntimeError, "same dtype, but got Double and Float"),
    ("F.linear(t(4, 3), t(5, 3), t(3))", RuntimeError, r"expanded size of the tensor \(5\) must match.* \(3\)"),
    ("F.linear(t(), t(5, 3))", RuntimeError, "both arguments to linear need to be at least 1D.*0D and 2D"),
    ("F.linear(t(4, 3), t(1, 5, 3))", RuntimeError, "expects a tensor with <= 2 dimensions, but self is 3D"),
    ("F.linear([1], t(5, 3))", TypeError, r"linear\(\): argument 'input' \(position 1\) must be Tensor.*not list"),
    ("F.linear(t(4, 3), 2)", TypeError, r"'weight' \(position 2\) must be Tensor.*not int"),
    ("F.linear(t(4, 3), t(5, 3), 1.0)", TypeError, r"'bias' \(position 3\) must be Tensor.*not float"),
    ("F.softmax(t(2, 3), 2)", IndexError, r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 2"),
    ("F.log_softmax(t(), 1)", IndexError, r"Dimension out of range \(expected to be in range of \[-1, 0\]"),
    ("F.softmax(t(2, 3), 1.0)", TypeError, r"softmax\(\): argument 'dim'.* must be int, not float"),
    ("F.log_softmax(t(2, 3, dtype='int64'), 1)", NotImplementedError, "log_softmax.* not implemented for 'Long'"),
]  # fmt: skip

LOSSES = [
    ("F.mse_loss(t(4), t(4), reduction='foo')", ValueError, "foo is not a valid value for reduction"),
    ("F.mse_loss(t(4), t(4), reduction=None)", ValueError, "None is not a valid value for reduction"),
    ("F.mse_loss(t(4), t(4), weight=t(1))", ValueError, "Weights and input must have the same size"),
    ("F.mse_loss(t(4, dtype='int64'), t(4, dtype='int64'))", NotImplementedError, "mse.* not implemented for 'Long'"),
    ("F.nll_loss(t(4, 3), i(4, 3))", RuntimeError, "0D or 1D target tensor expected, multi-target not supported"),
    ("F.nll_loss(t(4, 3), i(3))", ValueError, r"Expected input batch_size \(4\) to match target batch_size \(3\)"),
    ("F.nll_loss(t(4, 3), i(4) + 2)", IndexError, "Target 3 is out of bounds"),
    ("F.nll_loss(t(4, 3), i(4, dtype='int32'))", RuntimeError, "target dtype to be Long or Byte, but got Int"),
    ("F.nll_loss(t(4, 3), i(4), t(2))", RuntimeError, r"weight tensor should be defined.* 3 classes.*shape: \[2\]"),
    ("F.nll_loss(t(), i())", ValueError, r"Expected 1 or more dimensions \(got 0\)"),
    ("F.nll_loss(t(3), i(4))", ValueError, "For 1D input, 1D target must have size 1, but got target size: 4"),
    ("F.nll_loss(t(2, 3, 4), i(2, 5))", RuntimeError, r"Expected target size \[2, 4\], got \[2, 5\]"),
    ("F.nll_loss(t(2, 3, 4, 5), i(2, 4))", RuntimeError, "only batches of spatial targets supported.*dimension: 2"),
    ("F.nll_loss(t(2, 3, 4, 5), i(2, 4, 6))", RuntimeError, r"size mismatch \(got input: \[2, 3, 4, 5\]"),
    ("F.cross_entropy(t(4, 3), i(4) + 2)", IndexError, "Target 3 is out of bounds"),
    ("F.cross_entropy(t(4, 3), i(4) - 2)", IndexError, "Target -1 is out of bounds"),
    ("F.cross_entropy(t(4, 3), i(4, dtype='int16'))", RuntimeError, "target dtype to be Long or Byte, but got Short"),
    ("F.cross_entropy(t(4, 3), i(3))", ValueError, r"Expected input batch_size \(4\) to match target batch_size"),
    ("F.cross_entropy(t(4, 3), t(4, 3), ignore_index=1)", RuntimeError, "ignore_index is not supported for float"),
    ("F.cross_entropy(t(4, 3), i(4, 3))", RuntimeError, "Expected floating point type for target with class prob"),
    ("F.cross_entropy(t(4, 3), t(4, 3), t(4))", RuntimeError, "cross_entropy: weight tensor should be defined"),
    ("F.cross_entropy(t(4, 3), i(4), t(4))", RuntimeError, "weight tensor should be defined.* 3 classes"),
    ("F.cross_entropy(t(4, 3), i(4), t(3, dtype='float64'))", RuntimeError, "expected scalar type Float but found D"),
    ("F.cross_entropy(t(4, 3), i(4), label_smoothing=2.0)", RuntimeError, "label_smoothing must be between 0.0 and 1"),
    ("F.cross_entropy(t(4, 3), i(4), reduction='foo')", ValueError, "foo is not a valid value for reduction"),
    ("F.cross_entropy(t(), i(1))", IndexError, "Dimension out of range"),
    ("F.cross_entropy(t(4, 3), [0, 1, 2, 0])", TypeError, "argument 'target' .* must be Tensor.*not list"),
    ("F.cross_entropy(t(4, 3, dtype='int64'), i(4))", NotImplementedError, "log_softmax.* not implemented for 'Long'"),
]  # fmt: skip

# What torch accepts, or fails otherwise at: our own texts.
OURS = [
    ("F.conv2d(x, w, stride=(1, True))", TypeError, "stride.*found element of type bool at pos 1"),
    ("F.conv2d(x, w, padding=((1, 1),))", TypeError, r"padding.*\(\(top, bottom\), \(left, right\)\)"),
    ("F.conv2d(x, w, padding=((1, 1), 1))", TypeError, r"padding.*\(\(top, bottom\), \(left, right\)\)"),
    ("F.conv2d(x, w, padding=((1, 1), (1, 1.0)))", TypeError, "padding.*element of type float at pos 1"),
    ("F.conv2d(x, w, padding=((1, -1), (1, 1)))", RuntimeError, "negative padding is not supported"),
    ("F.conv2d(x, t(3, 3))", RuntimeError, "weight"),
    ("F.conv2d(t(1, 5, 5, 3), t(4, 3, 3, 3))", RuntimeError, "channels-last|permute|NHWC"),
    ("F.max_pool2d(x, 2, padding=((1, 1), (1, 2)))", RuntimeError, "pad should be at most half"),
    ("F.max_pool2d(x, 0)", RuntimeError, "kernel"),
    ("F.mse_loss([1], x)", TypeError, "mse_loss.*'input'.*not list"),
    ("grad.conv2d_input((1, 1, 5), w, x)", RuntimeError, ""),
    ("grad.conv2d_input((1, 1, 5, 5), w, t(1, 1, 9, 9))", RuntimeError, ""),
    ("grad.conv2d_input(5, w, x)", TypeError, "'input_size'.*tuple of ints, not int"),
    ("grad.conv2d_weight(x, (1, 1, 3, 3), t(1, 1, 9, 9))", RuntimeError, ""),
    ("grad.conv2d_weight([1], (1, 1, 3, 3), x)", TypeError, "'input'.*not list"),
    ("grad.max_pool2d_input((1, 2, 2), i(1, 1, 1) + 8, t(1, 1, 1))", RuntimeError, "index|indices"),
    ("grad.max_pool2d_input((1, 2, 2), i(1, 1, 1) - 2, t(1, 1, 1))", RuntimeError, "index|indices"),
    ("grad.max_pool2d_input((1, 2, 2), i(1, 1, 1), t(1, 2, 1))", RuntimeError, ""),
    ("grad.relu_input(t(2), t(3))", RuntimeError, ""),
]  # fmt: skip


def names(library, functional, make):
    """What the calls above see."""

    def ints(*shape, dtype="int64"):
        return make(shape, dtype)

    def ones(*shape, dtype="float32"):
        return make(shape, dtype)

    return {
        "torch": library,
        "F": functional,
        "np": np,
        "t": ones,
        "i": ints,
        "x": ones(1, 1, 5, 5),
        "w": ones(1, 1, 3, 3),
        "grad": rushlight.nn.grad,
    }


def check(call, error, words, space):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(error) as caught:
            eval(call, space)
    assert type(caught.value) is error, f"{type(caught.value).__name__}: {caught.value}"
    assert re.search(words, str(caught.value), re.DOTALL), str(caught.value)


def in_torch_words(rows):
    return [pytest.param(*row, id=row[0]) for row in rows]


SHARED = in_torch_words(CONV2D + MAX_POOL2D + AVG_POOL2D + OTHERS + LOSSES)


@pytest.mark.parametrize(("call", "error", "words"), SHARED + in_torch_words(OURS))
@pytest.mark.parametrize("kind", ["ndarray", "Tensor"])
def test_wrong_call(kind, call, error, words):
    def make(shape, dtype):
        ones = np.ones(shape, dtype)
        return ones if kind == "ndarray" else rushlight.from_numpy(ones)

    check(call, error, words, names(rushlight, F, make))


@pytest.mark.parity
@pytest.mark.parametrize(("call", "error", "words"), SHARED)
def test_torch_says_the_same(call, error, words):
    torch = pytest.importorskip("torch")
    space = names(torch, torch.nn.functional, lambda shape, dtype: torch.from_numpy(np.ones(shape, dtype)))
    check(call, error, words, space)
