"""Reading torch's pickles without running them: a stack machine with the few opcodes that state_dicts need.

Python's own unpickler, even with its names restricted, can be made to set attributes of whatever it may name.
This one knows no classes at all: a name is looked up in the table below or refused, and only the functions
there are ever called, on values that were checked.
"""

from __future__ import annotations

import math
import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..autograd import TensorBase, wrap
from ..nn.parameter import Parameter
from ..size import CPU, Size

Storage = Callable[[str, Any], Any]  # (key, dtype or None for bytes) -> a vector


class _Name(NamedTuple):
    """A global that is allowed: nothing but its name until `_CALLS` gives it a meaning."""

    name: str


class _Kind(NamedTuple):
    """A storage's element type: a NumPy dtype, "bfloat16", or None for bytes."""

    kind: Any


class _Values(NamedTuple):
    """A storage that was read: a vector."""

    values: Any
    typed: bool


class _Mark:
    pass


_MARK = _Mark()
_STORAGES = {
    f"torch {kind.scalar_name}Storage": _Kind(kind.dtype)
    for kind in map(dtypes.of, ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "?"))
}
_STORAGES |= {"torch BFloat16Storage": _Kind("bfloat16"), "torch.storage UntypedStorage": _Kind(None)}
_DTYPES = {f"torch {name}": dtypes.of(name) for name in dtypes.__all__ if name[-1].isdigit()}
_DTYPES["torch bool"] = dtypes.of("bool")


def _refuse(text: str) -> UnpicklingError:
    return UnpicklingError(
        f"Weights only load failed. {text} Only Tensors, numbers, strings, None, dtypes and Sizes in dicts, "
        "OrderedDicts, lists and tuples are loaded; nothing in the file was executed."
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, wanted: Any, hooks: Any, *rest: Any) -> Any:
    """_rebuild_tensor_v2 and _v3: a view of a storage, its bounds checked."""
    if not isinstance(storage, _Values):
        raise _refuse("A Tensor has no storage.")
    values = storage.values
    if not storage.typed:
        if not rest or not isinstance(rest[0], dtypes.dtype):
            raise _refuse("A Tensor on bytes has no dtype.")
        values = values[: values.size - values.size % rest[0].itemsize].view(rest[0].dtype)
    shapes = type(size) in (tuple, Size) and type(stride) in (tuple, Size) and len(size) == len(stride) <= 64
    if not shapes or not all(map(_is_count, (offset, *size, *stride))) or type(wanted) is not bool:
        raise _refuse("A Tensor's size, stride or offset is none.")
    last = offset + sum([(length - 1) * step for length, step in zip(size, stride, strict=True)])
    if math.prod(size) and last >= values.size:
        raise _refuse(
            f"A Tensor of size {list(size)}, stride {list(stride)} and offset {offset} reaches beyond its "
            f"storage of {values.size} elements."
        )
    if not math.prod(size):
        array = np.empty(size, values.dtype)
    else:
        width = values.dtype.itemsize
        array = np.ndarray(size, values.dtype, values, offset * width, [step * width for step in stride])
        if any([length > 1 and step == 0 for length, step in zip(size, stride, strict=True)]):
            array.flags.writeable = False  # as an expanded Tensor
    made: Any = wrap(array)
    return made.requires_grad_() if wanted else made


def _parameter(data: Any, wanted: Any, hooks: Any) -> Any:
    if not isinstance(data, TensorBase) or type(wanted) is not bool:
        raise _refuse("A Parameter is no Tensor.")
    return Parameter(data, wanted)


def _size(lengths: Any) -> Size:
    if type(lengths) is not tuple or len(lengths) > 64 or not all(map(_is_count, lengths)):
        raise _refuse("A torch.Size is no tuple of lengths.")
    return Size(lengths)


def _ordered_dict() -> Any:
    return OrderedDict()


def _device(*place: Any) -> Any:
    return CPU


_CALLS: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": _ordered_dict,
    "collections Counter": lambda counts: Counter(_copied(counts)),
    "torch Size": _size,
    "torch device": _device,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_tensor_v3": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
}


def _copied(counts: Any) -> Any:
    if type(counts) is not dict or len(counts) > 10_000:  # a copy: no file should make many large ones
        raise _refuse("A Counter is no small dict.")
    return counts


