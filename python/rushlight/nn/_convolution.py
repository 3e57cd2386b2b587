"""What Conv1d, Conv2d and ConvTranspose2d have in common: settings, parameters, repr. No forward pass."""

from __future__ import annotations

from typing import Any

from ..ops.creation import empty
from .init import init_affine
from .module import Module
from .parameter import Parameter


def as_tuple(value: Any, length: int) -> Any:
    """An int as a tuple of `length`; a sequence as a tuple."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * length


class Convolution(Module):
    """A layer with the weight and bias of a convolution, in any number of dimensions."""

    _dims = 0  # of a kernel
    padding: Any
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        transposed: bool,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError(f"in_channels must be divisible by groups (got {in_channels} and {groups})")
        if out_channels % groups:
            raise ValueError(f"out_channels must be divisible by groups (got {out_channels} and {groups})")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = as_tuple(kernel_size, self._dims)
        self.stride = as_tuple(stride, self._dims)
        self.padding = padding if isinstance(padding, str) else as_tuple(padding, self._dims)
        self.dilation = as_tuple(dilation, self._dims)
        self.transposed = transposed
        self.output_padding = as_tuple(output_padding, self._dims)
        self.groups = groups
        self.padding_mode = padding_mode
        rows, columns = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        self.weight = Parameter(
            empty((rows, columns // groups, *self.kernel_size), device=device, dtype=dtype)
        )
        if bias:
            self.bias = Parameter(empty((out_channels,), device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw fresh weights."""
        init_affine(self.weight, self.bias)

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
        for name, usual in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            if (value := getattr(self, name)) != (usual,) * self._dims:
                text += f", {name}={value}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text
