"""`rushlight run script.py [args]`: a script written for PyTorch, with `torch` resolved to rushlight.

Only this process is concerned: `import torch`, `from torch.utils.data import DataLoader` and their like find
rushlight's modules, whether or not PyTorch is installed.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
import traceback
import types
from collections.abc import Sequence
from typing import Any, NoReturn

from ._missing import PARITY

_FOR_TORCH_ONLY = ("torchvision", "torchaudio", "torchtext", "functorch")
USAGE = "usage: rushlight run script.py [arguments of the script]"


class TorchIsRushlight:
    """Finds `torch` and its submodules: the modules of rushlight under other names. For sys.meta_path."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        """For the import system."""
        top, _, rest = name.partition(".")
        if top in _FOR_TORCH_ONLY:
            raise ModuleNotFoundError(
                f"{top} works with PyTorch itself only; `rushlight run` has nothing in its place", name=name
            )
        if top != "torch":
            return None
        ours = f"rushlight.{rest}" if rest else "rushlight"
        try:
            module = importlib.import_module(ours)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{ours}.".startswith(f"{error.name}."):
                raise  # a library that the module needs
            raise ModuleNotFoundError(f"rushlight has no {name}", name=name) from None
        loader: Any = _Existing(module)
        return importlib.machinery.ModuleSpec(name, loader, is_package=hasattr(module, "__path__"))


class _Existing:
    """A loader of a module that is there already, which keeps the name it was made under."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: Any) -> types.ModuleType:
        return self._module

    def exec_module(self, module: types.ModuleType) -> None:
        module.__spec__ = self._spec


def main(arguments: Sequence[str]) -> int:
    """Run the script `arguments[0]` as `python` would; returns the exit status if it does not exit itself."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    script = arguments[0]
    try:
        with open(script, "rb") as file:
            source = file.read()
    except OSError as error:
        print(f"rushlight run: error: cannot read {script}: {error.strerror}", file=sys.stderr)
        return 2
    sys.argv = list(arguments)
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.abspath(script))
    sys.meta_path.insert(0, TorchIsRushlight)
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=script, __builtins__=__builtins__)
    sys.modules["__main__"] = module
    try:
        exec(compile(source, script, "exec"), module.__dict__)
    except Exception as error:
        _report(error)
    return 0


def _report(error: Exception) -> NoReturn:
    """The traceback from the script on. A missing name's is without rushlight's frames, its line last."""
    text = traceback.TracebackException.from_exception(error)
    del text.stack[0]  # `main`
    missing = _missing_name(error)
    if missing:
        text.stack[:] = [frame for frame in text.stack if not _is_ours(frame.filename)]
    sys.stderr.write("".join(text.format()))
    if missing and text.stack:
        place = text.stack[-1]
        sys.stderr.write(f"{place.filename}:{place.lineno}: {missing}; {PARITY} lists what it has\n")
    sys.exit(1)


def _missing_name(error: Exception) -> str:
    """What is missing in rushlight, if that is what the error is about."""
    name = getattr(error, "torch_name", None)
    if name is not None:
        return f"rushlight has no {name}"
    ours = isinstance(error, ImportError) and (error.name or "").partition(".")[0] in ("torch", "rushlight")
    return str(error).partition(" (")[0] if ours else ""


def _is_ours(filename: str) -> bool:
    return filename.startswith((os.path.dirname(os.path.abspath(__file__)), "<frozen "))
