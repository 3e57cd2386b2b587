"""Dropout and Dropout2d: the layers around functional.dropout and dropout2d."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module


class Dropout(Module):
    """Each element 0 with probability p in training mode, the others divided by 1 - p.

    >>> from rushlight import nn
    >>> nn.Dropout(0.2)
    Dropout(p=0.2, inplace=False)

    Source: torch.nn.Dropout.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout2d(Dropout):
    """Each channel of each image 0 with probability p in training mode, the others divided by 1 - p.

    >>> from rushlight import nn
    >>> nn.Dropout2d()
    Dropout2d(p=0.5, inplace=False)

    Source: torch.nn.Dropout2d.
    """

    def forward(self, input: Any) -> Any:
        return F.dropout2d(input, self.p, self.training, self.inplace)
