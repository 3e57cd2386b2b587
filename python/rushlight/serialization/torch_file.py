"""torch's zip files: a pickle of the structure, and a record of raw bytes per storage."""

from __future__ import annotations

import sys
import zipfile
from typing import Any

import numpy as np

from . import pickling, unpickling
from .records import Records, Unreadable

_FOLDER = "archive"


def save(obj: Any, f: Any) -> None:
    """Write what torch.load(weights_only=True) reads."""
    written, storages = pickling.dumps(obj)
    with zipfile.ZipFile(f, "w", allowZip64=True) as file:
        file.writestr(f"{_FOLDER}/data.pkl", written)
        file.writestr(f"{_FOLDER}/byteorder", sys.byteorder)
        for number, array in enumerate(storages):
            with file.open(f"{_FOLDER}/data/{number}", "w", force_zip64=True) as record:
                record.write(memoryview(array.reshape(-1)).cast("B") if array.size else b"")
        file.writestr(f"{_FOLDER}/version", "3\n")


def load(records: Records) -> Any:
    """Read one."""
    (pickled, *others) = [name for name in records.names if name.endswith("/data.pkl")]
    folder = pickled[: -len("data.pkl")]
    if others or f"{folder}constants.pkl" in records:
        raise Unreadable("this is a TorchScript archive, a program: save the module's state_dict() instead")
    order = sys.byteorder
    if f"{folder}byteorder" in records:
        order = "big" if records.read(f"{folder}byteorder").tobytes() == b"big" else "little"

    def storage(key: str, kind: np.dtype[Any] | None) -> Any:
        raw = records.read(f"{folder}data/{key}")
        if kind is None and order == sys.byteorder:
            return raw
        if kind is None:
            raise Unreadable(f"storage {key!r} of bytes was written on a machine with another byte order")
        if raw.size % kind.itemsize:
            raise Unreadable(f"storage {key!r} has {raw.size} bytes, no multiple of {kind.itemsize}")
        values = raw.view(kind)
        return values if order == sys.byteorder else values.byteswap()

    return unpickling.loads(records.read(pickled).tobytes(), storage)
