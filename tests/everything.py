"""One job for every part of the library, each with an answer that must be the same bits wherever it runs.

`JOBS[name]()` gives a digest. The jobs share nothing and set nothing, so any number may run at once, in any
thread or process; they are large enough to be spread over threads. Imported by tests, and by the programs
that tests start. As a program, `python tests/everything.py` prints all digests.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import rushlight
import rushlight.functional as F
from rushlight import nn, optim
from rushlight.utils.data import DataLoader, TensorDataset


def normal(seed: int, *shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def wanted(seed: int, *shape: int) -> rushlight.Tensor:
    """A Tensor that wants a gradient."""
    return rushlight.from_numpy(normal(seed, *shape)).requires_grad_()


def digest(*results: object) -> str:
    """Of the bytes, shapes and dtypes of Tensors and ndarrays."""
    found = hashlib.sha256()
    for result in results:
        array = result.detach().numpy() if isinstance(result, rushlight.Tensor) else np.asarray(result)
        found.update(repr((array.shape, array.dtype.str)).encode() + array.tobytes())
    return found.hexdigest()


def convolutions() -> str:
    x, w, b = normal(0, 2, 24, 40, 41), normal(1, 32, 24, 3, 3), normal(2, 32)
    whole = (x * 8).astype(np.int32), (w * 8).astype(np.int32)
    return digest(
        F.conv2d(x, w, b, padding=1),
        F.conv2d(x, w, b, stride=2, dilation=2),
        F.conv2d(x, normal(3, 24, 1, 5, 5), groups=24),
        F.conv2d(x.astype(np.float64), w.astype(np.float64)),
        F.conv2d(*whole, padding=1),
        F.conv1d(x.reshape(2, 24, -1), normal(4, 16, 24, 7)),
        F.conv_transpose2d(x, normal(5, 24, 8, 3, 3), stride=2),
        nn.grad.conv2d_weight(x, w.shape, F.conv2d(x, w, padding=1), padding=1),
        nn.grad.conv2d_input(x.shape, w, F.conv2d(x, w, padding=1), padding=1),
    )


def windows() -> str:
    x = normal(6, 2, 16, 41, 43)
    columns = F.unfold(x, 3, padding=1)
    return digest(
        *F.max_pool2d(x, 3, 2, 1, return_indices=True),
        F.avg_pool2d(x, 3, 2, 1),
        F.adaptive_avg_pool2d(x, 7),
        F.relu(x),
        F.pad(x, (1, 2, 3, 4), "reflect"),
        columns,
        F.fold(columns, (41, 43), 3, padding=1),
        F.interpolate(x, scale_factor=2, mode="bilinear"),
    )


def values() -> str:
    x = rushlight.from_numpy(normal(7, 300, 211))
    return digest(
        x.t() @ x,
        x.softmax(1),
        x.sort(0).values,
        x.cumsum(0),
        x[x > 0],
        x.var(1),
        F.gelu(x),
        x.topk(5).indices,
    )


def gradients() -> str:
    x, w, b = wanted(8, 3, 8, 30, 30), wanted(9, 16, 8, 3, 3), wanted(10, 16)
    y = F.max_pool2d(F.relu(F.conv2d(x, w, b, padding=1)), 2)
    first = rushlight.autograd.grad((y**2).sum(), (x, w, b), create_graph=True)
    (second,) = rushlight.autograd.grad((first[1] ** 2).sum(), (w,))
    return digest(y, *first, second)


def training() -> str:
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1152, 4),
    )
    with rushlight.no_grad():
        for seed, parameter in enumerate(net.parameters()):
            parameter.copy_(rushlight.from_numpy(normal(20 + seed, *parameter.shape) / 10))
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    images = rushlight.from_numpy(normal(11, 32, 1, 24, 24))
    losses = []
    for batch, target in DataLoader(TensorDataset(images, rushlight.arange(32) % 4), batch_size=16):
        optimizer.zero_grad()
        losses.append(F.cross_entropy(net(batch), target))
        losses[-1].backward()
        optimizer.step()
    return digest(*losses, *net.state_dict().values())


def files() -> str:
    file = io.BytesIO()
    rushlight.save({"a": rushlight.from_numpy(normal(12, 50, 50)), "b": [1, "two"]}, file)
    return digest(rushlight.load(file)["a"])


def settings() -> str:
    assert rushlight.get_num_threads() >= 1 and rushlight.isa() in rushlight.available_isas()
    with rushlight.no_grad():
        assert not rushlight.is_grad_enabled()
    assert rushlight.is_grad_enabled(), "another thread's no_grad"
    assert repr(rushlight.ones(2)) == "tensor([1., 1.])"
    try:
        F.conv2d(normal(13, 1, 2, 5, 5), normal(14, 1, 3, 3, 3))
    except RuntimeError as error:
        return digest(np.frombuffer(str(error).encode(), np.uint8))
    raise AssertionError("no error")


JOBS: dict[str, Callable[[], str]] = {
    job.__name__: job for job in (convolutions, windows, values, gradients, training, files, settings)
}


def run(name: str) -> str:
    """A job by name: what pools of processes can be given."""
    return JOBS[name]()


def all_digests() -> dict[str, str]:
    """Every job, one after the other."""
    return {name: job() for name, job in JOBS.items()}


def check(digests: Iterable[tuple[str, str]], expected: dict[str, str]) -> None:
    """Every (name, digest) is as expected."""
    for name, found in digests:
        assert found == expected[name], f"{name}: other bits"


def together(threads: int, rounds: int) -> None:
    """All jobs in many Python threads at once, each in an order of its own, while one more thread changes the
    number of threads: always the bits of a quiet run."""
    expected = all_digests()
    stop = threading.Event()

    def restless() -> None:
        number = 0
        while not stop.wait(0.001):
            number += 1
            rushlight.set_num_threads(1 + number % 4)

    def work(seed: int) -> None:
        for _ in range(rounds):
            order = np.random.default_rng(seed).permutation(list(JOBS))
            check(((name, run(name)) for name in order), expected)

    before = rushlight.get_num_threads()
    other = threading.Thread(target=restless)
    other.start()
    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))
    finally:
        stop.set()
        other.join()
        rushlight.set_num_threads(before)


if __name__ == "__main__":
    for each in all_digests().items():
        print(*each)
