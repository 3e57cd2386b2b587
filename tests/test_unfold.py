"""unfold, fold and Tensor.unfold: the definition on every ISA to the bit, guards, threads, gradients of every
order, errors. torch's samples of F.unfold are in test_op_parity.py."""

# ruff: noqa: E501  (one wrong call a line)

from __future__ import annotations

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from guard import Guards, guarded_outputs
from kernel_cases import INTEGERS, VECTOR_BYTES, draw, using
from oracle import assert_same_bits, conv2d_size, conv2d_taps
from rushlight import _core, nn
from rushlight.autograd import gradcheck, gradgradcheck

# x's size, then kernel, dilation, padding, stride
CASES = [
    ((1, 1, 5, 5), (3, 3), (1, 1), (0, 0), (1, 1)),
    ((2, 3, 6, 17), (3, 3), (1, 1), (1, 1), (1, 1)),
    ((1, 2, 8, 33), (2, 2), (1, 1), (0, 0), (2, 2)),
    ((2, 2, 9, 20), (3, 2), (2, 3), (1, 2), (2, 1)),
    ((1, 2, 7, 40), (2, 4), (1, 2), (0, 3), (3, 2)),
    ((1, 1, 7, 9), (2, 2), (1, 1), (0, 0), (3, 4)),  # pixels in no window
    ((1, 2, 3, 3), (2, 3), (1, 1), (5, 6), (1, 2)),  # windows of padding alone
    ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
    ((3, 1, 40, 130), (5, 5), (1, 1), (2, 2), (1, 3)),
    ((0, 2, 5, 5), (3, 3), (1, 1), (0, 0), (1, 1)),
]


def columns(x, kernel, dilation, padding, stride):
    """The definition, tap by tap."""
    sides = (padding[0], padding[0], padding[1], padding[1])
    out = conv2d_size(x.shape[2:], kernel, stride, sides, dilation)
    y = np.zeros((*x.shape[:2], *kernel, *out), x.dtype)
    for (r, s), (oh, ow), (ih, iw) in conv2d_taps(x.shape[2:], out, kernel, stride, sides, dilation):
        y[:, :, r, s, oh, ow] = x[:, :, ih, iw]
    return y.reshape(len(x), x.shape[1] * kernel[0] * kernel[1], out[0] * out[1])


