"""New Tensors from sizes and values: zeros, ones, full and the *_like forms.

All take `dtype`, `device` (CPU only) and `requires_grad`. Sequences are in sequences.py, random ones in
../random.py, those made from existing data in convert.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ._common import array_of, filling, unwrap, wrap
from .convert import check_device, want_grad

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "empty",
    "empty_like",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]


def size_args(function: str, size: tuple[Any, ...]) -> tuple[int, ...]:
    """`f(2, 3)` or `f((2, 3))` as a tuple of ints; torch's errors."""
    if not size:
        raise TypeError(f'{function}() missing 1 required positional arguments: "size"')
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
    for each in size:
        if isinstance(each, (bool, float)) or not hasattr(each, "__index__"):
            raise TypeError(
                f"{function}(): argument 'size' (position 1) must be tuple of ints, not {type(each).__name__}"
            )
    out = tuple([each.__index__() for each in size])
    if any([length < 0 for length in out]):
        raise RuntimeError(
            f"{function}: Dimension size must be non-negative."
            if function != "empty"
            else f"Trying to create tensor with negative dimension {min(out)}: {list(out)}"
        )
    return out


def kind_of(dtype: Any) -> np.dtype[Any]:
    return dtypes.default() if dtype is None else dtypes.to_numpy(dtype)


def zeros(
    *args: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros of the given size.

    >>> import rushlight
    >>> rushlight.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    check_device(device)
    return want_grad(
        wrap(np.zeros(size_args("zeros", args if size is None else (size,)), kind_of(dtype))), requires_grad
    )


def ones(
    *args: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones of the given size.

    >>> import rushlight
    >>> rushlight.ones(2, 3)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    check_device(device)
    return want_grad(
        wrap(np.ones(size_args("ones", args if size is None else (size,)), kind_of(dtype))), requires_grad
    )


def empty(
    *args: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Whatever the memory held, in the given size.

    >>> import rushlight
    >>> rushlight.empty(2, 3).shape
    torch.Size([2, 3])
    """
    check_device(device)
    return want_grad(
        wrap(np.empty(size_args("empty", args if size is None else (size,)), kind_of(dtype))), requires_grad
    )


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`fill_value` everywhere; without `dtype` its own kind decides (bool, int64 or the default float).

    >>> import rushlight
    >>> rushlight.full((2,), 7)
    tensor([7, 7])
    """
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}"
        )
    check_device(device)
    value = unwrap(fill_value)
    kind = (
        dtypes.to_numpy(dtype)
        if dtype is not None
        else value.dtype
        if isinstance(value, np.ndarray)
        else dtypes.number_dtype(value)
    )
    return want_grad(wrap(np.full(size_args("full", (tuple(size),)), filling(value, kind))), requires_grad)


def _like(function: str, input: Any, dtype: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    x = array_of(function, input)
    return x.shape, x.dtype if dtype is None else dtypes.to_numpy(dtype)


def zeros_like(
    input: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Zeros in the shape (and dtype, unless given) of `input`.

    >>> import rushlight
    >>> rushlight.zeros_like(rushlight.ones(2))
    tensor([0., 0.])
    """
    check_device(device)
    return want_grad(wrap(np.zeros(*_like("zeros_like", input, dtype))), requires_grad)


def ones_like(
    input: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Ones in the shape (and dtype, unless given) of `input`.

    >>> import rushlight
    >>> rushlight.ones_like(rushlight.zeros(2))
    tensor([1., 1.])
    """
    check_device(device)
    return want_grad(wrap(np.ones(*_like("ones_like", input, dtype))), requires_grad)


def empty_like(
    input: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Whatever the memory held, in the shape (and dtype, unless given) of `input`.

    >>> import rushlight
    >>> rushlight.empty_like(rushlight.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    check_device(device)
    return want_grad(wrap(np.empty(*_like("empty_like", input, dtype))), requires_grad)


def full_like(
    input: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """`fill_value` everywhere, in the shape (and dtype, unless given) of `input`.

    >>> import rushlight
    >>> rushlight.full_like(rushlight.zeros(2), 7)
    tensor([7., 7.])
    """
    check_device(device)
    shape, kind = _like("full_like", input, dtype)
    return want_grad(wrap(np.full(shape, filling(fill_value, kind))), requires_grad)


def new_zeros(
    input: Any,
    *args: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Zeros of the given size in this Tensor's dtype."""
    return zeros(*args, size=size, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def new_ones(
    input: Any,
    *args: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones of the given size in this Tensor's dtype."""
    return ones(*args, size=size, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def new_empty(
    input: Any,
    *args: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uninitialised memory of the given size in this Tensor's dtype."""
    return empty(*args, size=size, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)


def new_full(
    input: Any,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`fill_value` everywhere, in the given size and this Tensor's dtype."""
    return full(size, fill_value, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)
