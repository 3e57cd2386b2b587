"""The short way into conv2d, max_pool2d and relu: nobody can tell it from the long one but by a clock.

Every call here is made twice, once with the try_* functions refusing everything; values, types, layouts and
errors must be the same.
"""

from __future__ import annotations

import gc
import inspect
import sys
import threading
import tracemalloc

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from oracle import assert_same_bits
from rushlight import _core
from rushlight.functional import activation, conv, pooling


def refuse(*arguments):
    return NotImplemented


def outcome(function, *args, **kwargs):
    """What a call returns or raises, in a form that can be compared."""
    try:
        result = function(*args, **kwargs)
    except Exception as error:
        return type(error), str(error)
    return result


def assert_same_outcome(got, want):
    assert type(got) is type(want)
    if isinstance(want, tuple):
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            assert_same_outcome(one, other)
    elif isinstance(want, rushlight.Tensor):
        assert got.requires_grad == want.requires_grad
        assert_same_bits(got.detach().numpy(), want.detach().numpy())
    elif isinstance(want, np.ndarray):
        assert_same_bits(got, want)
        assert got.flags.c_contiguous and got.flags.owndata and got.flags.writeable and got.dtype.isnative
    else:
        assert got == want


@pytest.fixture
def both(monkeypatch):
    """Calls a function the short and the long way, asserts the same outcome and returns it."""

    def call(function, *args, **kwargs):
        short = outcome(function, *args, **kwargs)
        with monkeypatch.context() as patch:
            for module, name in ((conv, "try_conv2d"), (pooling, "try_max_pool2d"), (activation, "try_relu")):
                patch.setattr(module, name, refuse)
            long = outcome(function, *args, **kwargs)
        assert_same_outcome(short, long)
        return short

    return call


class Subclass(np.ndarray):
    pass


def draw(*shape):
    return (np.random.default_rng(0).standard_normal(shape) * 50).astype(np.float32)


def misaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
    copy = memory.view(array.dtype).reshape(array.shape)
    copy[...] = array
    assert not copy.flags.aligned
    return copy


def split_strides(array):
    """The same values with strides that are no multiple of the element's size."""
    fields = np.zeros(array.shape, [("pad", "u1"), ("value", array.dtype)])
    fields["value"] = array
    return fields["value"]


