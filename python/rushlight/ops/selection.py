"""Choosing between elements by a condition: where, masked_fill. By position: indexing.py, gathering.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ._common import (
    Rule,
    TensorBase,
    array_of,
    broadcast_error,
    cast,
    filling,
    is_number,
    record,
    sum_to,
    unwrap,
    wrap,
)

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "masked_fill",
    "where",
]


def _where_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    (condition,) = saved
    return (
        None,
        sum_to(where(condition, grad, 0.0), shapes[0]) if needs[1] else None,
        sum_to(where(condition, 0.0, grad), shapes[1]) if needs[2] else None,
    )


_WHERE = Rule("WhereBackward0", _where_backward)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Elements of `input` where `condition` (bool) holds, else of `other`; all three broadcast.

    With `condition` alone: the indices of its nonzero elements, one Tensor per dimension.

    >>> import rushlight
    >>> x = rushlight.tensor([-1., 2.])
    >>> rushlight.where(x > 0, x, 0.)
    tensor([0., 2.])
    """
    test = array_of("where", condition, "condition")
    if input is None and other is None:
        return tuple([wrap(index) for index in test.nonzero()])
    if test.dtype != np.bool_:
        if test.dtype != np.uint8:
            raise RuntimeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                + dtypes.scalar_name(test.dtype)
            )
        test = test.astype(bool)
    if not isinstance(condition, TensorBase):  # a rule on ndarrays: NumPy's 0-dim results keep their dtype
        input, other = [np.asarray(v) if isinstance(v, np.generic) else v for v in (input, other)]
    kind = dtypes.result_numpy(unwrap(input), unwrap(other))
    input, other = _constant(input, kind), _constant(other, kind)
    x, y = unwrap(input), unwrap(other)
    try:
        value = np.where(test, x, y)
    except ValueError:
        for a, b in ((test, x), (test, y), (x, y)):
            try:
                np.broadcast_shapes(a.shape, b.shape)
            except ValueError:
                raise broadcast_error(a.shape, b.shape) from None
        raise
    return record(
        value,
        _WHERE,
        (condition, input, other),
        (condition if test is unwrap(condition) else test,),
        (x.shape, y.shape),
    )


def _constant(value: Any, kind: np.dtype[Any]) -> Any:
    return filling(value, kind) if is_number(value) else cast(value, kind)


def _masked_fill_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    (mask,) = saved
    return (
        sum_to(where(mask, 0.0, grad), shapes[0]) if needs[0] else None,
        None,
        where(mask, grad, 0.0).sum() if needs[2] else None,
    )


_MASKED_FILL = Rule("MaskedFillBackward0", _masked_fill_backward)


def masked_fill(input: Any, mask: Any, value: Any) -> Tensor:
    """A copy of `input` with `value` where `mask` (bool, broadcast) holds.

    >>> import rushlight
    >>> rushlight.masked_fill(rushlight.tensor([1., 2.]), rushlight.tensor([True, False]), 0)
    tensor([0., 2.])
    """
    x, test = array_of("masked_fill", input), array_of("masked_fill", mask, "mask", 2)
    if test.dtype != np.bool_:
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype "
            + dtypes.scalar_name(test.dtype).lower()
        )
    number = filling(value, x.dtype)
    if number.ndim:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor "
            f"with {number.ndim} dimension(s)."
        )
    try:
        out = np.where(test, number, x)
    except ValueError:
        raise broadcast_error(x.shape, test.shape) from None
    return record(out, _MASKED_FILL, (input, None, value), (mask,), (x.shape,))
