"""Adam and AdamW: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import TensorBase, wrap
from ._blocks import number, pieces
from .optimizer import Group, Optimizer, check_hints, check_lr, check_not_negative


class Adam(Optimizer):
    """Adam, with L2 penalty, or with weight decay of its own as AdamW has it.

        g = grad + weight_decay * param                    (grad negated if `maximize`)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g                (`amsgrad`: the largest v so far is used below)
        param -= lr / (1 - beta1 ** t) * m / (sqrt(v) / sqrt(1 - beta2 ** t) + eps)

    params        Tensors, (name, Tensor) pairs, or dicts of groups with their own settings
    lr            step size, default 0.001
    betas         how much of the averages of g and of g * g to keep, default (0.9, 0.999)
    eps           keeps the division finite, default 1e-8
    weight_decay  pull towards zero, default 0
    amsgrad       never let the divisor shrink
    maximize      climb instead of descending
    decoupled_weight_decay  shrink the parameter by lr * weight_decay instead of adding to the gradient

    `foreach`, `fused` and `capturable` are torch's hints about how to compute and change nothing;
    `differentiable` must be False. The state of a parameter is "step" (a float32 Tensor), "exp_avg",
    "exp_avg_sq" and, with amsgrad, "max_exp_avg_sq".
    Raises ValueError for settings out of range.

    >>> import rushlight
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rushlight.tensor([1.0]))
    >>> step = optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> step.step()
    >>> w.data
    tensor([0.9000])

    Source: torch.optim.Adam; Kingma and Ba, "Adam: a method for stochastic optimization"; Reddi et
    al., "On the convergence of Adam and beyond".
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(eps, "Invalid epsilon value")
        if len(betas) != 2:
            raise ValueError(f"betas must be two numbers, but got {betas}")
        for index, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {index}: {beta}")
        check_not_negative(weight_decay, "Invalid weight_decay value")
        if not any([all([isinstance(beta, kind) for beta in betas]) for kind in (float, TensorBase)]):
            raise ValueError("betas must be either both floats or both Tensors")
        check_hints(type(self).__name__, foreach, differentiable, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple([number(beta) for beta in betas]),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def update(self, param: Any, grad: Any, state: Group, group: Group) -> None:
        if not state:
            state["step"] = wrap(np.zeros((), np.float32))
            state["exp_avg"] = wrap(np.zeros_like(param._data))
            state["exp_avg_sq"] = wrap(np.zeros_like(param._data))
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = wrap(np.zeros_like(param._data))
        state["step"] += 1
        lr, decay, eps = number(group["lr"]), number(group["weight_decay"]), group["eps"]
        beta1, beta2 = group["betas"]
        t = state["step"].item()
        step_size, root = lr / (1 - beta1**t), (1 - beta2**t) ** 0.5
        decoupled = group["decoupled_weight_decay"]
        averages = [state["exp_avg"], state["exp_avg_sq"]]
        largest = [state["max_exp_avg_sq"]] if group["amsgrad"] else []
        for p, g, m, v, *peak, s, r in pieces(2, param, grad, *averages, *largest):
            if decay != 0 and decoupled:
                p *= 1 - lr * decay
            elif decay != 0:
                np.multiply(p, decay, out=r)
                g = (np.subtract if group["maximize"] else np.add)(r, g, out=r)
            if group["maximize"] and g is not r:
                g = np.negative(g, out=r)
            np.subtract(g, m, out=s)
            s *= 1 - beta1
            m += s
            v *= beta2
            np.multiply(g, 1 - beta2, out=s)
            s *= g
            v += s
            if peak:
                v = np.maximum(peak[0], v, out=peak[0])
            np.sqrt(v, out=s)
            s /= root
            s += eps
            np.divide(m, s, out=s)
            s *= step_size
            p -= s


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself: param *= 1 - lr * weight_decay before each step.

    Arguments as for `Adam`; weight_decay is 0.01 by default.

    >>> import rushlight
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rushlight.tensor([1.0]))
    >>> step = optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> step.step()
    >>> w.data
    tensor([0.8500])

    Source: torch.optim.AdamW; Loshchilov and Hutter, "Decoupled weight decay regularization".
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
