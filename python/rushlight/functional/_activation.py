"""How an element-wise activation becomes an operation: type check, forward, recording, the in-place form.

The activations themselves are in piecewise.py and smooth.py (relu, which has kernels, in activation.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _quiet
from ..autograd import Rule, TensorBase, is_grad_enabled, record
from ..autograd.inplace import check, record_inplace, snapshot
from ..autograd.recording import edge_of
from ..dtypes import scalar_name
from ._spelling import Array, array_of


def activation(
    name: str,
    node: str,
    forward: Callable[..., Any],
    gradient: Callable[..., Any],
    floats_only: str | None = None,
    inplace_node: str | None = None,
    refuse: Callable[..., None] | None = None,
) -> Callable[..., Any]:
    """Make the operation: a function of (input, inplace, *params).

    node         grad_fn's name
    forward      (x, *params) -> the result, from ndarrays
    gradient     (grad, x, *params) -> d loss / d x, written with operators and functions of ops/
    floats_only  torch's name for the kernel, said when it is asked for integers
    inplace_node, refuse  of the in-place form: grad_fn's name if it differs, and a function of params that
                 raises when torch could not go back
    """

    def backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
        return (gradient(grad, *saved, *params),)

    def inplace_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
        if refuse:
            refuse(*params)
        return backward(grad, saved, params, needs)

    rule, inplace_rule = Rule(node, backward), Rule(inplace_node or node, inplace_backward)

    def operation(input: Any, inplace: bool, *params: Any) -> Any:
        x = array_of(f"{name}{'_' if inplace else ''}():", "input", 1, input)
        if floats_only and x.dtype.kind != "f":
            raise NotImplementedError(
                f"\"{floats_only}\" not implemented for '{scalar_name(x.dtype)}' ({name} takes floats)"
            )
        y = np.asarray(_quiet.apply(forward, x, *params), x.dtype)
        if not inplace:
            return record(y, rule, (input,), (input,), params)
        if not isinstance(input, TensorBase):
            return overwrite(name, x, y)
        check(input)
        wanted = is_grad_enabled() and edge_of(input) is not None
        saved = (snapshot(input),) if wanted else ()
        return record_inplace(input, y, inplace_rule, (input,), saved, params)

    return operation


def overwrite(name: str, x: Array, y: Array) -> Array:
    """`x`, an ndarray, with the content of `y`."""
    if not x.flags.writeable:
        raise ValueError(f"{name}_(): argument 'input' is a read-only ndarray; {name}() makes a new one")
    np.copyto(x, y)
    return x
