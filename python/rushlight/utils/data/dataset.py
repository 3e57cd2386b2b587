"""Datasets: what `dataset[i]` and `len(dataset)` mean; subsets, concatenation and random splits of them."""

from __future__ import annotations

import itertools
import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from ...generator import Generator
from ...random import randperm

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """Base class of what a DataLoader reads: define `__getitem__(index)` and `__len__()`.

    `__getitems__(indices)`, if defined, returns the list of a batch's examples at once.

    >>> from rushlight.utils.data import Dataset
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return index**2
    >>> (Squares() + Squares())[5]
    4

    Source: torch.utils.data.
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T], Iterable[T]):
    """Base class of a stream of examples: define `__iter__`. A DataLoader keeps the stream's order."""


class TensorDataset(Dataset[Any]):
    """Example i is the tuple of the i-th slices of some Tensors of one length.

    >>> import rushlight
    >>> from rushlight.utils.data import TensorDataset
    >>> TensorDataset(rushlight.tensor([1., 2.]), rushlight.tensor([3, 4]))[1]
    (tensor(2.), tensor(4))
    """

    def __init__(self, *tensors: Any) -> None:
        lengths = [tensor.size(0) for tensor in tensors]
        if len(set(lengths)) > 1:
            raise AssertionError(f"Size mismatch between tensors: {lengths} examples")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple([tensor[index] for tensor in self.tensors])

    def __len__(self) -> int:
        return int(self.tensors[0].size(0))


class ConcatDataset(Dataset[Any]):
    """The examples of several datasets, one after the other."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any([isinstance(dataset, IterableDataset) for dataset in self.datasets]):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate([len(dataset) for dataset in self.datasets]))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if index < -len(self):
            raise ValueError("absolute value of index should not exceed dataset length")
        index = index + len(self) if index < 0 else index
        number = bisect_right(self.cumulative_sizes, index)
        return self.datasets[number][index - self.cumulative_sizes[number - 1] if number else index]


class Subset(Dataset[T]):
    """The examples of `dataset` at the positions `indices`."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__. When subclassing Subset and "
                "overriding __getitem__, you must also override __getitems__ to ensure DataLoader works "
                "correctly with your custom logic. A simple implementation:\n\n"
                "def __getitems__(self, indices):\n    return [self.__getitem__(idx) for idx in indices]"
            )

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        places = [self.indices[index] for index in indices]
        together = getattr(self.dataset, "__getitems__", None)
        return together(places) if callable(together) else [self.dataset[place] for place in places]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[Any]]:
    """Cut `dataset` at random into Subsets of these lengths; or of these shares, if they sum to 1: rounded
    down, what is left over dealt out from the first on. The order is torch's randperm.

    ValueError if the lengths do not sum to the dataset's, or a share is not between 0 and 1.

    >>> import rushlight
    >>> from rushlight.utils.data import random_split
    >>> parts = random_split(range(10), [0.7, 0.3], rushlight.Generator().manual_seed(0))
    >>> [part.indices for part in parts]
    [[4, 1, 7, 5, 3, 9, 0], [8, 6, 2]]
    """
    total = sum(lengths)
    if math.isclose(total, 1) and total <= 1:
        lengths = _counts(len(dataset), lengths)
    if sum(lengths) != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = randperm(len(dataset), generator=generator).tolist()
    ends = itertools.accumulate([int(length) for length in lengths])
    return [Subset(dataset, order[end - int(count) : end]) for end, count in zip(ends, lengths, strict=True)]


def _counts(total: int, shares: Sequence[float]) -> list[int]:
    for index, share in enumerate(shares):
        if not 0 <= share <= 1:
            raise ValueError(f"Fraction at index {index} is not between 0 and 1")
    counts = [math.floor(total * share) for share in shares]
    for extra in range(total - sum(counts)):
        counts[extra % len(counts)] += 1
    for index, count in enumerate(counts):
        if count == 0:
            warnings.warn(
                f"Length of split at index {index} is 0. This might result in an empty dataset.",
                UserWarning,
                stacklevel=3,
            )
    return counts
