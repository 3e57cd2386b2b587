"""Optimizer: parameter groups, their settings and the state of training. No update rule lives here."""

from __future__ import annotations

import copy
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ..autograd import TensorBase, no_grad
from ..nn._names import typename

Group = dict[str, Any]


class Optimizer:
    """Base class of all optimizers.

    params    an iterable of Tensors, of (name, Tensor) pairs, or of dicts: {"params": [...], "lr": ..., ...}
    defaults  settings of groups that do not give their own

    A subclass defines `update(param, grad, state, group)`; `step` calls it for every parameter that has a
    gradient.
    """

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
        if params and all(isinstance(entry, tuple) for entry in params):
            group = {"params": params, "param_names": [name for name, _ in params], **group}
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
        with no_grad():
            for group in self.param_groups:
                for param in group["params"]:
                    if param.grad is not None:
                        self.update(param, param.grad, self.state[param], group)
        return loss

    def update(self, param: Any, grad: Any, state: Group, group: Group) -> None:
        """Change one parameter in place; nothing is recorded. `state` is this parameter's own dictionary."""
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
            self.state[param] = {name: _as_dtype_of(param, value) for name, value in kept.items()}
        self.param_groups = [
            {**theirs, "params": ours["params"]}
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
    if value < 0.0:
        raise ValueError(f"{text}: {value}")
