"""Tensors as text, to the character as torch prints them, and `set_printoptions`.

One format serves all elements of a Tensor. `_Format` decides it from the elements that will be shown: whole
numbers as `1.`, others with `precision` decimals, or scientific if they span more than a factor of 1000,
exceed 1e8 or go below 1e-4. Zeros, nan and inf decide nothing.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import dtypes
from .autograd.graph import Port

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


class _Options:
    """The options in force; the class attributes are the defaults."""

    precision: int = 4
    threshold: float = 1000  # more elements than this are summarised
    edgeitems: int = 3  # what a summary shows at each end
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()
_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How Tensors print: decimals, how many elements are too many, how many a summary shows at each end, the
    width of a line, and whether numbers are scientific (None: by their range). `profile`: 'default', 'short'
    or 'full'.

    >>> import rushlight
    >>> rushlight.set_printoptions(precision=2)
    >>> rushlight.tensor([1 / 3])
    tensor([0.33])
    >>> rushlight.set_printoptions(profile="default")
    """
    changes = dict(_PROFILES.get(profile, {})) if profile is not None else {}
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes.update({name: value for name, value in given.items() if value is not None})
    for name, value in changes.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options in force, as a dict that `set_printoptions` takes."""
    names = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
    return {name: getattr(_options, name) for name in names}


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """`set_printoptions` until the block ends."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


class _Format:
    """How to print one number so that it lines up with all others in `shown` (an ndarray)."""

    def __init__(self, shown: Any) -> None:
        self.floating = shown.dtype.kind == "f"
        self.whole = True
        self.scientific = False
        self.width = 1
        if not shown.size:
            return
        if not self.floating:
            ends = [False, True] if shown.dtype == np.bool_ else [shown.min(), shown.max()]
            self.width = max(len(str(end)) for end in ends if end in shown)
            return
        counted = shown[np.isfinite(shown) & (shown != 0)]
        if not counted.size:
            return
        size = np.abs(counted).astype(np.float64)
        low, high = float(size.min()), float(size.max())
        self.whole = bool((counted == np.ceil(counted)).all())
        self.scientific = (
            _options.sci_mode
            if _options.sci_mode is not None
            else high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
        )
        extremes = [
            float(pick(part))
            for part in (counted[counted > 0], counted[counted < 0])
            if part.size
            for pick in (np.min, np.max)
        ]  # in each sign, text grows towards the ends
        self.width = max(self.width, max(len(self._text(value)) for value in extremes))

    def _text(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{_options.precision}f}"

    def __call__(self, value: Any) -> str:
        return (self._text(value) if self.floating else str(value)).rjust(self.width)


def _edges(array: Any) -> Any:
    """What a summary shows of an array: `edgeitems` at both ends of every dimension."""
    n = _options.edgeitems
    for dim, length in enumerate(array.shape):
        if length > 2 * n:
            array = np.take(array, [*range(n), *range(length - n, length)], dim)
    return array


def _rows(array: Any, indent: int, summarize: bool, show: _Format) -> str:
    if array.ndim == 0:
        return show(array.item())
    if array.ndim == 1:
        return _line(array, indent, summarize, show)
    n = _options.edgeitems
    if summarize and len(array) > 2 * n:
        places: list[int | None] = [*range(n), None, *range(len(array) - n, len(array))]
    else:
        places = list(range(len(array)))
    parts = ["..." if place is None else _rows(array[place], indent + 1, summarize, show) for place in places]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _line(array: Any, indent: int, summarize: bool, show: _Format) -> str:
    n = _options.edgeitems
    if summarize and not n:
        items = ["..."]
    elif summarize and len(array) > 2 * n:
        items = (
            [show(value) for value in array[:n].tolist()]
            + [" ..."]
            + [show(value) for value in array[-n:].tolist()]
        )
    else:
        items = [show(value) for value in array.tolist()]
    per_line = max(1, (_options.linewidth - indent) // (show.width + 2))
    lines = [", ".join(items[start : start + per_line]) for start in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def array_text(array: Any, indent: int) -> str:
    """The elements of an ndarray between brackets; lines after the first start `indent` columns in."""
    if not array.size:
        return "[]"
    summarize = array.size > _options.threshold
    return _rows(array, indent, summarize, _Format(_edges(array) if summarize else array))


def tensor_text(tensor: Any, prefix: str = "tensor(") -> str:
    """`tensor([...], dtype=..., grad_fn=<...>)`."""
    array = tensor._data
    suffixes = []
    if (not array.size and array.ndim != 1) or (array.size and not _options.edgeitems):
        suffixes.append(f"size={array.shape}")
    plain = (dtypes.default(),) if not array.size else (dtypes.default(), dtypes.I64, dtypes.BOOL)
    if array.dtype not in plain:
        suffixes.append(f"dtype={dtypes.of(array.dtype)}")
    if tensor.requires_grad:
        node = tensor._node
        if node is None:
            suffixes.append("requires_grad=True")
        else:
            suffixes.append(f"grad_fn=<{(node.node if isinstance(node, Port) else node).name()}>")
    return _with_suffixes(prefix + array_text(array, len(prefix)), suffixes, len(prefix))


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """Append `, suffix` for each, on a new line where the last one would become too long; then close."""
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"
