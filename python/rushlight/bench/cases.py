"""A case: one layer in one direction, its input arrays, its right answers, how far off an answer may be.

Parent and workers build the same arrays from the same seed, so no input ever travels between processes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import reference
from .layers import BY_NAME as BY_NAME
from .layers import Layer

Array = NDArray[Any]


@dataclass
class Case:
    """What a peer needs to prepare its call. Arrays that a direction does not read are absent (None)."""

    layer: Layer
    direction: str
    x: Any = None
    w: Any = None
    dy: Any = None
    y: Any = None  # relu's output, which its gradient reads
    indices: Any = None  # of the pooled maxima

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
    if layer.flops:
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
        elif layer.op == "unfold":
            case.dy = case.dy.reshape(*layer.output_shape[:2], -1)
    return case


def _relu(case: Case) -> list[Array]:
    return [np.maximum(case.x, 0)]


def _max_pool2d(case: Case) -> list[Array]:
    y, indices = reference.max_pool2d(case.x, case.layer)
    return [y, indices] if case.layer.indices else [y]


_ANSWERS: dict[tuple[str, str], Callable[[Case], list[Array]]] = {
    ("conv2d", "forward"): lambda c: [reference.conv2d(c.x, c.w, c.layer)],
    ("conv2d", "grad_input"): lambda c: [reference.conv2d_grad_input(c.dy, c.w, c.layer)],
    ("conv2d", "grad_weight"): lambda c: [reference.conv2d_grad_weight(c.dy, c.x, c.layer)],
    ("conv_transpose2d", "forward"): lambda c: [reference.conv2d_grad_input(c.x, c.w, c.layer.mirrored)],
    ("conv_transpose2d", "grad_input"): lambda c: [reference.conv2d(c.dy, c.w, c.layer.mirrored)],
    ("conv_transpose2d", "grad_weight"): lambda c: [
        reference.conv2d_grad_weight(c.x, c.dy, c.layer.mirrored)
    ],
    ("max_pool2d", "forward"): _max_pool2d,
    ("max_pool2d", "grad_input"): lambda c: [reference.max_pool2d_grad_input(c.dy, c.indices, c.layer)],
    ("avg_pool2d", "forward"): lambda c: [reference.avg_pool2d(c.x, c.layer)],
    ("avg_pool2d", "grad_input"): lambda c: [reference.avg_pool2d_grad_input(c.dy, c.layer)],
    ("unfold", "forward"): lambda c: [reference.unfold(c.x, c.layer)],
    ("unfold", "grad_input"): lambda c: [reference.fold(c.dy, c.layer)],
    ("batch_norm", "forward"): lambda c: [reference.batch_norm(c.x)],
    ("batch_norm", "grad_input"): lambda c: [reference.batch_norm_grad_input(c.dy, c.x)],
    ("relu", "forward"): _relu,
    ("relu", "grad_input"): lambda c: [np.where(c.y > 0, c.dy, 0)],
}


def answers(case: Case) -> list[Array]:
    """The right answers, one array per output of the call."""
    return _ANSWERS[case.key](case)


_EXACT = {("relu", "forward"), ("relu", "grad_input"), ("max_pool2d", "forward"), ("unfold", "forward")}


def tolerance(case: Case) -> float:
    """The largest error allowed, as a share of the answer's root mean square.

    relu, unfold, the pooled maxima and their indices must be exact. A sum of L products in one chain is off
    by about sqrt(L) roundings; the constant leaves room for Winograd's transforms; one wrong border element
    is off by ten thousand times more.
    """
    layer, direction = case.layer, case.direction
    eps = float(np.finfo(layer.dtype).eps)
    if case.key in _EXACT:
        return 0.0
    if not layer.flops:
        return 100 * eps  # a sum over a few windows, in any order; a mean; a division
    conv = layer if layer.op == "conv2d" else layer.mirrored
    n, k, oh, ow = conv.output_shape
    _, c, r, s = conv.weight_shape
    over = {"forward": c * r * s, "grad_input": k // layer.groups * r * s, "grad_weight": n * oh * ow}
    if layer.op == "conv_transpose2d":
        over["forward"], over["grad_input"] = over["grad_input"], over["forward"]
    return float(eps * (400 + 4 * over[direction] ** 0.5))


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
