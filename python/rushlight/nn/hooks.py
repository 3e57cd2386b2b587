"""RemovableHandle: what registering a hook returns."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from types import TracebackType
from typing import Any

_next_id = itertools.count().__next__


class RemovableHandle:
    """Takes a hook out again: `remove()`, or the end of a `with` block.

    `hooks` is the owner's dictionary, held weakly: a handle that outlives its owner does nothing.
    """

    def __init__(self, hooks: OrderedDict[int, Any], entry: Any, prepend: bool = False) -> None:
        self.id = _next_id()
        self._hooks = weakref.ref(hooks)
        hooks[self.id] = entry
        if prepend:
            hooks.move_to_end(self.id, last=False)

    def remove(self) -> None:
        """Take the hook out; a second call does nothing."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.remove()
