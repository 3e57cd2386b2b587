"""How much memory this process holds, as Linux counts it; elsewhere everything is 0. For workers."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

# Freed blocks go back to the system at once, so that what is resident is what is in use.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_TOP_PAD_": "0"}


def memory(field: str) -> int:
    """A line of /proc/self/status in bytes: VmRSS now, VmHWM at most."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


def forget_peak() -> int:
    """Gives free blocks back and lets VmHWM begin again at the present VmRSS, which is returned."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):  # not Linux
        Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")
