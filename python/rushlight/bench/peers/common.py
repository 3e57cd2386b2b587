"""What every peer module shares: the prepared call, a way to decline, the choice among equivalent calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cases import Case
from ..layers import Layer

Options = dict[str, str]


class Unsupported(Exception):
    """The library cannot do this case, or would need too long; the text says which."""


def _as_arrays(result: Any) -> list[NDArray[np.generic]]:
    return [np.asarray(part) for part in (result if isinstance(result, (tuple, list)) else (result,))]


@dataclass
class Call:
    """`run` is timed; `arrays` turns its result into NumPy arrays for the check and is not."""

    run: Callable[[], Any]
    arrays: Callable[[Any], list[NDArray[np.generic]]] = _as_arrays


def keywords(layer: Layer) -> dict[str, Any]:
    """stride, padding, dilation, groups as one writes them: ints where both are equal, defaults left out."""
    named = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    pairs = {
        k: v[0] if v[0] == v[1] else v
        for k, v in named.items()
        if v != ((0, 0) if k == "padding" else (1, 1))
    }
    return pairs if layer.groups == 1 else {**pairs, "groups": layer.groups}


def recorded(library: Any, case: Case) -> Call:
    """A gradient that is nobody's function: recorded once under ours or torch, walked back each time."""
    layer, settings, functional = case.layer, keywords(case.layer), library.nn.functional
    x: Any
    x, w, dy = (None if a is None else library.from_numpy(a) for a in (case.x, case.w, case.dy))
    with library.enable_grad():
        if layer.op == "batch_norm":
            x.requires_grad_()
            y, wanted = functional.batch_norm(x, None, None, training=True), x
        else:  # conv_transpose2d, linear in either: the one that is wanted may hold anything
            x = library.zeros(layer.input_shape) if x is None else x
            w = library.zeros(layer.weight_shape) if w is None else w
            wanted = (x if case.direction == "grad_input" else w).requires_grad_()
            y = functional.conv_transpose2d(x, w, **settings)
    return Call(lambda: library.autograd.grad(y, wanted, dy, retain_graph=True), lambda r: [r[0].numpy()])


def limit(amount: float, most: float, unit: str) -> None:
    """Declines a case that would take minutes."""
    if amount > most:
        raise Unsupported(f"too slow: {amount:.2g} {unit}, at most {most:.2g} are tried")


def fastest(candidates: Iterable[Callable[[], Any]]) -> Callable[[], Any]:
    """The quickest of several ways to the same answer: a peer is shown at its best."""
    candidates = list(candidates)
    if len(candidates) == 1:
        return candidates[0]

    def seconds(run: Callable[[], Any]) -> float:
        run()
        begin = time.perf_counter()
        run()
        return time.perf_counter() - begin

    return min(candidates, key=seconds)
