"""Flatten: the layer between feature maps and Linear."""

from __future__ import annotations

from typing import Any

from ..ops.shape import flatten
from .module import Module


class Flatten(Module):
    """Merge the dimensions from `start_dim` to `end_dim` into one; by default all but the batch.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.Flatten()(rushlight.zeros(2, 3, 4)).shape
    torch.Size([2, 12])

    Source: torch.nn.Flatten.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Any:
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
