"""NumPy without its floating point warnings: torch gives inf and nan silently, so does everything here.

A Python number that no element can hold is a RuntimeError, as where torch says "without overflow".

    token = enter(STATE)          the fastest form; `apply(function, ...)` is the short one
    try:
        value = np.exp(x)
    finally:
        leave(token)

`np.errstate` as a block costs 0.7 us, more than a small multiplication; NumPy 2 keeps the same state in a
context variable, and setting that takes a fifth. Where it cannot be found (NumPy 1.26) `np.seterr` does it,
for more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from numpy._core.umath import _extobj_contextvar, _make_extobj

    STATE = _make_extobj(all="ignore")
    enter, leave = _extobj_contextvar.set, _extobj_contextvar.reset
    leave(enter(STATE))
except Exception:  # private names: any failure means another NumPy, and the public way works with all
    STATE: Any = None  # type: ignore[no-redef]

    def enter(state: Any) -> Any:
        return np.seterr(all="ignore")

    def leave(token: Any) -> None:
        np.seterr(**token)


def apply(function: Any, *args: Any, **kwargs: Any) -> Any:
    """function(*args, **kwargs), floating point warnings off; RuntimeError for a number out of all ranges."""
    token = enter(STATE)
    try:
        return function(*args, **kwargs)
    except OverflowError as error:
        raise RuntimeError(f"value cannot be converted without overflow: {error}") from None
    finally:
        leave(token)
