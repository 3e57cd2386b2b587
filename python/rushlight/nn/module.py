"""Module: what every layer and model is made of: calling between hooks, modes, conversions, printing.

What a module holds by name lives in members.py, saving and loading in _state.py, containers in container.py.
No arithmetic lives here.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from ..autograd.hooks import RemovableHandle
from . import _state
from .backward_hooks import Watch
from .members import Members

M = TypeVar("M", bound="Module")

_next_key = itertools.count().__next__


class Module(Members):
    """Base class of all layers and models.

    A subclass calls `super().__init__()`, assigns Parameters and other Modules as attributes, which registers
    them, and defines `forward`. Calling the module runs `forward` between its hooks.

    >>> from rushlight import nn
    >>> class Twice(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.relu = nn.ReLU()
    ...     def forward(self, x):
    ...         return self.relu(x) * 2
    >>> Twice()
    Twice(
      (relu): ReLU()
    )

    Source: torch.nn.Module, whose texts, orders and rules this follows.
    """

    training: bool
    _version: int = 1  # of the layout of the state_dict; a subclass that changes its layout raises it
    _forward_hooks: OrderedDict[int, tuple[Callable[..., Any], bool, bool]]
    _forward_pre_hooks: OrderedDict[int, tuple[Callable[..., Any], bool]]
    _backward_hooks: OrderedDict[int, Callable[..., Any]]
    _backward_pre_hooks: OrderedDict[int, Callable[..., Any]]

    def __init__(self) -> None:
        object.__setattr__(self, "training", True)  # plain: Members' own rules need its dictionaries to exist
        super().__init__()
        for hooks in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            object.__setattr__(self, hooks, OrderedDict())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    # ---- calling -----------------------------------------------------------------------------------------
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not (
            self._forward_hooks or self._forward_pre_hooks or self._backward_hooks or self._backward_pre_hooks
        ):
            return self.forward(*args, **kwargs)
        return self._call_between_hooks(args, kwargs)

    def _call_between_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for pre_hook, with_kwargs in tuple(self._forward_pre_hooks.values()):
            if with_kwargs:
                changed = pre_hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                            f"but got {changed}."
                        )
                    args, kwargs = changed
            else:
                changed = pre_hook(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
        watch = Watch(self, args) if self._backward_hooks or self._backward_pre_hooks else None
        if watch:
            args = watch.args
        pending = OrderedDict(self._forward_hooks)
        result = None
        try:
            result = self.forward(*args, **kwargs)
            while pending:
                _, (hook, with_kwargs, _) = pending.popitem(last=False)
                changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                if changed is not None:
                    result = changed
        except Exception:
            for hook, with_kwargs, always in pending.values():
                if always:
                    hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            raise
        return watch.outputs(result) if watch else result

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before every `forward`; what it returns, if not None, replaces `args`.

        `with_kwargs`: call `hook(module, args, kwargs)`, which returns None or (args, kwargs).
        """
        return _add_hook(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after every `forward`; what it returns, if not None, replaces it.

        `with_kwargs`: call `hook(module, args, kwargs, output)`. `always_call`: also when `forward` raises.
        """
        return _add_hook(self._forward_hooks, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)`, tuples with a gradient or None per positional input
        and output, when the inputs' gradients are there; what it returns, if not None, replaces grad_input.
        """
        return _add_hook(self._backward_hooks, hook, prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the outputs' gradients are there; what it returns, if not
        None, replaces grad_output.
        """
        return _add_hook(self._backward_pre_hooks, hook, prepend)

    # ---- modes and conversions ---------------------------------------------------------------------------
    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call `fn` on every module below and then on this one, for example to initialise weights."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: M, mode: bool = True) -> M:
        """Set training mode (or evaluation mode) here and below."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self: M) -> M:
        """Set evaluation mode here and below."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Say for every Parameter whether its gradient is wanted."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all Parameters (`set_to_none=False`: fill them with zeros instead)."""
        for param in self.parameters():
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
            else:
                param.grad = param.grad.detach()
                param.grad.zero_()

    def _apply(self: M, fn: Callable[[Any], Any]) -> M:
        """Replace the values of all Parameters, their gradients and all buffers by fn(value)."""
        for child in self.children():
            child._apply(fn)
        for param in self._parameters.values():
            if param is not None:
                param.data = fn(param.data)
                if param.grad is not None:
                    param.grad = fn(param.grad.detach())
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """Convert floating point Parameters and buffers in place: `to(dtype)`, `to(device)`,
        `to(device, dtype)`, `to(other_tensor)`. The only device is "cpu".
        """
        dtype = _state.target_dtype(*args, **kwargs)
        if dtype is None:
            return self
        return self._apply(lambda value: value.to(dtype) if value.is_floating_point() else value)

    def float(self: M) -> M:
        """Convert floating point Parameters and buffers to float32."""
        return self._apply(lambda value: value.float() if value.is_floating_point() else value)

    def double(self: M) -> M:
        """Convert floating point Parameters and buffers to float64."""
        return self._apply(lambda value: value.double() if value.is_floating_point() else value)

    def half(self: M) -> M:
        """Convert floating point Parameters and buffers to float16."""
        return self._apply(lambda value: value.half() if value.is_floating_point() else value)

    def cpu(self: M) -> M:
        """The module itself: everything lives on the CPU."""
        return self

    # ---- saving and loading (the work is in _state.py) ---------------------------------------------------
    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """All Parameters and persistent buffers by dotted name: an OrderedDict of Tensors that share memory
        with the module. `keep_vars`: the Parameters themselves instead of detached Tensors.
        """
        return _state.collect(self, destination, prefix, keep_vars)

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Copy values by dotted name into this module. Returns what was missing and what was not expected.

        `strict`: either is a RuntimeError; so is a wrong shape, always. Values may be Tensors or ndarrays.
        `assign`: take the Tensors themselves instead of copying their values.
        """
        return _state.load(self, state_dict, strict, assign)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        _state.save_own(self, destination, prefix, keep_vars)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        _state.load_own(
            self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    # ---- printing ----------------------------------------------------------------------------------------
    def extra_repr(self) -> str:
        """The text between the parentheses of the module's own line."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indent(repr(child))}" for name, child in self._modules.items()]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        return "\n  ".join([self._get_name() + "(", *lines, *children]) + "\n)"


def _add_hook(hooks: OrderedDict[int, Any], entry: Any, prepend: bool) -> RemovableHandle:
    key = _next_key()
    hooks[key] = entry
    if prepend:
        hooks.move_to_end(key, last=False)
    return RemovableHandle(hooks, key)


def indent(text: str) -> str:
    """Every line but the first moved two columns to the right."""
    return text.replace("\n", "\n  ")
