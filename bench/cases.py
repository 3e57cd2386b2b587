"""A case: one layer in one direction, its input arrays, its right answers, how far off an answer may be.

Parent and workers build the same arrays from the same seed, so no input ever travels between processes.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench import reference
from bench.layers import BY_NAME, Layer

Array = NDArray[np.generic]


@dataclass
class Case:
    """What a peer needs to prepare its call. Arrays that a direction does not read are absent (None)."""

    layer: Layer
    direction: str
    x: Array | None = None
    w: Array | None = None
    dy: Array | None = None
    y: Array | None = None  # relu's output, which its gradient reads
    indices: NDArray[np.int64] | None = None  # of the pooled maxima

    @property
    def key(self) -> tuple[str, str]:
        """(operator, direction), by which peers look up what to call."""
        return (self.layer.op, self.direction)


def make(name: str, direction: str) -> Case:
    """The case's arrays, the same for the same name: normal values; pooled images have ties."""
    layer = BY_NAME[name]
    rng = np.random.default_rng(zlib.crc32(f"{name}/{direction}".encode()))

    def normal(shape: tuple[int, ...]) -> Array:
        return rng.standard_normal(shape, dtype=np.float32).astype(layer.dtype, copy=False)

    case = Case(layer, direction)
    if layer.op == "conv2d":
        case.x = normal(layer.input_shape) if direction != "grad_input" else None
        case.w = normal(layer.weight_shape) if direction != "grad_weight" else None
    else:
        case.x = np.round(normal(layer.input_shape) * 8) / 8
    if direction != "forward":
        case.dy = normal(layer.output_shape)
        if layer.op == "max_pool2d":
            assert case.x is not None
            case.indices = reference.max_pool2d(case.x, layer)[1]
        elif layer.op == "relu":
            case.y = np.maximum(case.x, 0)
    return case


def answers(case: Case) -> list[Array]:
    """The right answers, one array per output of the call."""
    layer, x, w, dy = case.layer, case.x, case.w, case.dy
    if case.key == ("conv2d", "forward"):
        return [reference.conv2d(x, w, layer)]
    if case.key == ("conv2d", "grad_input"):
        return [reference.conv2d_grad_input(dy, w, layer)]
    if case.key == ("conv2d", "grad_weight"):
        return [reference.conv2d_grad_weight(dy, x, layer)]
    if case.key == ("max_pool2d", "forward"):
        y, indices = reference.max_pool2d(x, layer)
        return [y, indices] if layer.indices else [y]
    if case.key == ("max_pool2d", "grad_input"):
        return [reference.max_pool2d_grad_input(dy, case.indices, layer)]
    if case.key == ("relu", "forward"):
        return [np.maximum(x, 0)]
    return [np.where(case.y > 0, dy, 0)]


def tolerance(case: Case) -> float:
    """The largest error allowed, as a share of the answer's root mean square.

    relu, the pooled maxima and their indices must be exact. A sum of L products in one chain is off by about
    sqrt(L) roundings; the constant leaves room for Winograd's transforms; one wrong border element is off by
    ten thousand times more.
    """
    layer, direction = case.layer, case.direction
    eps = float(np.finfo(layer.dtype).eps)
    if layer.op == "relu" or case.key == ("max_pool2d", "forward"):
        return 0.0
    if layer.op == "max_pool2d":
        return 50 * eps  # a sum of a few window gradients, in any order
    n, k, oh, ow = layer.output_shape
    _, c, r, s = layer.weight_shape
    length = {"forward": c * r * s, "grad_input": k // layer.groups * r * s, "grad_weight": n * oh * ow}[
        direction
    ]
    return float(eps * (300 + 4 * length**0.5))


def errors(case: Case, got: list[Array], want: list[Array]) -> tuple[float, float]:
    """(largest, root mean square) error of `got` as shares of the right answer's root mean square.

    Raises ValueError with one line if a shape, a dtype or a value is wrong.
    """
    if len(got) != len(want):
        raise ValueError(f"{len(got)} outputs, not {len(want)}")
    largest = rms = 0.0
    for position, (a, b) in enumerate(zip(got, want, strict=True)):
        if a.shape != b.shape:
            raise ValueError(f"output {position} has shape {a.shape}, not {b.shape}")
        if np.issubdtype(b.dtype, np.floating) and a.dtype != np.dtype(case.layer.dtype):
            raise ValueError(f"output {position} is {a.dtype}, not {case.layer.dtype}")
        if np.issubdtype(b.dtype, np.integer):
            if not np.array_equal(a, b):
                raise ValueError(f"{np.count_nonzero(a != b)} of {b.size} indices differ")
            continue
        error = np.abs(a.astype(np.float64) - b)
        scale = float(np.sqrt(np.mean(np.square(b, dtype=np.float64)))) or 1.0
        largest = max(largest, float(error.max()) / scale) if not np.isnan(error).any() else float("nan")
        rms = max(rms, float(np.sqrt(np.mean(np.square(error)))) / scale)
    allowed = tolerance(case)
    if not largest <= allowed:  # so written that a NaN fails
        raise ValueError(f"wrong answer: off by {largest:.1e} of the answer's rms, {allowed:.1e} is allowed")
    return largest, rms
