"""SGD: stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import wrap
from ._blocks import number, pieces
from .optimizer import Group, Optimizer, check_hints, check_lr, check_not_negative


class SGD(Optimizer):
    """Stochastic gradient descent.

        g = grad + weight_decay * param               (grad negated if `maximize`)
        buffer = momentum * buffer + (1 - dampening) * g   (the first time: buffer = g)
        param -= lr * (g + momentum * buffer if nesterov, else buffer)

    params        Tensors, (name, Tensor) pairs, or dicts of groups with their own settings
    lr            step size, default 0.001
    momentum      how much of the last step to keep, default 0
    dampening     how much of the gradient momentum ignores, default 0
    weight_decay  pull towards zero (L2 penalty), default 0
    nesterov      look ahead along the momentum; needs momentum and no dampening
    maximize      climb instead of descending

    `foreach` and `fused` are torch's hints about how to compute and change nothing; `differentiable` must be
    False.
    Raises ValueError for negative settings.

    >>> import rushlight
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rushlight.tensor([1.0]))
    >>> step = optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> step.step()
    >>> w.data
    tensor([0.8000])

    Source: torch.optim.SGD; Sutskever et al., "On the importance of initialization and momentum in deep
    learning".
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_not_negative(momentum, "Invalid momentum value")
        check_not_negative(weight_decay, "Invalid weight_decay value")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_hints("SGD", foreach, differentiable, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def update(self, param: Any, grad: Any, state: Group, group: Group) -> None:
        lr, momentum, decay = number(group["lr"]), group["momentum"], number(group["weight_decay"])
        kept = 1 - group["dampening"]
        buffers, first = [], False
        if momentum != 0:
            first = state.get("momentum_buffer") is None
            if first:
                state["momentum_buffer"] = wrap(np.empty_like(param._data))
            buffers = [state["momentum_buffer"]]
        for p, g, *buffer, s, r in pieces(2, param, grad, *buffers):
            if decay != 0:
                np.multiply(p, decay, out=r)
                g = (np.subtract if group["maximize"] else np.add)(r, g, out=r)
            elif group["maximize"]:
                g = np.negative(g, out=r)
            for b in buffer:
                if first:
                    np.copyto(b, g)
                else:
                    b *= momentum
                    b += g if kept == 1 else np.multiply(g, kept, out=s)
                g = np.add(g, np.multiply(b, momentum, out=s), out=r) if group["nesterov"] else b
            p -= np.multiply(g, lr, out=s)
