"""`python alone.py MODULE`: a worker's process. The benchmark's modules are loaded under another name than
`rushlight.bench`, since that would import rushlight first: a peer's process holds the peer alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = "rushlight_bench"


def load(module: str) -> object:
    """The benchmark's module of that name, below a package whose parent is nobody."""
    spec = importlib.util.spec_from_file_location(
        NAME, HERE / "__init__.py", submodule_search_locations=[str(HERE)]
    )
    assert spec is not None and spec.loader is not None
    sys.modules[NAME] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return importlib.import_module(f"{NAME}.{module}")


if __name__ == "__main__":
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]  # its names would hide others
    sys.path.append(str(HERE.parents[1]))  # where ours is, if nowhere else: the parent ran it in its folder
    vars(load(sys.argv[1]))["main"]()
