"""Writes docs/parity.md: what of torch exists in rushlight, what differs, what is absent. Needs torch.

    python docs/parity.py

The names are read from both libraries; the differences are listed here. A test checks that the
page is current.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("parity.md")

# Where rushlight deliberately does something else, by torch's full name.
DIFFERENCES = {
    "torch.nn.functional.conv2d": "takes ndarrays too; four-sided padding `((top, bottom), (left, right))`; "
    "zero input channels give the bias; padded taps never contribute, so an infinite weight at the border "
    "does not become NaN; mixed float32 and float64 raise one text, naming the way out; no complex numbers",
    "torch.nn.functional.conv_transpose2d": "the bias's dtype is checked as in conv2d",
    "torch.nn.functional.max_pool2d": "one rule for padding, `2 * padding <= kernel_size`, checked first; "
    "four-sided padding",
    "torch.nn.functional.unfold": "integers too",
    "torch.nn.functional.fold": "integers too",
    "torch.nn.functional.adaptive_avg_pool2d": "integers too",
    "torch.nn.functional.gelu": "its limits at infinite input, for every dtype",
    "torch.nn.functional.silu": "its limits at infinite input, for every dtype",
    "torch.nn.ConvTranspose2d": "`padding='same'` raises when the layer is made",
    "torch.optim.SGD": "not `differentiable`; `foreach` and `fused` change nothing",
    "torch.optim.Adam": "not `differentiable`; `foreach`, `fused` and `capturable` change nothing",
    "torch.optim.AdamW": "as Adam",
    "torch.utils.data.DataLoader": "reads in this process whatever `num_workers` says, in the same order",
    "torch.save": "the suffix chooses the format: .npz, .safetensors, else torch's; no arbitrary objects",
    "torch.load": "reads .npz and .safetensors too; never executes anything, whatever `weights_only` says; "
    "bfloat16 comes as float32; everything goes to the CPU",
    "torch.from_numpy": "shares negative strides, copies foreign byte orders, refuses writes to "
    "read-only memory",
    "torch.randn": "from 16 elements on within 2.4e-7 of torch's; below that equal",
    "torch.normal": "as randn",
    "torch.device": "only the CPU",
}
NOT_FUNCTIONS = ("assert_int_or_pair", "boolean_dispatch", "handle_torch_function")


def functions(module: types.ModuleType) -> list[str]:
    """Its public functions, without what it only imports."""
    kinds = (types.FunctionType, types.BuiltinFunctionType)
    names = [name for name in dir(module) if not name.startswith(("_", "has_torch_function"))]
    return [name for name in names if isinstance(getattr(module, name), kinds) and name not in NOT_FUNCTIONS]


def classes(base: type) -> Callable[[types.ModuleType], list[str]]:
    """Its public subclasses of `base`."""

    def find(module: types.ModuleType) -> list[str]:
        names = [name for name in dir(module) if not name.startswith("_")]
        return [
            n for n in names if inspect.isclass(getattr(module, n)) and issubclass(getattr(module, n), base)
        ]

    return find


def listed(names: Iterable[str]) -> Callable[[types.ModuleType], list[str]]:
    """These names."""
    return lambda module: sorted(names)


def section(title: str, ours: Any, theirs: list[str]) -> list[str]:
    """A heading, a table of what exists with its differences, and a line of what is absent."""
    here = [name for name in theirs if hasattr(ours, name)]
    absent = [name for name in theirs if not hasattr(ours, name)]
    lines = ["", f"## {title}: {len(here)} of {len(theirs)}", ""]
    different = [name for name in here if f"{title}.{name}" in DIFFERENCES]
    lines += [
        "Exists, as in torch: " + ", ".join([f"`{name}`" for name in here if name not in different]) + "."
    ]
    if different:
        lines += ["", "| exists | what differs |", "| --- | --- |"]
        lines += [f"| `{name}` | {DIFFERENCES[f'{title}.{name}']} |" for name in different]
    if absent:
        lines += ["", "Absent: " + ", ".join([f"`{name}`" for name in absent]) + "."]
    return lines


def page() -> str:
    """The whole page."""
    import torch
    from torch.utils import data

    import rushlight

    tables: list[tuple[str, Any, types.ModuleType, Callable[[types.ModuleType], list[str]]]] = [
        ("torch.nn.functional", rushlight.nn.functional, torch.nn.functional, functions),
        ("torch.nn", rushlight.nn, torch.nn, classes(torch.nn.Module)),
        (
            "torch.nn.init",
            rushlight.nn.init,
            torch.nn.init,
            lambda m: [n for n in functions(m) if n[-1] == "_"],
        ),
        ("torch.optim", rushlight.optim, torch.optim, classes(torch.optim.Optimizer)),
        (
            "torch.optim.lr_scheduler",
            rushlight.optim.lr_scheduler,
            torch.optim.lr_scheduler,
            classes(torch.optim.lr_scheduler.LRScheduler),
        ),
        ("torch.utils.data", rushlight.utils.data, data, listed(data.__all__)),
    ]
    major, minor = torch.__version__.split(".")[:2]
    lines = [
        "# What of torch is here",
        "",
        f"Written by `docs/parity.py` from rushlight and torch {major}.{minor}; a test checks that it is "
        "current. Everything listed takes torch's arguments and gives torch's values, gradients, texts and "
        "errors, except where a table says what differs. ndarrays are taken wherever the functions of "
        "`torch.nn.functional` take Tensors, and then ndarrays come back. There are no complex, bfloat16, sparse "
        "or quantised Tensors and no device but the CPU.",
    ]
    for title, ours, theirs, names in tables:
        lines += section(title, ours, names(theirs))
    shared = [name for name in functions(torch) if hasattr(rushlight, name)]
    lines += ["", f"## torch: {len(shared)} functions", ""]
    lines += [
        "Exists, as in torch: "
        + ", ".join([f"`{n}`" for n in shared if f"torch.{n}" not in DIFFERENCES])
        + "."
    ]
    lines += ["", "| exists | what differs |", "| --- | --- |"]
    lines += [
        f"| `{name[len('torch.') :]}` | {text} |"
        for name, text in sorted(DIFFERENCES.items())
        if name.count(".") == 1 and hasattr(rushlight, name[len("torch.") :])
    ]
    methods = [n for n in dir(torch.Tensor) if n[0] != "_" and hasattr(rushlight.Tensor, n)]
    lines += ["", f"## torch.Tensor: {len(methods)} methods and attributes", ""]
    lines += [", ".join([f"`{name}`" for name in methods]) + "."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
