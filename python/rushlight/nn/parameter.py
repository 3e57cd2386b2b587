"""Parameter: a Tensor that a Module registers and an optimizer trains."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import wrap
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
        if not isinstance(data, Tensor):
            raise TypeError(f"Parameter data must be a Tensor, not {type(data).__name__}; "
                            "torch.tensor(...) or torch.from_numpy(...) makes one")
        made = super().__new__(cls)
        raise NotImplementedError(made)

    def __repr__(self, **kwargs: Any) -> str:
        return "Parameter containing:\n" + super().__repr__(**kwargs)
