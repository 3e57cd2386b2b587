"""How the compiled core runs: its instruction set, its threads, and `show_config`. No tensors here."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _core
from ._version import __version__

__all__ = ["available_isas", "get_num_threads", "isa", "set_isa", "set_num_threads", "show_config"]


def isa() -> str:
    """The name of the instruction set whose kernels are in use."""
    return _core.isa()


def available_isas() -> list[str]:
    """The instruction sets this CPU and build can use, the plain `reference` loops among them.

    >>> import rushlight
    >>> "reference" in rushlight.available_isas()
    True
    """
    return list(_core.available_isas())


def set_isa(name: str) -> None:
    """Use the kernels of another instruction set from now on; ValueError lists the names there are. The
    environment variable RUSHLIGHT_ISA does the same at import."""
    _core.set_isa(name)


def get_num_threads() -> int:
    """How many threads large operations use."""
    return int(_core.num_threads())


def set_num_threads(int: int) -> None:
    """Use so many threads from now on. The default respects CPU affinity, the cgroup's quota, OMP_NUM_THREADS
    and, above all, RUSHLIGHT_NUM_THREADS."""
    if isinstance(int, bool) or not hasattr(int, "__index__"):
        raise TypeError(f"set_num_threads expects an int, but got {type(int).__name__}")
    if int < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    _core.set_num_threads(int)


def show_config() -> str:
    """What was built and what runs, one fact per line: print it, or paste it into a report.

    >>> import rushlight
    >>> print(rushlight.show_config().splitlines()[0].split()[0])
    rushlight
    """
    import platform

    facts: dict[str, Any] = {"Python": platform.python_version(), "NumPy": np.__version__, **_core.config()}
    facts.pop("version", None)
    width = max(len(name) for name in facts)
    lines = [f"rushlight {__version__}"]
    lines += [f"  {name.replace('_', ' '):<{width}}  {_text(value)}" for name, value in facts.items()]
    return "\n".join(lines)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
