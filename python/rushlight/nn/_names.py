"""typename: what torch calls the type of a value in its messages."""

from __future__ import annotations

from typing import Any

from ..autograd import TensorBase


def typename(value: Any) -> str:
    """'torch.FloatTensor' for a float32 Tensor, 'int', 'numpy.ndarray', ... for other values.

    >>> typename(3)
    'int'
    """
    if isinstance(value, TensorBase):
        return str(value.type())  # type: ignore[attr-defined]
    kind = type(value)
    return (
        kind.__name__
        if kind.__module__ in ("builtins", "__main__")
        else f"{kind.__module__}.{kind.__qualname__}"
    )
