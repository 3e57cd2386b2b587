"""ConvTranspose2d: the layer around functional.conv_transpose2d."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..functional._spelling import Ints
from ._convolution import Convolution


class ConvTranspose2d(Convolution):
    """Transposed convolution with its own kernels, which enlarges images where Conv2d shrinks them.

    in_channels, out_channels  channels of the images that come and go
    kernel_size                int or (height, width)
    stride, padding, output_padding, groups, dilation: as in functional.conv_transpose2d (defaults 1, 0, 0, 1,
                               1)
    bias                       whether there is one number per output channel to add
    padding_mode               'zeros' and no other

    weight (in_channels, out_channels / groups, height, width) and bias (out_channels,) start uniform on
    (-b, b), b = 1 / sqrt(out_channels / groups * height * width).
    Input (N, C, H, W) or (C, H, W); see functional.conv_transpose2d for the output's size and the errors.
    Several sizes of output are possible where the stride is not 1: layer(x, output_size=(height, width)) says
    which, instead of output_padding.

    >>> import rushlight
    >>> from rushlight import nn
    >>> layer = nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1)
    >>> layer
    ConvTranspose2d(16, 8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    >>> x = rushlight.zeros(1, 16, 6, 6)
    >>> layer(x).shape, layer(x, output_size=(12, 12)).shape
    (torch.Size([1, 8, 11, 11]), torch.Size([1, 8, 12, 12]))

    Source: torch.nn.ConvTranspose2d.
    """

    _dims = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Any = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError('Only "zeros" padding mode is supported for ConvTranspose2d')
        if isinstance(padding, str):
            raise TypeError(
                f"ConvTranspose2d(): argument 'padding' must be tuple of ints, not str ({padding!r})"
            )
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            True,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Any, output_size: Any = None) -> Any:
        weight, bias = self._own_parameters()
        extra = self.output_padding if output_size is None else self._padding_for(input, output_size)
        return F.conv_transpose2d(
            input, weight, bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _padding_for(self, input: Any, output_size: Any) -> tuple[int, ...]:
        """The output_padding that gives `output_size`, of which the last two sizes count."""
        size, before = tuple(input.shape), input.ndim - 2
        wanted = output_size[before:] if len(output_size) == input.ndim else output_size
        if len(wanted) != 2:
            raise ValueError(
                f"ConvTranspose2D: for {input.ndim}D input, output_size must have 2 or {input.ndim} elements "
                f"(got {len(wanted)})"
            )
        settings = zip(size[before:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in settings]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not a <= n <= b for a, n, b in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} "
                f"(for an input of {input.shape[2:]})"
            )
        return tuple(n - a for n, a in zip(wanted, least, strict=True))