def overlaps(y, size, kernel, dilation, padding, stride):
    """The definition of fold: in the array's own type and in the order of the taps, exact to the bit."""
    sides = (padding[0], padding[0], padding[1], padding[1])
    out = conv2d_size(size, kernel, stride, sides, dilation)
    x = np.zeros((len(y), y.shape[1] // (kernel[0] * kernel[1]), *size), y.dtype)
    y = y.reshape(*x.shape[:2], *kernel, *out)
    with np.errstate(over="ignore"):
        for (r, s), (oh, ow), (ih, iw) in conv2d_taps(size, out, kernel, stride, sides, dilation):
            x[:, :, ih, iw] += y[:, :, r, s, oh, ow]
    return x


def check(x, *settings):
    what = f"{x.shape}, {x.dtype}, {settings}, {_core.isa()}"
    y = _core.unfold(x, *settings)
    assert_same_bits(y, columns(x, *settings), f"unfold of {what}")
    if x.dtype != bool:
        given = draw(str(x.dtype), *y.shape)
        want = overlaps(given, x.shape[2:], *settings)
        assert_same_bits(_core.fold(given, x.shape[2:], *settings), want, f"fold of {what}")


@pytest.mark.parametrize("dtype", ["float32", "float64", "bool", *INTEGERS])
def test_against_the_definition(isa, dtype):
    for size, *settings in CASES:
        check(draw("uint8", *size).view(bool) if dtype == "bool" else draw(dtype, *size), *settings)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_widths_around_vectors(isa, stride):
    lanes = VECTOR_BYTES[isa] // 4
    for width in sorted({n * lanes + d for n in (1, 2, 3) for d in (-1, 0, 1)} - {0}):
        check(draw("float32", 1, 2, 3, width * stride), (2, 1), (1, 1), (1, 0), (1, stride))
        check(draw("float32", 1, 2, 3, width * stride), (2, 3), (1, 1), (0, 1), (1, stride))


@pytest.mark.parametrize("side", ["start", "end"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16"])
def test_guards(isa, dtype, side):
    for size, *settings in CASES:
        guards = Guards()
        x = guards(draw(dtype, *size), side)
        with guarded_outputs():
            y = guards(_core.unfold(x, *settings), side)
            _core.unfold(guards(x.transpose(0, 2, 3, 1), side).transpose(0, 3, 1, 2), *settings)
            _core.fold(y, size[2:], *settings)
            _core.fold(guards(y.transpose(0, 2, 1), side).transpose(0, 2, 1), size[2:], *settings)
        guards.check()


def test_threads_do_not_matter(isa):
    for size, *settings in (CASES[1], CASES[8], ((1, 2, 300, 100), (3, 3), (1, 1), (1, 1), (1, 1))):
        x = draw("float32", *size)
        want = columns(x, *settings)
        given = draw("float32", *want.shape)
        for threads in (1, 2, 7):
            with using(threads=threads):
                assert_same_bits(_core.unfold(x, *settings), want)
                assert_same_bits(_core.fold(given, size[2:], *settings), overlaps(given, size[2:], *settings))


def test_any_layout(isa):
    size, *settings = CASES[3]
    x = draw("float32", *size)
    y = _core.unfold(x, *settings)
    image = _core.fold(y, size[2:], *settings)
    for change in (
        lambda a: np.repeat(a[..., ::-1], 2, -1)[..., ::-2],
        np.asfortranarray,
        lambda a: a.astype(">f4"),
        lambda a: np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(np.float32).reshape(a.shape),
    ):
        assert_same_bits(_core.unfold(change(x), *settings), y)
        assert_same_bits(_core.fold(change(y), size[2:], *settings), image)


# ---- the functions -----------------------------------------------------------------------------------------------
def leaf(*shape):
    return rushlight.tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)


def test_spelling_and_kinds():
    x = draw("float64", 2, 3, 6, 7)
    want = columns(x, (2, 3), (1, 2), (0, 1), (2, 1))
    assert_same_bits(F.unfold(x, (2, 3), (1, 2), [0, 1], (2, 1)), want)
    assert_same_bits(
        F.unfold(x[0], kernel_size=(2, 3), stride=(2, 1), padding=(0, 1), dilation=(1, 2)), want[0]
    )
    tensor = F.unfold(rushlight.from_numpy(x), np.int64(2))
    assert isinstance(tensor, rushlight.Tensor) and tensor.shape == (2, 12, 30)
    assert F.fold(want[0], [6, 7], (2, 3), (1, 2), (0, 1), (2, 1)).shape == (3, 6, 7)
    assert "Im2ColBackward0" in repr(F.unfold(leaf(1, 3, 3), 2).grad_fn)
    assert "Col2ImBackward0" in repr(F.fold(leaf(4, 4), 3, 2).grad_fn)


def test_unfold_then_matmul_is_conv2d():
    x, w = draw("float64", 2, 3, 7, 8), draw("float64", 4, 3, 3, 2)
    y = w.reshape(4, -1) @ F.unfold(x, (3, 2), padding=1, stride=2)
    np.testing.assert_allclose(
        y.reshape(2, 4, 4, 5), F.conv2d(x, w, padding=1, stride=2), rtol=1e-12, atol=1e-12
    )


GRADIENTS = {
    "unfold": (lambda x: F.unfold(x, (2, 3), (2, 1), (1, 0), (1, 2)), [leaf(2, 2, 4, 5)]),
    "unfold of one image": (lambda x: F.unfold(x, 2), [leaf(1, 3, 3)]),
    "fold": (lambda x: F.fold(x, (4, 3), 2, 1, 1, 2), [leaf(1, 4, 6)]),
    "fold of one image": (lambda x: F.fold(x, 3, 2), [leaf(4, 4)]),
    "squared": (lambda x: F.fold(F.unfold(x, 2) ** 2, 3, 2), [leaf(1, 1, 3, 3)]),
    "method": (lambda x: x.unfold(1, 3, 2) ** 2, [leaf(2, 6, 2)]),
    "method, number": (lambda x: x.unfold(0, 1, 1) * 2, [leaf()]),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    function, inputs = GRADIENTS[name]
    assert gradcheck(function, tuple(inputs))
    assert gradgradcheck(function, tuple(inputs))


def test_method_is_a_view():
    x = rushlight.arange(6)
    windows = x.unfold(0, 3, 2)
    windows[1, 0] = 10
    assert x.tolist() == [0, 1, 10, 3, 4, 5] and windows.tolist() == [[0, 1, 10], [10, 3, 4]]
    y = rushlight.zeros(5, requires_grad=True)
    z = y * 1.0
    z.unfold(0, 2, 2).mul_(3.0)
    z.sum().backward()
    assert y.grad.tolist() == [3.0, 3.0, 3.0, 3.0, 1.0]
    assert x.unfold(0, 0, 1).shape == (7, 0) and rushlight.tensor(3).unfold(0, 0, 1).shape == (0,)


def test_layers():
    assert repr(nn.Unfold(2)) == "Unfold(kernel_size=2, dilation=1, padding=0, stride=1)"
    assert (
        repr(nn.Fold((4, 4), (2, 3), 1, 2, 3))
        == "Fold(output_size=(4, 4), kernel_size=(2, 3), dilation=1, padding=2, stride=3)"
    )
    x = rushlight.rand(1, 2, 6, 8)
    y = nn.Unfold((2, 2), padding=1, stride=2)(x)
    np.testing.assert_array_equal(y.numpy(), F.unfold(x, 2, 1, 1, 2).numpy())
    np.testing.assert_array_equal(nn.Fold((6, 8), 2, padding=1, stride=2)(y).numpy(), x.numpy())


ERRORS = [
    ("F.unfold(z(1, 1, 2, 5, 5), 3)", RuntimeError, r"Expected 3D or 4D \(batch mode\) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: \[1, 1, 2, 5, 5\]"),
    ("F.unfold(z(1, 0, 5, 5), 3)", RuntimeError, r"but got: \[1, 0, 5, 5\]"),
    ("F.unfold(z(1, 2, 0, 5), 3)", RuntimeError, r"but got: \[1, 2, 0, 5\]"),
    ("F.unfold(z(0, 5, 5), 3)", RuntimeError, r"but got: \[0, 5, 5\]"),
    ("F.unfold(z(1, 2, 5, 5), (3, 3, 3))", RuntimeError, "It is expected kernel_size equals to 2, but got size 3"),
    ("F.unfold(z(1, 2, 5, 5), 3, 1, (1, 1, 1))", RuntimeError, "It is expected padding equals to 2, but got size 3"),
    ("F.unfold(z(1, 2, 5, 5), 0)", RuntimeError, "kernel size should be greater than zero, but got kernel_height: 0 kernel_width: 0"),
    ("F.unfold(z(1, 2, 5, 5), 3, 0)", RuntimeError, "dilation should be greater than zero, but got dilation_height: 0 dilation_width: 0"),
    ("F.unfold(z(1, 2, 5, 5), 3, 1, -1)", RuntimeError, "padding should be non-negative, but got pad_height: -1 pad_width: -1"),
    ("F.unfold(z(1, 2, 5, 5), 3, 1, 0, 0)", RuntimeError, "stride should be greater than zero, but got stride_height: 0 stride_width: 0"),
    ("F.unfold(z(1, 2, 5, 5), 7, stride=2)", RuntimeError, r"Given input with spatial size \(5, 5\), kernel_size=\(7, 7\), dilation=\(1, 1\), padding=\(0, 0\), calculated shape of the array of sliding blocks as \(0, 0\), but its components must be at least one"),
    ("F.unfold(z(1, 2, 5, 5), 3.0)", TypeError, r"argument 'kernel_size' \(position 2\) must be tuple of ints"),
    ("F.unfold([1], 3)", TypeError, r"argument 'input' \(position 1\) must be Tensor"),
    ("F.fold(z(9), 5, 3)", RuntimeError, r"Expected 2D or 3D \(batch mode\) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: \[9\]"),
    ("F.fold(z(1, 0, 9), 5, 3)", RuntimeError, r"but got: \[1, 0, 9\]"),
    ("F.fold(z(1, 18, 0), 5, 3)", RuntimeError, r"but got: \[1, 18, 0\]"),
    ("F.fold(z(1, 17, 9), 5, 3)", RuntimeError, r"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size\(1\)=17 and kernel_size=\(3, 3\)"),
    ("F.fold(z(1, 18, 9), (5, 6), 3)", RuntimeError, r"Given output_size=\(5, 6\), kernel_size=\(3, 3\), dilation=\(1, 1\), padding=\(0, 0\), stride=\(1, 1\), expected size of input's dimension 2 to match the calculated number of sliding blocks 3 \* 4 = 12, but got input.size\(2\)=9"),
    ("F.fold(z(1, 18, 9), (5, 5, 5), 3)", RuntimeError, "It is expected output_size equals to 2, but got size 3"),
    ("F.fold(z(1, 18, 9), 2, 3)", RuntimeError, r"sliding blocks 0 \* 0 = 0, but got input.size\(2\)=9"),
    ("F.fold(z(1, 18, 4), 0, 3)", RuntimeError, "."),
    ("F.fold(z(1, 18, 9), 5, 3, stride=0)", RuntimeError, "stride should be greater than zero"),
    ("F.fold(z(1, 18, 9), 5.0, 3)", TypeError, r"argument 'output_size' \(position 2\) must be tuple of ints"),
    ("z(10).unfold(0, 3, 0)", RuntimeError, "step is 0 but must be > 0"),
    ("z(10).unfold(1, 3, 1)", IndexError, r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 1\)"),
    ("z(10).unfold(0, 11, 1)", RuntimeError, "maximum size for tensor at dimension 0 is 10 but size is 11"),
    ("z(10).unfold(0, -1, 1)", RuntimeError, "size is -1 but must be >= 0"),
    ("z(10).unfold(0, 2.0, 1)", TypeError, r"unfold\(\): argument 'size' \(position 2\) must be int, not float"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "error", "words"), ERRORS, ids=[row[0] for row in ERRORS])
def test_wrong_calls(text, error, words):
    with pytest.raises(error, match=words):
        eval(text, {"F": F, "z": rushlight.zeros})


def test_sizes_that_would_overflow():
    y = np.zeros((4, 4))
    for size in (2**62, -(2**63), 2**31):
        with pytest.raises(RuntimeError, match=r"output_size must be at most 2\*\*30"):
            F.fold(y, (3, size), 2)
    for argument in ("dilation", "padding", "stride"):
        with pytest.raises(RuntimeError, match=r"must be at most 2\*\*20"):
            F.fold(y, 3, 2, **{argument: 2**62})
        with pytest.raises(RuntimeError, match=r"must be at most 2\*\*20"):
            F.unfold(np.zeros((1, 3, 3)), 2, **{argument: 2**62})


def test_fold_of_bool_says_what_it_takes():
    with pytest.raises(NotImplementedError, match="not implemented for 'Bool': fold adds float32"):
        F.fold(np.zeros((4, 4), bool), 3, 2)


@pytest.mark.parity
@pytest.mark.parametrize(("text", "error", "words"), ERRORS, ids=[row[0] for row in ERRORS])
def test_torch_says_the_same(text, error, words):
    torch = pytest.importorskip("torch")
    with pytest.raises(error, match=words):
        eval(text, {"F": torch.nn.functional, "z": torch.zeros})


@pytest.mark.parity
@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize("dimension, size", [(0, 2), (1, 4), (-1, 3), (2, 0)])
def test_method_is_torchs(dimension, size, step):
    torch = pytest.importorskip("torch")
    values = draw("float64", 3, 4, 7)
    found = []
    for library in (rushlight, torch):
        x = library.from_numpy(values).requires_grad_()
        y = x.unfold(dimension, size, step)
        (y * y).sum().backward()
        found.append((y.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fold_is_torchs_to_the_bit(isa, dtype):
    torch = pytest.importorskip("torch")
    for size, *settings in CASES:
        given = draw(dtype, *columns(draw(dtype, *size), *settings).shape)
        want = torch.nn.functional.fold(torch.from_numpy(given), size[2:], *settings)
        assert_same_bits(_core.fold(given, size[2:], *settings), want.numpy())
