"""Damaged and hostile files for `rushlight.load`: the right error, nothing executed, no memory beyond reason.

    python tests/fuzz_files.py --cases 50000 --seed 1   # a long run; prints the seed and number of a bad case
    python tests/fuzz_files.py --seed 1 --case 4711     # that case alone; `--keep FILE` writes what it read

A case is one of a few good files (.pt, .npz, .safetensors) that was cut, flipped, spliced, or whose sizes
lie; or a well-formed zip file around a record that was, which gets past the checksums; or one whose pickle
has opcodes and names in it that would run something. An audit hook ends the process if anything is executed,
imported, opened or connected to during a load; what is allocated is counted. tests/test_fuzz_files.py makes a
short run of it.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import io
import itertools
import json
import os
import pickle
import pickletools
import random
import re
import struct
import sys
import tracemalloc
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import rushlight

DOCUMENTED = (pickle.UnpicklingError, RuntimeError)  # and TypeError for a dtype that rushlight has not
LIMIT = 20  # seconds for one case
ROOM = 4_000_000  # bytes for what every load needs: buffers of zlib, the unpickler's stack
DEFLATE = 1032  # bytes that one byte of a compressed file may stand for
CODECS = ("ascii", "cp437", "latin_1", "raw_unicode_escape", "unicode_escape")  # of names and old opcodes

File = bytes


# ---- good files ------------------------------------------------------------------------------------------
def good_files() -> list[File]:
    """A few of each format, of some hundred bytes to some kilobytes."""
    state = {f"layer{i}.weight": rushlight.arange(float(6 * i)).reshape(2, 3 * i) for i in range(1, 5)}
    state["mask"] = rushlight.tensor([[True], [False]])
    nested = OrderedDict(
        state=[state, (1, 2.5, None, "text", 2**70)],
        view=rushlight.arange(12).reshape(3, 4).t(),
        half=rushlight.ones(3, dtype=rushlight.float16),
        count=Counter("abca"),
        parameter=rushlight.nn.Parameter(rushlight.ones(2)),
        size=rushlight.Size([2, 3]),
        kind=rushlight.int64,
    )
    files = [saved(state, ".pt"), saved(nested, ".pt"), saved(state, ".npz")]
    compressed = io.BytesIO()
    np.savez_compressed(compressed, a=np.zeros((40, 30)), b=np.asfortranarray(np.arange(6).reshape(2, 3)))
    files.append(compressed.getvalue())
    files.append(safetensors_file({name: value.numpy() for name, value in state.items()}))
    return files


def saved(value: Any, suffix: str) -> File:
    file = io.BytesIO()
    if suffix == ".pt":
        rushlight.save(value, file)
    else:
        np.savez(file, **{name: tensor.numpy() for name, tensor in value.items()})
    return file.getvalue()


def safetensors_file(arrays: dict[str, np.ndarray]) -> File:
    """As the library writes it; written here, so that the format's header can be lied about without it."""
    kinds = {"float32": "F32", "bool": "BOOL"}
    header, body = {}, b""
    for name, array in arrays.items():
        begin, body = len(body), body + array.tobytes()
        offsets = [begin, len(body)]
        header[name] = {"dtype": kinds[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


# ---- damage ----------------------------------------------------------------------------------------------
HUGE = (0, 1, 2**31 - 1, 2**32 - 1, 2**31, 2**40, 2**63 - 1, 2**63, 2**64 - 1)


def cut(data: File, other: File, rng: random.Random) -> File:
    return data[: rng.randrange(len(data))]


def flip(data: File, other: File, rng: random.Random) -> File:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(data: File, other: File, rng: random.Random) -> File:
    place, length = rng.randrange(len(data)), rng.choice((1, 4, 8, 40, 400))
    filling = rng.choice((b"\0" * length, b"\xff" * length, rng.randbytes(length), other[:length]))
    return data[:place] + filling + data[place + length :]


def splice(data: File, other: File, rng: random.Random) -> File:
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def delete(data: File, other: File, rng: random.Random) -> File:
    place = rng.randrange(len(data))
    return data[:place] + data[place + rng.choice((1, 3, 16, 100)) :]


def insert(data: File, other: File, rng: random.Random) -> File:
    place, source = rng.randrange(len(data)), rng.randrange(len(other))
    return data[:place] + other[source : source + rng.choice((1, 8, 100))] + data[place:]


def lie(data: File, other: File, rng: random.Random) -> File:
    """A size that is far too large or too small: in a zip header, an .npy or a safetensors header."""
    fields = [
        match.start() + at for match in re.finditer(b"PK\1\2", data) for at in (16, 20, 24, 28, 30, 32, 42)
    ]
    fields += [match.start() + at for match in re.finditer(b"PK\3\4", data) for at in (14, 18, 22, 26, 28)]
    fields += [match.start() + at for match in re.finditer(b"PK\5\6", data) for at in (8, 10, 12, 16, 20)]
    numbers = [match.span() for match in re.finditer(rb"\d+", data[:4000])]
    if numbers and (not fields or rng.random() < 0.4):
        begin, end = rng.choice(numbers)
        return data[:begin] + str(rng.choice((-1, *HUGE))).encode() + data[end:]
    place, width = (rng.choice(fields), rng.choice((2, 4))) if fields else (0, 8)
    return (
        data[:place] + (rng.choice(HUGE) % 2 ** (8 * width)).to_bytes(width, "little") + data[place + width :]
    )


DAMAGES: tuple[Callable[[File, File, random.Random], File], ...] = (
    *(cut, flip, flip, overwrite, splice, delete, insert, lie, lie),
)


def damaged_record(data: File, other: File, rng: random.Random) -> File:
    """A well-formed zip file with a damaged record: its checksum is right."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        records = {name: source.read(name) for name in source.namelist()}
    names = [name for name, content in records.items() if content]
    name = next((name for name in names if name.endswith("data.pkl")), names[0])
    name = name if rng.random() < 0.6 else rng.choice(names)
    change = hostile if name.endswith(".pkl") and rng.random() < 0.7 else rng.choice(DAMAGES)
    records[name] = change(records[name], other, rng)
    if rng.random() < 0.1:
        records[rng.choice(list(records)) + rng.choice(("", "x", "/../../etc/passwd"))] = b"again"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as target:
        for name, content in records.items():
            target.writestr(name, content)
    return file.getvalue()


# ---- pickles that would run something --------------------------------------------------------------------
NAMES = (
    *(
        "os system",
        "posix system",
        "builtins eval",
        "builtins exec",
        "builtins __import__",
        "builtins getattr",
    ),
    *("subprocess Popen", "torch load", "numpy fromfile", "torch.storage _load_from_bytes", "sys exit"),
    *("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter", "collections OrderedDict"),
    *("torch FloatStorage", "torch Size", "torch float32", "collections Counter", "rushlight load"),
)
TEXTS = ("echo hacked", "1/0", "__class__", "__dict__", "_metadata", "storage", "0", "cpu", "/etc/passwd")


def hostile(data: File, other: File, rng: random.Random) -> File:
    """The pickle with opcodes put in, left out, doubled or moved, at the borders between them."""
    try:
        places = [place for _, _, place in pickletools.genops(data)] + [len(data)]
    except Exception:  # damaged before
        return flip(data, other, rng)
    parts = [data[begin:end] for begin, end in itertools.pairwise(places)]
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(parts) + 1)
        if rng.random() < 0.7:
            parts[at:at] = opcodes(rng)
        elif parts:
            source = rng.randrange(len(parts))
            parts[at:at] = parts[source : source + rng.randrange(4)]
            del parts[source : source + rng.randrange(2)]
    return b"".join(parts)


def opcodes(rng: random.Random) -> list[bytes]:
    """A few that could do harm in another unpickler."""
    text = rng.choice(TEXTS).encode()
    name = b"c" + rng.choice(NAMES).replace(" ", "\n").encode() + b"\n"
    word = b"X" + struct.pack("<I", len(text)) + text
    number = b"\x8a\x08" + rng.choice(HUGE).to_bytes(9, "little")[:8]
    return rng.choice(
        (
            [name, word, b"\x85", b"R"],  # name(text)
            [name, b")", b"R"],
            [name, b")", b"\x81"],
            [name],
            [b"(", word, b"i" + name[1:]],
            [b"}", word, word, b"s", b"b"],  # state for whatever is there
            [word, b"Q"],
            [b"(", word, name, word, word, number, b"t", b"Q"],
            [number],
            [b"0"],
            [b"2"],
            [b"("],
            [b"t"],
            [b"u"],
            [b"R"],
            [b"."],
            [b"h" + bytes([rng.randrange(30)])],
            [b"q" + bytes([rng.randrange(30)])],
            [b"\x82\x01"],
            [b"X" + struct.pack("<I", 2**31 - 1)],
        )
    )


# ---- one case --------------------------------------------------------------------------------------------
def make_case(files: list[File], rng: random.Random) -> File:
    data, other = rng.choice(files), rng.choice(files)
    if data.startswith(b"PK") and rng.random() < 0.5:
        return damaged_record(data, other, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(DAMAGES)(data, other, rng) or b"\0"
    return data


class Guard:
    """Ends the process if anything that files must not do is done while `watching`."""

    FORBIDDEN = re.compile(
        r"exec|import|open|os\.|subprocess|socket|ctypes|shutil|pickle|code\.|marshal|urllib|webbrowser|signal"
    )

    def __init__(self) -> None:
        self.watching = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.watching and self.FORBIDDEN.match(event):
            self.watching = False
            print(f"a file made the process do {event}{arguments}", file=sys.stderr, flush=True)
            os._exit(3)


def touched(value: Any) -> int:
    """Read every element of every Tensor in what was loaded; how many there are."""
    if isinstance(value, rushlight.Tensor):
        array = value.detach().numpy()
        return int(np.isfinite(array).size if array.size < 10**7 else array.flat[0].size)
    if isinstance(value, dict):
        return sum(map(touched, value.values()))
    return sum(map(touched, value)) if isinstance(value, (list, tuple)) else 0


def load(data: File, guard: Guard) -> str:
    """What became of it: "loaded" or the error's name. AssertionError for what must not happen."""
    file = io.BytesIO(data)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    guard.watching = True
    try:
        value = rushlight.load(file)
        outcome = "loaded"
    except DOCUMENTED as error:
        assert not isinstance(error, (RecursionError, NotImplementedError)) and str(error), repr(error)
        value, outcome = None, type(error).__name__
    except TypeError as error:
        assert "can't convert" in str(error), repr(error)
        value, outcome = None, "TypeError"
    finally:
        guard.watching = False
    taken = tracemalloc.get_traced_memory()[1] - before
    compressed = DEFLATE if b"PK" in data else 1
    assert taken <= ROOM + 20 * len(data) + compressed * len(data), f"{taken} bytes for a file of {len(data)}"
    touched(value)
    return outcome


def cases(seed: int, numbers: range) -> Iterator[tuple[int, File]]:
    files = good_files()
    for number in numbers:
        yield number, make_case(files, random.Random(seed * 1_000_003 + number))


def run(seed: int, numbers: range) -> tuple[Counter[str], int]:
    """Load them all: how many came to what, and how many were bad."""
    guard, found, bad = Guard(), Counter[str](), 0
    for data in good_files():
        warm_up(data)
    tracemalloc.start()
    for number, data in cases(seed, numbers):
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        try:
            found[load(data, guard)] += 1
        except Exception as error:
            bad += 1
            print(f"--seed {seed} --case {number}: {error!r:.300}")
    faulthandler.cancel_dump_traceback_later()
    tracemalloc.stop()
    return found, bad


def warm_up(data: File) -> None:
    """Load it unwatched, whole and broken: modules are imported when they are first needed, those of Python's
    own parser too, which reads the headers of .npy records, and codecs."""
    for module in ("unicodedata", *(f"encodings.{name}" for name in CODECS)):
        importlib.import_module(module)
    for each in (data, data[:-3], data[:40], b"\x80\x02."):
        with contextlib.suppress(*DOCUMENTED):
            rushlight.load(io.BytesIO(each))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="this one alone")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the one case there")
    options = parser.parse_args()
    numbers = range(options.cases) if options.case is None else range(options.case, options.case + 1)
    if options.keep and options.case is not None:
        options.keep.write_bytes(next(cases(options.seed, numbers))[1])
    found, bad = run(options.seed, numbers)
    print(f"{len(numbers)} files, {bad} bad:", dict(found.most_common()))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
