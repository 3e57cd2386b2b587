""".safetensors, by the library safetensors, which checks what it reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import wrap
from .npz import arrays_of
from .records import Unreadable


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            "safetensors files need the library safetensors: pip install 'rushlight[safetensors]'"
        ) from None
    return safetensors


def save(obj: Any, f: Any) -> None:
    """Write a dict of names and Tensors."""
    library = _library()
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays_of(obj, ".safetensors").items()}
    library.numpy.save_file(arrays, f)


def load(f: Any) -> dict[str, Any]:
    """Read one."""
    library = _library()
    try:
        arrays = library.numpy.load(f.read())
    except (library.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"the safetensors file cannot be read: {error}") from None
    return {name: wrap(np.array(array)) for name, array in arrays.items()}
