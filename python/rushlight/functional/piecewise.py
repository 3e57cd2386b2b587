"""Activations made of pieces: relu6, hardtanh, leaky_relu, prelu, elu, threshold. Each is one `activation`:
the forward and the gradient, one line each; below it the public function.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _quiet
from ..autograd import Rule, record
from ..dtypes import scalar_name
from ..ops._common import sum_to
from ..ops.pointwise import clamp_max, exp
from ..ops.selection import where
from ._activation import activation
from ._spelling import Array, ArrayOrTensor, array_of, number


# ---- hardtanh, relu6 -------------------------------------------------------------------------------------
def _limit(x: Array, low: float, high: float) -> Array:
    if x.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if x.dtype.kind == "u" and low < 0:
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return np.minimum(np.maximum(x, np.array(low, x.dtype)), np.array(high, x.dtype))


_hardtanh = activation(
    "hardtanh",
    "HardtanhBackward0",
    lambda x, low, high: np.where(x == low, x, _limit(x, low, high)),  # -0.0 stays -0.0
    lambda g, x, low, high: where((x <= low) | (x >= high), 0.0, g),
)


def hardtanh(input: ArrayOrTensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x limited to [min_val, max_val]; the gradient is 1 strictly between them, else 0.

    input    any shape; floats or integers
    inplace  write the result over the input and return the input

    Returns an ndarray for an ndarray, a Tensor for a Tensor; so do all activations here.
    Raises ValueError if min_val > max_val, RuntimeError for bools.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.hardtanh(np.array([-3.0, 0.5, 3.0]))
    array([-1. ,  0.5,  1. ])

    Source: torch.nn.functional.hardtanh.
    """
    low = number("hardtanh():", "min_val", 2, min_val)
    high = number("hardtanh():", "max_val", 3, max_val)
    if low > high:
        raise ValueError(f"min_val cannot be greater than max_val (got {low} and {high})")
    return _hardtanh(input, inplace, low, high)


def relu6(input: ArrayOrTensor, inplace: bool = False) -> Any:
    """min(max(0, x), 6): `hardtanh` from 0 to 6.

    input    any shape; floats or integers
    inplace  write the result over the input and return the input

    Raises RuntimeError for bools.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.relu6(np.array([-1.0, 2.0, 9.0]))
    array([0., 2., 6.])

    Source: torch.nn.functional.relu6.
    """
    return _hardtanh(input, inplace, 0, 6)


# ---- leaky_relu ------------------------------------------------------------------------------------------
def _no_way_back(function: str) -> Any:
    def refuse(slope: float) -> None:
        if slope < 0:
            raise RuntimeError(
                f"In-place {function} backward calculation is triggered with a negative slope which is not "
                "supported. This is caused by calling in-place forward function with a negative slope, "
                "please call out-of-place version instead."
            )

    return refuse


def _leaky(x: Any, slope: float) -> Any:
    if 0 < slope <= 1:  # the usual case, at a third of the time
        return np.maximum(x, x * slope)
    return np.where(x > 0, x, x * slope)


_leaky_relu = activation(
    "leaky_relu",
    "LeakyReluBackward0",
    _leaky,
    lambda g, x, slope: where(x > 0, g, g * slope),
    floats_only="leaky_relu_cpu",
    inplace_node="LeakyReluBackward1",
    refuse=_no_way_back("leakyReLu"),
)


