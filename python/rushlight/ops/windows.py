"""`Tensor.unfold`: the windows along one dimension, as a view. (Windows of images: functional.unfold.)"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.recording import record_view
from ._common import Rule, ViewRule, array_of, normal_dim, record, unwrap

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__: list[str] = []  # a method alone, as in torch


def unfold(input: Any, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of `size` elements along `dimension`, `step` apart, in a new last dimension.

    RuntimeError where no window fits or a number is out of range. Source: torch.Tensor.unfold.

    >>> import rushlight
    >>> rushlight.arange(7).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4],
            [4, 5, 6]])
    """
    x = array_of("unfold", input)
    for position, (name, value) in enumerate((("size", size), ("step", step)), 2):
        if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
            raise TypeError(
                f"unfold(): argument '{name}' (position {position}) must be int, not {type(value).__name__}"
            )
    dim = normal_dim(dimension, max(x.ndim, 1))
    room = x.shape[dim] if x.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > room:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {room} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return record_view(input, _UNFOLD, (x.shape, dim, int(size), int(step)))


def _windows(array: Any, params: Any) -> Any:
    shape, dim, size, step = params
    if not shape:
        return array.reshape(1)[:size]
    windows = np.lib.stride_tricks.sliding_window_view(array, size, dim, writeable=True)
    return windows[(slice(None),) * dim + (slice(None, None, step),)]


def _overlaps_added(grad: Any, params: Any) -> Any:
    """The gradient: every element gets the sum over the windows that it lies in."""
    shape, dim, size, step = params
    windows = unwrap(grad)
    value = np.zeros(shape, windows.dtype)
    if not shape:
        value += windows.sum()
    for i in range(size if shape else 0):
        reach = slice(i, i + step * (windows.shape[dim] - 1) + 1, step)
        value[(slice(None),) * dim + (reach,)] += windows[..., i]
    return record(value, _OVERLAPS, (grad,), (), params)


_UNFOLD = ViewRule(
    "UnfoldBackward0", _windows, lambda grad, saved, params, needs: (_overlaps_added(grad, params),)
)
_OVERLAPS = Rule("UnfoldBackwardBackward0", lambda grad, saved, params, needs: (unfold(grad, *params[1:]),))
