"""Arrays that leave the Tensors around them.

A Tensor counts what is written through it (graph.Version). Who takes its ndarray, or makes a Tensor with a
counter of its own around it, can write without being counted: `handed_out` is called then, and who must know
whether memory may have changed watches it. Whether the array is still held shows in its reference count.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from .graph import TensorBase
from .recording import version_number


class Watch:
    """How often the memory of an array was handed out. Lives no longer than the array."""

    __slots__ = ("__weakref__", "times")

    def __init__(self) -> None:
        self.times = 0


_watches: WeakValueDictionary[int, Watch] = WeakValueDictionary()


def _owner(array: Any) -> int:
    while type(array.base) is np.ndarray:
        array = array.base
    return id(array)


def watch(array: Any) -> Watch:
    """The Watch of the array's memory, from now on."""
    found = _watches.get(_owner(array))
    if found is None:
        found = _watches[_owner(array)] = Watch()
    return found


def handed_out(array: Any) -> Any:
    """The array, which somebody outside may write to from now on."""
    if _watches:
        found = _watches.get(_owner(array))
        if found is not None:
            found.times += 1
    return array


def changes(tensor: TensorBase, seen: Watch) -> int:
    """A number that is larger after every write that was counted and every time the memory was handed out."""
    return version_number(tensor) + seen.times
