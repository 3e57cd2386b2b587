"""Collating: a list of examples into one batch, structure by structure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ... import dtypes
from ...autograd import TensorBase
from ...ops.convert import as_tensor, tensor
from ...ops.joining import stack

_WRONG = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def default_collate(batch: Any) -> Any:
    """Examples into a batch: Tensors and arrays are stacked, numbers become Tensors (floats float64), strings
    stay a list, and dicts, tuples, namedtuples and lists are batched member by member (a tuple gives a list).

    TypeError for anything else, RuntimeError for lists of different lengths.

    >>> from rushlight.utils.data import default_collate
    >>> default_collate([(1, {"a": 0.5}), (2, {"a": 1.5})])
    [tensor([1, 2]), {'a': tensor([0.5000, 1.5000], dtype=torch.float64)}]
    """
    first = batch[0]
    if isinstance(first, TensorBase):
        return stack(batch, 0)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "OSUV":
            raise TypeError(_WRONG.format(first.dtype))
        return default_collate([as_tensor(each) for each in batch])
    if isinstance(first, (np.bool_, np.number)):
        return as_tensor(batch)
    if isinstance(first, float):
        return tensor(batch, dtype=dtypes.float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _like_mapping(first, lambda key: default_collate([each[key] for each in batch]))
    if isinstance(first, Sequence):
        if any([len(each) != len(first) for each in batch]):
            raise RuntimeError("each element in list of batch should be of equal size")
        return _like_sequence(first, [default_collate(members) for members in zip(*batch, strict=True)])
    raise TypeError(_WRONG.format(type(first)))


def default_convert(data: Any) -> Any:
    """What a DataLoader without batches does to an example: arrays and NumPy numbers become Tensors."""
    if isinstance(data, (np.ndarray, np.bool_, np.number)) and data.dtype.kind not in "OSUV":
        return as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, lambda key: default_convert(data[key]))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(each) for each in data])
    return data


def _like_mapping(example: Any, value: Callable[[Any], Any]) -> Any:
    """A mapping of the example's type with value(key) for each of its keys; a dict if that cannot be made."""
    made = {key: value(key) for key in example}
    try:
        if isinstance(example, MutableMapping):
            clone = copy.copy(example)  # the type may have more to it than its items
            clone.update(made)
            return clone
        return type(example)(made)
    except TypeError:
        return made


def _like_sequence(example: Any, members: list[Any]) -> Any:
    """A sequence of the example's type with other members; a list for a tuple and where it cannot be made."""
    if isinstance(example, tuple):
        return type(example)(*members) if hasattr(example, "_fields") else members
    try:
        if isinstance(example, MutableSequence):
            clone: Any = copy.copy(example)
            for place, member in enumerate(members):
                clone[place] = member
            return clone
        return type(example)(members)
    except TypeError:
        return members
