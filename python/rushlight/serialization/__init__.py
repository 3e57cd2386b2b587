"""Tensors into files and out of them: `save` and `load`.

A file's suffix says how `save` writes it; `load` looks at what is in the file.

    .npz           names and arrays                 npz.py               NumPy reads and writes these too
    .safetensors   names and arrays                 safetensors_file.py  needs the library of that name
    anything else  Tensors in Python's containers   torch_file.py        torch.load and torch.save's zip files

Reading executes nothing and takes no more memory than the file's own size justifies: records.py guards the
zip files, unpickling.py the pickles in torch's (pickling.py writes them).
"""

from __future__ import annotations

from .files import load, save

__all__ = ["load", "save"]
