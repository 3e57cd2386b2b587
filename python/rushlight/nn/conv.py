"""Conv2d: the layer around functional.conv2d."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..functional._spelling import Ints, four_sides
from ..functional.conv import same_sides
from ..ops.creation import empty
from .init import init_affine
from .module import Module
from .parameter import Parameter

_PADDING_NAMES = ("valid", "same")
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def as_pair(value: Any) -> Any:
    """An int as a pair; a sequence as a tuple."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


class Conv2d(Module):
    """Convolution with its own kernels: output[k] = bias[k] + sum over c of weight[k, c] slid over input[c].

    in_channels, out_channels  channels of the images that come and go
    kernel_size                int or (height, width)
    stride, padding, dilation, groups: as in functional.conv2d (defaults 1, 0, 1, 1)
    bias                       whether there is one number per output channel to add
    padding_mode               'zeros', 'reflect', 'replicate' or 'circular': what the padding shows

    weight (out_channels, in_channels / groups, height, width) and bias (out_channels,) start uniform on
    (-b, b), b = 1 / sqrt(in_channels / groups * height * width).
    Input (N, C, H, W) or (C, H, W); see functional.conv2d for the output's size and the errors.

    >>> from rushlight import nn
    >>> nn.Conv2d(3, 16, (3, 5), stride=2, padding=1, bias=False)
    Conv2d(3, 16, kernel_size=(3, 5), stride=(2, 2), padding=(1, 1), bias=False)

    Source: torch.nn.Conv2d.
    """

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Any = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check(in_channels, out_channels, groups, as_pair(stride), padding, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = as_pair(kernel_size)
        self.stride = as_pair(stride)
        self.padding = padding if isinstance(padding, str) else as_pair(padding)
        self.dilation = as_pair(dilation)
        self.transposed = False
        self.output_padding = (0, 0)
        self.groups = groups
        self.padding_mode = padding_mode
        self.weight = Parameter(
            empty((out_channels, in_channels // groups, *self.kernel_size), device=device, dtype=dtype)
        )
        if bias:
            self.bias = Parameter(empty((out_channels,), device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw fresh weights."""
        init_affine(self.weight, self.bias)

    def forward(self, input: Any) -> Any:
        weight, bias = self._own_parameters()
        if self.padding_mode == "zeros":
            return F.conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        padded = F.pad(input, self._pad_amounts(), mode=self.padding_mode)
        return F.conv2d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)

    def _own_parameters(self) -> tuple[Any, Any]:
        parameters = self._parameters
        try:
            return parameters["weight"], parameters["bias"]
        except KeyError:  # replaced by attributes of another kind
            return self.weight, self.bias

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        )
        if self.padding != (0, 0):
            text += f", padding={self.padding}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def _pad_amounts(self) -> tuple[Any, ...]:
        """The padding as functional.pad wants it: (left, right, top, bottom)."""
        if self.padding == "valid":
            return 0, 0, 0, 0
        if self.padding == "same":
            rows, columns = (same_sides(k, d) for k, d in zip(self.kernel_size, self.dilation, strict=True))
            return *columns, *rows
        top, bottom, left, right = four_sides("Conv2d():", "padding", 5, self.padding) or (
            *(self.padding[0],) * 2,
            *(self.padding[1],) * 2,
        )
        return left, right, top, bottom


def _check(
    in_channels: int, out_channels: int, groups: int, stride: Any, padding: Any, padding_mode: str
) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups:
        raise ValueError(f"in_channels must be divisible by groups (got {in_channels} and {groups})")
    if out_channels % groups:
        raise ValueError(f"out_channels must be divisible by groups (got {out_channels} and {groups})")
    if isinstance(padding, str):
        if padding not in _PADDING_NAMES:
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {_PADDING_NAMES}")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _PADDING_MODES:
        raise ValueError(
            f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode={padding_mode!r}"
        )
