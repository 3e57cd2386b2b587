""".npz: a zip file with an .npy record per name, as numpy.savez writes and numpy.load reads."""

from __future__ import annotations

import io
import math
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd import TensorBase, wrap
from .records import Records, Unreadable


def arrays_of(obj: Any, kind: str) -> dict[str, Any]:
    """The arrays of a dict of names and Tensors; TypeError for anything else."""
    if not isinstance(obj, Mapping):
        raise TypeError(
            f"{kind} files hold a dict of names and Tensors, not {type(obj).__name__}: save it as .pt"
        )
    arrays = {}
    for name, value in obj.items():
        array = value._data if isinstance(value, TensorBase) else value
        if not isinstance(name, str) or not isinstance(array, np.ndarray):
            raise TypeError(
                f"{kind} files hold a dict of names and Tensors, but entry {name!r} is "
                f"{type(value).__name__}: save it as .pt"
            )
        arrays[name] = np.asarray(array, dtypes.of(array.dtype).dtype)
    return arrays


def save(obj: Any, f: Any) -> None:
    """Write a dict of names and Tensors."""
    arrays = arrays_of(obj, ".npz")
    with zipfile.ZipFile(f, "w", allowZip64=True) as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as record:
                np.lib.format.write_array(record, array, allow_pickle=False)


def load(records: Records) -> OrderedDict[str, Any]:
    """Read one."""
    return OrderedDict((name[: -len(".npy")], wrap(_array(records, name))) for name in records.names)


def _array(records: Records, name: str) -> Any:
    data = records.read(name)
    head = io.BytesIO(data[: 1 << 16].tobytes())
    try:
        version = np.lib.format.read_magic(head)
        reader = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[version[0]]
        shape, columns_first, kind = reader(head)
    except Exception as error:  # NumPy parses the header as Python, and all that can fail there comes out
        raise Unreadable(f"record {name!r} is no .npy record that can be read: {error}") from None
    if kind.hasobject:
        raise Unreadable(f"record {name!r} holds Python objects, which are never loaded")
    native = dtypes.of(kind).dtype
    body = data[head.tell() :]
    if any([length < 0 for length in shape]) or math.prod(shape) * kind.itemsize != body.size:
        raise Unreadable(f"record {name!r} has {body.size} bytes, but claims shape {shape} of {kind}")
    array = np.empty(math.prod(shape), kind)  # a copy, for the header's length may break the alignment
    array.view(np.uint8)[...] = body
    return array.reshape(shape, order="F" if columns_first else "C").astype(native, copy=False)
