"""Initial values for weights: torch.nn.init's functions, which fill a Tensor in place and return it.

torch's formulas with torch's random numbers: after the same `manual_seed` the same weights. In all of them:

tensor        what is filled, of a floating dtype where numbers are drawn; no gradient is recorded
mean, std     of the normal distribution; val: the constant; a, b: the limits of the even one
gain          a factor for the result; calculate_gain has the usual ones
mode          'fan_in' keeps the size of signals on the way forward, 'fan_out' of gradients on the way back
nonlinearity  what follows the layer: a name that calculate_gain knows, else ValueError
generator     where random numbers come from; None: the default one

Raises ValueError where fans are asked for of a Tensor of fewer than two dimensions. Source: torch.nn.init.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from .._missing import missing as _missing
from ..autograd import no_grad

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights must be larger to keep a signal's size through a nonlinearity.

    `param`: the slope below zero of 'leaky_relu' (0.01 if None).

    >>> from rushlight.nn import init
    >>> init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        if param is None:
            param = 0.01
        elif isinstance(param, bool) or not isinstance(param, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + param**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """How many inputs feed one output, and the reverse, of a weight (out, in, *kernel)."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _fan(tensor: Any, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


# ---- plain fills -----------------------------------------------------------------------------------------
def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Fill with values drawn evenly from [a, b).

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.init.uniform_(rushlight.empty(2, 3)).shape
    torch.Size([2, 3])

    Source: torch.nn.init.uniform_.
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Fill with values of a normal distribution.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.init.normal_(rushlight.empty(2, 3)).shape
    torch.Size([2, 3])

    Source: torch.nn.init.normal_.
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Any, val: float) -> Any:
    """Fill with one value.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.init.constant_(rushlight.empty(2), 0.5)
    tensor([0.5000, 0.5000])

    Source: torch.nn.init.constant_.
    """
    with no_grad():
        return tensor.fill_(val)


def zeros_(tensor: Any) -> Any:
    """Fill with zeros.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.init.zeros_(rushlight.empty(2, 3)).shape
    torch.Size([2, 3])

    Source: torch.nn.init.zeros_.
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Any) -> Any:
    """Fill with ones.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.init.ones_(rushlight.empty(2, 3)).shape
    torch.Size([2, 3])

    Source: torch.nn.init.ones_.
    """
    return constant_(tensor, 1.0)


# ---- fills that keep a signal's size ---------------------------------------------------------------------
def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Uniform on (-a, a), a = gain * sqrt(6 / (fan_in + fan_out)): Glorot and Bengio, 2010.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.init.xavier_uniform_(rushlight.empty(2, 3)).shape
    torch.Size([2, 3])

    Source: torch.nn.init.xavier_uniform_.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Normal with std = gain * sqrt(2 / (fan_in + fan_out)): Glorot and Bengio, 2010.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.init.xavier_normal_(rushlight.empty(2, 3)).shape
    torch.Size([2, 3])

    Source: torch.nn.init.xavier_normal_.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Uniform on (-b, b), b = gain * sqrt(3 / fan): He et al., 2015. `a`: leaky_relu's slope below zero.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.init.kaiming_uniform_(rushlight.empty(2, 3)).shape
    torch.Size([2, 3])

    Source: torch.nn.init.kaiming_uniform_.
    """
    if 0 in tensor.shape:
        _warn_empty()
        return tensor
    std = calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Normal with std = gain / sqrt(fan): He et al., 2015. `a`: leaky_relu's slope below zero.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.init.kaiming_normal_(rushlight.empty(2, 3)).shape
    torch.Size([2, 3])

    Source: torch.nn.init.kaiming_normal_.
    """
    if 0 in tensor.shape:
        _warn_empty()
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


def _warn_empty() -> None:
    warnings.warn("Initializing zero-element tensors is a no-op", UserWarning, stacklevel=3)


def init_affine(weight: Any, bias: Any) -> None:
    """What Conv2d and Linear start from: uniform on (-b, b), b = 1 / sqrt(fan_in); weight before bias."""
    kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan_in, _ = _calculate_fan_in_and_fan_out(weight)
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        uniform_(bias, -bound, bound)


__getattr__ = _missing(__name__)
