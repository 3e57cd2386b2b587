"""Arrays between inaccessible pages: a read or write outside them ends the process, on the spot.

`Guards()(array)` copies an array against a page's end or start. `guarded_outputs()` makes NumPy itself
allocate that way, so that arrays which compiled code asks NumPy for (results, contiguous copies) are
guarded too. Bytes that share a page with an array, on its other side, hold a pattern that is checked
when the array goes away or `check()` is called.
"""

from __future__ import annotations

import ctypes
import mmap
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

PAGE = mmap.PAGESIZE
PATTERN = 0xA5
_PROT_NONE, _PROT_READ_WRITE = 0, mmap.PROT_READ | mmap.PROT_WRITE
_MAP_PRIVATE_ANONYMOUS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Block:
    """`size` bytes with an inaccessible page on either side, flush with the one after (or before) them."""

    def __init__(self, size: int, side: str = "end") -> None:
        self.size = size
        self.room = max(1, -(-size // PAGE)) * PAGE
        self.base = _libc.mmap(None, self.room + 2 * PAGE, _PROT_NONE, _MAP_PRIVATE_ANONYMOUS, -1, 0)
        if self.base in (None, ctypes.c_void_p(-1).value):
            raise OSError(ctypes.get_errno(), "mmap failed")
        if _libc.mprotect(self.base + PAGE, self.room, _PROT_READ_WRITE):
            raise OSError(ctypes.get_errno(), "mprotect failed")
        ctypes.memset(self.base + PAGE, PATTERN, self.room)
        self.address = self.base + PAGE + (self.room - size if side == "end" else 0)

    def intact(self) -> bool:
        """Whether the bytes that share pages with the block still hold the pattern."""
        before = self.address - self.base - PAGE
        slack = ctypes.string_at(self.base + PAGE, before) + ctypes.string_at(
            self.address + self.size, self.room - before - self.size
        )
        return slack == bytes([PATTERN]) * len(slack)

    def free(self) -> None:
        _libc.munmap(self.base, self.room + 2 * PAGE)


class Guards:
    """The guarded copies of one test; keeps them alive until `check()` has seen them all."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.arrays: list[np.ndarray] = []

    def __call__(self, array: np.ndarray, side: str = "end") -> np.ndarray:
        """A copy with the same order of axes in memory, otherwise contiguous."""
        order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
        block = Block(array.nbytes, side)
        memory = (ctypes.c_char * array.nbytes).from_address(block.address)
        weakref.finalize(memory, block.free)
        copy = np.frombuffer(memory, array.dtype).reshape([array.shape[axis] for axis in order])
        copy = copy.transpose(np.argsort(order))
        copy[...] = array
        self.blocks.append(block)
        self.arrays.append(copy)
        return copy

    def check(self) -> None:
        assert all(block.intact() for block in self.blocks), "bytes beside an array were overwritten"


# ---------------------------------------------------------------- NumPy's own allocations

_malloc_type = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_calloc_type = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
_realloc_type = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_free_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

_live: dict[int, Block] = {}
_overwritten: list[int] = []


def _malloc(_: int | None, size: int) -> int:
    block = Block(size)
    _live[block.address] = block
    return block.address


def _calloc(_: int | None, count: int, size: int) -> int:
    address = _malloc(None, count * size)
    ctypes.memset(address, 0, count * size)
    return address


def _free(_: int | None, address: int | None, size: int) -> None:
    block = _live.pop(address, None) if address else None
    if block:
        if not block.intact():
            _overwritten.append(size)
        block.free()


def _realloc(_: int | None, address: int | None, size: int) -> int:
    new = _malloc(None, size)
    if address:
        ctypes.memmove(new, address, min(size, _live[address].size))
        _free(None, address, 0)
    return new


class _Handler(ctypes.Structure):  # PyDataMem_Handler of NumPy's C API
    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("ctx", ctypes.c_void_p),
        ("malloc", _malloc_type),
        ("calloc", _calloc_type),
        ("realloc", _realloc_type),
        ("free", _free_type),
    )


# Arrays keep their handler, so it lives as long as the process.
_handler = _Handler(
    b"guarded",
    1,
    None,
    _malloc_type(_malloc),
    _calloc_type(_calloc),
    _realloc_type(_realloc),
    _free_type(_free),
)
_SET_HANDLER = 304  # index of PyDataMem_SetHandler in NumPy's function table, since 1.22


def _set_handler(capsule: object) -> object:
    core = np._core if int(np.__version__.split(".")[0]) >= 2 else np.core  # 1.26 has an empty _core, too
    umath = core._multiarray_umath
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = pointer(umath._ARRAY_API, None)
    entry = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[_SET_HANDLER]
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(entry)(capsule)


@contextmanager
def guarded_outputs() -> Iterator[None]:
    """Inside, every array that NumPy allocates lies against an inaccessible page.

    Fails if bytes beside one of them have changed.
    """
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    _overwritten.clear()
    before = _set_handler(new(ctypes.addressof(_handler), b"mem_handler", None))
    try:
        yield
    finally:
        _set_handler(before)
    assert all(block.intact() for block in _live.values()), "bytes beside an array were overwritten"
    assert not _overwritten, f"bytes beside an array of {_overwritten[0]} bytes were overwritten"