class Machine:
    """The stack, the memo, and what each opcode does to them."""

    def __init__(self, storage: Storage) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self._read = storage
        self._storages: dict[str, tuple[Any, _Values]] = {}

    def run(self, data: bytes) -> Any:
        """Do every opcode; returns what STOP finds."""
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                return self._pop()
            do = _OPCODES.get(opcode.name)
            if do is None:
                raise _refuse(f"Unsupported operand: {opcode.name}.")
            do(self, argument)
        raise EOFError

    def _pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise _refuse("A mark where a value should be.")
        return value

    def _to_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise _refuse("No mark.")
        found = self.stack[place + 1 :]
        del self.stack[place:]
        return found

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def tuple_of(self, count: int) -> None:
        values = [self._pop() for _ in range(count)]
        self.push(tuple(reversed(values)))

    def marked_tuple(self) -> None:
        self.push(tuple(self._to_mark()))

    def remember(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise _refuse("Can only append to lists.")
        target.extend(values)

    def append_one(self) -> None:
        self.append([self._pop()])

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict) or len(values) % 2:
            raise _refuse("Can only set items of dicts.")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in (str, int, float, bool, type(None)):
                raise _refuse(f"A key of type {type(key).__name__}.")
            target[key] = value

    def set_one(self) -> None:
        value, key = self._pop(), self._pop()
        self.set_items([key, value])

    def find(self, name: str) -> None:
        found = _STORAGES.get(name) or _DTYPES.get(name) or (_Name(name) if name in _CALLS else None)
        if found is None:
            raise _refuse(f"Unsupported global: GLOBAL {name.replace(' ', '.')} is not an allowed global.")
        self.push(found)

    def call(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, _Name) or type(arguments) is not tuple:
            raise _refuse("Trying to execute reduce for something that is no allowed function.")
        try:
            self.push(_CALLS[function.name](*arguments))
        except TypeError as error:  # a wrong number of arguments
            raise _refuse(f"{function.name.split()[-1]}: {error}.") from None

    def build(self) -> None:
        state, target = self._pop(), self.stack[-1]
        if type(target) is not OrderedDict or type(state) is not dict or set(state) - {"_metadata"}:
            raise _refuse("Can only build OrderedDicts with _metadata.")
        target.__dict__.update(state)

    def storage(self) -> None:
        """The storage of a persistent id ("storage", kind, key, location, count), read once."""
        what = self._pop()
        shaped = type(what) is tuple and len(what) == 5 and what[0] == "storage"
        if not shaped or not isinstance(what[1], _Kind) or type(what[2]) is not str or not _is_count(what[4]):
            raise _refuse("A persistent id that is no storage.")
        kind, key = what[1].kind, what[2]
        if key not in self._storages:
            self._storages[key] = kind, _Values(self._values(key, kind), kind is not None)
        known, made = self._storages[key]
        if known != kind or made.values.size < what[4]:
            raise _refuse(
                f"Storage {key!r} has {made.values.size} elements of {known}, not {what[4]} of {kind}."
            )
        self.push(made)

    def _values(self, key: str, kind: Any) -> Any:
        if kind != "bfloat16":
            return self._read(key, kind)
        return (self._read(key, np.dtype(np.uint16)).astype(np.uint32) << 16).view(np.float32)


_OPCODES: dict[str, Callable[[Machine, Any], None]] = {
    "PROTO": lambda machine, argument: None,
    "FRAME": lambda machine, argument: None,
    "NONE": lambda machine, argument: machine.push(None),
    "NEWTRUE": lambda machine, argument: machine.push(True),
    "NEWFALSE": lambda machine, argument: machine.push(False),
    "EMPTY_TUPLE": lambda machine, argument: machine.push(()),
    "EMPTY_LIST": lambda machine, argument: machine.push([]),
    "EMPTY_DICT": lambda machine, argument: machine.push({}),
    "MARK": lambda machine, argument: machine.push(_MARK),
    "TUPLE": lambda machine, argument: machine.marked_tuple(),
    "TUPLE1": lambda machine, argument: machine.tuple_of(1),
    "TUPLE2": lambda machine, argument: machine.tuple_of(2),
    "TUPLE3": lambda machine, argument: machine.tuple_of(3),
    "APPEND": lambda machine, argument: machine.append_one(),
    "APPENDS": lambda machine, argument: machine.append(machine._to_mark()),
    "SETITEM": lambda machine, argument: machine.set_one(),
    "SETITEMS": lambda machine, argument: machine.set_items(machine._to_mark()),
    "GLOBAL": lambda machine, argument: machine.find(argument),
    "REDUCE": lambda machine, argument: machine.call(),
    "BUILD": lambda machine, argument: machine.build(),
    "BINPERSID": lambda machine, argument: machine.storage(),
}
_OPCODES |= dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), Machine.push)
_OPCODES |= dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE"), Machine.push)
_OPCODES |= dict.fromkeys(("BINPUT", "LONG_BINPUT"), Machine.remember)
_OPCODES |= dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, place: machine.push(machine.memo[place]))


def loads(data: bytes, storage: Storage) -> Any:
    """What the pickle `data` describes; `storage` reads a storage."""
    try:
        return Machine(storage).run(data)
    except (ValueError, IndexError, KeyError, EOFError, UnicodeDecodeError) as error:
        raise _refuse(f"The pickle is truncated or corrupt: {type(error).__name__} {error}.") from None
