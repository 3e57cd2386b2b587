"""Hostile files: pickles that would run something, archives that lie about sizes, files cut and flipped at
every byte. Each raises one of a few errors, runs nothing, takes no memory that the file does not justify."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import tracemalloc
import zipfile

import numpy as np
import pytest

import rushlight

ERRORS = (pickle.UnpicklingError, RuntimeError)


def archive(pickled, compression=zipfile.ZIP_STORED, **storages):
    """A torch file with this pickle and these storages."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as zipped:
        zipped.writestr("archive/data.pkl", pickled)
        for key, data in storages.items():
            zipped.writestr(f"archive/data/{key.strip('_')}", data)
    return file


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def tensor(
    size=b"K\x02\x85",
    stride=b"K\x01\x85",
    offset=b"K\x00",
    count=b"K\x02",
    kind=b"ctorch\nFloatStorage\n",
    wanted=b"\x89",
):
    storage = b"(" + text("storage") + kind + text("0") + text("cpu") + count + b"tQ"
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + offset
        + size
        + stride
        + wanted
        + b"ccollections\nOrderedDict\n)RtR"
    )


class Runs:
    """Python's pickler writes this as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def called(*arguments):
    raise AssertionError(f"the pickle ran something: {arguments}")


HUGE = b"\x8a\x07" + (2**50).to_bytes(7, "little")
MALICIOUS = {
    "os.system": pickle.dumps(Runs(os.system, "exit 1"), 2),
    "eval": pickle.dumps(Runs(eval, "1/0"), 2),
    "exec, protocol 0": pickle.dumps(Runs(exec, "1/0"), 0),
    "protocol 4": pickle.dumps(Runs(subprocess.call, ["false"]), 4),
    "ours": pickle.dumps(Runs(called), 2),
    "getattr": pickle.dumps(Runs(getattr, "a", "upper"), 2),
    "import": b"\x80\x02cbuiltins\n__import__\n" + text("os") + b"\x85R.",
    "numpy": b"\x80\x02cnumpy\nfromfile\n" + text("/etc/passwd") + b"\x85R.",
    "INST": b"(S'echo'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'echo'\no.",
    "NEWOBJ": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
    "EXT": b"\x80\x02\x82\x01.",
    "a dotted name": b"\x80\x04\x8c\x05torch\x8c\x0dSize.__init__\x93.",
    "a function's attributes": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}"
    + text("__defaults__")
    + b"Nsb.",
    "a class's attributes": b"\x80\x02ctorch\nSize\nN}" + text("__new__") + b"Ns\x86b.",
    "a Tensor's attributes": b"\x80\x02" + tensor() + b"}" + text("_data") + b"Nsb.",
    "a dict's attributes": b"\x80\x02ccollections\nOrderedDict\n)R}" + text("update") + b"Nsb.",
    "items of a list": b"\x80\x02](K\x01K\x02u.",
    "appending to a dict": b"\x80\x02}K\x01a.",
    "appending to a Tensor": b"\x80\x02" + tensor() + b"K\x01a.",
    "calling a dtype": b"\x80\x02ctorch\nfloat32\n)R.",
    "calling a storage": b"\x80\x02ctorch\nFloatStorage\nK\x05\x85R.",
    "OrderedDict of a list": b"\x80\x02ccollections\nOrderedDict\n]\x85R.",
    "a Counter of a list": b"\x80\x02ccollections\nCounter\n]\x85R.",
    "a key that hashes deep": b"\x80\x02}" + b")" + b"\x85" * 200_000 + b"K\x01s.",
    "no storage": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00)K\x01\x89}tR.",
    "another persistent id": b"\x80\x02" + text("/etc/passwd") + b"Q.",
    "few arguments": b"\x80\x02ctorch._utils\n_rebuild_parameter\n)R.",
    "a Parameter of a number": b"\x80\x02ctorch._utils\n_rebuild_parameter\nK\x01\x89N\x87R.",
    "beyond the storage": b"\x80\x02" + tensor(offset=b"K\x01") + b".",
    "a long stride": b"\x80\x02" + tensor(stride=b"K\x02\x85") + b".",
    "a negative stride": b"\x80\x02" + tensor(stride=b"J\xff\xff\xff\xff\x85", offset=b"K\x01") + b".",
    "a negative offset": b"\x80\x02" + tensor(offset=b"J\xff\xff\xff\xff") + b".",
    "a negative size": b"\x80\x02" + tensor(size=b"J\xff\xff\xff\xff\x85") + b".",
    "a huge size": b"\x80\x02" + tensor(size=HUGE + b"\x85") + b".",
    "a huge size of stride 0": b"\x80\x02"
    + tensor(size=HUGE + HUGE + b"\x86", stride=b"K\x00K\x00\x86")
    + b".",
    "a huge empty size": b"\x80\x02"
    + tensor(size=HUGE + HUGE + b"K\x00\x87", stride=b"K\x01K\x01K\x01\x87")
    + b".",
    "many dimensions": b"\x80\x02" + tensor(b"(" + b"K\x01" * 99 + b"t", b"(" + b"K\x01" * 99 + b"t") + b".",
    "sizes that are no numbers": b"\x80\x02" + tensor(size=b"N\x85") + b".",
    "more elements than there are": b"\x80\x02" + tensor(count=b"K\x09") + b".",
    "two types for a storage": b"\x80\x02]" + tensor() + b"a" + tensor(kind=b"ctorch\nIntStorage\n") + b"a.",
    "gradients of integers": b"\x80\x02" + tensor(kind=b"ctorch\nIntStorage\n", wanted=b"\x88") + b".",
    "a long string that is not there": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "nothing": b"",
    "no stop": b"\x80\x02N",
    "an empty stack": b"\x80\x02.",
    "only a mark": b"\x80\x02(.",
    "no mark": b"\x80\x02N\x85t.",
    "an empty memo": b"\x80\x02h\x05.",
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_a_malicious_pickle_raises_and_runs_nothing(name, monkeypatch):
    for function in ("system", "popen", "posix_spawn"):
        monkeypatch.setattr(os, function, called)
    tracemalloc.start()
    try:
        with pytest.raises(ERRORS) as raised:
            rushlight.load(archive(MALICIOUS[name], _0=bytes(8)))
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
    assert not isinstance(raised.value, RecursionError) and str(raised.value)


def test_what_the_malicious_ones_vary_is_fine():
    assert rushlight.load(archive(b"\x80\x02" + tensor() + b".", _0=bytes(8))).tolist() == [0, 0]
    expanded = rushlight.load(archive(b"\x80\x02" + tensor(stride=b"K\x00\x85") + b".", _0=bytes(8)))
    assert expanded.stride() == (0,)
    with pytest.raises(RuntimeError, match=r"more than one element"):
        expanded.zero_()


def test_refusal_names_what_was_asked_for():
    with pytest.raises(
        pickle.UnpicklingError, match=r"GLOBAL posix.system is not an allowed global.*executed"
    ):
        rushlight.load(archive(MALICIOUS["os.system"]))


@pytest.mark.parity
def test_torch_refuses_the_calls_too():
    torch = pytest.importorskip("torch")
    for name in ("os.system", "eval", "ours", "getattr", "import", "numpy"):
        file = archive(MALICIOUS[name])
        with zipfile.ZipFile(file, "a") as zipped:
            zipped.writestr("archive/version", "3\n")
        file.seek(0)
        with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
            torch.load(file, weights_only=True)


# ---- sizes that lie ------------------------------------------------------------------------------------


def test_compressed_storages_may_not_stand_for_more_than_they_can():
    loaded = rushlight.load(archive(b"\x80\x02" + tensor() + b".", zipfile.ZIP_DEFLATED, _0=bytes(8_000)))
    assert loaded.tolist() == [0, 0]
    file = archive(b"\x80\x02" + tensor() + b".", _0=bytes(8))
    raw = bytearray(file.getvalue())
    place = raw.rindex(b"archive/data/0") - 46  # the central directory's entry: sizes are at 20 and 24
    for field in (20, 24):
        raw[place + field : place + field + 4] = struct.pack("<I", 2**31)
    with pytest.raises(RuntimeError, match="more than the file can hold"):
        rushlight.load(io.BytesIO(raw))


def test_records_may_not_share_bytes():
    """Many directory entries that point at the same data, as in zip bombs."""
    count, size = 60, 20_000
    pickled = b"\x80\x02]"
    for key in range(count):
        kind = tensor().replace(text("0"), text(str(key)))
        pickled += kind + b"a"
    file = archive(pickled + b".", **{f"_{key}": bytes(size if key == 0 else 8) for key in range(count)})
    raw = bytearray(file.getvalue())
    first = raw.rindex(b"archive/data/0") - 46
    target = bytes(raw[first + 16 : first + 28]), bytes(raw[first + 42 : first + 46])
    for key in range(1, count):
        place = raw.rindex(f"archive/data/{key}".encode(), first) - 46
        raw[place + 16 : place + 28], raw[place + 42 : place + 46] = target
    with pytest.raises(RuntimeError, match=r"more than the file can hold|is corrupt"):
        rushlight.load(io.BytesIO(raw))


def npy(shape, body, descr="<f8"):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + body


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (npy("(1000000000000,)", bytes(8)), "8 bytes, but claims shape"),
        (npy("(-1,)", bytes(8)), "8 bytes, but claims shape"),
        (npy("(-1, -1)", bytes(8)), "8 bytes, but claims shape"),
        (npy("(1,)", bytes(8), "|O"), "holds Python objects, which are never loaded"),
        (npy("(1,) + __import__('os')", bytes(8)), "no .npy record that can be read"),
        (b"\x93NUMPY\x01\x00\xff\xff", "no .npy record that can be read"),
        (b"\x93NUMPY\x09\x00", "no .npy record that can be read"),
        (b"", "no .npy record that can be read"),
    ],
)
def test_npz_records_that_lie(record, words):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a.npy", record)
    with pytest.raises(RuntimeError, match=words):
        rushlight.load(file)


# ---- damage --------------------------------------------------------------------------------------------


def files(tmp_path):
    """A small file of each format."""
    state = {"weight": rushlight.arange(3.0), "b": rushlight.tensor([True])}
    found = {}
    for suffix in (".pt", ".npz", ".safetensors"):
        rushlight.save(state, tmp_path / f"a{suffix}")
        found[suffix] = (tmp_path / f"a{suffix}").read_bytes()
    return found


@pytest.mark.parametrize("suffix", [".pt", ".npz", ".safetensors"])
def test_damaged_anywhere(tmp_path, suffix):
    """Cut at every length, and a bit flipped in every byte: the right values, or a clear error."""
    pytest.importorskip("safetensors")
    data = files(tmp_path)[suffix]
    for length in range(len(data)):
        with pytest.raises(ERRORS):
            rushlight.load(io.BytesIO(data[:length]))
    rng = np.random.default_rng(0)
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        try:
            loaded = rushlight.load(io.BytesIO(flipped))
        except ERRORS:
            continue
        except TypeError as error:  # a dtype that NumPy has and rushlight has not
            assert "can't convert" in str(error)
            continue
        assert isinstance(loaded, dict)


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"\x80\x04N.", b"PK\x03\x04 cut", bytes(100), b"\xff" * 8 + b"{", b'\x02\0\0\0\0\0\0\0{"'],
)
def test_other_files(data):
    with pytest.raises(RuntimeError, match=r"torch|truncated|cannot be read"):
        rushlight.load(io.BytesIO(data))


def test_a_zip_of_something_else():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("readme.txt", "hello")
    with pytest.raises(RuntimeError, match=r"neither data.pkl nor .npy records, but \['readme.txt'\]"):
        rushlight.load(file)
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a/data.pkl", b"")
        zipped.writestr("a/constants.pkl", b"")
    with pytest.raises(RuntimeError, match="TorchScript"):
        rushlight.load(file)
