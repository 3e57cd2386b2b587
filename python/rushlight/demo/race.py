"""Native against NumPy against plain Python loops on a few layers; answers are checked before timing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

import rushlight.nn.functional as F

from .console import table

Array = NDArray[np.floating[Any]]
ROUNDS = 3  # the best of three medians, so that somebody else's busy moment does not count
LOOP_PRODUCTS = 300_000  # what plain Python is asked to do: some hundredths of a second


@dataclass(frozen=True)
class Layer:
    """One convolution: an input shape (N, C, H, W), K output channels, a square kernel, padding."""

    name: str
    shape: tuple[int, int, int, int]
    outputs: int
    kernel: int
    padding: int

    @property
    def products(self) -> int:
        """Multiplications of the direct algorithm."""
        n, c, h, w = self.shape
        rows, columns = (size + 2 * self.padding - self.kernel + 1 for size in (h, w))
        return n * self.outputs * rows * columns * c * self.kernel**2


LAYERS = (
    Layer("the tutorial's 5x5 image", (1, 1, 5, 5), 1, 3, 0),
    Layer("LeNet's first layer", (1, 1, 28, 28), 6, 5, 2),
    Layer("our second layer, 32 digits", (32, 16, 4, 4), 32, 3, 1),
    Layer("a photo, 16 filters", (1, 3, 512, 512), 16, 3, 1),
    Layer("ResNet's 3x3, 64 channels", (1, 64, 56, 56), 64, 3, 1),
)


def with_numpy(x: Array, w: Array, padding: int) -> Array:
    """Windows by sliding_window_view, the sums by one matrix product per image: fast for NumPy."""
    k, c, r, s = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(padded, (r, s), axis=(2, 3))  # (N, C, OH, OW, R, S), a view
    n, _, rows, columns = windows.shape[:4]
    patches = windows.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * r * s, rows * columns)
    y: Array = w.reshape(k, -1) @ patches
    return y.reshape(n, k, rows, columns)


def with_loops(
    x: list[list[list[float]]], w: list[list[list[list[float]]]], rows: int
) -> list[list[list[float]]]:
    """The definition, on lists: the first `rows` rows of every output channel, x a padded image."""
    size, columns = len(w[0][0]), len(x[0][0]) - len(w[0][0][0]) + 1
    result = []
    for kernels in w:
        plane = []
        for i in range(rows):
            line = []
            for j in range(columns):
                total = 0.0
                for channel, kernel in zip(x, kernels, strict=True):
                    for r in range(size):
                        source, taps = channel[i + r], kernel[r]
                        for s in range(size):
                            total += source[j + s] * taps[s]
                line.append(total)
            plane.append(line)
        result.append(plane)
    return result


def median_time(run: Callable[[], object], seconds: float, least: int = 3) -> float:
    """The middle one of repeated timings, seconds per call; short calls are timed in batches of 50 us."""
    begin = time.perf_counter()
    run()
    batch = range(max(1, int(50e-6 / max(time.perf_counter() - begin, 1e-9))))
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        begin = time.perf_counter()
        for _ in batch:
            run()
        times.append((time.perf_counter() - begin) / len(batch))
    return float(np.median(times))


def close(got: Array, want: Array) -> bool:
    """Equal but for float32's rounding."""
    return got.shape == want.shape and bool(np.abs(got - want).max() <= 1e-4 * np.sqrt(np.mean(want**2)))


def loops_share(layer: Layer, height: int) -> tuple[int, int]:
    """How many (output channels, rows) plain Python can do in a moment."""
    per_row = layer.products // (layer.shape[0] * layer.outputs * height)
    rows = max(1, LOOP_PRODUCTS // per_row)
    return max(1, min(layer.outputs, rows // height)), min(rows, height)


def race(layer: Layer, seconds: float) -> list[str]:
    """One line of the table. Raises ArithmeticError if any of the three computes something else."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(layer.shape, dtype=np.float32)
    w = rng.standard_normal((layer.outputs, layer.shape[1], layer.kernel, layer.kernel), dtype=np.float32)
    p = layer.padding
    want = with_numpy(x.astype(np.float64), w.astype(np.float64), p)
    channels, rows = loops_share(layer, want.shape[2])
    image = np.pad(x[0], ((0, 0), (p, p), (p, p))).tolist()
    kernels = w[:channels].tolist()
    looped = np.array(with_loops(image, kernels, rows), np.float32)
    for name, ok in (
        ("rushlight", close(F.conv2d(x, w, padding=p), want)),
        ("NumPy", close(with_numpy(x, w, p), want)),
        ("the loops", close(looped, want[0, :channels, :rows])),
    ):
        if not ok:
            raise ArithmeticError(f"{name} got {layer.name} wrong")
    part = channels * rows / (want.shape[0] * want.shape[1] * want.shape[2])
    runs = (
        lambda: F.conv2d(x, w, padding=p),
        lambda: with_numpy(x, w, p),
        lambda: with_loops(image, kernels, rows),
    )
    rounds = [[median_time(run, seconds / ROUNDS) for run in runs] for _ in range(ROUNDS)]  # in turns
    native, numpy, loops = np.min(rounds, axis=0)
    loops /= part
    about = "" if part == 1 else "~"
    return [
        layer.name,
        duration(native),
        duration(numpy),
        about + duration(loops),
        f"{numpy / native:.1f}",
        f"{about}{loops / native:,.0f}",
        f"{2 * layer.products / native / 1e9:.1f}",
    ]


def duration(seconds: float) -> str:
    """Three figures and a unit."""
    for unit, factor in (("us", 1e6), ("ms", 1e3), ("s", 1.0)):
        value = seconds * factor
        if value < 999.5 or unit == "s":
            break
    return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f} {unit}"


def report(seconds: float) -> None:
    """Runs all layers; `seconds` is the time spent on each figure."""
    wall, cpu = time.perf_counter(), time.process_time()
    lines = [race(layer, seconds) for layer in LAYERS]
    share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    header = ["forward, float32", "rushlight", "NumPy", "loops", "x NumPy", "x loops", "GFLOP/s"]
    print(table(header, lines))
    print("median times; x: how many times as fast rushlight is; ~: plain Python did a part, extrapolated")
    if share < 0.95:  # whoever computes all the time gets all of a processor, if nobody else wants it
        print("note: other programs kept the processor busy; run this again before you quote it")
