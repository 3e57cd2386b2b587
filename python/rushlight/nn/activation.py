"""Activation layers: ReLU."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module


class ReLU(Module):
    """max(0, x) element by element; `inplace=True` overwrites its input.

    >>> from rushlight import nn
    >>> nn.ReLU(), nn.ReLU(inplace=True)
    (ReLU(), ReLU(inplace=True))

    Source: torch.nn.ReLU.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        return F.relu(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""
