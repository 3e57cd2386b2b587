"""out=: the result's own bits in the caller's memory, whatever that memory overlaps; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
from rushlight import functional as F


def _draw(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape, dtype=np.float32)


IMAGES, KERNELS, BIAS = _draw(2, 4, 12, 16), _draw(6, 4, 3, 3), _draw(6)
COLUMNS = F.unfold(IMAGES, 3)
CALLS = {
    "conv2d": (F.conv2d, (IMAGES, KERNELS, BIAS), {"padding": 1, "stride": (1, 2)}),
    "conv2d_one_image": (F.conv2d, (IMAGES[0], KERNELS), {"padding": "same"}),
    "conv2d_prepared": (F.conv2d, (IMAGES, F.prepare_conv2d(KERNELS), BIAS), {"padding": 1}),
    "conv1d": (F.conv1d, (IMAGES[:, :, 0], KERNELS[:, :, 0], BIAS), {"padding": 1}),
    "conv_transpose2d": (F.conv_transpose2d, (IMAGES, _draw(4, 6, 3, 3), BIAS), {"stride": 2}),
    "max_pool2d": (F.max_pool2d, (IMAGES, 2), {}),
    "avg_pool2d": (F.avg_pool2d, (IMAGES, (2, 3)), {"stride": 1}),
    "relu": (F.relu, (IMAGES,), {}),
    "linear": (F.linear, (IMAGES, _draw(5, 16), _draw(5)), {}),
    "unfold": (F.unfold, (IMAGES, 3), {}),
    "fold": (F.fold, (COLUMNS, (12, 16), 3), {}),
}
EACH = pytest.mark.parametrize("name", CALLS)


@EACH
def test_the_result_goes_there_and_is_returned(name):
    function, arguments, options = CALLS[name]
    want = function(*arguments, **options)
    out = np.full_like(want, np.nan)
    assert function(*arguments, **options, out=out) is out
    assert out.tobytes() == want.tobytes()
    tensors = [rushlight.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments]
    there = rushlight.empty(want.shape)
    version = there._version
    assert function(*tensors, **options, out=there) is there
    assert there.numpy().tobytes() == want.tobytes() and there.grad_fn is None
    assert there._version == version + 1


@EACH
@pytest.mark.parametrize("shift", [0, 24])
def test_memory_shared_with_the_input(name, shift):
    """As if the input had been copied first."""
    function, (given, *rest), options = CALLS[name]
    want = function(given, *rest, **options)
    memory = np.empty(shift + max(want.size, given.size), np.float32)
    x = memory[shift : shift + given.size].reshape(given.shape)
    x[...] = given
    out = memory[: want.size].reshape(want.shape)
    function(x, *rest, **options, out=out)
    assert out.tobytes() == want.tobytes()


def test_memory_shared_with_weight_and_bias():
    want = F.conv2d(IMAGES, KERNELS, BIAS)
    memory = np.empty(want.size, np.float32)
    w, b = memory[100 : 100 + KERNELS.size].reshape(KERNELS.shape), memory[-BIAS.size :][::-1]
    w[...], b[...] = KERNELS, BIAS
    F.conv2d(IMAGES, w, b, out=memory.reshape(want.shape))
    assert memory.tobytes() == want.tobytes()

    x, matrix, b = _draw(8, 16), _draw(16, 16), _draw(16)
    want = F.linear(x, matrix, b)
    memory = np.concatenate([b, np.zeros(112, np.float32)])
    F.linear(x, matrix, memory[:16], out=memory.reshape(8, 16))
    assert memory.tobytes() == want.tobytes()


def test_linear_one_row_and_one_number_per_row():
    row, weights, bias = _draw(4), _draw(4), np.ones((), np.float32)
    for x in (row, IMAGES[0, :, 0, :4]):
        out = np.empty(x.shape[:-1], np.float32)
        assert F.linear(x, weights, bias, out=out) is out
        assert out.tobytes() == np.asarray(F.linear(x, weights, bias)).tobytes()


def test_memory_of_a_reversed_and_strided_input():
    memory = _draw(1, 1, 40, 40)
    x = memory[:, :, ::-2, ::-1]
    want = F.max_pool2d(x, 1)
    out = memory.reshape(-1)[: want.size].reshape(want.shape)
    assert F.max_pool2d(x, 1, out=out) is out
    assert out.tobytes() == want.tobytes()


def test_max_pool2d_with_indices():
    want = F.max_pool2d(IMAGES, 3, 2, return_indices=True)
    out = np.empty_like(want[0]), np.empty_like(want[1])
    got = F.max_pool2d(IMAGES, 3, 2, return_indices=True, out=out)
    for g, o, w in zip(got, out, want, strict=True):
        assert g is o and o.tobytes() == w.tobytes()
    with pytest.raises(TypeError, match=r"'out' must be a pair .* not numpy.ndarray"):
        F.max_pool2d(IMAGES, 3, 2, return_indices=True, out=out[0])
    with pytest.raises(RuntimeError, match=r"indices.*dtype Long.*dtype Float"):
        F.max_pool2d(IMAGES, 3, 2, return_indices=True, out=(out[0], out[0]))


@EACH
@pytest.mark.parametrize(
    "spoil, word",
    [
        (lambda y: y[..., :-1].copy(), r"but got size \["),
        (lambda y: y.astype(np.float64), "but got .*dtype Double"),
        (lambda y: np.repeat(y, 2, -1)[..., ::2], "not C-contiguous"),
        (lambda y: y.astype(">f4"), "byte-swapped"),
        (lambda y: np.lib.stride_tricks.as_strided(y, writeable=False), "read-only"),
    ],
    ids=["size", "dtype", "strides", "byte order", "read-only"],
)
def test_memory_that_cannot_hold_the_result(name, spoil, word):
    function, arguments, options = CALLS[name]
    want = function(*arguments, **options)
    out = spoil(want)
    before = out.tobytes()
    with pytest.raises(RuntimeError, match=rf"^{function.__name__}: expected out .*{word}"):
        function(*arguments, **options, out=out)
    assert out.tobytes() == before


@EACH
def test_no_array(name):
    function, arguments, options = CALLS[name]
    with pytest.raises(TypeError, match=r"argument 'out' must be Tensor or numpy.ndarray, not list"):
        function(*arguments, **options, out=[0.0])


@EACH
def test_recorded_gradients_are_refused(name):
    function, (given, *rest), options = CALLS[name]
    want = function(given, *rest, **options)
    x = rushlight.tensor(given, requires_grad=True)
    out = rushlight.empty(want.shape)
    text = rf"^{function.__name__}\(\): functions with out=... arguments don't support automatic diff"
    with pytest.raises(RuntimeError, match=text):
        function(x, *rest, **options, out=out)
    with pytest.raises(RuntimeError, match=text):
        function(given, *rest, **options, out=out.requires_grad_())
    with rushlight.no_grad():
        assert function(x, *rest, **options, out=out) is out
    assert out.detach().numpy().tobytes() == want.tobytes()


def test_backward_finds_out_that_its_input_was_written_over():
    w = rushlight.tensor(KERNELS, requires_grad=True)
    x = rushlight.tensor(IMAGES)
    y = F.conv2d(x, w)
    F.relu(x, out=x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("isa", rushlight.available_isas())
def test_every_isa_and_thread_count_writes_the_same_bits(isa):
    before = rushlight.isa()
    try:
        rushlight.set_isa(isa)
        x, w = _draw(3, 16, 30, 30), _draw(16, 16, 3, 3)
        want = F.conv2d(x, w, padding=1)
        for threads in (1, 3):
            with rushlight.num_threads(threads):
                out = np.full_like(want, np.nan)
                F.conv2d(x, w, padding=1, out=out)
                assert out.tobytes() == want.tobytes()
    finally:
        rushlight.set_isa(before)
