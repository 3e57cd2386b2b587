"""How the compiled core runs: instruction set, threads, precision, and `show_config`. No tensors here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import _core
from ._version import __version__

__all__ = [
    "available_isas",
    "float32_conv_precision",
    "get_float32_conv_precision",
    "get_num_threads",
    "isa",
    "num_threads",
    "set_float32_conv_precision",
    "set_isa",
    "set_num_threads",
    "show_config",
]


def isa() -> str:
    """The name of the instruction set whose kernels are in use.

    >>> import rushlight
    >>> rushlight.isa() in rushlight.available_isas()
    True
    """
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
    """How many threads large operations use.

    >>> import rushlight
    >>> rushlight.get_num_threads() >= 1
    True
    """
    return int(_core.num_threads())


def set_num_threads(int: int) -> None:
    """Use so many threads from now on. The default respects CPU affinity, the cgroup's quota, OMP_NUM_THREADS
    and, above all, RUSHLIGHT_NUM_THREADS."""
    if isinstance(int, bool) or not hasattr(int, "__index__"):
        raise TypeError(f"set_num_threads expects an int, but got {type(int).__name__}")
    if int < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    _core.set_num_threads(int)


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """`set_num_threads` for the length of a `with` block; the setting is the process's, not the thread's.

    >>> import rushlight
    >>> with rushlight.num_threads(1):
    ...     rushlight.get_num_threads()
    1
    """
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        _core.set_num_threads(before)


def get_float32_conv_precision() -> str:
    """ "highest", "high" or "medium": see `set_float32_conv_precision`.

    >>> import rushlight
    >>> rushlight.get_float32_conv_precision()
    'high'
    """
    return _core.conv_precision()


def set_float32_conv_precision(precision: str) -> None:
    """How much rounding a float32 convolution may trade for speed, from now on, in the whole process.

    "highest"  direct sums only
    "high"     (the default) F(2x2, 3x3) Winograd too, where it pays: errors of the direct sum's class, small
               integers exact, and each output depends on the same pixels
    "medium"   F(4x4, 3x3) too: faster, rounding errors a few times larger, and a large pixel disturbs
               outputs next to it by about 1e-7 of its size

    Measured errors against float64, max / rms, as a share of the result's rms; 3 x 3 kernels, weights and
    pixels normal, or uniform in 0 .. 1:

        data      channels  "highest"          "high"             "medium"
        normal          64  4.6e-06 / 4.2e-07  1.6e-06 / 2.6e-07  1.3e-05 / 8.4e-07
        normal         256  2.8e-06 / 4.3e-07  1.7e-06 / 3.6e-07  8.4e-06 / 1.1e-06
        normal         512  2.4e-06 / 4.3e-07  1.7e-06 / 3.7e-07  8.2e-06 / 1.1e-06
        positive        64  1.7e-06 / 3.5e-07  5.6e-07 / 1.4e-07  7.3e-07 / 1.2e-07
        positive       256  8.7e-07 / 1.8e-07  6.3e-07 / 1.5e-07  5.3e-07 / 1.1e-07
        positive       512  6.0e-07 / 1.3e-07  5.3e-07 / 1.2e-07  4.3e-07 / 9.5e-08

    NaN and infinity reach the same outputs at every setting. The environment variable
    RUSHLIGHT_CONV_PRECISION sets the first value. Raises ValueError for another name. The name follows
    torch's set_float32_matmul_precision; the algorithms are Lavin and Gray's (arXiv:1509.09308).

    >>> import rushlight
    >>> rushlight.set_float32_conv_precision("high")
    >>> rushlight.get_float32_conv_precision()
    'high'
    """
    if not isinstance(precision, str):
        raise TypeError(f"set_float32_conv_precision expects a str, but got {type(precision).__name__}")
    _core.set_conv_precision(precision)


@contextmanager
def float32_conv_precision(precision: str) -> Iterator[None]:
    """`set_float32_conv_precision` for the length of a `with` block.

    >>> import rushlight
    >>> with rushlight.float32_conv_precision("highest"):
    ...     rushlight.get_float32_conv_precision()
    'highest'
    """
    before = get_float32_conv_precision()
    set_float32_conv_precision(precision)
    try:
        yield
    finally:
        _core.set_conv_precision(before)


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
