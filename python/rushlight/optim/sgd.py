"""SGD: stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import Any

from .optimizer import Group, Optimizer, check_not_negative


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
        if getattr(lr, "ndim", 0) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        check_not_negative(lr, "Invalid learning rate")
        check_not_negative(momentum, "Invalid momentum value")
        check_not_negative(weight_decay, "Invalid weight_decay value")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        if differentiable:
            raise NotImplementedError("SGD(differentiable=True) is not implemented")
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
        lr, momentum, decay = float(group["lr"]), group["momentum"], group["weight_decay"]
        if group["maximize"]:
            grad = -grad
        if decay != 0:
            grad = grad.add(param, alpha=decay)
        if momentum != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.clone().detach()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        param.add_(grad, alpha=-lr)
