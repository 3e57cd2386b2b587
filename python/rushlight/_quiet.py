"""NumPy without its floating point warnings: torch gives inf and nan silently, so does everything here.

`np.errstate` as a block costs 0.7 us, more than a small multiplication; NumPy 2 keeps the same state in a context
variable, and setting that takes a fifth. Where it cannot be found (NumPy 1.26) the block is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from numpy._core.umath import _extobj_contextvar, _make_extobj

    _STATE = _make_extobj(all="ignore")
    _set, _reset = _extobj_contextvar.set, _extobj_contextvar.reset
    _reset(_set(_STATE))
except Exception:  # private names: any failure means another NumPy, and the public way below works with all

    def apply(function: Any, *args: Any, **kwargs: Any) -> Any:
        """function(*args, **kwargs), floating point warnings off."""
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

else:

    def apply(function: Any, *args: Any, **kwargs: Any) -> Any:
        """function(*args, **kwargs), floating point warnings off."""
        token = _set(_STATE)
        try:
            return function(*args, **kwargs)
        finally:
            _reset(token)
