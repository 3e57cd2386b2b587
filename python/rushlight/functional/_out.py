"""`out=`: results into memory of the caller's. What it must be like is checked in C++ (cpp/bindings)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import TensorBase, is_grad_enabled
from ..autograd.inplace import check, written
from ..autograd.recording import edge_of
from ._spelling import Array, type_of


def into(name: str, out: Any, inputs: tuple[Any, ...], compute: Callable[[Array], Any]) -> Any:
    """`out`, a Tensor or ndarray, after compute(its array) has written the result of operation `name` there.

    RuntimeError with torch's text if `out` or one of `inputs` records gradients: what was written into has
    no history of its own.
    """
    array = destination(name, "out", out, inputs)
    compute(array)
    return handed_back(out)


def destination(name: str, argument: str, out: Any, inputs: tuple[Any, ...]) -> Array:
    """The ndarray of `out`, if it may be written to now."""
    if not isinstance(out, (TensorBase, np.ndarray)):
        raise TypeError(
            f"{name}(): argument '{argument}' must be Tensor or numpy.ndarray, not {type_of(out)}"
        )
    if is_grad_enabled() and any([edge_of(each) is not None for each in (*inputs, out)]):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one "
            "of the arguments requires grad."
        )
    if isinstance(out, np.ndarray):
        return out
    check(out)
    return out._data


def handed_back(out: Any) -> Any:
    """`out` itself; a Tensor's version counter has noticed the write."""
    return written(out) if isinstance(out, TensorBase) else out
