"""Arrays of one shape walked together, a cache's worth at a time, so that a formula of several NumPy calls
reads and writes memory once and its temporaries stay small. No update rule lives here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..autograd import TensorBase
from ..autograd.sharing import handed_out

SIZE = 1 << 14  # elements: half a dozen such pieces of float32 fit the second-level cache


def pieces(scratches: int, *tensors: Any) -> Iterator[list[Any]]:
    """Matching pieces of the Tensors' arrays, followed by `scratches` arrays of the piece's size to write to.

    Arrays in row-major order come as vectors; others, in their own shape, as one piece. The Tensors must have
    one shape; the first says the scratches' dtype.
    """
    arrays = [handed_out(tensor._data) for tensor in tensors]
    flat = all([array.flags.c_contiguous for array in arrays])
    whole = [array.reshape(-1) for array in arrays] if flat else arrays
    count = math.prod(arrays[0].shape)
    step = SIZE if flat else max(count, 1)
    room = min(step, count)
    scratch = [np.empty(room if flat else arrays[0].shape, arrays[0].dtype) for _ in range(scratches)]
    for start in range(0, count, step):
        if room == count:
            yield whole + scratch
        else:
            part, length = slice(start, start + step), slice(0, min(step, count - start))
            yield [array[part] for array in whole] + [array[length] for array in scratch]


def number(setting: Any) -> float:
    """A setting (number or 1-element Tensor) as a Python float."""
    return float(setting.item() if isinstance(setting, TensorBase) else setting)  # type: ignore[attr-defined]
