"""save and load: every format there and back, files of and for torch, and what a format cannot hold."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest

import rushlight
from rushlight import nn, optim

DTYPES = [
    "float32",
    "float64",
    "float16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "uint16",
    "uint32",
    "uint64",
]


def everything(library):
    x = library.arange(12.0).reshape(3, 4)
    return {
        "tensors": [x.to(getattr(library, name)) for name in DTYPES],
        "views": (x.t(), x[1:, ::2], x[2], x[0, 0], x.expand(2, 3, 4)),
        "wanted": library.ones(2, requires_grad=True),
        "parameter": library.nn.Parameter(library.ones(1, 2)),
        "frozen": library.nn.Parameter(library.ones(1), False),
        "empty": [library.zeros(0, 3), library.zeros(()), {}, [], (), OrderedDict(), ""],
        "numbers": [
            0,
            -1,
            255,
            2**31 - 1,
            -(2**31),
            2**31,
            2**70,
            -(2**70),
            0.5,
            float("inf"),
            True,
            False,
            None,
        ],
        "text": "\u00e9\u20ac\U0001f600 long " * 40,
        "torch's": [library.Size([2, 3]), library.float16, library.bool, library.device("cpu")],
        3: OrderedDict(a=1, b=(2, [3, {"c": None}])),
        "counter": Counter([1, 1, 2]),
        True: 1,
    }


def there_and_back(value):
    file = io.BytesIO()
    rushlight.save(value, file)
    return rushlight.load(file)


def small_model(library):
    library.manual_seed(0)
    return library.nn.Sequential(
        library.nn.Conv2d(2, 3, 3, padding=1),
        library.nn.ReLU(),
        library.nn.Flatten(),
        library.nn.Linear(48, 2),
    )


def trained(library):
    model = small_model(library)
    optimizer = library.optim.Adam(model.parameters(), amsgrad=True)
    scheduler = library.optim.lr_scheduler.MultiStepLR(optimizer, [2, 5])
    model(library.ones(1, 2, 4, 4)).sum().backward()
    optimizer.step()
    scheduler.step()
    return model, optimizer, scheduler


def test_there_and_back():
    value = everything(rushlight)
    loaded = there_and_back(value)
    assert repr(loaded) == repr(value)
    assert loaded["parameter"].requires_grad and not loaded["frozen"].requires_grad
    assert type(loaded[3]) is OrderedDict and type(loaded["counter"]) is Counter


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".npz", ".safetensors", ".NPZ"])
def test_state_dicts(tmp_path, suffix):
    pytest.importorskip("safetensors")
    model = small_model(rushlight)
    path = tmp_path / f"model{suffix}"
    rushlight.save(model.state_dict(), path)
    other = small_model(rushlight)
    with rushlight.no_grad():
        for param in other.parameters():
            param.zero_()
    assert repr(other.load_state_dict(rushlight.load(str(path)))) == "<All keys matched successfully>"
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_arrays_of_every_dtype_and_layout(tmp_path, suffix):
    pytest.importorskip("safetensors")
    arrays = {name: np.arange(6).reshape(2, 3).astype(name) for name in DTYPES}
    arrays |= {"a/b.c": np.arange(6.0).reshape(2, 3).T, "point": np.array(3.0), "none": np.zeros((0, 2))}
    arrays["backwards"] = np.arange(4.0)[::-1]
    arrays["foreign"] = np.arange(4, dtype=">i4")
    rushlight.save(arrays, tmp_path / f"a{suffix}")
    loaded = rushlight.load(tmp_path / f"a{suffix}")
    assert set(loaded) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name].numpy(), array)
        assert loaded[name].numpy().dtype == array.dtype.newbyteorder("=")
        loaded[name].zero_()  # the memory is ours


def test_numpy_reads_and_writes_the_same(tmp_path):
    rushlight.save({"w": rushlight.ones(2, 3)}, tmp_path / "a.npz")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["w"], np.ones((2, 3)))
    arrays = {"w": np.asfortranarray(np.arange(6).reshape(2, 3)), "zeros": np.zeros((300, 300))}
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "b.npz", **arrays)
        for name, value in rushlight.load(tmp_path / "b.npz").items():
            np.testing.assert_array_equal(value.numpy(), arrays[name])


def test_memory_that_was_shared_stays_shared():
    weight = rushlight.ones(2)
    loaded = there_and_back({"a": weight, "b": weight.detach(), "c": weight[1:]})
    loaded["a"][0] = 5
    assert loaded["b"][0] == 5 and loaded["c"].tolist() == [1]


def test_a_part_is_saved_without_the_whole():
    file = io.BytesIO()
    rushlight.save(rushlight.zeros(100_000)[::50_000], file)
    assert len(file.getvalue()) < 2000


def test_training_goes_on():
    model, optimizer, scheduler = trained(rushlight)
    saved = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
    loaded = there_and_back(saved)
    other = small_model(rushlight)
    other.load_state_dict(loaded["model"])
    fresh = optim.Adam(other.parameters())
    fresh.load_state_dict(loaded["optimizer"])
    resumed = optim.lr_scheduler.MultiStepLR(fresh, [9])
    resumed.load_state_dict(loaded["scheduler"])
    for module, each in ((model, optimizer), (other, fresh)):
        each.zero_grad()
        module(rushlight.ones(1, 2, 4, 4)).sum().backward()
        each.step()
    assert repr(fresh.state_dict()["state"]) == repr(optimizer.state_dict()["state"])
    assert resumed.milestones == scheduler.milestones


REFUSED = [
    (lambda: nn.Linear(1, 1), ".pt", "cannot save rushlight.nn.linear.Linear.*state_dict"),
    (lambda: {"a": np.ones(2)}, ".pt", "cannot save numpy.ndarray.*from_numpy"),
    (lambda: {1, 2}, ".pt", "cannot save builtins.set"),
    (lambda: [lambda: 0], ".pt", "cannot save builtins.function"),
    (lambda: 1 << 3000, ".pt", "more than 255 bytes"),
    (lambda: (lambda x: x.append(x) or x)([]), ".pt", "contain themselves"),
    (lambda: rushlight.ones(2), ".npz", "a dict of names and Tensors, not Tensor"),
    (lambda: {"a": {"b": rushlight.ones(2)}}, ".npz", "entry 'a' is dict"),
    (lambda: {1: rushlight.ones(2)}, ".safetensors", "entry 1 is Tensor"),
    (lambda: {"a": np.array(["x"])}, ".npz", "can't convert np.ndarray of type numpy.str_"),
]


@pytest.mark.parametrize(("make", "suffix", "words"), REFUSED, ids=[row[2] for row in REFUSED])
def test_what_cannot_be_saved_leaves_no_file(tmp_path, make, suffix, words):
    pytest.importorskip("safetensors")
    path = tmp_path / f"file{suffix}"
    with pytest.raises(TypeError, match=words):
        rushlight.save(make(), path)
    assert not path.exists()


def test_places():
    file = io.BytesIO()
    rushlight.save([rushlight.ones(1)], file)
    for place in ("cpu", rushlight.device("cpu"), None, lambda storage, where: storage, {"cuda:0": "cpu"}):
        assert rushlight.load(file, map_location=place)[0].item() == 1
    with pytest.raises(RuntimeError, match="on the CPU only"):
        rushlight.load(file, "cuda")
    with pytest.raises(FileNotFoundError):
        rushlight.load("no such file.pt")


def test_without_safetensors(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    monkeypatch.setitem(__import__("sys").modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"pip install 'rushlight\[safetensors\]'"):
        rushlight.save({}, tmp_path / "a.safetensors")


# ---- torch's files -------------------------------------------------------------------------------------


@pytest.mark.parity
def test_torch_files_are_read():
    torch = pytest.importorskip("torch")
    file = io.BytesIO()
    torch.save(everything(torch), file)
    assert repr(rushlight.load(file)) == repr(everything(rushlight))


@pytest.mark.parity
def test_torch_reads_ours():
    torch = pytest.importorskip("torch")
    file = io.BytesIO()
    rushlight.save(everything(rushlight), file)
    file.seek(0)
    assert repr(torch.load(file, weights_only=True)) == repr(everything(torch))


@pytest.mark.parity
def test_training_crosses_over():
    torch = pytest.importorskip("torch")
    for source, target in ((torch, rushlight), (rushlight, torch)):
        file = io.BytesIO()
        source.save([each.state_dict() for each in trained(source)], file)
        file.seek(0)
        model, optimizer, scheduler = target.load(file, weights_only=True)
        others = trained(target)
        expected = [others[1].state_dict(), others[2].state_dict()]
        for each, state in zip(others, (model, optimizer, scheduler), strict=True):
            each.load_state_dict(state)
        assert others[2].state_dict() == expected[1]
        assert others[1].state_dict()["param_groups"] == expected[0]["param_groups"]
        for number, kept in others[1].state_dict()["state"].items():
            for name, value in kept.items():
                wanted = expected[0]["state"][number][name].numpy()
                np.testing.assert_allclose(value.numpy(), wanted, rtol=1e-5, atol=1e-7)
        assert model._metadata == others[0].state_dict()._metadata


@pytest.mark.parity
def test_bfloat16_comes_as_float32():
    torch = pytest.importorskip("torch")
    file = io.BytesIO()
    torch.save(torch.tensor([1.5, -3.140625, float("nan"), 1e38], dtype=torch.bfloat16)[1:], file)
    loaded = rushlight.load(file)
    np.testing.assert_array_equal(
        loaded.numpy(), np.array([-3.140625, np.nan, 9.969209968386869e37], np.float32)
    )


@pytest.mark.parity
def test_old_files_and_whole_models_are_refused():
    torch = pytest.importorskip("torch")
    old, whole = io.BytesIO(), io.BytesIO()
    torch.save(torch.ones(2), old, _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(1, 1), whole)
    with pytest.raises(RuntimeError, match=r"bare pickle, as torch.save wrote before version 1\.6"):
        rushlight.load(old)
    with pytest.raises(
        pickle.UnpicklingError, match=r"GLOBAL torch.nn.modules.linear.Linear is not an allowed"
    ):
        rushlight.load(whole)


def test_another_byte_order():
    file, foreign = io.BytesIO(), io.BytesIO()
    rushlight.save(rushlight.tensor([1.0, 2.0]), file)
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(foreign, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            data = np.frombuffer(data, "<f4").astype(">f4").tobytes() if name.endswith("data/0") else data
            target.writestr(name, b"big" if name.endswith("byteorder") else data)
    assert rushlight.load(foreign).tolist() == [1, 2]
