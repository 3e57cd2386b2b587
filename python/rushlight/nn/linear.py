"""Linear and Identity: layers without windows."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..ops.creation import empty
from .init import init_affine
from .module import Module
from .parameter import Parameter


class Linear(Module):
    """input @ weight.T + bias: every output is a weighted sum of all inputs.

    in_features, out_features  sizes of the last dimension before and after
    bias                       whether there is one number per output to add

    weight (out_features, in_features) and bias (out_features,) start uniform on (-b, b),
    b = 1 / sqrt(in_features).
    Input (*, in_features), output (*, out_features).

    >>> from rushlight import nn
    >>> nn.Linear(3, 4)
    Linear(in_features=3, out_features=4, bias=True)

    Source: torch.nn.Linear.
    """

    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty((out_features,), device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw fresh weights."""
        init_affine(self.weight, self.bias)

    def forward(self, input: Any) -> Any:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class Identity(Module):
    """Returns its input; takes and ignores any arguments when made.

    >>> from rushlight import nn
    >>> nn.Identity(54, unused=True)("unchanged")
    'unchanged'

    Source: torch.nn.Identity.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input
