"""relu, as a new array and in place, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import relu_backward, relu_forward, try_relu
from ..autograd import OUTPUT, Rule, TensorBase, record, unwrap
from ..autograd.inplace import check, record_inplace
from ._out import into
from ._spelling import ArrayOrTensor, array_of


def relu(input: ArrayOrTensor, inplace: bool = False, *, out: ArrayOrTensor | None = None) -> Any:
    """max(0, x), element by element; NaN stays NaN and -0.0 stays -0.0.

    input    any shape; floats or integers
    inplace  write the result over the input and return the input
    out      write the result here and return this, as in conv2d; not in torch

    Returns an ndarray for an ndarray, a Tensor for a Tensor. The gradient is 0 where the result is <= 0, else
    1. Raises TypeError for other things, RuntimeError for bools.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])

    Source: torch.nn.functional.relu.
    """
    if out is not None:
        x = array_of("relu():", "input", 1, input)
        return into("relu", out, (input,), lambda y: relu_forward(x, y))
    if inplace:
        return relu_(input)
    y = try_relu(input)
    if y is not NotImplemented:
        return y
    y = try_relu(unwrap(input))
    if y is NotImplemented:
        y = relu_forward(array_of("relu():", "input", 1, input))
    return record(y, RELU, (input,), (OUTPUT,))


def relu_(input: ArrayOrTensor) -> Any:
    """`relu` in place: the input itself, overwritten.

    Raises RuntimeError for a leaf Tensor that wants a gradient, ValueError for a read-only ndarray.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> x = np.array([-1.0, 2.0])
    >>> F.relu_(x) is x, x
    (True, array([0., 2.]))

    Source: torch.nn.functional.relu_.
    """
    x = array_of("relu_():", "input", 1, input)
    if isinstance(input, TensorBase):
        check(input)
    elif not x.flags.writeable:
        raise ValueError("relu_(): argument 'input' is a read-only ndarray; relu() makes a new one")
    if x.flags.c_contiguous and x.dtype.isnative:
        relu_forward(x, x)
    else:
        np.copyto(x, relu_forward(x))
    return record_inplace(input, x, RELU, (input,), (OUTPUT,)) if isinstance(input, TensorBase) else input


def _relu_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    return (_masked(saved[0], grad),)


RELU = Rule("ReluBackward0", _relu_backward)


def relu_input(output: ArrayOrTensor, grad_output: ArrayOrTensor) -> Any:
    """The gradient of `relu` with respect to its input: 0 where `output` <= 0, else `grad_output`.

    Both of the same shape and dtype; NaN in `output` lets the gradient through, as in torch.

    >>> import numpy as np
    >>> from rushlight.nn import grad
    >>> grad.relu_input(np.array([0.0, 2.0]), np.array([5.0, 5.0]))
    array([0., 5.])
    """
    array_of("relu_input():", "output", 1, output)
    array_of("relu_input():", "grad_output", 2, grad_output)
    return _masked(output, grad_output)


def _masked(output: Any, grad_output: Any) -> Any:
    dx = relu_backward(unwrap(grad_output), unwrap(output))
    return record(dx, MASKED, (output, grad_output), (output,))


def _masked_backward(grad: Any, saved: Any, params: Any, needs: tuple[bool, ...]) -> tuple[Any, Any]:
    return None, _masked(saved[0], grad) if needs[
        1
    ] else None  # flat in `output`, the same mask in `grad_output`


MASKED = Rule("ThresholdBackwardBackward0", _masked_backward, uses=((1,),))
