"""What the figures were measured on: processor, memory, system, Python. Nothing is timed here."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def usable_cpus() -> int:
    """How many CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _from_file(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def _caches() -> list[str]:
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return found


def describe() -> dict[str, object]:
    """For the JSON file and the report's head."""
    release = platform.release().split("-")[0]
    return {
        "cpu": _from_file("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cpus": usable_cpus(),
        "caches": _caches(),
        "memory": _from_file("/proc/meminfo", "MemTotal"),
        "virtual": "hypervisor" in _from_file("/proc/cpuinfo", "flags").split(),
        "system": " ".join([platform.system(), release, *platform.libc_ver()]).strip(),
        "python": platform.python_version(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else [],
    }
