"""Tensor without torch at hand: memory shared with NumPy, mixed operands, Python's protocols, silence."""

from __future__ import annotations

import copy
import doctest
import importlib
import os
import pickle
import pkgutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

import rushlight
from rushlight import tensor

# ---- the NumPy boundary


def test_from_numpy_shares_memory_both_ways():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    t = rushlight.from_numpy(array)
    array[0, 0] = 9
    t[1, 2] = 7
    assert t[0, 0].item() == 9 and array[1, 2] == 7
    assert np.shares_memory(t.numpy(), array) and np.shares_memory(np.asarray(t), array)
    assert rushlight.as_tensor(array).data_ptr() == t.data_ptr() != rushlight.tensor(array).data_ptr()


def test_from_numpy_takes_any_strides():
    base = np.arange(24.0).reshape(4, 6)
    for view in (base[::-1], base[:, ::-2], base.T, base[1:3, 2:5], np.broadcast_to(base[0], (3, 6))):
        t = rushlight.from_numpy(view)
        np.testing.assert_array_equal((t * 2).numpy(), view * 2)
        np.testing.assert_array_equal(t.sum(0).numpy(), view.sum(0))
        np.testing.assert_array_equal(t.reshape(-1).numpy(), view.reshape(-1))
    t = rushlight.from_numpy(base[::-1])
    t[0] = 0
    assert (base[3] == 0).all()


def test_from_numpy_brings_byte_order_home_and_keeps_read_only_read_only():
    swapped = np.arange(3, dtype=">f4")
    t = rushlight.from_numpy(swapped)
    assert t.dtype is rushlight.float32 and t.numpy().dtype.isnative and t.tolist() == [0, 1, 2]
    fixed = np.ones(3)
    fixed.flags.writeable = False
    t = rushlight.from_numpy(fixed)
    assert (t + 1).tolist() == [2, 2, 2]
    for write in (
        lambda: t.add_(1),
        lambda: t.zero_(),
        lambda: t.__setitem__(0, 1.0),
        lambda: t.copy_(t * 2),
    ):
        with pytest.raises(RuntimeError, match=r"read-only.*clone\(\)"):
            write()
    assert fixed.tolist() == [1, 1, 1]


def test_subclasses_of_ndarray_become_plain():
    t = rushlight.from_numpy(np.array([[1.0, 2.0], [3.0, 4.0]]).view(np.matrix))
    assert type(t._data) is np.ndarray and (t * t).tolist() == [[1, 4], [9, 16]]


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([None]), np.zeros(2, "M8[s]"), np.zeros(2, complex)]
)
def test_unsupported_arrays(array):
    with pytest.raises(TypeError, match=r"can't convert np.ndarray of type numpy\.\w+"):
        rushlight.from_numpy(array)


def test_array_protocol_arguments():
    t = rushlight.ones(3)
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert not np.shares_memory(t.__array__(copy=True), t.numpy())
    assert np.shares_memory(t.__array__(copy=False), t.numpy())
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        t.__array__(np.float64, copy=False)
    with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
        np.asarray(rushlight.ones(3, requires_grad=True))


def test_dlpack():
    t = rushlight.arange(4.0)
    back = np.from_dlpack(t)
    assert np.shares_memory(back, t.numpy()) and t.__dlpack_device__() == (1, 0)
    assert rushlight.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]
    with pytest.raises(BufferError, match="require gradient"):
        np.from_dlpack(rushlight.ones(2, requires_grad=True))


def test_arithmetic_with_ndarrays_on_either_side_gives_tensors_with_gradients():
    array = np.array([1.0, 2.0], np.float32)
    for operation in (
        lambda a, t: a * t,
        lambda a, t: t * a,
        lambda a, t: np.multiply(a, t),
        lambda a, t: a * t / 1,
    ):
        t = tensor([3.0, 4.0], requires_grad=True)
        out = operation(array, t)
        assert isinstance(out, rushlight.Tensor) and out.tolist() == [3, 8] and out.dtype is rushlight.float32
        out.sum().backward()
        assert t.grad.tolist() == [1, 2]
    t = tensor([[3.0, 4.0]], requires_grad=True)
    assert (array @ t.t()).tolist() == [11] and (array - t).tolist() == [[-2, -2]]
    assert (array < t).tolist() == [[True, True]] and (array / t).requires_grad
    assert (np.float64(2) * t).dtype is rushlight.float32
    assert np.exp(t).grad_fn.name() == "ExpBackward0"


def test_numpy_functions_we_do_not_have():
    t = rushlight.ones(2)
    assert isinstance(np.arctan2(t, t), rushlight.Tensor)
    array = np.ones(2, np.float32)
    array += t
    assert array.tolist() == [2, 2]
    np.add(array, t, out=array)
    assert array.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\)"):
        np.arctan2(rushlight.ones(2, requires_grad=True), t)


