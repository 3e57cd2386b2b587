"""cross_entropy: log_softmax and nll_loss in one, with class probabilities and label smoothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _quiet
from .._core import try_sum_of_classes
from ..autograd import Rule, record, unwrap
from ..dtypes import I64, scalar_name
from ..ops._common import dim_error
from ..ops.arithmetic import add, div, mul
from ..ops.pointwise import neg
from ..ops.reductions import sum as total
from ..ops.selection import masked_fill
from ..ops.shape import expand
from ._spelling import Array, ArrayOrTensor, array_of, as_tensors, one_int
from .loss import check_reduction, nll_loss, reduction_of
from .softmax import log_softmax


def cross_entropy(
    input: ArrayOrTensor,
    target: ArrayOrTensor,
    weight: ArrayOrTensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """How surprised a model with the scores `input` is by the truth `target`: -log softmax(input)[target].

    input            unnormalised scores, floating point: (N, C), (N, C, d1, ...) or (C,)
    target           classes: int64 or uint8, of the input's shape without C;
                     or class probabilities: floating point, of the input's shape
    weight           (C,): how much each class counts; with classes, 'mean' divides by the weights used
    ignore_index     a class that counts for nothing (not with probabilities)
    reduction        'mean', 'sum' or 'none'
    label_smoothing  between 0 and 1: this part of the truth is spread evenly over all classes
    size_average, reduce: torch's older spelling of `reduction`

    Returns a 0-dimensional array, or with 'none' one loss per example; ndarrays give an ndarray, any Tensor a
    Tensor. Raises IndexError for a class that is not there, ValueError or RuntimeError for shapes and dtypes
    that do not fit.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> round(float(F.cross_entropy(np.array([[2.0, 0.0]]), np.array([0]))), 4)
    0.1269

    Source: torch.nn.functional.cross_entropy; label smoothing: Szegedy et al., 2015.
    """
    one_int("cross_entropy_loss():", "ignore_index", 5, ignore_index)
    if weight is None and label_smoothing == 0.0 and size_average is None and reduce is None:
        loss = _of_rows(input, target, ignore_index, reduction)
        if loss is not None:
            return loss
    x = array_of("cross_entropy_loss():", "input", 1, input)
    t = array_of("cross_entropy_loss():", "target", 2, target)
    w = None if weight is None else array_of("cross_entropy_loss():", "weight", 3, weight)
    reduction = reduction_of(size_average, reduce, reduction)
    check_reduction(reduction)
    if x.ndim == 0:
        raise dim_error(1, 0)
    axis = 0 if x.ndim == 1 else 1
    (input, target, weight), give_back = as_tensors(input, target, weight)
    probabilities = x.shape == t.shape
    if probabilities:
        _check_probabilities(t.dtype, w, x.shape[axis], ignore_index)
    if label_smoothing > 1 or (probabilities and label_smoothing < 0):
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    scores = log_softmax(input, axis)
    if probabilities:
        if label_smoothing > 0:
            target = add(mul(target, 1 - label_smoothing), label_smoothing / x.shape[axis])
        return give_back(_with_probabilities(scores, target, weight, axis, reduction))
    loss = nll_loss(scores, target, weight, ignore_index=ignore_index, reduction=reduction)
    if label_smoothing > 0:
        even = _even_loss(scores, target, weight, axis, ignore_index, reduction)
        loss = add(mul(loss, 1 - label_smoothing), mul(even, label_smoothing / x.shape[axis]))
    return give_back(loss)


# ---- the usual case: a row of scores and a class for each example, all of which count alike


def _of_rows(input: Any, target: Any, ignore_index: int, reduction: str) -> Any:
    """The loss of scores (N, C) and classes (N,), or None where the long way must look at the arguments."""
    x, t = unwrap(input), unwrap(target)
    if x is input or reduction not in _FACTORS:
        return None
    if type(t) is not np.ndarray or x.ndim != 2 or t.dtype != I64 or x.shape[:1] != t.shape:
        return None
    count, classes = x.shape
    if not count or 0 <= ignore_index < classes:
        return None
    scores = log_softmax(input, 1)
    factor = _FACTORS[reduction](count)
    value = try_sum_of_classes(scores._data, t, factor)
    if value is NotImplemented:  # float16, or a class that is not there or ignored
        return nll_loss(scores, target, ignore_index=ignore_index, reduction=reduction)
    kept = t.copy() if t is target else target  # a Tensor knows when it is written to
    return record(value, ROWS, (scores,), (kept,), ((count, classes), factor))


_FACTORS: dict[str, Callable[[int], float]] = {"mean": lambda count: -1.0 / count, "sum": lambda count: -1.0}


def _rows_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    shape, factor = params
    return (_place(grad, unwrap(saved[0]), shape, factor),)


ROWS = Rule("NllLossBackward0", _rows_backward)


def _places(classes: Array, shape: tuple[int, ...]) -> Array:
    """Where in an array (N, C) the chosen classes lie, one in every row."""
    return np.arange(0, shape[0] * shape[1], shape[1]) + classes


def _place(grad: Any, classes: Array, shape: tuple[int, ...], factor: float) -> Any:
    """The number `grad` times `factor` at the chosen classes, zeros elsewhere."""
    value = unwrap(grad)
    out = np.zeros(shape, value.dtype)
    out.put(_places(classes, shape), value * value.dtype.type(factor))
    return record(out, PLACE, (grad,), (), (classes, shape, factor))


def _place_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    return (_collect(grad, *params),)


PLACE = Rule("NllLossBackwardBackward0", _place_backward)


def _collect(table: Any, classes: Array, shape: tuple[int, ...], factor: float) -> Any:
    """The opposite of `_place`: the sum of what is at the chosen classes, times `factor`."""
    x = unwrap(table)
    value = np.add.reduce(x.take(_places(classes, shape))) * x.dtype.type(factor)
    return record(np.asarray(value), COLLECT, (table,), (classes,), (shape, factor))


COLLECT = Rule("NllLossBackwardBackwardBackward0", _rows_backward)


# ---- everything else


def _with_probabilities(scores: Any, target: Any, weight: Any, axis: int, reduction: str) -> Any:
    products = mul(scores, target)
    if weight is not None:
        products = mul(products, _along(weight, axis, scores.ndim))
    p = unwrap(products)
    if reduction == "none":
        return record(-p.sum(axis), SOFT, (products,), (), (p.shape, axis, 1.0))
    count = 1.0 if reduction == "sum" else p.size / p.shape[axis] if p.size else 0.0
    value = np.asarray(_quiet.apply(np.divide, -p.sum(), p.dtype.type(count)))
    return record(value, SOFT if reduction == "sum" else SOFT_MEAN, (products,), (), (p.shape, axis, count))


def _soft_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    shape, axis, count = params
    if len(grad.shape):
        grad = grad.reshape((*shape[:axis], 1, *shape[axis + 1 :]))
    return (expand(neg(div(grad, count)), shape),)


SOFT, SOFT_MEAN = Rule("NegBackward0", _soft_backward), Rule("DivBackward1", _soft_backward)


def _even_loss(scores: Any, target: Any, weight: Any, axis: int, ignore_index: int, reduction: str) -> Any:
    """The loss of a truth that is any class alike (times the number of classes)."""
    ignored = np.asarray(unwrap(target) == ignore_index)
    losses = scores if weight is None else mul(scores, _along(weight, axis, scores.ndim))
    losses = neg(total(losses, axis))
    losses = masked_fill(losses, ignored.reshape(losses.shape), 0.0)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return total(losses)
    if weight is None:
        return div(total(losses), float((~ignored).sum()))
    return div(total(losses), total(weight[unwrap(target)[~ignored].astype("int64")]))


def _along(weight: Any, axis: int, ndim: int) -> Any:
    """A weight per class, shaped so that it broadcasts over the other dimensions."""
    return weight.reshape(tuple(-1 if d == axis else 1 for d in range(ndim)))


def _check_probabilities(dtype: Any, w: Any, classes: int, ignore_index: int) -> None:
    if dtype.kind != "f":
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {scalar_name(dtype)}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    if w is not None and w.shape != (classes,):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or no "
            f"classes but got weight tensor of shape: {list(w.shape)}"
        )
