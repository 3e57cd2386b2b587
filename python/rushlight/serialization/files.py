"""`save` and `load`: which format, and opening the file. The formats are in the modules beside, imported when
they are needed: zipfile alone would make `import rushlight` a tenth slower."""

from __future__ import annotations

import io
import os
from typing import Any

from ..ops.convert import check_device
from ..size import device


def save(obj: Any, f: Any) -> None:
    """Write `obj` to the file `f`: a path, or an object with `write`.

    .npz and .safetensors hold a dict of names and Tensors (or ndarrays), such as a `state_dict`. Any other
    suffix, and file objects, hold Tensors, Parameters, numbers, strings, None, dtypes and Sizes in dicts,
    OrderedDicts, lists and tuples, in the format of torch: `torch.load(f, weights_only=True)` reads it.
    Raises TypeError for what a format cannot hold (nothing is written then), OSError from the file.

    >>> import io, rushlight
    >>> file = io.BytesIO()
    >>> rushlight.save({"weight": rushlight.ones(2), "epoch": 3}, file)
    >>> rushlight.load(file)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    from . import npz, safetensors_file, torch_file

    suffix = "" if hasattr(f, "write") else os.path.splitext(os.fspath(f))[1].lower()
    {".npz": npz.save, ".safetensors": safetensors_file.save}.get(suffix, torch_file.save)(obj, f)


def load(f: Any, map_location: Any = None, *, weights_only: bool = True, mmap: bool | None = None) -> Any:
    """Read what `save`, torch.save, numpy.savez or safetensors wrote.

    f             a path, or a file object that can be read from any position
    map_location  nothing but the CPU, where everything goes
    weights_only  always so, whatever it says: a pickle that names anything but Tensors and containers is
                  refused and nothing in it runs; `mmap` is a hint that changes nothing

    bfloat16 comes as float32, exactly. Raises pickle.UnpicklingError for a pickle that is refused,
    RuntimeError for a file that is none of these, or is truncated or corrupt, TypeError for a dtype that
    rushlight lacks, OSError from the file. See `save` for an example.
    """
    if isinstance(map_location, (str, device)):
        check_device(map_location)
    if not hasattr(f, "read"):
        with open(f, "rb") as file:
            return load(file)
    return _read(f, f.seek(0, io.SEEK_END))


def _read(f: Any, size: int) -> Any:
    """By what the file begins with, or, if it is a zip file, by its records."""
    import zipfile

    from . import npz, safetensors_file, torch_file
    from .records import Records, Unreadable

    f.seek(0)
    head = f.read(9)
    f.seek(0)
    if head[8:] == b"{" and int.from_bytes(head[:8], "little") <= size - 8:
        return safetensors_file.load(f)
    if zipfile.is_zipfile(f):
        with Records(f, size) as records:
            if any([name.endswith("/data.pkl") for name in records.names]):
                return torch_file.load(records)
            if all([name.endswith(".npy") for name in records.names]):
                return npz.load(records)
            raise Unreadable(f"the zip file holds neither data.pkl nor .npy records, but {records.names[:3]}")
    if head.startswith(b"PK"):
        raise Unreadable("the zip file has no central directory: it is truncated or corrupt")
    if head.startswith(b"\x80"):
        raise Unreadable(
            "this is a bare pickle, as torch.save wrote before version 1.6: load it with torch and save it "
            "again"
        )
    raise Unreadable("the file is not a .pt, .npz or .safetensors file, or is truncated or corrupt")