def test_functions_on_ndarrays_give_ndarrays():
    x = np.array([[1.0, -2.0], [3.0, 4.0]])
    for function in (
        rushlight.exp,
        rushlight.abs,
        rushlight.sum,
        rushlight.max,
        rushlight.argmax,
        rushlight.isnan,
        lambda a: rushlight.add(a, a),
        lambda a: rushlight.cat([a, a]),
        lambda a: rushlight.where(a > 0, a, 0.0),
        lambda a: rushlight.reshape(a, (4,)),
        lambda a: rushlight.matmul(a, a),
        lambda a: rushlight.unbind(a)[0],
        lambda a: rushlight.max(a, 1).values,
        lambda a: rushlight.sort(a).indices,
        lambda a: rushlight.eq(a, 1),
    ):
        assert isinstance(function(x), (np.ndarray, np.generic))


# ---- types


def test_results_take_torchs_types():
    i, f, d = tensor([1, 2]), tensor([1.0, 2.0]), rushlight.ones(2, dtype=rushlight.float64)
    assert (i + 1).dtype is rushlight.int64 and (i + 1.5).dtype is rushlight.float32
    assert (i / i).dtype is rushlight.float32 and (i + f).dtype is rushlight.float32
    assert (f + d).dtype is rushlight.float64 and (f + d[0]).dtype is rushlight.float32
    assert (i + d[0]).dtype is rushlight.float64 and (i > 1).dtype is rushlight.bool
    assert i.sum().dtype is rushlight.int64 and i.bool().sum().dtype is rushlight.int64
    assert tensor([1], dtype=rushlight.uint8).sum().dtype is rushlight.int64


def test_default_dtype():
    try:
        rushlight.set_default_dtype(rushlight.float64)
        assert tensor(1.0).dtype is rushlight.float64 and repr(tensor(1.0)) == "tensor(1.)"
        assert (tensor(1) / 2).dtype is rushlight.float64
    finally:
        rushlight.set_default_dtype(rushlight.float32)
    with pytest.raises(TypeError, match="only floating-point types"):
        rushlight.set_default_dtype(rushlight.int64)


def test_dtypes_are_singletons_and_numpy_takes_them():
    assert rushlight.float is rushlight.float32 and rushlight.long is rushlight.int64
    assert pickle.loads(pickle.dumps(rushlight.int16)) is rushlight.int16
    assert np.zeros(1, rushlight.int16).dtype == np.int16
    assert rushlight.zeros(1, dtype=np.int16).dtype is rushlight.int16
    assert rushlight.float32.is_floating_point and not rushlight.uint8.is_signed


def test_integers_wrap_round():
    assert (tensor([200], dtype=rushlight.uint8) + 100).item() == 44
    assert (tensor([100], dtype=rushlight.int8) * 2).item() == -56


# ---- Python's protocols


def test_iteration_unpacking_and_indices():
    rows = list(rushlight.arange(6).reshape(2, 3))
    assert [row.tolist() for row in rows] == [[0, 1, 2], [3, 4, 5]]
    a, b = tensor([1.0, 2.0])
    assert a.item() + b.item() == 3 and [10, 20, 30][tensor(1)] == 20
    assert 2.0 in tensor([1.0, 2.0]) and 5 not in tensor([1.0, 2.0]) and len(rushlight.zeros(3, 2)) == 3


def test_equality_identity_and_attributes():
    x = tensor([1.0, 2.0])
    assert x in [x] and {x: 1}[x] == 1 and (x == x).all() and (x == None) is False  # noqa: E711
    x.note = "kept"
    assert x.note == "kept" and "note" in dir(x) and "_writes" not in dir(x)
    with pytest.raises(AttributeError):
        x.shape = (2, 1)


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_and_pickles(again):
    x = tensor([1.0, 2.0], requires_grad=True)
    x.note = "kept"
    y = again(x)
    assert y.tolist() == [1, 2] and y.requires_grad and y.note == "kept" and type(y) is rushlight.Tensor
    if again is not copy.copy:
        assert not np.shares_memory(x._data, y._data)


def test_device_and_size():
    assert rushlight.zeros(1).device == rushlight.device("cpu") and str(rushlight.device("cpu")) == "cpu"
    assert not rushlight.cuda.is_available() and rushlight.zeros(1).to("cpu").is_cuda is False
    for call in (
        lambda: rushlight.zeros(1).to("cuda"),
        lambda: rushlight.zeros(1, device="cuda:0"),
        lambda: rushlight.zeros(1).cuda(),
    ):
        with pytest.raises(RuntimeError, match="CPU only"):
            call()
    size = rushlight.zeros(2, 3).shape
    assert size == (2, 3) and size.numel() == 6 and repr(size[:1] + size[1:]) == "torch.Size([2, 3])"


