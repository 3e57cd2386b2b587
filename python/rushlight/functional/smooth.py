"""Smooth activations: sigmoid, tanh, silu, softplus, gelu. Each is one `activation`: the forward and the
gradient, one line each; below it the public function.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core import try_sigmoid
from ..ops import pointwise
from ..ops.pointwise import exp
from ..ops.selection import where
from ..ops.special import erf, erf_values
from ._activation import activation
from ._spelling import Array, ArrayOrTensor, array_of, number, type_of

# ---- sigmoid, tanh: operations of ops/pointwise.py under their names here --------------------------------
pointwise.NATIVE["sigmoid"] = try_sigmoid


def sigmoid(input: ArrayOrTensor) -> Any:
    """1 / (1 + exp(-x)). Integers become floats first.

    Returns an ndarray for an ndarray, a Tensor for a Tensor; so do all activations here.

    input  any shape; floats, integers or bool

    Raises TypeError for other things.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])

    Source: torch.nn.functional.sigmoid.
    """
    return pointwise.sigmoid(input)


def tanh(input: ArrayOrTensor) -> Any:
    """The hyperbolic tangent. Integers become floats first.

    input  any shape; floats, integers or bool

    Raises TypeError for other things.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.tanh(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.,  0.,  1.])

    Source: torch.nn.functional.tanh.
    """
    return pointwise.tanh(input)


# ---- silu ------------------------------------------------------------------------------------------------
def _silu_gradient(grad: Any, x: Any) -> Any:
    s = pointwise.sigmoid(x)
    return grad * (s * (1 + x * (1 - s)))


_silu = activation(
    "silu",
    "SiluBackward0",
    lambda x: np.maximum(x, -1e4) / (1 + np.exp(-x)),  # the maximum only changes -inf, whose limit is 0
    _silu_gradient,
    floats_only="silu_cpu",
)


def silu(input: ArrayOrTensor, inplace: bool = False) -> Any:
    """x * sigmoid(x), also called swish. Floating point only; -inf gives its limit 0.

    input    any shape, floating point
    inplace  write the result over the input and return the input

    Raises NotImplementedError for integers.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.silu(np.array([0.0, 1000.0]))
    array([   0., 1000.])

    Source: torch.nn.functional.silu.
    """
    return _silu(input, inplace)


# ---- softplus --------------------------------------------------------------------------------------------
_softplus = activation(
    "softplus",
    "SoftplusBackward0",
    lambda x, b, limit: np.where(x * b > limit, x, np.log1p(np.exp(np.minimum(x * b, limit))) / b),
    lambda g, x, b, limit: where(x * b > limit, g, g * pointwise.sigmoid(x * b)),
    floats_only="softplus_cpu",
)


def softplus(input: ArrayOrTensor, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta * x)) / beta, a smooth relu; x itself where beta * x > threshold.

    input            any shape, floating point
    beta, threshold  numbers: how sharp the bend is, and from where on it counts as straight

    Raises NotImplementedError for integers.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.softplus(np.array([-1000.0, 0.0, 30.0])).round(4)
    array([ 0.    ,  0.6931, 30.    ])

    Source: torch.nn.functional.softplus.
    """
    slope = number("softplus():", "beta", 2, beta)
    return _softplus(input, False, slope, number("softplus():", "threshold", 3, threshold))


# ---- gelu ------------------------------------------------------------------------------------------------
_ROOT_HALF, _ROOT_TWO_OVER_PI, _CUBIC = math.sqrt(0.5), math.sqrt(2 / math.pi), 0.044715


def _bounded(x: Array) -> Array:
    """-inf made finite: its limit under gelu is 0, which the product 0 * -inf would miss."""
    return np.maximum(x, -100.0)


def _gelu_gradient(grad: Any, x: Any) -> Any:
    return grad * ((1 + erf(x * _ROOT_HALF)) * 0.5 + x * exp(x * x * -0.5) * (_ROOT_TWO_OVER_PI / 2))


def _gelu_tanh_gradient(grad: Any, x: Any) -> Any:
    t = pointwise.tanh((x + x * x * x * _CUBIC) * _ROOT_TWO_OVER_PI)
    inner = (1 + x * x * (3 * _CUBIC)) * _ROOT_TWO_OVER_PI
    return grad * ((1 + t) * 0.5 + x * (1 - t * t) * inner * 0.5)


_gelu = activation(
    "gelu",
    "GeluBackward0",
    lambda x: _bounded(x) * ((1 + erf_values(x * _ROOT_HALF)) * 0.5),
    _gelu_gradient,
    floats_only="GeluKernelImpl",
)
_gelu_tanh = activation(
    "gelu",
    "GeluBackward0",
    lambda x: _bounded(x) * ((1 + np.tanh((x + x * x * x * _CUBIC) * _ROOT_TWO_OVER_PI)) * 0.5),
    _gelu_tanh_gradient,
    floats_only="GeluKernelImpl",
)


def gelu(input: ArrayOrTensor, approximate: str = "none") -> Any:
    """x * Phi(x), Phi the normal distribution function; `approximate="tanh"`: Phi by tanh and a cubic.

    Floating point only. inf gives inf and -inf gives 0, the limits (torch gives nan for some dtypes).
    Raises RuntimeError for another `approximate`.

    input  any shape; result and gradient have its dtype

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])

    Source: torch.nn.functional.gelu; Hendrycks and Gimpel, 2016.
    """
    array_of("gelu():", "input", 1, input)
    if not isinstance(approximate, str):
        raise TypeError(f"gelu(): argument 'approximate' must be str, not {type_of(approximate)}")
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh. (got {approximate!r})")
    return (_gelu if approximate == "none" else _gelu_tanh)(input, False)
