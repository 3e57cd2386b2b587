"""utils.data: orders, batches, splits; what collating makes of structures; torch's after a seed."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import rushlight
from rushlight.utils.data import BatchSampler, DataLoader, TensorDataset, random_split

Point = namedtuple("Point", ["x", "y"])


def stream(library, count):
    class Stream(library.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(count))

        def __len__(self):
            return count

    return Stream()


def squares(library, together=False):
    class Squares(library.utils.data.Dataset):
        def __init__(self):
            self.asked = []

        def __len__(self):
            return 7

        def __getitem__(self, index):
            return index**2, library.rand(1)  # draws from the default stream

    if together:
        Squares.__getitems__ = lambda self, indices: self.asked.append(indices) or [self[i] for i in indices]
    return Squares()


def eager(library):
    class Eager:
        def __iter__(self):
            return iter(library.randperm(3).tolist())

    return Eager()


# Everything that draws random numbers, run in torch and here; the last draw shows that as many were used.
ORDERS = {
    "shuffle": lambda t, d: list(d.DataLoader(range(23), batch_size=4, shuffle=True)),
    "two epochs": lambda t, d: [list(loader) for loader in [d.DataLoader(range(9), shuffle=True)] * 2],
    "generator": lambda t, d: [
        list(loader)
        for loader in [d.DataLoader(range(9), shuffle=True, generator=t.Generator().manual_seed(3))] * 2
    ],
    "no shuffle": lambda t, d: list(d.DataLoader(range(5), batch_size=2, drop_last=True)),
    "dataset draws": lambda t, d: list(d.DataLoader(squares(t), batch_size=3, shuffle=True)),
    "together": lambda t, d: list(d.DataLoader(squares(t, True), batch_size=3, shuffle=True)),
    "no batches": lambda t, d: list(d.DataLoader(range(5), batch_size=None, shuffle=True)),
    "sampler": lambda t, d: list(d.DataLoader(range(9), 4, sampler=d.SubsetRandomSampler([1, 3, 5, 7, 8]))),
    "own sampler": lambda t, d: list(d.DataLoader(range(9), 2, sampler=eager(t))),
    "own sampler, no batches": lambda t, d: list(d.DataLoader(range(9), None, sampler=eager(t))),
    "batch sampler": lambda t, d: list(
        d.DataLoader(range(9), batch_sampler=d.BatchSampler(d.RandomSampler(range(9)), 2, True))
    ),
    "replacement": lambda t, d: list(d.RandomSampler(range(9), replacement=True, num_samples=70)),
    "more than there are": lambda t, d: list(d.RandomSampler(range(4), num_samples=10)),
    "stream": lambda t, d: list(d.DataLoader(stream(t, 7), batch_size=3)),
    "stream, drop last": lambda t, d: list(d.DataLoader(stream(t, 7), batch_size=3, drop_last=True)),
    "stream, no batches": lambda t, d: list(d.DataLoader(stream(t, 3), batch_size=None)),
    "random_split": lambda t, d: [part.indices for part in d.random_split(range(10), [3, 5, 2])],
    "shares": lambda t, d: [part.indices for part in d.random_split(range(11), [0.5, 0.3, 0.2])],
    "split and load": lambda t, d: list(
        d.DataLoader(
            d.random_split(range(10), [4, 6], t.Generator().manual_seed(1))[1], batch_size=4, shuffle=True
        )
    ),
    "concatenated": lambda t, d: list(d.DataLoader(squares(t) + squares(t), batch_size=5, shuffle=True)),
    "lengths": lambda t, d: (
        [len(d.DataLoader(range(11), 4, drop_last=drop)) for drop in (True, False)]
        + [len(d.DataLoader(stream(t, 11), 4, drop_last=drop)) for drop in (True, False)]
    ),
}
STRUCTURES = {
    "floats": [0.5, 1.0],
    "ints": [1, 2],
    "bools": [True, False],
    "strings": ["a", "b"],
    "tuples": [(1, "a"), (2, "b")],
    "lists": [[1, 2.0], [3, 4.0]],
    "dicts": [{"a": 1, "b": [1]}, {"a": 2, "b": [3]}],
    "ordered": [OrderedDict(a=1), OrderedDict(a=2)],
    "points": [Point(1, 2.0), Point(3, 4.0)],
    "arrays": [np.ones(2, np.float32), np.zeros(2, np.float32)],
    "0-dim arrays": [np.array(1), np.array(2)],
    "numpy numbers": [np.float32(1), np.float32(2)],
    "ranges": [range(2), range(2)],
}
WRONG = [
    ("DataLoader([1], num_workers=-1)", ValueError, "num_workers option should be non-negative"),
    ("DataLoader([1], timeout=-1)", ValueError, "timeout option should be non-negative"),
    ("DataLoader([1], prefetch_factor=2)", ValueError, "prefetch_factor option could only be specified"),
    (
        "DataLoader([1], persistent_workers=True)",
        ValueError,
        "persistent_workers option needs num_workers > 0",
    ),
    ("DataLoader([1], shuffle=True, sampler=[0])", ValueError, "sampler option is mutually exclusive with"),
    ("DataLoader([1], 2, batch_sampler=[[0]])", ValueError, "batch_sampler option is mutually exclusive"),
    ("DataLoader([1], None, drop_last=True)", ValueError, "batch_size=None option disables auto-batching"),
    ("DataLoader([1], 0)", ValueError, "batch_size should be a positive integer value, but got batch_size=0"),
    ("DataLoader([1], True)", ValueError, "batch_size should be a positive integer"),
    ("DataLoader(s, shuffle=True)", ValueError, "with IterableDataset: expected unspecified shuffle option"),
    ("DataLoader(s, sampler=[0])", ValueError, "expected unspecified sampler option, but got sampler"),
    (
        "DataLoader([], shuffle=True)",
        ValueError,
        "num_samples should be a positive integer value, but got num",
    ),
    ("setattr(DataLoader([1]), 'batch_size', 3)", ValueError, "batch_size attribute should not be set after"),
    ("RandomSampler([1], replacement=1)", TypeError, "replacement should be a boolean value"),
    ("random_split(range(3), [1, 1])", ValueError, "Sum of input lengths does not equal"),
    ("random_split(range(3), [1.5, -0.5])", ValueError, "Fraction at index 0 is not between 0 and 1"),
    ("TensorDataset(t.ones(2), t.ones(3))", AssertionError, "Size mismatch between tensors"),
    ("ConcatDataset([])", AssertionError, "datasets should not be an empty iterable"),
    ("Dataset()[0]", NotImplementedError, "Subclasses of Dataset should implement __getitem__"),
    ("default_collate([[1], [1, 2]])", RuntimeError, "each element in list of batch should be of equal size"),
    ("default_collate([object()])", TypeError, "default_collate: batch must contain tensors, numpy arrays"),
    ("default_collate([np.array('a')])", TypeError, "found <U1"),
]
LIBRARIES = ["rushlight", pytest.param("torch", marks=pytest.mark.parity)]


def test_shuffled_batches_of_tensors():
    rushlight.manual_seed(0)
    x, y = rushlight.arange(20.0).reshape(10, 2), rushlight.arange(10)
    loader = DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True)
    assert len(loader) == 3
    batches = list(loader)
    assert [tuple(a.shape) for a, _ in batches] == [(4, 2), (4, 2), (2, 2)]
    order = [label for _, labels in batches for label in labels.tolist()]
    assert sorted(order) == list(range(10)) and order != list(range(10))
    assert all(((a[:, 0] / 2).long() == b).all() for a, b in batches)
    assert order != [label for _, labels in loader for label in labels.tolist()]


def test_workers_change_nothing():
    batches = []
    for workers in (0, 2):
        rushlight.manual_seed(1)
        batches.append(repr(list(DataLoader(range(9), 2, shuffle=True, num_workers=workers))))
    assert batches[0] == batches[1]
    assert rushlight.utils.data.get_worker_info() is None


def test_whole_batches_are_asked_for_together():
    dataset = squares(rushlight, together=True)
    list(DataLoader(dataset, batch_size=3))
    assert dataset.asked == [[0, 1, 2], [3, 4, 5], [6]]
    part = rushlight.utils.data.Subset(dataset, [5, 4, 3])
    list(DataLoader(part, batch_size=2))
    assert dataset.asked[3:] == [[5, 4], [3]]


def test_batches_of_an_endless_sampler():
    assert next(iter(BatchSampler(iter(int, 1), 3, False))) == [0, 0, 0]


def test_own_collate_function():
    loader = DataLoader(range(4), 2, collate_fn=sum)
    assert list(loader) == [1, 5]


@pytest.mark.parametrize("library", LIBRARIES)
def test_warnings(library):
    library = pytest.importorskip(library)
    with pytest.warns(UserWarning, match="Length of split at index 2 is 0"):
        library.utils.data.random_split(range(2), [0.5, 0.5, 0.0])
    with pytest.warns(UserWarning, match="'pin_memory' argument is set as true but no accelerator"):
        iter(library.utils.data.DataLoader([1], pin_memory=True))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("call", "error", "words"), WRONG, ids=[row[0] for row in WRONG])
def test_wrong_call(library, call, error, words):
    library = pytest.importorskip(library)
    names = {**vars(library.utils.data), "t": library, "np": np, "s": stream(library, 3)}
    with pytest.raises(error, match=words):
        eval(call, names)


def outcome(library, make):
    library.manual_seed(5)
    return repr((make(library, library.utils.data), library.rand(1)))


@pytest.mark.parity
@pytest.mark.parametrize("name", ORDERS)
def test_order_is_torchs(name):
    torch = pytest.importorskip("torch")
    assert outcome(rushlight, ORDERS[name]) == outcome(torch, ORDERS[name])


@pytest.mark.parity
@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_are_torchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = rushlight.utils.data, torch.utils.data
    assert repr(ours.default_collate(STRUCTURES[name])) == repr(theirs.default_collate(STRUCTURES[name]))
    assert repr(ours.default_convert(STRUCTURES[name])) == repr(theirs.default_convert(STRUCTURES[name]))


@pytest.mark.parity
def test_random_split_of_a_share_that_is_an_integer():
    torch = pytest.importorskip("torch")
    for lengths in ([1], [1.0]):
        rushlight.manual_seed(0), torch.manual_seed(0)
        theirs = torch.utils.data.random_split(range(1), lengths)
        assert [p.indices for p in random_split(range(1), lengths)] == [p.indices for p in theirs]