def test_views_share_memory_and_copies_do_not():
    x = rushlight.arange(24.0).reshape(2, 3, 4)
    for view in (
        x[0],
        x[:, 1:],
        x[..., 0],
        x[None],
        x.permute(2, 0, 1),
        x.reshape(6, 4),
        x.transpose(0, 2),
        x.squeeze(),
        x.expand(5, 2, 3, 4),
        x.unbind()[1],
        x.split(2, 1)[0],
        x.detach(),
        x.data,
        x.T,
        x.view(-1),
        x.flatten(1),
        x.contiguous(),
    ):
        assert np.shares_memory(view._data, x._data)
    for made in (
        x[[0]],
        x[x > 3],
        x + 0,
        x.clone(),
        x.transpose(0, 2).reshape(-1),
        x.flip(0),
        x.repeat(1, 1, 1),
    ):
        assert not np.shares_memory(made._data, x._data)


# ---- silence: torch gives inf and nan without a word; the test suite makes warnings errors


@pytest.mark.parametrize(
    "expression",
    [
        "one * 1e300",
        "one + 2**100",
        "one / 0",
        "huge * huge",
        "huge + huge * 3",
        "(0 * one) / 0",
        "(-one).sqrt()",
        "(0 * one).log()",
        "(-one).log()",
        "(-one) ** 0.5",
        "(0 * one) ** -1",
        "one % 0",
        "one // 0",
        "one > 1e300",
        "huge.sum() * 9",
        "(huge * 9).mean()",
        "huge.prod()",
        "huge.norm()",
        "huge.norm(3)",
        "huge.cumsum(0)",
        "huge @ huge",
        "huge.std()",
        "torch.zeros(0).mean()",
        "torch.zeros(1).var()",
        "torch.zeros(0).std()",
        "torch.tensor([nan]).int()",
        "torch.tensor(1e20).to(torch.int32)",
        "torch.tensor([1e300])",
        "inf.softmax(0)",
        "torch.arange(1e300, 1e301, 1e300)",
        "torch.zeros(1).copy_(torch.tensor(1e300, dtype=torch.float64))",
        "torch.zeros(1).add_(torch.tensor(1e300, dtype=torch.float64))",
        "torch.isclose(inf, inf - inf)",
        "torch.normal(0.0, 1e39, (3,))",
        "huge.exp().requires_grad_().log().sum().backward()",
        "torch.exp(huge)",
        "repr(inf - inf)",
        "torch.einsum('i,i', huge, huge)",
        "torch.linspace(0, 3e38, 3) * 9",
        "huge.half()",
    ],
)
def test_no_floating_point_warnings(expression):
    names = {"torch": rushlight, "nan": float("nan"), "one": rushlight.ones(2)}
    names |= {"huge": rushlight.full((4,), 1e38), "inf": rushlight.full((2,), float("inf"))}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        eval(expression, names)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        np.ones(1) / np.zeros(1)  # NumPy's own state is left as it was


# ---- the module


def test_a_missing_name_says_so():
    with pytest.raises(
        AttributeError, match=r"module 'rushlight' has no attribute 'conv7d': .* dir\(rushlight\)"
    ):
        rushlight.conv7d  # noqa: B018


def test_import_is_quick_and_takes_nothing_but_numpy():
    code = (
        "import sys, time; start = time.process_time(); import numpy; middle = time.process_time();"
        "before = set(sys.modules); import rushlight; end = time.process_time();"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        # The second is Python's own too, though not listed.
        "known = {*sys.stdlib_module_names, '_xxsubinterpreters', 'numpy'};"
        "print((end - middle) / (middle - start), *sorted(new - known))"
    )
    compiled = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # the first run compiles, the others import
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=compiled
        ).stdout.split()
        for _ in range(5)
    ]
    assert all(run[1:] == ["rushlight"] for run in runs)
    assert min(float(run[0]) for run in runs) < 1  # of NumPy's own import; about a quarter of it in fact


MODULES = (
    ["rushlight"]
    + [
        "rushlight." + name
        for name in ("tensor", "printing", "random", "generator", "dtypes", "size", "runtime")
    ]
    + [
        module.name
        for package in (rushlight.autograd, importlib.import_module("rushlight.ops"))
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
    ]
)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_public_function_says_what_it_does():
    for name in dir(rushlight):
        thing = getattr(rushlight, name)
        if callable(thing) and not name.startswith("_"):
            assert thing.__doc__, name
    for name in dir(rushlight.Tensor):
        if callable(getattr(rushlight.Tensor, name)) and not name.startswith("_"):
            assert getattr(rushlight.Tensor, name).__doc__, name


def test_runtime_settings():
    before = rushlight.get_num_threads()
    try:
        rushlight.set_num_threads(1)
        assert rushlight.get_num_threads() == 1
    finally:
        rushlight.set_num_threads(before)
    with pytest.raises(RuntimeError, match="positive"):
        rushlight.set_num_threads(0)
    with pytest.raises(TypeError, match="expects an int"):
        rushlight.set_num_threads(1.5)
    with pytest.raises(ValueError, match="reference"):
        rushlight.set_isa("z80")
    assert rushlight.isa() in rushlight.available_isas()
    text = rushlight.show_config()
    assert rushlight.__version__ in text and rushlight.isa() in text and np.__version__ in text
