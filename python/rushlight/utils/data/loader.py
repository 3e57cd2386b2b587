"""DataLoader: batches of a dataset, read in this process. Order in sampler.py, batching in collate.py."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...generator import Generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed, endless

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


def get_worker_info() -> None:
    """None: there are no worker processes."""


class DataLoader:
    """Batches of a dataset; iterate over it once per epoch.

    dataset        anything with `dataset[i]` and `len(dataset)`, or an IterableDataset
    batch_size     examples per batch, default 1; None: examples themselves
    shuffle        a new random order every epoch: after `manual_seed` the very order of torch
    sampler        an iterable of indices to read instead
    batch_sampler  an iterable of lists of indices instead
    collate_fn     list of examples -> batch; `default_collate` by default
    drop_last      leave out a last batch that is not full
    generator      the stream that orders are drawn from

    Examples are always read in this process, in order, when they are asked for: `num_workers`, `timeout`,
    `worker_init_fn`, `multiprocessing_context`, `prefetch_factor`, `persistent_workers`, `pin_memory` and
    `in_order` are checked as in torch and change nothing else. (A dataset that draws random numbers itself
    gives torch's with num_workers=0; torch's workers have streams of their own.)
    Raises ValueError for settings that are out of range or exclude each other.

    >>> import rushlight
    >>> from rushlight.utils.data import DataLoader
    >>> _ = rushlight.manual_seed(0)
    >>> list(DataLoader(range(5), batch_size=2, shuffle=True))
    [tensor([1, 4]), tensor([2, 3]), tensor([0])]

    Source: torch.utils.data.DataLoader.
    """

    _made = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self._stream = isinstance(dataset, IterableDataset)
        if self._stream:
            for name, given in (
                ("shuffle", shuffle or None),
                ("sampler", sampler),
                ("batch_sampler", batch_sampler),
            ):
                if given is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                        f"{name}={given}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                    "drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
            )
        if sampler is None:
            if self._stream:
                sampler = endless()
            else:
                sampler = (
                    RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
                )
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._made and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory "
                "won't be used.",
                UserWarning,
                stacklevel=2,
            )
        indices = iter(self.sampler if self.batch_sampler is None else self.batch_sampler)
        draw_seed(self.generator)  # torch draws one for its workers, with or without any
        return self._stream_batches(iter(self.dataset)) if self._stream else self._batches(indices)

    def _batches(self, indices: Iterator[Any]) -> Iterator[Any]:
        """Batches (or, without a batch sampler, examples) of a dataset that takes indices."""
        if self.batch_sampler is None:
            for index in indices:
                yield self.collate_fn(self.dataset[index])
            return
        together = getattr(self.dataset, "__getitems__", None)
        for batch in indices:
            yield self.collate_fn(together(batch) if together else [self.dataset[index] for index in batch])

    def _stream_batches(self, examples: Iterator[Any]) -> Iterator[Any]:
        """Batches of a stream of examples."""
        if self.batch_size is None:
            yield from map(self.collate_fn, examples)
            return
        while batch := list(itertools.islice(examples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)

    def __len__(self) -> int:
        if not self._stream:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
        count, size = len(self.dataset), self.batch_size
        if size is None:
            return count
        return count // size if self.drop_last else -(-count // size)


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool, context: Any
) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if context is not None and num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            f"num_workers={num_workers}"
        )
