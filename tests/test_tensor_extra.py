"""Functions beyond the everyday ones, in torch and here: values, gradients, names of nodes, errors."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
import rushlight.functional as F

SETUP = "x = torch.tensor([[0.5, -0.25, 0.75], [0.1, 0.9, -0.6]], dtype=torch.float64, requires_grad=True)\n"
DIFFERENTIABLE = [
    *[f"torch.{name}(x)" for name in ("sinh", "cosh", "asin", "acos", "atan", "frac", "fliplr", "flipud")],
    "torch.repeat_interleave(x, 2)",
    "x.repeat_interleave(torch.tensor([2, 0, 1]), dim=1)",
    "(x * 1).scatter_(1, torch.tensor([[2], [0]]), 7)",
    "torch.zeros(2, 3, dtype=torch.float64).scatter_(0, torch.tensor([[1, 0, 1], [0, 1, 0]]), x)",
    "torch.zeros(2, 3, dtype=torch.float64).scatter_add_(1, torch.tensor([[1, 1, 0], [2, 0, 0]]), x)",
    "(x * 1).tril_()",
    "(x * 1).triu_(1)",
    "(x * 1).clip_(0, 0.6)",
]
PLAIN = [
    "torch.zeros(3, 4).scatter_(1, torch.tensor([1, 0, 3]).unsqueeze(1), value=1)",
    "torch.zeros(3, 4, dtype=torch.int64).scatter(1, torch.tensor([[1], [0], [3]]), 5)",
    "torch.histc(torch.tensor([1.0, 2.0, 1.0, 5.0, 0.0]), bins=4, min=0, max=3)",
    "torch.histc(torch.tensor([1.0, 2.0, 1.0]), 3)",
    "torch.histc(torch.tensor([1.0, 1.0]), 3)",
    "torch.isin(torch.tensor([[1, 2], [3, 4]]), torch.tensor([2, 3]))",
    "torch.isin(torch.tensor([1, 2]), torch.tensor([2]), invert=True)",
    "torch.tril_indices(3, 4), torch.triu_indices(3, 4, 1), torch.tril_indices(2, 2, dtype=torch.int32)",
    "torch.finfo(torch.float32), torch.finfo().eps, torch.finfo(torch.float16).tiny",
    "torch.iinfo(torch.int8), torch.iinfo(torch.int64).max, torch.iinfo(torch.uint8).dtype",
    "torch.accelerator.is_available(), torch.accelerator.current_accelerator()",
    "torch.sinh(torch.tensor([1, 2]))",
    # What nobody reads may be out of bounds.
    "torch.zeros(0, 3)[:, torch.tensor([5])]",
    "torch.zeros(2, 0)[torch.tensor([[5, -9]])]",
    "torch.zeros(2, 3)[0:0, torch.tensor([7])]",
    "torch.zeros(2, 0).index_put_((torch.tensor([7]),), torch.tensor(1.0))",
    "torch.zeros(2, 0).logsumexp(1)",
    "torch.nn.functional.batch_norm(torch.ones(2, 3, 0, 4), torch.ones(3), torch.ones(3), training=True)",
]
WRONG = [
    ("torch.finfo(torch.int8)", TypeError, "requires a floating point input type"),
    ("torch.iinfo(torch.float32)", TypeError, "requires an integer input type"),
    ("torch.histc(torch.tensor([1.0]), 0)", RuntimeError, "bins must be > 0"),
    ("torch.histc(torch.tensor([1]))", NotImplementedError, "not implemented for 'Long'"),
    ("torch.fliplr(torch.ones(2))", RuntimeError, "Input must be >= 2-d"),
    (
        "torch.repeat_interleave(torch.ones(2), torch.tensor([1, 2, 3]))",
        RuntimeError,
        "repeats must have the same size",
    ),
    ("torch.repeat_interleave(torch.ones(2), -1)", RuntimeError, "negative"),
    ("torch.ones(2, requires_grad=True).scatter_(0, torch.tensor([0]), 1)", RuntimeError, "leaf Variable"),
    ("torch.zeros(2).scatter_(0, torch.tensor([2]), 1)", RuntimeError, "index 2 is out of bounds"),
    ("torch.zeros(2, 0)[:, torch.tensor([0])]", IndexError, "index.* is out of bounds for dimension"),
    ("torch.zeros(3, 0)[5]", IndexError, "index 5 is out of bounds for dimension 0 with size 3"),
    ("torch.arange(6.0).take(torch.tensor([6]))", IndexError, "out of range.* index 6 on a tensor of 6"),
    ("torch.chunk(torch.zeros(0), 2**64)", ValueError, "Overflow when unpacking long long"),
    ("torch.triu_indices(2, 2, 2**64)", ValueError, "Overflow when unpacking long long"),
    ("torch.normal(torch.arange(3), 10**30)", NotImplementedError, "normal_kernel_cpu.*'Long'"),
    ("torch.normal(10**30, 2**64)", TypeError, "normal"),
    ("torch.normal(1.0, -2.0, (3,))", RuntimeError, r"normal expects std >= 0.0, but found std -2"),
    ("torch.normal(torch.ones(2), torch.ones(3))", RuntimeError, "must match the size of tensor b"),
    ("torch.zeros(2, 3).scatter(1, torch.tensor([0]), 1.0)", RuntimeError, "same number of dimensions"),
]


def derivative(library, code):
    names = {"torch": library}
    exec(
        SETUP + f"y = {code}\n(y * torch.arange(1.0, 1 + y.numel()).reshape(y.shape)).sum().backward()", names
    )
    return names["y"], names["x"].grad


@pytest.mark.parametrize("code", DIFFERENTIABLE)
def test_gradients(code):
    x = rushlight.tensor([[0.5, -0.25, 0.75], [0.1, 0.9, -0.6]], dtype=rushlight.float64, requires_grad=True)
    assert rushlight.autograd.gradcheck(lambda x: eval(code, {"torch": rushlight, "x": x}), (x,))


@pytest.mark.parity
@pytest.mark.parametrize("code", DIFFERENTIABLE)
def test_gradients_are_torchs(code):
    torch = pytest.importorskip("torch")
    (y, grad), (their_y, their_grad) = derivative(rushlight, code), derivative(torch, code)
    if "repeat" not in code:  # which torch expands and flattens
        assert repr(y) == repr(their_y)
    np.testing.assert_allclose(y.detach().numpy(), their_y.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(grad.numpy(), their_grad.numpy(), rtol=1e-12)


@pytest.mark.parity
@pytest.mark.parametrize("code", PLAIN)
def test_values_are_torchs(code):
    torch = pytest.importorskip("torch")
    assert repr(eval(code, {"torch": rushlight})) == repr(eval(code, {"torch": torch}))


@pytest.mark.parametrize("library", ["rushlight", pytest.param("torch", marks=pytest.mark.parity)])
@pytest.mark.parametrize(("call", "error", "words"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_calls(library, call, error, words):
    with pytest.raises(error, match=words):
        eval(call, {"torch": pytest.importorskip(library)})


def test_inference_mode():
    x = rushlight.ones(1, requires_grad=True)
    with rushlight.inference_mode():
        assert not (x * 2).requires_grad
        with rushlight.inference_mode(False):
            assert not (x * 2).requires_grad
    with rushlight.inference_mode(mode=False):
        assert (x * 2).requires_grad

    @rushlight.inference_mode()
    def twice(x):
        return x * 2

    @rushlight.inference_mode
    def thrice(x):
        return x * 3

    assert not twice(x).requires_grad and not thrice(x).requires_grad


def test_switches_of_other_libraries_can_be_set():
    rushlight.backends.cudnn.benchmark = True
    assert rushlight.backends.cudnn.benchmark and not rushlight.backends.cudnn.is_available()
    rushlight.backends.cudnn.benchmark = False


def test_numbers_out_of_all_ranges():
    """RuntimeError, where Python, NumPy and torch say OverflowError."""
    whole, real, huge = rushlight.tensor([1, 2]), rushlight.tensor([1.0, 2.0]), 10**400
    for call in (
        lambda: whole + 2**64,
        lambda: whole**10**30,
        lambda: 10**30 * whole,
        lambda: real * huge,
        lambda: real.clone().add_(huge),
        lambda: real.norm(huge),
        lambda: real.repeat(2**64),
        lambda: rushlight.Generator().manual_seed(float("inf")),
        lambda: F.pad(real, (1, 1), value=huge),
        lambda: F.interpolate(rushlight.ones(1, 1, 2, 2), scale_factor=float("inf")),
    ):
        with pytest.raises(RuntimeError, match=r"cannot be converted without overflow|gives no size"):
            call()
    with pytest.raises(ValueError, match="Overflow when unpacking long long"):
        rushlight.ones(2, 2).tril(2**64)
    infinity = float("inf")
    for call in (
        lambda: real.roll(infinity),
        lambda: real.split(infinity),
        lambda: rushlight.randint(0, infinity, (2,)),
    ):
        with pytest.raises(TypeError, match=r"must be .*int"):
            call()


def test_norm_0_counts():
    x = rushlight.tensor([[1.0, 0.0, -2.0], [0.0, 0.0, float("nan")]], requires_grad=True)
    assert x.norm(0).item() == 3 and x.norm(0, dim=1).tolist() == [2, 1]
    x.norm(0).backward()
    assert x.grad.tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    "call",
    [
        lambda: rushlight.einsum(np.ones(2), np.ones(2)),
        lambda: rushlight.detach(np.ones(2)),
        lambda: rushlight.clone("x"),
        lambda: rushlight.numel(3),
        lambda: rushlight.is_floating_point(None),
        lambda: rushlight.promote_types(1, rushlight.int8),
        lambda: rushlight.can_cast(rushlight.int8, "x"),
        lambda: rushlight.from_dlpack(3),
        lambda: rushlight.pow(1j, 2),
        lambda: rushlight.ones(3).narrow(0, 0.5, 1),
    ],
)
def test_wrong_types_are_type_errors(call):
    with pytest.raises(TypeError, match=r"must be|expected|cannot be interpreted"):
        call()


def test_dlpack_knows_no_objects():
    with pytest.raises(RuntimeError, match="DLPack"):
        rushlight.from_dlpack(np.zeros(1, object))
