"""The main job's command line: what may be asked for, and one clear line (exit status 2) for what may not."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

DEFAULT_OUTPUT = Path("rushlight-demo.png")


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Without the usage text: `--help` has it."""
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def _count(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if not 1 <= value <= 4096:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 4096, got {text!r}")
    return value


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 4294967295, got {text!r}")
    return int(text)


def parser() -> Parser:
    """All options; `parse` reads them."""
    made = Parser(
        prog="python -m rushlight",
        description="Learns an edge kernel, trains a small CNN on handwritten digits, races native code "
        "against NumPy and plain Python, draws what was learned. Takes well under a minute.",
        allow_abbrev=False,
    )
    add = made.add_argument
    add(
        "--seed",
        type=_seed,
        default=0,
        help="for the initial weights, the split and the batches (default: 0)",
    )
    add(
        "--threads",
        type=_count,
        metavar="N",
        help="threads for rushlight (default: as many CPUs as it may use)",
    )
    add("--no-plot", action="store_true", help="draw no figure")
    add("--output", type=Path, metavar="FILE", help=f"where the figure goes (default: {DEFAULT_OUTPUT})")
    add(
        "--digits",
        type=Path,
        metavar="FILE",
        help="read digits from this CSV: 64 pixels of 0 to 16, then the digit",
    )
    add("--quick", action="store_true", help="a few seconds in all: little training, hasty timings")
    return made
