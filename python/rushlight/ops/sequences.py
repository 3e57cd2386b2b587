"""New Tensors that count: arange, linspace, logspace, eye and the indices of triangles. All take `dtype` and
`device` (CPU only). Constants are in creation.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _quiet, dtypes
from ._common import int_of, is_number, unwrap, wrap
from .convert import check_device, want_grad
from .creation import kind_of

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["arange", "eye", "linspace", "logspace", "tril_indices", "triu_indices"]


def _number(value: Any) -> Any:
    """A Tensor of one element as a number; everything else as it is."""
    value = unwrap(value)
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


def arange(
    *args: Any,
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... up to but without end; forms (end), (start, end), (start, end, step). int64 if
    all three are integers, else the default float.

    >>> import rushlight
    >>> rushlight.arange(1, 4), rushlight.arange(0, 1, 0.5)
    (tensor([1, 2, 3]), tensor([0.0000, 0.5000]))
    """
    check_device(device)
    if len(args) == 1:
        end = args[0]
    elif args:
        start, end, step = (*args, step)[:3]
    start, end, step = _number(start), _number(end), _number(step)
    for name, value in (("start", start), ("end", end), ("step", step)):
        if not is_number(value):
            raise TypeError(f"arange(): argument '{name}' must be Number, not {type(value).__name__}")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    whole = all([not isinstance(value, (float, np.floating)) for value in (start, end, step)])
    kind = dtypes.to_numpy(dtype) if dtype is not None else dtypes.I64 if whole else dtypes.default()
    if whole:
        values = np.arange(start, end, step)
    else:
        values = start + np.arange(math.ceil((end - start) / step)) * float(step)
    return want_grad(wrap(_quiet.apply(values.astype, kind)), requires_grad)


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`steps` evenly spaced numbers from start to end, both included.

    >>> import rushlight
    >>> rushlight.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    check_device(device)
    start, end, steps = _number(start), _number(end), int_of("linspace", "steps", steps)
    for name, value in (("start", start), ("end", end)):
        if not is_number(value):
            if isinstance(value, np.ndarray) and value.ndim:
                raise RuntimeError(
                    "linspace only supports 0-dimensional start and end tensors, but got "
                    f"{name} with {value.ndim} dimension(s)."
                )
            raise TypeError(f"linspace(): argument '{name}' must be Number, not {type(value).__name__}")
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = kind_of(dtype)
    return want_grad(wrap(_quiet.apply(_spaced, start, end, steps, kind)), requires_grad)


def _spaced(start: Any, end: Any, steps: int, kind: np.dtype[Any]) -> Any:
    """From both ends towards the middle, as torch does, so that the result is symmetric."""
    work = kind if kind.kind == "f" else np.dtype(np.float64)
    if steps == 1:
        return np.full(1, start).astype(kind)
    first, last = work.type(start), work.type(end)
    step = (last - first) / work.type(max(steps - 1, 1))
    places = np.arange(steps)
    values = np.where(
        places < steps // 2,
        first + step * places.astype(work),
        last - step * (steps - 1 - places).astype(work),
    )
    return values.astype(kind)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`base` to the power of `steps` evenly spaced numbers from start to end."""
    check_device(device)
    kind = kind_of(dtype)
    powers = _spaced(_number(start), _number(end), steps, np.dtype(np.float64))
    return want_grad(wrap(_quiet.apply(np.power(float(base), powers).astype, kind)), requires_grad)


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones on the diagonal of an n by m matrix (m = n unless given), zeros elsewhere.

    >>> import rushlight
    >>> rushlight.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_device(device)
    n, m = int_of("eye", "n", n), None if m is None else int_of("eye", "m", m)
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"{'n' if n < 0 else 'm'} must be greater or equal to 0, got {n if n < 0 else m}")
    return want_grad(wrap(np.eye(n, n if m is None else m, dtype=kind_of(dtype))), requires_grad)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Tensor:
    """Rows and columns of the elements on and below a diagonal of a row x col matrix, in reading order."""
    return _indices("tril_indices", np.tril_indices, row, col, offset, dtype, device)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Tensor:
    """Rows and columns of the elements on and above a diagonal of a row x col matrix, in reading order."""
    return _indices("triu_indices", np.triu_indices, row, col, offset, dtype, device)


def _indices(
    function: str, numpy_function: Any, row: Any, col: Any, offset: Any, dtype: Any, device: Any
) -> Tensor:
    check_device(device)
    row, col, offset = (
        int_of(function, "row", row),
        int_of(function, "col", col),
        int_of(function, "offset", offset),
    )
    if row < 0 or col < 0:
        raise RuntimeError(
            f"{'row' if row < 0 else 'col'} must be non-negative, got {row if row < 0 else col}"
        )
    places = _quiet.apply(numpy_function, row, offset, col)
    return wrap(np.stack(places).astype(dtypes.I64 if dtype is None else dtypes.to_numpy(dtype)))
