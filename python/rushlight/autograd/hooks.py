"""Functions that see (and may replace) a gradient on its way: `register_hook`, `retain_grad`."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any

from .entry import hook_target
from .recording import edge_of

_next_key = itertools.count().__next__
_LAST = 1 << 62  # keys of retain_grad: after all hooks, so that it sees what they made of the gradient


class RemovableHandle:
    """What registering a hook returns: `remove()`, or the end of a `with` block, takes the hook out again."""

    __slots__ = ("_hooks", "_key")

    def __init__(self, hooks: dict[int, tuple[int, Any]], key: int) -> None:
        self._hooks = hooks
        self._key = key

    def remove(self) -> None:
        """Take the hook out; a second call does nothing."""
        self._hooks.pop(self._key, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def register_hook(tensor: Any, hook: Callable[[Any], Any]) -> RemovableHandle:
    """Call `hook(grad)` whenever a gradient of this Tensor has been computed; what it returns, unless None,
    takes the gradient's place.

    >>> import rushlight
    >>> x = rushlight.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 10)
    >>> x.sum().backward()
    >>> x.grad
    tensor([10., 10.])
    """
    if edge_of(tensor) is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    hooks, index = hook_target(tensor)
    key = _next_key()
    hooks[key] = index, hook
    return RemovableHandle(hooks, key)


def retain_grad(tensor: Any) -> None:
    """Let `backward` leave this Tensor's gradient in `.grad` although it is not a leaf."""
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if edge is tensor:
        return
    hooks, index = hook_target(tensor)
    keeper = weakref.ref(tensor)

    def keep(grad: Any) -> None:
        owner = keeper()
        if owner is not None:
            before = owner._grad
            owner._grad = grad.clone() if before is None else before + grad

    hooks[_LAST + index] = index, keep


def retains_grad(tensor: Any) -> bool:
    """Whether `retain_grad` is in force."""
    edge = edge_of(tensor)
    if edge is None or edge is tensor:
        return False
    hooks, index = hook_target(tensor)
    return _LAST + index in hooks
