"""Padding layers: ZeroPad2d."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module


class ZeroPad2d(Module):
    """Zeros around the last two dimensions; negative amounts crop.

    padding  int, or (left, right, top, bottom)

    >>> from rushlight import nn
    >>> nn.ZeroPad2d((0, 1, 0, 1))
    ZeroPad2d((0, 1, 0, 1))

    Source: torch.nn.ZeroPad2d.
    """

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * 4

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, "constant", 0)

    def extra_repr(self) -> str:
        return f"{self.padding}"
