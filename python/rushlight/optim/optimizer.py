"""Optimizer: parameter groups, their settings and the state of training. No update rule lives here."""

from __future__ import annotations

import copy
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from .. import _quiet
from ..autograd import TensorBase, no_grad
from ..autograd.inplace import check, written
from ..nn._names import typename

Group = dict[str, Any]


class Optimizer:
    """Base class of all optimizers.

    params    an iterable of Tensors, of (name, Tensor) pairs, or of dicts: {"params": [...], "lr": ..., ...}
    defaults  settings of groups that do not give their own

    A subclass defines `update(param, grad, state, group)`; `step` calls it for every parameter that has a
    gradient, and counts the write into the parameter. Or it defines `step` itself, as in torch.
    """

    _opt_called = True  # a scheduler sets it to False and asks it whether `step` has run since

    def __init__(self, params: Any, defaults: Group) -> None:
        if isinstance(params, TensorBase):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {typename(params)}"
            )
        self.defaults = defaults
        self.state: defaultdict[Any, Group] = defaultdict(dict)
        self.param_groups: list[Group] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: Group) -> None:
        """Add Tensors to be trained, with settings of their own where `param_group` has any."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = dict(param_group)
        given = group["params"]
        if isinstance(given, TensorBase):
            given = [given]
        elif isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of "
                "tensors in sets will change between runs. Please use a list instead."
            )
        params = list(given)
        named = [isinstance(entry, tuple) for entry in params]
        if any(named):
            if not all(named):
                raise ValueError(
                    "all optimizer params should be with/without names. Some param names are missing"
                )
            group["param_names"] = [name for name, _ in params]
            params = [param for _, param in params]
        for param in params:
            if not isinstance(param, TensorBase):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {typename(param)}"
                )
            if not param.is_leaf:  # type: ignore[attr-defined]
                raise ValueError("can't optimize a non-leaf Tensor")
        group["params"] = params
        for name, value in self.defaults.items():
            group.setdefault(name, value)
        if len({id(param) for param in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters", UserWarning, stacklevel=3
            )
        if any(("param_names" in other) != ("param_names" in group) for other in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if 'param_names' in group else 'without'} names to the optimizer"
            )
        taken = {id(param) for other in self.param_groups for param in other["params"]}
        if any(id(param) in taken for param in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(group)

    # ---- training ----------------------------------------------------------------------------------------
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients (`set_to_none=False`: fill them with zeros instead)."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                if set_to_none:
                    param.grad = None
                else:
                    param.grad = param.grad.detach()
                    param.grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient. `closure`, if given, first computes the loss and the
        gradients; its result is returned.
        """
        loss = None if closure is None else closure()
        token = _quiet.enter(_quiet.STATE)
        try:
            with no_grad():
                for group in self.param_groups:
                    for param in group["params"]:
                        if param.grad is not None:
                            check(param)
                            self.update(param, param.grad, self.state[param], group)
                            written(param)
        finally:
            _quiet.leave(token)
        self._opt_called = True
        return loss

    def update(self, param: Any, grad: Any, state: Group, group: Group) -> None:
        """Change one parameter's array in place. `state` is this parameter's own dictionary."""
        raise NotImplementedError(f"{type(self).__name__} defines no update rule")

    # ---- saving and loading ------------------------------------------------------------------------------
    def _numbers(self) -> dict[int, int]:
        """id of each parameter -> its number, in the order of the groups."""
        params = [param for group in self.param_groups for param in group["params"]]
        return {id(param): number for number, param in reversed(list(enumerate(params)))}

    def state_dict(self) -> Group:
        """{"state": by number of the parameter, "param_groups": the settings, numbers for parameters}."""
        numbers = self._numbers()
        groups = [
            {
                **{name: value for name, value in group.items() if name != "params"},
                "params": [numbers[id(param)] for param in group["params"]],
            }
            for group in self.param_groups
        ]
        state = {numbers.get(id(param), param): kept for param, kept in self.state.items() if kept}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Group) -> None:
        """Take over the settings and the state that another optimizer's `state_dict()` returned (copied)."""
        loaded = copy.deepcopy(state_dict)
        groups = loaded["param_groups"]
        if len(groups) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(
            len(ours["params"]) != len(theirs["params"])
            for ours, theirs in zip(self.param_groups, groups, strict=True)
        ):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
        by_number = {
            number: param
            for ours, theirs in zip(self.param_groups, groups, strict=True)
            for number, param in zip(theirs["params"], ours["params"], strict=True)
        }
        self.state = defaultdict(dict)
        for number, kept in loaded["state"].items():
            param = by_number.get(number, number)
            self.state[param] = {
                name: value if name == "step" else _as_dtype_of(param, value) for name, value in kept.items()
            }
        self.param_groups = [
            {
                **{name: ours[name] for name in ("param_names",) if name in ours},
                **theirs,
                "params": ours["params"],
            }
            for ours, theirs in zip(self.param_groups, groups, strict=True)
        ]

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for number, group in enumerate(self.param_groups):
            text += f"\nParameter Group {number}\n"
            text += "".join(f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params")
        return text + ")"


def _as_dtype_of(param: Any, value: Any) -> Any:
    """State Tensors follow their parameter's floating type."""
    if isinstance(value, TensorBase) and isinstance(param, TensorBase):
        return value.to(param.dtype)  # type: ignore[attr-defined]
    return value


def check_not_negative(value: Any, text: str) -> None:
    if not value >= 0.0:
        raise ValueError(f"{text}: {value}")


def check_lr(lr: Any) -> None:
    """A learning rate is a number or a Tensor of one element, and not negative."""
    if getattr(lr, "ndim", 0) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_not_negative(lr, "Invalid learning rate")


def check_hints(name: str, foreach: Any, differentiable: Any, fused: Any) -> None:
    """torch's hints about how to compute: those that exclude each other, and the one that is refused."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        raise NotImplementedError(
            f"{name}(differentiable=True): rushlight's optimizers step outside the graph; write the update "
            "as an expression of Tensors to differentiate through it"
        )
