"""clip_grad_norm_, clip_grad_value_, parameters_to_vector, vector_to_parameters: all parameters at once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autograd import TensorBase, no_grad, wrap
from ..ops.joining import cat

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]


def _gradients(parameters: Any) -> list[Any]:
    given: list[Any] = [parameters] if isinstance(parameters, TensorBase) else list(parameters)
    return [each.grad for each in given if each.grad is not None]


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scale all gradients by one factor, so that their norm, taken together, is at most `max_norm`.

    parameters  a Tensor, or an iterable of Tensors; those without a gradient are passed over
    norm_type   2, another power, or inf for the largest absolute value
    foreach     ignored

    Returns the norm before, a 0-dim Tensor. Raises RuntimeError if it is not finite and `error_if_nonfinite`.

    >>> import rushlight
    >>> from rushlight import nn
    >>> x = rushlight.tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> nn.utils.clip_grad_norm_(x, 1.0), x.grad
    (tensor(10.), tensor([0.6000, 0.8000]))

    Source: torch.nn.utils.clip_grad_norm_; Pascanu et al., 2013.
    """
    grads, power = _gradients(parameters), float(norm_type)
    if not grads:
        return wrap(np.zeros((), np.float32))
    with no_grad():
        norms = [float(grad.norm(power)) for grad in grads]
        total = max(norms) if math.isinf(power) else math.fsum(n**power for n in norms) ** (1 / power)
        if any(math.isnan(norm) for norm in norms):
            total = math.nan
        if error_if_nonfinite and not math.isfinite(total):
            raise RuntimeError(
                f"The total norm of order {power} for gradients from `parameters` is non-finite, so it "
                "cannot be clipped. To disable this error and scale the gradients by the non-finite norm "
                "anyway, set `error_if_nonfinite=False`"
            )
        factor = float(max_norm) / (total + 1e-6)
        if not factor >= 1.0:  # nan, too, goes into the gradients
            for grad in grads:
                grad.mul_(factor)
    return wrap(np.asarray(total, grads[0]._data.dtype))


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of every gradient to [-clip_value, clip_value].

    Source: torch.nn.utils.clip_grad_value_.
    """
    limit = float(clip_value)
    for grad in _gradients(parameters):
        np.clip(grad._data, -limit, limit, out=grad._data)


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """All parameters one after the other, as one vector; differentiable.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.utils.parameters_to_vector([rushlight.ones(2, 1), rushlight.zeros(1)])
    tensor([1., 1., 0.])

    Source: torch.nn.utils.parameters_to_vector.
    """
    return cat([each.reshape(-1) for each in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """The inverse of `parameters_to_vector`: give each parameter its part of the vector.

    Source: torch.nn.utils.vector_to_parameters.
    """
    if not isinstance(vec, TensorBase):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    vector: Any = vec
    start = 0
    for each in parameters:
        count = each.numel()
        each.data = vector[start : start + count].view_as(each).data
        start += count
