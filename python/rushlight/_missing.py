"""Names of torch that are not here: the error that says so, and where the list of what is here stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

PARITY = "docs/parity.md"


def missing(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of the module `module`, for the names that it has not."""

    def __getattr__(name: str) -> NoReturn:
        if name.startswith("__"):  # what Python itself looks for
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        torch_name = f"torch{module[len('rushlight') :]}.{name}"
        error: Any = AttributeError(
            f"module {module!r} has no attribute {name!r}: rushlight has no {torch_name}. It has the part of "
            f"torch that is about convolutional networks on the CPU; dir({module}) and {PARITY} list it"
        )
        error.torch_name = torch_name  # by which `rushlight run` knows it
        raise error

    return __getattr__
