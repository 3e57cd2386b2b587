"""l1_loss and binary_cross_entropy_with_logits: losses that compare element with element."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _quiet
from ..autograd import Rule, TensorBase, record, unwrap, wrap
from ..dtypes import scalar_name
from ..ops._common import broadcast_shape, cast
from ..ops.arithmetic import div, mul, sub
from ..ops.pointwise import abs as absolute
from ..ops.pointwise import clamp_max, exp, log1p, sigmoid
from ..ops.reductions import mean
from ..ops.reductions import sum as total
from ..size import Size
from ._spelling import Array, ArrayOrTensor, array_of, as_tensors
from .loss import check_pair, check_reduction, reduction_of


# ---- mean absolute error ---------------------------------------------------------------------------------
def l1_loss(
    input: ArrayOrTensor,
    target: ArrayOrTensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: ArrayOrTensor | None = None,
) -> Any:
    """The absolute error |input - target|: its mean, its sum, or one per element.

    input, target  the same shape (others broadcast, with a UserWarning)
    reduction      'mean' (floating point only), 'sum' or 'none'
    weight         a factor per element, of the input's shape; 'mean' then divides by the sum of the weights
    size_average, reduce: torch's older spelling of `reduction`

    Returns a 0-dimensional array ('none': of the broadcast shape); ndarrays give an ndarray, any Tensor a
    Tensor. Raises ValueError for an unknown reduction, RuntimeError for shapes that do not broadcast.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.l1_loss(np.array([1.0, 2.0]), np.array([1.0, 5.0]))
    array(1.5)

    Source: torch.nn.functional.l1_loss.
    """
    x = check_pair("l1_loss():", input, target, weight)
    reduction = reduction_of(size_average, reduce, reduction)
    check_reduction(reduction)
    (input, target, weight), give_back = as_tensors(input, target, weight)
    losses = absolute(sub(input, target))
    if weight is not None:
        if unwrap(weight).shape != x.shape:
            raise ValueError("Weights and input must have the same size.")
        losses = mul(losses, weight)
    if reduction == "none":
        return give_back(losses)
    if reduction == "sum":
        return give_back(total(losses))
    return give_back(mean(losses) if weight is None else div(total(losses), total(weight)))


# ---- binary cross entropy --------------------------------------------------------------------------------
def binary_cross_entropy_with_logits(
    input: ArrayOrTensor,
    target: ArrayOrTensor,
    weight: ArrayOrTensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: ArrayOrTensor | None = None,
) -> Any:
    """How surprised a model with the scores `input` is by yes-or-no truths: for each element
    -(pos_weight * target * log(s) + (1 - target) * log(1 - s)), s = sigmoid(input), without overflow.

    input       scores, floating point, any shape
    target      numbers from 0 to 1, of the input's shape, floating point
    weight      a factor per element (broadcast), a constant
    pos_weight  how much a yes counts (broadcast), a constant
    reduction   'mean', 'sum' or 'none'
    size_average, reduce: torch's older spelling of `reduction`

    Returns a 0-dimensional array ('none': of the input's shape); ndarrays give an ndarray, any Tensor a
    Tensor. Raises ValueError for shapes that differ and an unknown reduction, RuntimeError for weights that
    do not broadcast.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.binary_cross_entropy_with_logits(np.array([-1000.0, 1000.0]), np.array([0.0, 0.0]))
    array(500.)

    Source: torch.nn.functional.binary_cross_entropy_with_logits.
    """
    where = "binary_cross_entropy_with_logits():"
    x, t = array_of(where, "input", 1, input), array_of(where, "target", 2, target)
    w = None if weight is None else array_of(where, "weight", 3, weight)
    p = None if pos_weight is None else array_of(where, "pos_weight", 7, pos_weight)
    reduction = reduction_of(size_average, reduce, reduction)
    check_reduction(reduction)
    _check(x, t, {"weight": weight, "pos_weight": pos_weight})
    losses = _quiet.apply(_losses, x, t, w, p)
    scale = 1.0 / losses.size if reduction == "mean" and losses.size else 1.0
    value = losses
    if reduction != "none":
        value = np.asarray(losses.sum())
        if reduction == "mean":  # of nothing: nan
            value = np.asarray(_quiet.apply(np.divide, value, losses.dtype.type(losses.size)))
    return record(value, BCE, (input, target), (input, target), (w, p, scale))


def _losses(x: Array, t: Array, w: Array | None, p: Array | None) -> Array:
    """((1 - t) * x - (1 + (p - 1) * t) * log(sigmoid(x))) * w"""
    certainty = np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))
    if p is not None:
        certainty = certainty * ((p - 1) * t + 1)
    losses = (1 - t) * x - certainty
    return np.asarray(losses if w is None else losses * w)


def _bce_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, Any]:
    x, t = saved
    w, p, scale = params
    if isinstance(grad, TensorBase):
        w, p = (value if value is None else wrap(value) for value in (w, p))
    factor = grad * scale if w is None else grad * scale * w
    dx = dt = None
    if needs[0]:
        s = sigmoid(x)
        slope = s - t if p is None else s * ((p - 1) * t + 1) - p * t
        dx = cast(factor * slope, unwrap(x).dtype)
    if needs[1]:
        slope = -x
        if p is not None:
            slope = slope - (p - 1) * (clamp_max(x, 0.0) - log1p(exp(-absolute(x))))
        dt = cast(factor * slope, unwrap(t).dtype)
    return dx, dt


BCE = Rule("BinaryCrossEntropyWithLogitsBackward0", _bce_backward)


def _check(x: Array, t: Array, weights: dict[str, Any]) -> None:
    if x.shape != t.shape:
        raise ValueError(f"Target size ({Size(t.shape)}) must be the same as input size ({Size(x.shape)})")
    if x.dtype.kind != "f":
        raise NotImplementedError(f"\"log_sigmoid_cpu\" not implemented for '{scalar_name(x.dtype)}'")
    if t.dtype.kind == "b":
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. (argument 'target' must "
            "be floating point)"
        )
    if t.dtype.kind != "f":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {scalar_name(t.dtype)} "
            "(argument 'target' must be floating point)"
        )
    for name, value in weights.items():
        if getattr(value, "requires_grad", False):
            raise RuntimeError(
                "The function 'binary_cross_entropy_with_logits' is not differentiable with respect to "
                f"argument '{name}'. This input cannot have requires_grad True."
            )
        if value is not None:
            broadcast_shape(x.shape, unwrap(value).shape)
