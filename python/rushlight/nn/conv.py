"""Conv1d and Conv2d: the layers around functional.conv1d and conv2d."""

from __future__ import annotations

from typing import Any, TypeVar

from .. import functional as F
from ..autograd import is_grad_enabled, unwrap
from ..autograd.recording import edge_of
from ..autograd.sharing import Watch, changes, watch
from ..functional._spelling import Ints, four_sides
from ..functional.conv import PreparedConv2d, same_sides
from ._convolution import Convolution, as_tuple

_PADDING_NAMES = ("valid", "same")
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

# Fewer weights than this are not worth the longer way of prepared ones.
_WORTH_PREPARING = 2048

C = TypeVar("C", bound="Conv2d")


class _Conv(Convolution):
    """A convolution that is not transposed: what its arguments may be."""

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
        _check_padding(as_tuple(stride, 1), padding, padding_mode)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            False,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class Conv1d(_Conv):
    """Convolution of signals with its own kernels: Conv2d in one dimension.

    in_channels, out_channels  channels of the signals that come and go
    kernel_size                int or (length,)
    stride, padding, dilation, groups: as in functional.conv1d (defaults 1, 0, 1, 1)
    bias                       whether there is one number per output channel to add
    padding_mode               'zeros', 'reflect', 'replicate' or 'circular': what the padding shows

    weight (out_channels, in_channels / groups, length) and bias (out_channels,) start uniform on (-b, b),
    b = 1 / sqrt(in_channels / groups * length).
    Input (N, C, L) or (C, L); see functional.conv1d for the output's size and the errors.

    >>> from rushlight import nn
    >>> nn.Conv1d(3, 16, 5, padding="same")
    Conv1d(3, 16, kernel_size=(5,), stride=(1,), padding=same)

    Source: torch.nn.Conv1d.
    """

    _dims = 1

    def forward(self, input: Any) -> Any:
        weight, bias = self._own_parameters()
        if self.padding_mode == "zeros":
            return F.conv1d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        padded = F.pad(input, self._pad_amounts(), mode=self.padding_mode)
        return F.conv1d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)

    def _pad_amounts(self) -> tuple[Any, ...]:
        """The padding as functional.pad wants it: (left, right)."""
        if self.padding == "valid":
            return 0, 0
        if self.padding == "same":
            return same_sides(self.kernel_size[0], self.dilation[0])
        return self.padding[0], self.padding[0]


class Conv2d(_Conv):
    """Convolution with its own kernels: output[k] = bias[k] + sum over c of weight[k, c] slid over input[c].

    in_channels, out_channels  channels of the images that come and go
    kernel_size                int or (height, width)
    stride, padding, dilation, groups: as in functional.conv2d (defaults 1, 0, 1, 1)
    bias                       whether there is one number per output channel to add
    padding_mode               'zeros', 'reflect', 'replicate' or 'circular': what the padding shows

    weight (out_channels, in_channels / groups, height, width) and bias (out_channels,) start uniform on
    (-b, b), b = 1 / sqrt(in_channels / groups * height * width).
    Input (N, C, H, W) or (C, H, W); see functional.conv2d for the output's size and the errors.

    In eval mode, while no gradients are recorded, a layer of 2048 weights or more that is not depthwise
    keeps what its forward pass computes from them alone (functional.prepare_conv2d). A change of the weights
    is noticed, be it made through a Tensor or an ndarray that shares their memory (though not through a bare
    address); train() drops it; rushlight.show_config() tells the memory.

    >>> from rushlight import nn
    >>> nn.Conv2d(3, 16, (3, 5), stride=2, padding=1, bias=False)
    Conv2d(3, 16, kernel_size=(3, 5), stride=(2, 2), padding=(1, 1), bias=False)

    Source: torch.nn.Conv2d.
    """

    _dims = 2
    _prepared: PreparedConv2d | None = None
    _watch: Watch

    def forward(self, input: Any) -> Any:
        weight, bias = self._own_parameters()
        if not self.training:
            weight = self._prepare(weight, input)
        if self.padding_mode == "zeros":
            return F.conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        padded = F.pad(input, self._pad_amounts(), mode=self.padding_mode)
        return F.conv2d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)

    def train(self: C, mode: bool = True) -> C:
        """Set training mode, which forgets what eval mode has prepared, or evaluation mode."""
        self._prepared = None
        return super().train(mode)

    def _prepare(self, weight: Any, input: Any) -> Any:
        """The weight, or the same prepared, where that pays and nobody wants its gradient."""
        if self.groups == self.in_channels or unwrap(weight).size < _WORTH_PREPARING:
            return weight
        if is_grad_enabled() and not (edge_of(weight) is None and edge_of(input) is None):
            return weight
        prepared = self._prepared
        if prepared is None or prepared.weight is not unwrap(weight):
            prepared = self._prepared = PreparedConv2d(unwrap(weight), own=False)
            self._watch = watch(unwrap(weight))
        prepared.refresh(changes(weight, self._watch))
        return prepared

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


def _check_padding(stride: Any, padding: Any, padding_mode: str) -> None:
    if isinstance(padding, str):
        if padding not in _PADDING_NAMES:
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {_PADDING_NAMES}")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _PADDING_MODES:
        raise ValueError(
            f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode={padding_mode!r}"
        )