def leaky_relu(input: ArrayOrTensor, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where x > 0, else negative_slope * x. Floating point only.

    negative_slope  of the part below zero
    input           any shape, floating point
    inplace         write the result over the input and return the input

    Raises NotImplementedError for integers.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.leaky_relu(np.array([-1.0, 2.0]), 0.1)
    array([-0.1,  2. ])

    Source: torch.nn.functional.leaky_relu.
    """
    return _leaky_relu(input, inplace, number("leaky_relu():", "negative_slope", 2, negative_slope))


# ---- elu -------------------------------------------------------------------------------------------------
_elu = activation(
    "elu",
    "EluBackward0",
    lambda x, alpha: np.where(x <= 0, alpha * np.expm1(x), x),
    lambda g, x, alpha: where(x <= 0, g * alpha * exp(clamp_max(x, 0.0)), g),
    floats_only="elu_cpu",
    inplace_node="EluBackward1",
    refuse=_no_way_back("elu"),
)


def elu(input: ArrayOrTensor, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where x > 0, else alpha * (exp(x) - 1). Floating point only.

    alpha    how far below zero it goes
    input    any shape, floating point
    inplace  write the result over the input and return the input

    Raises NotImplementedError for integers.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.elu(np.array([-1000.0, 0.0, 2.0]))
    array([-1.,  0.,  2.])

    Source: torch.nn.functional.elu; Clevert et al., 2015.
    """
    return _elu(input, inplace, number("elu():", "alpha", 2, alpha))


# ---- threshold -------------------------------------------------------------------------------------------
def _replaced(x: Array, limit: float, value: float) -> Array:
    if x.dtype.kind == "b":
        raise NotImplementedError("\"threshold_cpu\" not implemented for 'Bool'")
    kind = float if x.dtype.kind == "f" else int
    return np.where(x <= kind(limit), np.array(kind(value), x.dtype), x)


_threshold = activation(
    "threshold",
    "ThresholdBackward0",
    _replaced,
    lambda g, x, limit, value: where(x <= limit, 0.0, g),
)


def threshold(input: ArrayOrTensor, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where x > threshold, else `value`. NaN stays NaN. For integers both numbers are cut to integers.

    input      any shape; floats or integers
    threshold  what x is compared with
    value      what stands for all x that are not larger
    inplace    write the result over the input and return the input

    Raises TypeError if `threshold` or `value` is no number.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.threshold(np.array([-1.0, 0.1, 2.0]), 0.1, 20.0)
    array([20., 20.,  2.])

    Source: torch.nn.functional.threshold.
    """
    limit = number("threshold():", "threshold", 2, threshold)
    return _threshold(input, inplace, limit, number("threshold():", "value", 3, value))


# ---- prelu -----------------------------------------------------------------------------------------------
def prelu(input: ArrayOrTensor, weight: ArrayOrTensor) -> Any:
    """`leaky_relu` whose slope is learned: x where x > 0, else weight * x.

    input   (N, C, ...) or any other shape with one slope for all; floating point
    weight  (C,): one slope per channel (dimension 1), or one number for all; the input's dtype

    Returns an ndarray for ndarrays, a Tensor if either is one. Raises RuntimeError for a weight of another
    dtype or size.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.prelu(np.array([[-1.0, -1.0, 2.0]]), np.array([0.1, 0.2, 0.3]))
    array([[-0.1, -0.2,  2. ]])

    Source: torch.nn.functional.prelu; He et al., 2015.
    """
    x = array_of("prelu():", "input", 1, input)
    w = array_of("prelu():", "weight", 2, weight)
    _check_slopes(x, w)
    shape = (-1,) + (1,) * (x.ndim - 2) if w.size > 1 else (1,) * x.ndim
    slopes = weight.reshape(shape)
    y = _quiet.apply(lambda w: np.where(x > 0, x, w * x), w.reshape(shape))
    return record(np.asarray(y, x.dtype), PRELU, (input, slopes), (input, slopes))


def _prelu_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, ...]:
    x, slopes = saved
    dx = where(x > 0, grad, slopes * grad) if needs[0] else None
    return dx, sum_to(where(x > 0, 0.0, x * grad), slopes.shape) if needs[1] else None


PRELU = Rule("PreluKernelBackward0", _prelu_backward)


def _check_slopes(x: Array, w: Array) -> None:
    if x.dtype != w.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {scalar_name(x.dtype)} and {scalar_name(w.dtype)}"
        )
    if w.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}")
    if w.size == 1:
        return
    if x.ndim == 0:
        raise RuntimeError("Not allow zero-dim input tensor.")
    channels = x.shape[1] if x.ndim > 1 else 1
    if w.size != channels:
        raise RuntimeError(
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
            f"{w.size} and channel size = {channels}."
        )
