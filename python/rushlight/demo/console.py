"""What the main job prints with: headings, aligned tables, a progress bar. No computing here."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

PACKAGES = {
    "sklearn": "scikit-learn",
    "matplotlib": "matplotlib",
    "tqdm": "tqdm",
}  # module -> what to install


def heading(text: str) -> None:
    """A title with a rule under it."""
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns padded to equal width, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]

    def show(cells: Sequence[str]) -> str:
        first, *rest = (
            c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([show(header), "  ".join("-" * w for w in widths), *map(show, lines)])


def installed(module: str) -> bool:
    """Whether an optional package is there and works."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def advice(missing: dict[str, str]) -> str:
    """One line: what was left out for want of which packages. `missing`: module -> what it is for."""
    purposes = ", ".join(missing.values())
    return f"Left out: {purposes}. To see it all: pip install {' '.join(PACKAGES[m] for m in missing)}"


class Progress:
    """A tqdm bar on stderr where tqdm is installed, else a line every few seconds. A context manager."""

    def __init__(self, total: int, title: str, interval: float = 2.0) -> None:
        self._title, self._total, self._interval = title, total, interval
        self._done, self._next, self._notes = 0, time.monotonic() + interval, ""
        self._bar: Any = None
        if installed("tqdm"):
            bar = importlib.import_module("tqdm").tqdm
            self._bar = bar(total=total, desc=title, unit="step", file=sys.stderr, dynamic_ncols=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def note(self, **figures: str) -> None:
        """What to show beside the bar."""
        self._notes = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
        if self._bar is not None:
            self._bar.set_postfix_str(self._notes, refresh=False)

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.update()
        elif self._done == self._total or time.monotonic() >= self._next:
            self._next = time.monotonic() + self._interval
            print(f"{self._title}: {self._done}/{self._total}, {self._notes}", file=sys.stderr, flush=True)


def batches(count: int, size: int) -> Iterator[slice]:
    """Slices of `size` that cover `count`; the last may be shorter."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
