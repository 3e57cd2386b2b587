"""Refuses to be imported in a sub-interpreter, first of all: there NumPy and the compiled core, whose state
is the process's, hang or fail with words about something else. No more happens here."""

from __future__ import annotations

import sys
from importlib import import_module


def _is_main() -> bool:
    """Whether this is the process's main interpreter; True where Python cannot tell."""
    try:
        interpreters = import_module("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
    except ImportError:
        return True
    return bool(interpreters.get_current() == interpreters.get_main())


if not _is_main():
    raise ImportError(
        "rushlight can be imported in the main interpreter only, not in a sub-interpreter: use threads or "
        "processes"
    )
