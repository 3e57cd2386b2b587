"""Pickles as torch.save writes them, protocol 2, opcode by opcode: Python's own pickler could name torch's
functions only if torch were there."""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd import TensorBase
from ..nn.parameter import Parameter
from ..size import Size, device

_EMPTY = b"ccollections\nOrderedDict\n)R"
_STORAGE = {
    kind: f"{dtypes.of(kind).scalar_name}Storage"
    for kind in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "?")
}


class _Writer:
    def __init__(self) -> None:
        self.storages: list[Any] = []
        self._numbers: dict[Any, int] = {}
        self._kept: list[Any] = []  # so that no address is used twice

    def put(self, value: Any) -> bytes:
        """The opcodes that push `value`."""
        if value is None:
            return b"N"
        if isinstance(value, (bool, np.bool_)):
            return b"\x88" if value else b"\x89"
        if isinstance(value, (int, np.integer)):
            return _integer(int(value))
        if isinstance(value, (float, np.floating)):
            return b"G" + struct.pack(">d", value)
        if isinstance(value, str):
            text = value.encode("utf-8", "surrogatepass")
            return b"X" + struct.pack("<I", len(text)) + text
        if isinstance(value, TensorBase):
            return self._tensor(value)
        if isinstance(value, dtypes.dtype):
            return f"ctorch\n{value.name}\n".encode()
        if isinstance(value, device):
            return b"ctorch\ndevice\n" + self.put(str(value)) + b"\x85R"
        if isinstance(value, Size):
            return b"ctorch\nSize\n" + self._tuple(tuple(value)) + b"\x85R"
        if type(value) is tuple:
            return self._tuple(value)
        if type(value) is list:
            return b"](" + b"".join([self.put(each) for each in value]) + b"e"
        if type(value) is OrderedDict:
            state = b"}" + self._items(value.__dict__) + b"b" if value.__dict__ else b""
            return _EMPTY + self._items(value) + state
        if type(value) is Counter:
            return b"ccollections\nCounter\n}" + self._items(value) + b"\x85R"
        if type(value) is dict:
            return b"}" + self._items(value)
        raise TypeError(
            f"cannot save {type(value).__module__}.{type(value).__qualname__}: files hold Tensors, numbers, "
            "strings, None, dtypes and Sizes in dicts, OrderedDicts, lists and tuples; save a module's "
            "state_dict(), and an ndarray as rushlight.from_numpy(array)"
        )

    def _tuple(self, value: tuple[Any, ...]) -> bytes:
        return b"(" + b"".join([self.put(each) for each in value]) + b"t"

    def _items(self, value: dict[Any, Any]) -> bytes:
        return b"(" + b"".join([self.put(key) + self.put(each) for key, each in value.items()]) + b"u"

    def _tensor(self, tensor: Any) -> bytes:
        array = tensor._data
        if type(tensor) is Parameter:
            plain = self._rebuilt(array, False)
            return (
                b"ctorch._utils\n_rebuild_parameter\n("
                + plain
                + self.put(tensor.requires_grad)
                + _EMPTY
                + b"tR"
            )
        return self._rebuilt(array, tensor.requires_grad)

    def _rebuilt(self, array: Any, wanted: bool) -> bytes:
        """A Tensor in row-major order on a storage that Tensors of the very same memory share."""
        where = (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype)
        number = self._numbers.setdefault(where, len(self.storages))
        if number == len(self.storages):
            self.storages.append(np.ascontiguousarray(array))
            self._kept.append(array)
        kind = dtypes.of(array.dtype)
        typed = array.dtype.str[1:] if array.dtype != np.bool_ else "?"
        name = _STORAGE.get(typed)
        place = b"ctorch\n" + name.encode() + b"\n" if name else b"ctorch.storage\nUntypedStorage\n"
        count = array.size if name else array.nbytes
        storage = (
            b"(" + self.put("storage") + place + self.put(str(number)) + self.put("cpu") + _integer(count)
        )
        strides = [1]
        for length in array.shape[:0:-1]:
            strides.insert(0, strides[0] * max(length, 1))
        parts = [
            storage + b"tQ",
            _integer(0),
            self._tuple(array.shape),
            self._tuple(tuple(strides[: array.ndim])),
        ]
        parts += [self.put(wanted), _EMPTY] + ([] if name else [self.put(kind)])
        function = b"_rebuild_tensor_v2" if name else b"_rebuild_tensor_v3"
        return b"ctorch._utils\n" + function + b"\n(" + b"".join(parts) + b"tR"


def _integer(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    if len(raw) > 255:
        raise TypeError("cannot save an integer of more than 255 bytes")
    return b"\x8a" + bytes([len(raw)]) + raw


def dumps(obj: Any) -> tuple[bytes, list[Any]]:
    """The pickle of `obj`, and the arrays that its storages "0", "1" ... stand for."""
    writer = _Writer()
    try:
        return b"\x80\x02" + writer.put(obj) + b".", writer.storages
    except RecursionError:
        raise TypeError("cannot save containers that contain themselves, or nested that deep") from None
