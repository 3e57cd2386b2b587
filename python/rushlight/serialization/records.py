"""Records of a zip file, read with suspicion: sizes are believed only as far as the file's own size goes."""

from __future__ import annotations

import zipfile
import zlib
from typing import Any

import numpy as np

_MOST = 1032  # bytes that one byte of deflate can stand for


class Unreadable(RuntimeError):
    """A file that is truncated, corrupt or of another kind."""


class Records:
    """The records of the zip file `f` of `size` bytes, by name. A context manager."""

    def __init__(self, f: Any, size: int) -> None:
        try:
            self._zip = zipfile.ZipFile(f)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise Unreadable(f"the zip file is truncated or corrupt: {error}") from None
        self._room = size  # records may not overlap: together they take no more than the file
        self.names = self._zip.namelist()

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def size(self, name: str) -> int:
        """The bytes in a record, as the file's directory has it."""
        if name not in self:
            raise Unreadable(f"the file has no record {name!r}: it is truncated or corrupt")
        return self._zip.NameToInfo[name].file_size

    def read(self, name: str) -> Any:
        """A record as a fresh array of bytes, its checksum verified."""
        count = self.size(name)
        info = self._zip.NameToInfo[name]
        self._room -= info.compress_size
        stored = info.compress_type == zipfile.ZIP_STORED
        if self._room < 0 or count > info.compress_size * (1 if stored else _MOST):
            raise Unreadable(f"record {name!r} claims {count} bytes, more than the file can hold")
        data = np.empty(count, np.uint8)
        try:
            with self._zip.open(info) as opened:
                record: Any = opened
                view: Any = memoryview(data.data)
                done = 0
                while done < count and (got := record.readinto(view[done:])):
                    done += got
                if done < count or record.read(1):
                    raise Unreadable(f"record {name!r} is truncated: {done} of {count} bytes")
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
            raise Unreadable(f"record {name!r} is corrupt: {error}") from None
        return data
