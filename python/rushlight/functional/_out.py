"""`out=`: results into memory of the caller's. What it must be like is checked in C++ (cpp/bindings), or by
`check_fits` where NumPy writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import TensorBase, is_grad_enabled
from ..autograd.inplace import check, written
from ..autograd.recording import edge_of
from ..dtypes import scalar_name
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


def check_fits(name: str, array: Array, kind: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """RuntimeError, as from C++, unless a result of this dtype and shape can be written to `array`."""
    if array.flags.carray and array.dtype == kind and array.shape == shape:
        return
    own = array.dtype.newbyteorder("=")
    faults = [
        (not array.flags.writeable, ", read-only"),
        (not array.flags.c_contiguous, ", not C-contiguous"),
    ]
    faults += [(array.dtype != own or not array.flags.aligned, ", byte-swapped or misaligned")]
    wanted = f"size {list(shape)} and dtype {scalar_name(kind)}"
    raise RuntimeError(
        f"{name}: expected out to be a writeable, C-contiguous array of native byte order, {wanted}, but got "
        f"size {list(array.shape)} and dtype {scalar_name(own)}"
        + "".join([fault for found, fault in faults if found])
    )
