"""Memory and operators shared with NumPy, torch, JAX, and whatever speaks DLPack or is a buffer."""

from __future__ import annotations

import array
import os
import subprocess
import sys

import numpy as np
import pytest

import rushlight
from rushlight import functional as F


def _address(t):
    return t.numpy().__array_interface__["data"][0]


class Foreign:
    """Another library's tensor, of which nothing is known but DLPack."""

    def __init__(self, memory):
        self._memory = memory

    def __dlpack__(self, **options):
        return self._memory.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._memory.__dlpack_device__()


@pytest.mark.parametrize("take", [rushlight.from_dlpack, rushlight.as_tensor])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_a_foreign_tensor_is_taken_where_it_lies(take, dtype):
    memory = np.arange(12).astype(dtype).reshape(3, 4).T
    t = take(Foreign(memory))
    assert _address(t) == memory.ctypes.data and t.stride() == (1, 4)
    np.testing.assert_array_equal(t.numpy(), memory)


def test_a_foreign_tensor_is_copied_by_tensor_and_told_apart_by_operators():
    memory = np.ones((1, 1, 3, 3), np.float32)
    assert _address(rushlight.tensor(Foreign(memory))) != memory.ctypes.data
    with pytest.raises(TypeError, match=r"interop.Foreign, which rushlight.from_dlpack makes one"):
        F.conv2d(Foreign(memory), memory)


@pytest.mark.parity
def test_torch_both_ways():
    torch = pytest.importorskip("torch")
    theirs = torch.rand(2, 3, 8, 8)
    ours = rushlight.from_dlpack(theirs)
    assert _address(ours) == theirs.data_ptr()
    assert torch.from_dlpack(ours).data_ptr() == theirs.data_ptr()
    ours[0, 0, 0, 0] = 7
    assert theirs[0, 0, 0, 0] == 7
    last = theirs.to(memory_format=torch.channels_last)
    ours = rushlight.as_tensor(last)
    assert ours.stride() == last.stride() and _address(ours) == last.data_ptr()
    weight = torch.rand(4, 3, 3, 3)
    got = torch.from_dlpack(F.conv2d(ours, rushlight.as_tensor(weight), padding=1))
    torch.testing.assert_close(got, torch.nn.functional.conv2d(last, weight, padding=1))
    with pytest.raises((RuntimeError, BufferError), match="require"):
        rushlight.from_dlpack(theirs.requires_grad_())
    with pytest.raises((RuntimeError, BufferError), match="require"):
        torch.from_dlpack(rushlight.ones(2, requires_grad=True))


def test_jax_both_ways():
    jnp = pytest.importorskip("jax.numpy")
    theirs = jnp.arange(6.0, dtype=jnp.float32).reshape(2, 3)
    ours = rushlight.from_dlpack(theirs)
    assert _address(ours) == theirs.unsafe_buffer_pointer()
    with pytest.raises(RuntimeError, match="read-only"):
        ours.add_(1)
    back = jnp.from_dlpack(rushlight.ones(2, 3))
    np.testing.assert_array_equal(np.asarray(back + theirs), ours.numpy() + 1)


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, lambda b: array.array("B", b)])
def test_buffers_are_taken_where_they_lie(make):
    given = make(np.arange(6, dtype=np.float32).tobytes())
    t = rushlight.frombuffer(given, dtype=rushlight.float32, count=4, offset=4)
    assert t.tolist() == [1, 2, 3, 4]
    assert _address(t) == np.frombuffer(given, np.uint8).ctypes.data + 4
    if isinstance(given, bytes):
        with pytest.raises(RuntimeError, match="read-only"):
            t.zero_()
    with pytest.raises(ValueError, match="buffer"):
        rushlight.frombuffer(given, dtype=rushlight.float32, count=7)


def test_array_protocol_shares_where_it_may_and_converts_where_asked():
    t = rushlight.tensor([[1.0, 2.0]])
    assert np.shares_memory(np.asarray(t), t.numpy())
    assert not np.shares_memory(np.array(t), t.numpy())
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert np.array(t, dtype=np.float32).dtype == np.float32
    assert memoryview(t.numpy()).nbytes == 8
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        assert np.shares_memory(np.asarray(t, copy=False), t.numpy())
        with pytest.raises(ValueError, match="Unable to avoid copy"):
            np.asarray(t, dtype=np.int32, copy=False)
    with pytest.raises(RuntimeError, match="requires grad"):
        np.asarray(t.requires_grad_())


OPERATORS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "floor_divide": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "power": lambda a, b: a**b,
    "matmul": lambda a, b: a @ b,
    "less": lambda a, b: a < b,
    "equal": lambda a, b: a == b,
    "maximum": np.maximum,
    "hypot": np.hypot,  # not ours: computed on the arrays
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_in_either_order_give_tensors(name):
    operator = OPERATORS[name]
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 2.0], [1.0, 3.0]])
    want = operator(a, b)
    for x, y in (
        (a, rushlight.from_numpy(b)),
        (rushlight.from_numpy(a), b),
        (rushlight.from_numpy(a), rushlight.from_numpy(b)),
    ):
        got = operator(x, y)
        assert isinstance(got, rushlight.Tensor)
        np.testing.assert_allclose(got.numpy(), want)
    got = operator(np.float64(3), rushlight.from_numpy(b)) if name != "matmul" else None
    assert got is None or isinstance(got, rushlight.Tensor)


def test_gradients_pass_through_an_ndarray_on_the_left():
    x = rushlight.tensor([1.0, 2.0], requires_grad=True)
    (np.array([3.0, 4.0], np.float32) * x).sum().backward()
    assert x.grad.tolist() == [3, 4]


PEAK = """
import numpy as np
from rushlight import functional as F

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024

def extra(channels, kernel, **options):
    photo = np.ones((1, 1500, 2000, channels), np.float32).transpose(0, 3, 1, 2)
    out = F.conv2d(photo, kernel, **options)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak starts anew
    before = peak()
    F.conv2d(photo, kernel, **options, out=out)
    return peak() - before

print(extra(3, np.ones((2, 3, 3, 3), np.float32)))
print(extra(3, np.ones((3, 1, 5, 5), np.float32), groups=3))
print(extra(8, np.ones((8, 8, 1, 1), np.float32), stride=2))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux")
def test_channels_last_images_are_read_where_they_lie():
    """Megabytes at the peak of a call: nothing near the 34 or 92 of the image."""
    result = subprocess.run(
        [sys.executable, "-c", PEAK],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    assert all(float(line) < 4 for line in result.stdout.split()), result.stdout


def test_threadpoolctl_sees_and_limits_our_threads():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    known = [each for each in threadpoolctl.threadpool_info() if each["user_api"] == "openmp"]
    if not known:
        pytest.skip("built without OpenMP")
    plan = ("conv2d", (4, 64, 56, 56), (64, 64, 3, 3))
    with rushlight.num_threads(2):
        with threadpoolctl.threadpool_limits(1, "openmp"):
            limited = rushlight.plan(*plan).threads
        assert rushlight.plan(*plan).threads == 2
    assert limited == (1 if max(each["num_threads"] for each in known) > 1 else 2)
