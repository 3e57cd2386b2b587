"""Arrays of any strides, byte order, alignment and writability give the bits that a plain copy gives."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
import rushlight.nn.functional as F
from kernel_cases import Conv, Pool, draw, run_conv
from oracle import assert_same_bits
from rushlight import _core

CASE = Conv(N=2, C=4, H=9, W=19, K=6, stride=(2, 1), padding=(1, 0, 2, 1), groups=2)
POOL = Pool(N=2, C=4, H=9, W=19, kernel=(3, 2), stride=(2, 2), padding=(1, 0, 0, 1))


def permuted(order):
    def make(a):
        return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))

    return make


def sliced(*steps):
    def make(a):
        larger = np.full([(n + 1) * abs(s) for n, s in zip(a.shape, steps, strict=True)], 77, a.dtype)
        view = larger[tuple(slice(None, None, s) for s in steps)][tuple(slice(0, n) for n in a.shape)]
        view[...] = a
        return view

    return make


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def misaligned(a):
    memory = np.zeros(a.nbytes + 1, np.uint8)
    view = memory[1:].view(a.dtype) if a.dtype.itemsize == 1 else memory[1:].data.cast("B")
    view = np.frombuffer(view, a.dtype).reshape(a.shape)
    view[...] = a
    assert a.dtype.itemsize == 1 or not view.flags.aligned
    return view


def field_of_records(a):
    """Strides that are no multiple of the element: 5 or 9 bytes apart."""
    records = np.zeros(a.shape, np.dtype([("value", a.dtype), ("flag", np.uint8)]))
    records["value"] = a
    return records["value"]


LAYOUTS = {
    "channels last": permuted((0, 2, 3, 1)),
    "transposed": permuted((3, 2, 1, 0)),
    "batch inside": permuted((1, 2, 3, 0)),
    "fortran": np.asfortranarray,
    "every second": sliced(2, 2, 2, 2),
    "reversed": sliced(-1, -1, -1, -1),
    "reversed columns": sliced(1, 1, 1, -1),
    "reversed rows, steps": sliced(1, 3, -2, 2),
    "read-only": read_only,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "byte-swapped and reversed": lambda a: a.astype(a.dtype.newbyteorder())[::-1, ::-1, ::-1, ::-1].copy()[
        ::-1, ::-1, ::-1, ::-1
    ],
    "misaligned": misaligned,
    "field of records": field_of_records,
    "memory-mapped subclass": lambda a: a.copy().view(np.memmap),
}
EVERY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))


@EVERY_LAYOUT
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_conv2d(isa, dtype, layout):
    x, w, b, dy = CASE.arrays(dtype)
    plain = run_conv(CASE, x, w, b, dy)
    moved = run_conv(CASE, layout(x), layout(w), layout(b[:, None, None, None])[:, 0, 0, 0], layout(dy))
    for direction in plain:
        assert_same_bits(moved[direction], plain[direction], direction)
        assert moved[direction].flags.c_contiguous


@EVERY_LAYOUT
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
def test_conv2d_integers(isa, dtype, layout):
    x, w, b, _ = CASE.arrays(dtype)
    plain = _core.conv2d_forward(x, w, b, *CASE.options)
    assert_same_bits(_core.conv2d_forward(layout(x), layout(w), b, *CASE.options), plain)


@EVERY_LAYOUT
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16", "int64"])
def test_max_pool2d(isa, dtype, layout):
    x = draw(dtype, *POOL.x_size)
    y, indices = _core.max_pool2d_forward(x, *POOL.options, True)
    moved, moved_indices = _core.max_pool2d_forward(layout(x), *POOL.options, True)
    assert_same_bits(moved, y)
    assert_same_bits(moved_indices, indices)
    assert_same_bits(_core.max_pool2d_forward(layout(x), *POOL.options, False), y)
    if x.dtype.kind == "f":
        plain = _core.max_pool2d_backward(y, indices, x.shape)
        assert_same_bits(_core.max_pool2d_backward(layout(y), layout(indices), x.shape), plain)


@EVERY_LAYOUT
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16", "int64"])
def test_relu(isa, dtype, layout):
    x = draw(dtype, *CASE.x_size)
    y = _core.relu_forward(x)
    assert_same_bits(_core.relu_forward(layout(x)), y)
    if x.dtype.kind == "f":
        assert_same_bits(_core.relu_backward(layout(x), layout(y)), _core.relu_backward(x, y))


def test_broadcast(isa):
    """Strides of zero along any axis."""
    case = Conv(N=3, C=4, H=7, W=18, K=6, padding=(1, 1, 1, 1))
    for axes in ((0,), (1,), (2,), (3,), (0, 1), (2, 3), (0, 1, 2, 3)):

        def broadcast(a, axes=axes):
            return np.broadcast_to(
                a[tuple(slice(0, 1) if i in axes else slice(None) for i in range(4))], a.shape
            )

        arrays = case.arrays("float32")
        x, w, b, dy = (broadcast(a) if a.ndim == 4 else np.broadcast_to(a[:1], a.shape) for a in arrays)
        broadcasted, plain = run_conv(case, x, w, b, dy), run_conv(case, *(a.copy() for a in (x, w, b, dy)))
        for direction in plain:
            assert_same_bits(broadcasted[direction], plain[direction], direction)
        pooled = _core.max_pool2d_forward(x, *POOL.options, True)
        for got, want in zip(pooled, _core.max_pool2d_forward(x.copy(), *POOL.options, True), strict=True):
            assert_same_bits(got, want)


def test_arguments_are_not_changed(isa):
    x, w, b, dy = arrays = CASE.arrays("float32")
    before = [a.copy() for a in arrays]
    run_conv(CASE, x, w, b, dy)
    y, indices = _core.max_pool2d_forward(x, *POOL.options, True)
    _core.max_pool2d_backward(y, indices, x.shape)
    _core.relu_backward(x, _core.relu_forward(x))
    for a, b in zip(arrays, before, strict=True):
        assert_same_bits(a, b)


@pytest.mark.parametrize("offset", [0, 4, 2052, 4092])
def test_large_results_lie_apart_from_the_input(offset):
    """Elsewhere in their page, so that loads do not wait for stores; a whole array otherwise."""
    memory = np.random.default_rng(3).standard_normal(600 * 501 + 2048).astype(np.float32)
    begin = (offset - memory.ctypes.data) % 4096 // 4
    x, w = memory[begin : begin + 600 * 500].reshape(1, 1, 600, 500), memory[:9].reshape(1, 1, 3, 3)
    want = F.conv2d(x, w, padding=1, out=np.empty_like(x))
    for weight in (w, F.prepare_conv2d(w), rushlight.tensor(w)):
        y = F.conv2d(x, weight, padding=1)
        y = y if isinstance(y, np.ndarray) else y.numpy()
        assert y.tobytes() == want.tobytes()
        assert y.flags.c_contiguous and y.flags.aligned and y.flags.writeable and y.ctypes.data % 64 == 0
        assert 2048 < (y.ctypes.data - x.ctypes.data) % 4096 <= 3072
        assert y.base.nbytes == y.nbytes + 4096
