"""The table of what of torch there is: made from the code whenever the site is built, so it is never old.

torch_names.json has torch's public names and their parameters; `python docs/hooks/parity.py`, with torch
installed, writes it anew. Everything else comes from rushlight itself.
"""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any

NAMES = Path(__file__).with_name("torch_names.json")
MODULES = ("nn.functional", "nn", "nn.init", "nn.utils", "optim", "optim.lr_scheduler", "utils.data")
PLACE = "<!-- parity -->"


def parameters(thing: Any) -> list[str] | None:
    """The names of what a function or class takes; None if Python cannot tell (functions in C++)."""
    try:
        names = list(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return None
    return None if "args" in names else [name for name in names if not name.startswith("_")]


def public(module: Any) -> dict[str, Any]:
    """The functions and classes that a module offers."""
    listed = getattr(module, "__all__", None)
    found = {name: getattr(module, name) for name in listed or dir(module) if not name.startswith("_")}
    own = module.__name__.partition(".")[0]
    functions_only = module.__name__.endswith(("functional", "init"))
    return {
        name: thing
        for name, thing in found.items()
        if callable(thing)
        and (listed or str(getattr(thing, "__module__", "")).startswith(own))
        and not (functions_only and inspect.isclass(thing))
    }


def torch_names() -> dict[str, dict[str, list[str] | None]]:
    """What torch_names.json holds."""
    return {
        name: {
            key: parameters(thing)
            for key, thing in sorted(public(importlib.import_module(f"torch.{name}")).items())
        }
        for name in MODULES
    }


def differences(ours: list[str] | None, theirs: list[str] | None) -> str:
    """What a caller has to know about the parameters; nothing if they are the same."""
    if ours is None or theirs is None or ours == theirs:
        return ""
    absent = [f"`{name}`" for name in theirs if name not in ours]
    more = [f"`{name}`" for name in ours if name not in theirs]
    said = [f"without {', '.join(absent)}"] if absent else []
    said += [f"also {', '.join(more)}"] if more else []
    return "; ".join(said) or "another order of parameters"


def section(name: str, known: dict[str, list[str] | None]) -> str:
    """One module: a row per name that there is, and a list of those that there are not."""
    try:
        ours = public(importlib.import_module(f"rushlight.{name}"))
    except ImportError:
        ours = {}
    there = [key for key in known if key in ours]
    rows = [(key, differences(parameters(ours[key]), known[key])) for key in there]
    changed = [f"| `{key}` | {text} |" for key, text in rows if text]
    text = f"## torch.{name}\n\n{len(there)} of {len(known)} names.\n\n"
    text += listing("There", there)
    if changed:
        text += "\n".join(["| | parameters |", "| --- | --- |", *changed]) + "\n\n"
    text += listing("Here and not in torch", [key for key in sorted(ours) if key not in known])
    return text + listing("Absent", [key for key in known if key not in ours])


def listing(title: str, names: list[str]) -> str:
    """A paragraph of names, if there are any."""
    return f"{title}: {', '.join(f'`{name}`' for name in names)}.\n\n" if names else ""


def table() -> str:
    """The whole table, as Markdown."""
    return "".join(section(name, known) for name, known in json.loads(NAMES.read_text()).items())


def on_page_markdown(markdown: str, **unused: Any) -> str:
    """mkdocs calls this for every page."""
    return markdown.replace(PLACE, table()) if PLACE in markdown else markdown


if __name__ == "__main__":
    NAMES.write_text(json.dumps(torch_names(), indent=1) + "\n")
