"""Parameter: a Tensor that a Module registers and an optimizer trains."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..autograd import TensorBase, wrap
from ..ops._common import flag
from ..printing import tensor_text
from ..tensor import Tensor


class Parameter(Tensor):
    """A Tensor that wants gradients and, assigned to a Module's attribute, becomes one of its parameters.

    data           a Tensor; its memory is shared, its history is not kept (an empty Tensor if None)
    requires_grad  whether a gradient is wanted

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.Parameter(rushlight.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)

    Source: torch.nn.Parameter.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = wrap(np.empty(0, np.float32))
        if not isinstance(data, TensorBase):
            raise AttributeError(
                f"'{type(data).__name__}' object has no attribute 'detach': Parameter takes a Tensor, "
                "as torch.tensor(...) and torch.from_numpy(...) make"
            )
        flag("Parameter", "requires_grad", requires_grad)
        if requires_grad and data._data.dtype.kind != "f":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        return cast(Parameter, Tensor._make_subclass(cls, data, requires_grad))

    def __repr__(self, **unused: Any) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + tensor_text(self)
