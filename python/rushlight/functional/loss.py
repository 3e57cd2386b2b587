"""Losses: mse_loss, nll_loss; one number that says how wrong predictions are. cross_entropy.py has the third.

`reduction` is 'mean', 'sum' or 'none' (one loss per example) everywhere.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import _quiet
from ..autograd import Rule, record, unwrap
from ..dtypes import scalar_name
from ..ops.arithmetic import div, mul, sub
from ..ops.reductions import sum as total
from ..ops.selection import masked_fill
from ..size import Size
from ._spelling import Array, ArrayOrTensor, array_of, as_tensors, one_int

REDUCTIONS = ("none", "mean", "sum")


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """`reduction`, or what torch's two older arguments mean by it."""
    if size_average is None and reduce is None:
        return reduction
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
        UserWarning,
        stacklevel=3,
    )
    return reduction


def check_reduction(reduction: Any) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction: use one of {REDUCTIONS}")


def check_pair(where: str, input: Any, target: Any, weight: Any) -> Array:
    """The input's array, if all three are arrays (weight: or None), with torch's warning where input and
    target will be broadcast against each other."""
    x, y = array_of(where, "input", 1, input), array_of(where, "target", 2, target)
    if weight is not None:
        array_of(where, "weight", 6, weight)
    if x.shape != y.shape:
        warnings.warn(
            f"Using a target size ({Size(y.shape)}) that is different to the input size ({Size(x.shape)}). "
            "This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )
    return x


# ---- mean squared error ----------------------------------------------------------------------------------
def mse_loss(
    input: ArrayOrTensor,
    target: ArrayOrTensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: ArrayOrTensor | None = None,
) -> Any:
    """The squared error (input - target)**2: its mean, its sum, or one per element.

    input, target  floating point, the same shape (others broadcast, with a UserWarning)
    reduction      'mean', 'sum' or 'none'
    weight         a factor per element, of the input's shape; 'mean' then divides by the sum of the weights
    size_average, reduce: torch's older spelling of `reduction`

    Returns a 0-dimensional array ('none': of the broadcast shape); ndarrays give an ndarray, any Tensor a
    Tensor. Raises ValueError for an unknown reduction, RuntimeError for shapes that do not broadcast.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    array(2.)

    Source: torch.nn.functional.mse_loss.
    """
    x = check_pair("mse_loss():", input, target, weight)
    reduction = reduction_of(size_average, reduce, reduction)
    check_reduction(reduction)
    (input, target, weight), give_back = as_tensors(input, target, weight)
    difference = sub(input, target)
    d = unwrap(difference)
    if d.dtype.kind != "f":
        raise NotImplementedError(f"\"mse_cpu\" not implemented for '{scalar_name(d.dtype)}' (use floats)")
    if weight is not None:
        if unwrap(weight).shape != x.shape:
            raise ValueError("Weights and input must have the same size.")
        return give_back(_weighted(mul(mul(difference, difference), weight), weight, reduction))
    squares = _quiet.apply(np.multiply, d, d)
    if reduction == "none":
        value, factor = squares, 2.0
    else:
        value, factor = _reduced(squares, reduction), 2.0 / d.size if reduction == "mean" and d.size else 2.0
    return give_back(record(value, MSE, (difference,), (difference,), factor))


def _mse_backward(grad: Any, saved: Any, factor: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    return (mul(mul(saved[0], factor), grad),)


MSE = Rule("MseLossBackward0", _mse_backward)


def _weighted(losses: Any, weight: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return total(losses) if reduction == "sum" else div(total(losses), total(weight))


def _reduced(losses: Array, reduction: str) -> Array:
    value = losses.sum(dtype=losses.dtype)
    return np.asarray(
        value if reduction == "sum" else _quiet.apply(np.divide, value, losses.dtype.type(losses.size))
    )


# ---- negative log likelihood -----------------------------------------------------------------------------
def nll_loss(
    input: ArrayOrTensor,
    target: ArrayOrTensor,
    weight: ArrayOrTensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Minus the log-probability that `input` gives to the class in `target`.

    input         log-probabilities: (N, C), (N, C, d1, ...) or (C,)
    target        classes, int64 or uint8, of the input's shape without C
    weight        (C,): how much each class counts; 'mean' divides by the sum of the weights used
    ignore_index  a target that counts for nothing
    reduction     'mean', 'sum' or 'none'
    size_average, reduce: torch's older spelling of `reduction`

    Returns a 0-dimensional array, or with 'none' one of the target's shape; nothing to average gives nan.
    Raises IndexError for a class that is not there, ValueError or RuntimeError for shapes and dtypes that do
    not fit.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.nll_loss(np.log([[0.25, 0.75], [0.5, 0.5]]), np.array([1, 0]), reduction="none").round(4)
    array([0.2877, 0.6931])

    Source: torch.nn.functional.nll_loss.
    """
    x = array_of("nll_loss():", "input", 1, input)
    t = array_of("nll_loss():", "target", 2, target)
    w = None if weight is None else array_of("nll_loss():", "weight", 3, weight)
    reduction = reduction_of(size_average, reduce, reduction)
    check_reduction(reduction)
    _check_target(x, t)
    _check_weight(x, w, weight)
    one = x.ndim == 1
    table = x.reshape(1, -1) if one else x
    t = t.reshape(1) if one else t
    ignored = t == one_int("nll_loss():", "ignore_index", 5, ignore_index)
    classes = np.where(ignored, 0, t).astype(np.intp, copy=False)[:, None]
    outside = (classes < 0) | (classes >= table.shape[1])
    if outside.any():
        raise IndexError(
            f"Target {classes[outside][0]} is out of bounds. (input has {table.shape[1]} classes)"
        )
    factors = np.ones(t.shape, x.dtype) if w is None else w[classes[:, 0]]
    picked = np.take_along_axis(table, classes, 1)[:, 0]
    losses = np.where(ignored, 0, _quiet.apply(np.multiply, -picked, factors)).astype(x.dtype, copy=False)
    divisor = None
    if reduction == "none":
        value = losses.reshape(()) if one else losses
    else:
        value = np.asarray(losses.sum(dtype=x.dtype))
        if reduction == "mean":
            divisor = np.where(ignored, 0, factors).sum(dtype=x.dtype)
            value = np.asarray(_quiet.apply(np.divide, value, divisor))
    rule = NLL if x.ndim < 3 else NLL_2D if x.ndim == 4 or reduction != "none" else NLL_VIEW
    return record(value, rule, (input,), (), (x.shape, classes, -factors[:, None], ignored[:, None], divisor))


def _nll_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    shape, classes, factors, ignored, divisor = params
    if len(grad.shape):
        grad = grad.reshape(classes.shape)
    if divisor is not None:
        grad = div(grad, divisor)
    return (_place(masked_fill(mul(factors, grad), ignored, 0.0), classes, shape),)


(
    NLL,
    NLL_2D,
    NLL_VIEW,
) = (  # torch's names for classes per example, per pixel, and per pixel folded to two dimensions
    Rule(name, _nll_backward) for name in ("NllLossBackward0", "NllLoss2DBackward0", "ViewBackward0")
)


def _place(values: Any, classes: Array, shape: tuple[int, ...]) -> Any:
    """`values` (N, 1, ...) written into zeros of `shape` (N, C, ...) at `classes`."""
    v = unwrap(values)
    out = np.zeros(shape if len(shape) > 1 else (1, *shape), v.dtype)
    np.put_along_axis(out, classes, v, 1)
    return record(out.reshape(shape), PLACE, (values,), (), classes)


def _place_backward(grad: Any, saved: Any, classes: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    return (_pick(grad, classes),)


PLACE = Rule("NllLossBackwardBackward0", _place_backward)


def _pick(table: Any, classes: Array) -> Any:
    """The opposite of `_place`."""
    x = unwrap(table)
    picked = np.take_along_axis(x if x.ndim > 1 else x.reshape(1, -1), classes, 1)
    return record(picked, PICK, (table,), (), (x.shape, classes))


def _pick_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    shape, classes = params
    return (_place(grad, classes, shape),)


PICK = Rule("GatherBackward0", _pick_backward)


def _check_target(x: Array, t: Array) -> None:
    """What torch checks about the shapes and dtypes of scores and class numbers, with its texts."""
    if x.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if x.ndim > 1 and (t.ndim == 0 or x.shape[0] != t.shape[0]):
        raise ValueError(
            f"Expected input batch_size ({x.shape[0]}) to match target batch_size "
            f"({t.shape[0] if t.ndim else 0})."
        )
    if x.ndim <= 2:
        if t.ndim > 1:
            raise RuntimeError(
                "0D or 1D target tensor expected, multi-target not supported "
                f"(target has shape {list(t.shape)})"
            )
        if x.ndim == 1 and t.ndim == 1 and t.shape[0] != 1:
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {t.shape[0]}")
    elif x.ndim == 4 and t.ndim != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {t.ndim}"
        )
    elif x.ndim == 4 and t.shape[1:] != x.shape[2:]:
        raise RuntimeError(f"size mismatch (got input: {list(x.shape)} , target: {list(t.shape)}")
    elif t.shape[1:] != x.shape[2:]:
        raise RuntimeError(f"Expected target size {[x.shape[0], *x.shape[2:]]}, got {list(t.shape)}")
    if t.dtype not in (np.int64, np.uint8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {scalar_name(t.dtype)} "
            "(convert it with .long(), or .astype(numpy.int64))"
        )
    if x.dtype.kind != "f":
        raise NotImplementedError(f"\"nll_loss_out_frame\" not implemented for '{scalar_name(x.dtype)}'")


def _check_weight(x: Array, w: Array | None, weight: Any) -> None:
    if w is None:
        return
    classes = x.shape[0 if x.ndim == 1 else 1]
    if w.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes "
            f"but got weight tensor of shape: {list(w.shape)}"
        )
    if w.dtype != x.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_name(x.dtype)} but found {scalar_name(w.dtype)} "
            "(argument 'weight' must have the input's dtype)"
        )
    if getattr(weight, "requires_grad", False):
        raise RuntimeError(
            "The function 'nll_loss_forward' is not differentiable with respect to argument "
            "'weight'. This input cannot have requires_grad True."
        )