# Every kind of array there is, made of an ordinary one.
KINDS = {
    "ordinary": lambda a: a,
    "float64": lambda a: a.astype("float64"),
    "longdouble": lambda a: a.astype(np.longdouble),
    "float16": lambda a: a.astype("float16"),
    "complex": lambda a: a.astype("complex64"),
    "object": lambda a: a.astype(object),
    "text": lambda a: a.astype("U4"),
    "dates": lambda a: a.astype("int64").astype("M8[s]"),
    "bool": lambda a: a > 0,
    **{name: lambda a, name=name: a.astype(name) for name in ("int8", "int16", "int32", "int64", "uint8")},
    **{name: lambda a, name=name: a.astype(int).astype(name) for name in ("uint16", "uint32", "uint64")},
    "longlong": lambda a: a.astype(np.longlong),
    "intc": lambda a: a.astype(np.intc),
    "reversed": np.flip,
    "sliced": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "transposed": lambda a: a.swapaxes(-1, -2) if a.ndim > 1 else a,
    "column order": np.asfortranarray,
    "broadcast": lambda a: np.broadcast_to(a[..., :1], a.shape),
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "misaligned": misaligned,
    "split strides": split_strides,
    "subclass": lambda a: a.view(Subclass),
    "masked": lambda a: np.ma.masked_less(a, 0),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "metadata": lambda a: a.astype(np.dtype(a.dtype, metadata={"unit": "m"})),
    "Tensor": lambda a: rushlight.from_numpy(a),
    "wanted Tensor": lambda a: rushlight.from_numpy(a).requires_grad_(),
    "list": lambda a: a.tolist(),
    "None": lambda a: None,
    "scalar": lambda a: a.flat[0],
    "0-d": lambda a: np.asarray(a.flat[0]),
    "2-d": lambda a: a[0, 0] if a.ndim == 4 else a,
    "3-d": lambda a: a[0] if a.ndim == 4 else a,
    "5-d": lambda a: a[None],
    "9-d": lambda a: a[(None,) * (9 - a.ndim)],
    "empty": lambda a: a[:0],
    "empty columns": lambda a: a[..., :0],
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


# ---- arrays of every kind ------------------------------------------------------------------------------
@EVERY_KIND
@pytest.mark.parametrize("place", ["input", "weight", "bias", "all"])
def test_conv2d_arrays(both, kind, place):
    arrays = {"input": draw(2, 3, 6, 6), "weight": draw(4, 3, 3, 3), "bias": draw(4)}
    for name in arrays if place == "all" else [place]:
        arrays[name] = KINDS[kind](arrays[name])
    both(F.conv2d, arrays["input"], arrays["weight"], arrays["bias"], 1, 1)
    both(F.conv2d, arrays["input"], arrays["weight"], stride=(2, 1))


@EVERY_KIND
def test_max_pool2d_arrays(both, kind):
    x = KINDS[kind](draw(2, 3, 6, 6))
    for options in [(2,), (3, 1, 1), (2, None, 0, 1, True), (2, 2, 1, 1, False, True), ((3, 2), (1, 2))]:
        both(F.max_pool2d, x, *options)


@EVERY_KIND
def test_relu_arrays(both, kind):
    x = KINDS[kind](draw(2, 3, 6, 6))
    both(F.relu, x)
    both(F.relu, x, False)


@EVERY_KIND
def test_relu_in_place(both, kind):
    array = KINDS[kind](draw(2, 3, 6, 6))
    result = outcome(F.relu, array, inplace=True)
    assert result is array or isinstance(result, tuple)


def test_usual_arrays_take_the_short_way(isa):
    """What the other tests compare is really two different ways."""
    x, w, b = draw(2, 4, 6, 6), draw(6, 2, 3, 3), draw(6)
    for dtype in ("float32", "float64", "int8", "int16", "int32", "int64", "uint8"):
        arrays = [array.astype(dtype) for array in (x, w, b)]
        assert type(_core.try_conv2d(*arrays, (2, 1), 1, 1, 2)) is np.ndarray
        assert type(_core.try_max_pool2d(arrays[0], 2, None, (1, 0), 1, False, False)) is np.ndarray
        assert [type(a) for a in _core.try_max_pool2d(arrays[0], 2, 1, 0, 1, True, True)] == [np.ndarray] * 2
        assert type(_core.try_relu(arrays[0])) is np.ndarray
    for strided in (x[:, ::-1], x.swapaxes(2, 3), np.broadcast_to(x[:1], x.shape), x[0]):
        assert type(_core.try_conv2d(strided, w, None, 1, 1, 1, 2)) is np.ndarray
        assert type(_core.try_max_pool2d(strided, 2, None, 0, 1, False, False)) is np.ndarray


# ---- options of every spelling -------------------------------------------------------------------------
class Index:
    def __index__(self):
        return 2


class Int(int):
    pass


SPELLINGS = [
    *(0, 1, 2, -1, 7, 2**31, 2**40, 2**40 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**200),
    *(True, False, 1.0, 2.5, "same", "valid", "2", b"1", None, NotImplemented, object(), Index(), Int(2)),
    *((1, 2), (2, 1), (1,), (), (1, 2, 3), [1, 2], [1], [], [1, 1, 1]),
    *((1, 2**70), (1, 2**40), (-1, 1), (1, True), (1.0, 1), (Index(), 1), (None, 1), ("1", 1)),
    *(((1, 0), (0, 1)), [[1, 1], [1, 0]], ((1, 1), 1), ((1,), (1,)), ((1, 2, 3), (1, 1)), ((1, -1), (0, 0))),
    *(np.int64(2), np.int8(1), np.uint64(2), np.bool_(True), np.float32(1), np.array(2), np.array([1, 2])),
]


@pytest.mark.parametrize("option", ["stride", "padding", "dilation", "groups"])
@pytest.mark.parametrize("value", SPELLINGS, ids=repr)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_conv2d_options(both, option, value):
    x, w, b = draw(2, 4, 6, 5), draw(6, 2, 2, 3), draw(6)
    both(F.conv2d, x, w, b, **{"groups": 2, option: value})
    both(F.conv2d, rushlight.from_numpy(x), w, **{"groups": 2, option: value})


@pytest.mark.parametrize(
    "option", ["kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"]
)
@pytest.mark.parametrize("value", SPELLINGS, ids=repr)
def test_max_pool2d_options(both, option, value):
    x = draw(2, 3, 7, 6)
    both(F.max_pool2d, x, **{"kernel_size": 3, option: value})
    both(F.max_pool2d, rushlight.from_numpy(x).requires_grad_(), **{"kernel_size": 3, option: value})


def test_gradients_are_those_of_the_long_way(both):
    x, w, b = draw(2, 4, 6, 5), draw(6, 2, 2, 3), draw(6)

    def gradients(**options):
        leaves = [rushlight.tensor(array).requires_grad_() for array in (x, w, b)]
        (F.conv2d(*leaves, groups=2, **options) ** 2).sum().backward()
        return tuple(leaf.grad.numpy() for leaf in leaves)

    for options in [{}, {"stride": 2}, {"stride": (1, 2), "padding": (0, 1)}, {"padding": 1, "dilation": 2}]:
        both(gradients, **options)

    def pooled(**options):
        leaf = rushlight.tensor(x).requires_grad_()
        result = F.max_pool2d(leaf, 2, **options)
        (result[0] if isinstance(result, tuple) else result).sum().backward()
        return leaf.grad.numpy(), F.relu(rushlight.tensor(x).requires_grad_())

    for options in [{}, {"stride": 1}, {"padding": 1, "return_indices": True}]:
        both(pooled, **options)


# ---- calling conventions -------------------------------------------------------------------------------
def test_keywords(both):
    x, w, b = draw(1, 2, 5, 5), draw(2, 1, 3, 3), draw(2)
    plain = F.conv2d(x, w, b, 2, 1, 1, 2)
    for call in (
        lambda: F.conv2d(x, w, b, 2, 1, groups=2),
        lambda: F.conv2d(input=x, weight=w, bias=b, stride=2, padding=1, dilation=1, groups=2),
        lambda: F.conv2d(groups=2, bias=b, weight=w, padding=1, stride=2, input=x),
        lambda: F.conv2d(x, w, **{"bi" + "as": b, "stri" + "de": 2, "padding": 1, "groups": 2}),
    ):
        assert_same_bits(both(call), plain)
    assert_same_bits(
        both(F.max_pool2d, input=x, kernel_size=2, ceil_mode=True), F.max_pool2d(x, 2, None, 0, 1, True)
    )
    for wrong in ({}, {"input": x}, {"input": x, "weight": w, "strides": 1}):
        kind, text = both(F.conv2d, **wrong)
        assert kind is TypeError and "conv2d()" in text
    assert both(F.conv2d, x, w, b, 1, 0, 1, 2, 1)[0] is TypeError
    assert both(F.conv2d, x, w, input=x)[0] is TypeError
    assert list(inspect.signature(F.conv2d).parameters)[:3] == ["input", "weight", "bias"]


@pytest.mark.parametrize("name, most", [("try_conv2d", 7), ("try_max_pool2d", 7), ("try_relu", 1)])
def test_wrong_number_of_arguments(name, most):
    function = getattr(_core, name)
    for count in {0, 1, 2, most - 1, most + 1} - {most}:
        assert function(*[draw(1, 1, 3, 3)] * count) is NotImplemented
    with pytest.raises(TypeError):
        function(input=draw(1, 1, 3, 3))
    assert str(inspect.signature(function)).endswith("/)") and function.__doc__


def test_a_result_too_large_for_memory(both):
    x = np.broadcast_to(np.float32(0), (1, 1, 2**24, 2**24))
    for kind, _ in (
        both(F.conv2d, x, np.ones((1, 1, 1, 1), np.float32)),
        both(F.conv2d, draw(1, 1, 5, 5), draw(1, 1, 3, 3), padding=2**40),
        both(F.max_pool2d, x, 1),
        both(F.max_pool2d, x, 1, return_indices=True),
    ):
        assert issubclass(kind, MemoryError)


# ---- references and memory -----------------------------------------------------------------------------
def everything(x, w, b, integers, swapped):
    """Calls of every outcome: accepted, refused early, refused late, raising."""
    F.conv2d(x, w)
    F.conv2d(x, w, b, (1, 1), (1, 0), 1, 1)
    F.conv2d(integers, integers)
    F.max_pool2d(x, 2)
    F.max_pool2d(x, 2, 1, 0, 1, False, True)
    F.relu(x)
    _core.try_conv2d(x, w, b, 1, 0, 1, 3)
    _core.try_conv2d(x, w, swapped, 1, 0, 1, 1)
    _core.try_conv2d(x, w, b, 1, 0, 1, 1.0)
    _core.try_max_pool2d(x, 9, None, 0, 1, False, True)
    _core.try_relu(swapped)


def test_no_reference_and_no_memory_is_lost():
    x, w, b = draw(1, 1, 5, 5), draw(1, 1, 3, 3), draw(1)
    arguments = x, w, b, x.astype("int64"), b.astype(">f4")
    watched = [*arguments, *(np.dtype(name) for name in ("float32", "int64")), np.ndarray, "same", object()]
    everything(*arguments)
    gc.collect()
    before = [sys.getrefcount(one) for one in watched]
    tracemalloc.start()
    try:
        everything(*arguments)
        memory, _ = tracemalloc.get_traced_memory()
        for _ in range(10_000):  # of eleven calls each
            everything(*arguments)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < memory + 10_000
    finally:
        tracemalloc.stop()
    for one, count, expected in zip(watched, map(sys.getrefcount, watched), before, strict=True):
        assert abs(count - expected) < 20, one  # other tests' machinery may hold some dtypes more


def test_arguments_outlive_their_names():
    """The arrays of a call live as long as it does, whoever else lets go of them meanwhile."""
    x, w = draw(8, 16, 64, 64), draw(16, 16, 3, 3)
    want = F.conv2d(x, w)
    shared = [rushlight.from_numpy(x.copy())]
    stop = threading.Event()

    def replace():
        while not stop.is_set():
            shared[0].data = rushlight.from_numpy(x.copy())

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        for _ in range(20):
            assert_same_bits(F.conv2d(shared[0], w).numpy(), want)
    finally:
        stop.set()
        thread.join()
