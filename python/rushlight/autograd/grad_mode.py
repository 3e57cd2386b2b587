"""Whether operations are being recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, `is_grad_enabled`.

One flag per thread, as in torch. `graph.record` reads it; nothing else decides what is recorded.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, cast, overload

__all__ = ["enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]

_GENERATOR = 0x20  # inspect.CO_GENERATOR; importing inspect costs more than all of rushlight

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    enabled = True  # class attribute = the value every new thread starts with


MODE = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations on this thread are recorded for `backward`.

    >>> import rushlight
    >>> with rushlight.no_grad():
    ...     rushlight.is_grad_enabled()
    False
    """
    return MODE.enabled


class _GradMode:
    """A context manager and decorator that sets the thread's flag to `enabled` for a while."""

    enabled: bool

    def __init__(self) -> None:
        self._outer: list[bool] = []  # a stack: the same object may be entered again inside itself

    def __enter__(self) -> None:
        self._outer.append(MODE.enabled)
        MODE.enabled = self.enabled

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        MODE.enabled = self._outer.pop()

    def __call__(self, function: F) -> F:
        if getattr(getattr(function, "__code__", None), "co_flags", 0) & _GENERATOR:
            return cast(F, self._wrap_generator(function))

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return cast(F, wrapper)

    def clone(self) -> _GradMode:
        return type(self)()

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The flag holds while the generator's own code runs, and not while its consumer does."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                generator = function(*args, **kwargs)
            send: Any = None
            while True:
                try:
                    with self.clone():
                        item = generator.send(send)
                except StopIteration as stop:
                    return stop.value
                send = yield item

        return wrapper


class no_grad(_GradMode):
    """Do not record: results have `requires_grad=False`. Use as `with no_grad():` or `@no_grad()`.

    >>> import rushlight
    >>> x = rushlight.ones(2, requires_grad=True)
    >>> with rushlight.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    enabled = False

    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]
    @overload
    def __new__(cls) -> no_grad: ...
    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)  # `@no_grad` without parentheses is accepted, as torch does
        if function is None:
            return made
        _GradMode.__init__(made)
        return made(function)


class inference_mode(no_grad):
    """As `no_grad`: `with inference_mode():`, `@inference_mode()`. `mode=False` records as before."""

    def __new__(cls, mode: Any = True) -> Any:
        return super().__new__(cls, mode) if callable(mode) else super().__new__(cls)

    def __init__(self, mode: Any = True) -> None:
        super().__init__()
        self.enabled = not mode and MODE.enabled

    def clone(self) -> _GradMode:
        made = super().clone()
        made.enabled = self.enabled
        return made


class enable_grad(_GradMode):
    """Record again inside a `no_grad` block. Use as `with enable_grad():` or `@enable_grad()`."""

    enabled = True

    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]
    @overload
    def __new__(cls) -> enable_grad: ...
    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        _GradMode.__init__(made)
        return made(function)


class set_grad_enabled(_GradMode):
    """Record or not from here on; as a context manager, until the block ends.

    >>> import rushlight
    >>> with rushlight.set_grad_enabled(False):
    ...     rushlight.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.enabled = bool(mode)
        self._outer.append(MODE.enabled)  # what `__exit__` puts back, since the flag changes at once
        MODE.enabled = self.enabled

    def __enter__(self) -> None:
        MODE.enabled = self.enabled

    def __call__(self, function: F) -> F:
        MODE.enabled = self._outer.pop()  # used as a decorator: the definition itself changes nothing
        return super().__call__(function)

    def clone(self) -> _GradMode:
        return enable_grad() if self.enabled else no_grad()
