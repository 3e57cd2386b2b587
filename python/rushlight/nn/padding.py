"""Padding layers for images: what they add around the last two dimensions; see functional.pad."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module


class _Pad2d(Module):
    """padding: int, or (left, right, top, bottom); negative amounts crop."""

    _mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * 4

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad2d(_Pad2d):
    """`value` around the last two dimensions; negative amounts crop.

    padding  int, or (left, right, top, bottom)

    >>> from rushlight import nn
    >>> nn.ConstantPad2d(1, 3.5)
    ConstantPad2d(padding=(1, 1, 1, 1), value=3.5)

    Source: torch.nn.ConstantPad2d.
    """

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad2d(ConstantPad2d):
    """Zeros around the last two dimensions; negative amounts crop.

    padding  int, or (left, right, top, bottom)

    >>> from rushlight import nn
    >>> nn.ZeroPad2d((0, 1, 0, 1))
    ZeroPad2d((0, 1, 0, 1))

    Source: torch.nn.ZeroPad2d.
    """

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ReflectionPad2d(_Pad2d):
    """The image mirrored at its edges, which are not repeated: cb|abc|ba.

    padding  int, or (left, right, top, bottom); each less than the image's size

    >>> from rushlight import nn
    >>> nn.ReflectionPad2d(2)
    ReflectionPad2d((2, 2, 2, 2))

    Source: torch.nn.ReflectionPad2d.
    """

    _mode = "reflect"


class ReplicationPad2d(_Pad2d):
    """The edges repeated: aa|abc|cc.

    padding  int, or (left, right, top, bottom)

    >>> from rushlight import nn
    >>> nn.ReplicationPad2d((1, 2, 0, 0))
    ReplicationPad2d((1, 2, 0, 0))

    Source: torch.nn.ReplicationPad2d.
    """

    _mode = "replicate"


class CircularPad2d(_Pad2d):
    """The image wrapped around: bc|abc|ab.

    padding  int, or (left, right, top, bottom); each at most the image's size

    >>> from rushlight import nn
    >>> nn.CircularPad2d(1)
    CircularPad2d((1, 1, 1, 1))

    Source: torch.nn.CircularPad2d.
    """

    _mode = "circular"

    def forward(self, input: Any) -> Any:
        if input.ndim not in (3, 4):
            raise ValueError(f"expected 3D or 4D input (got {input.ndim}D input)")
        return super().forward(input)
