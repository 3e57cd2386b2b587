"""A progress bar with the time left: tqdm's where it is installed, else a line per step on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def with_progress(steps: Iterable[T], total: int, title: str, name: Callable[[T], str]) -> Iterator[T]:
    """The steps as they come; `name` says in a few words what one was."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield from _lines(steps, total, title, name)
        return
    with tqdm(steps, total=total, desc=title, unit="row", leave=False, dynamic_ncols=True) as bar:
        for step in bar:
            bar.set_postfix_str(name(step), refresh=False)
            yield step


def _lines(steps: Iterable[T], total: int, title: str, name: Callable[[T], str]) -> Iterator[T]:
    begin = time.monotonic()
    for number, step in enumerate(steps, 1):
        left = (time.monotonic() - begin) / number * (total - number)
        print(f"{title}: {number}/{total} {name(step)}, {_time(left)} left", file=sys.stderr, flush=True)
        yield step


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
