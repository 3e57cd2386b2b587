"""What every peer module shares: the prepared call, a way to decline, the choice among equivalent calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.layers import Layer

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
