"""Activation layers: each a thin Module around the function of the same name in functional/."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..ops.creation import full
from .module import Module
from .parameter import Parameter


class _InPlace(Module):
    """An activation that can overwrite its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def _and_inplace(self, text: str) -> str:
        return text + (", inplace=True" if self.inplace else "")

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(_InPlace):
    """max(0, x) element by element; `inplace=True` overwrites its input.

    >>> from rushlight import nn
    >>> nn.ReLU(), nn.ReLU(inplace=True)
    (ReLU(), ReLU(inplace=True))

    Source: torch.nn.ReLU.
    """

    def forward(self, input: Any) -> Any:
        return F.relu(input, self.inplace)


class Hardtanh(_InPlace):
    """x limited to [min_val, max_val].

    >>> from rushlight import nn
    >>> nn.Hardtanh(-2, 2)
    Hardtanh(min_val=-2, max_val=2)

    Source: torch.nn.Hardtanh.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        if min_val >= max_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, input: Any) -> Any:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return self._and_inplace(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(Hardtanh):
    """min(max(0, x), 6).

    >>> from rushlight import nn
    >>> nn.ReLU6()
    ReLU6()

    Source: torch.nn.ReLU6.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(_InPlace):
    """x where x > 0, else negative_slope * x.

    >>> from rushlight import nn
    >>> nn.LeakyReLU(0.1)
    LeakyReLU(negative_slope=0.1)

    Source: torch.nn.LeakyReLU.
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Any) -> Any:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return self._and_inplace(f"negative_slope={self.negative_slope}")


class PReLU(Module):
    """`LeakyReLU` whose slope is learned: one for all (num_parameters=1) or one per channel.

    weight (num_parameters,) starts at `init`.

    >>> from rushlight import nn
    >>> nn.PReLU()
    PReLU(num_parameters=1)

    Source: torch.nn.PReLU.
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """Back to the first slope."""
        self.weight.data.fill_(self.init)

    def forward(self, input: Any) -> Any:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class ELU(_InPlace):
    """x where x > 0, else alpha * (exp(x) - 1).

    >>> from rushlight import nn
    >>> nn.ELU()
    ELU(alpha=1.0)

    Source: torch.nn.ELU.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Any) -> Any:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._and_inplace(f"alpha={self.alpha}")


class Threshold(_InPlace):
    """x where x > threshold, else `value`.

    >>> from rushlight import nn
    >>> nn.Threshold(0.1, 20)
    Threshold(threshold=0.1, value=20)

    Source: torch.nn.Threshold.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Any) -> Any:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return self._and_inplace(f"threshold={self.threshold}, value={self.value}")


class SiLU(_InPlace):
    """x * sigmoid(x).

    >>> from rushlight import nn
    >>> nn.SiLU()
    SiLU()

    Source: torch.nn.SiLU.
    """

    def forward(self, input: Any) -> Any:
        return F.silu(input, self.inplace)


class GELU(Module):
    """x times the normal distribution function of x.

    >>> from rushlight import nn
    >>> nn.GELU()
    GELU(approximate='none')

    Source: torch.nn.GELU.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Any) -> Any:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta.

    >>> from rushlight import nn
    >>> nn.Softplus()
    Softplus(beta=1.0, threshold=20.0)

    Source: torch.nn.Softplus.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Any) -> Any:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    >>> from rushlight import nn
    >>> nn.Sigmoid()
    Sigmoid()

    Source: torch.nn.Sigmoid.
    """

    def forward(self, input: Any) -> Any:
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

    >>> from rushlight import nn
    >>> nn.Tanh()
    Tanh()

    Source: torch.nn.Tanh.
    """

    def forward(self, input: Any) -> Any:
        return F.tanh(input)


class Softmax(Module):
    """exp(x) divided by its sum along `dim`.

    >>> from rushlight import nn
    >>> nn.Softmax(dim=1)
    Softmax(dim=1)

    Source: torch.nn.Softmax.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Any:
        return F.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """The logarithm of `Softmax`.

    >>> from rushlight import nn
    >>> nn.LogSoftmax(1)
    LogSoftmax(dim=1)

    Source: torch.nn.LogSoftmax.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Any:
        return F.log_softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
