"""The options of `rushlight bench`, and their checks. Nothing is measured and no library is called."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from . import machine
from .layers import DIRECTIONS, Layer, select
from .measure import Plan, rows
from .models import MODELS
from .peers import PEERS

ALL_DIRECTIONS = tuple(dict.fromkeys(d for several in DIRECTIONS.values() for d in several))
ROW_SUITES = ("layers", "ops", "scaling")  # one call each, timed by all libraries
SUITES = (*ROW_SUITES, "memory", "training", "overhead")
PRECISIONS = ("highest", "high", "medium")
PROGRAM = "rushlight bench"


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Without the usage text: `--help` has it."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def _words(text: str) -> list[str]:
    return [word for word in text.replace(" ", "").split(",") if word]


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="Times named layers, operators and training steps against other libraries.",
        epilog="bench/README.md of the source tree says how to read the figures, and how not to be fooled.",
        allow_abbrev=False,
    )
    what = parser.add_argument_group("what is measured")
    every, peers = ",".join(ALL_DIRECTIONS), ", ".join(list(PEERS)[1:])
    add = what.add_argument
    add(
        "--suite",
        type=_words,
        default=["layers", "ops"],
        metavar="NAMES",
        help=f"all, or some of {', '.join(SUITES)} (default: layers,ops)",
    )
    add("--layers", type=_words, default=[], metavar="NAMES", help="names, families or patterns: r50_*,unet")
    add("--direction", type=_words, metavar="NAMES", help=f"some of {every} (default: all; memory: forward)")
    add(
        "--threads",
        type=_words,
        metavar="COUNTS",
        help="such as 1,2 (default: 1 and all CPUs; --quick, training, overhead and memory: 1)",
    )
    add(
        "--isa", type=_words, default=[], metavar="NAMES", help="ours in these, or in all (default: the best)"
    )
    add(
        "--precision",
        type=_words,
        default=["high"],
        metavar="NAMES",
        help=f"ours at some of {', '.join(PRECISIONS)} (default: high)",
    )
    add(
        "--peers",
        type=_words,
        metavar="NAMES",
        help=f"all, none, or some of {peers} (default: all; --quick: numpy; memory and training: torch)",
    )
    add(
        "--models",
        type=_words,
        default=list(MODELS),
        metavar="NAMES",
        help=f"of training: {', '.join(MODELS)}",
    )
    add("--rounds", type=int, default=Plan.rounds, help="turns for every library (default: %(default)s)")
    add(
        "--seconds",
        type=float,
        default=Plan.seconds,
        help="per library and turn; ten times that for training (default: %(default)s)",
    )
    add("--quick", action="store_true", help="every benchmark once: checks them, times nothing worth reading")
    add("--list", action="store_true", help="show the layers and stop")
    where = parser.add_argument_group("where it goes").add_argument
    where("--json", type=Path, metavar="FILE", help="write all results there as well")
    where("--add", action="store_true", help="to what that file holds; rows measured again replace the old")
    where("--html", type=Path, metavar="FILE", help="one page with tables and pictures (needs matplotlib)")
    where("--plot", type=Path, metavar="FOLDER", help="the pictures alone, as PNG (needs matplotlib)")
    where("--from", dest="source", type=Path, metavar="JSON", help="measure nothing: show an earlier run")
    add = parser.add_argument_group("two runs against each other").add_argument
    add("--compare", type=Path, nargs=2, metavar=("OLD", "NEW"), help="exit status 1 if a row got slower")
    add("--threshold", type=float, default=0.05, help="share that counts as a change (default: %(default)s)")
    add("--confidence", type=float, default=0.9, help="of the intervals (default: %(default)s)")
    add("--of", default="rushlight", metavar="PEER", help="whose times are compared (default: %(default)s)")
    add("--relative-to", metavar="LABEL", help="divide by this one's time on the same row, such as torch")
    return parser


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options, checked; lists are separated by commas. A wrong one ends the program with one line."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        _check(options)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return options


def _check(options: argparse.Namespace) -> None:
    if not options.threshold >= 0 or not 0 < options.confidence < 1:
        raise ValueError("--threshold must not be negative, --confidence lies between 0 and 1")
    options.suite = list(SUITES) if options.suite == ["all"] else options.suite
    options.peers = options.peers or (["numpy"] if options.quick else None)
    options.threads_given = options.threads is not None
    if options.threads is None:
        options.threads = ["1"] if options.quick else list(dict.fromkeys(["1", str(machine.usable_cpus())]))
    for count in options.threads:
        if not count.isdecimal() or int(count) < 1:
            raise ValueError(f"--threads takes positive whole numbers, not {count!r}")
    options.threads = [int(count) for count in options.threads]
    options.direction_given = options.direction is not None
    options.direction = options.direction or list(ALL_DIRECTIONS)
    _known("suite", options.suite, SUITES)
    _known("direction", options.direction, ALL_DIRECTIONS)
    _known("precision", options.precision, PRECISIONS)
    _known("model", options.models, tuple(MODELS))
    _known("peer", options.peers or [], (*list(PEERS)[1:], "all", "none"))
    if options.rounds < 1 or not options.seconds > 0:
        raise ValueError("--rounds and --seconds must be positive")
    if options.add and options.json is None:
        raise ValueError("--add needs --json FILE")
    suites = [suite for suite in options.suite if suite in ROW_SUITES]
    options.chosen = _rows(options, suites)
    remembered = [suite for suite in suites if suite != "scaling"] or ["layers", "ops"]
    options.remembered = _rows(options, remembered if "memory" in options.suite else [])
    for file in (options.json, options.html):
        if file is not None:  # better to fail now than after an hour
            new = not file.exists()
            file.open("a").close()
            if new:
                file.unlink()


def _rows(options: argparse.Namespace, suites: Sequence[str]) -> list[Layer]:
    """The layers asked for of these suites; at least one, if there is a suite."""
    if not suites:
        return []
    chosen = select(options.layers, suites)
    if not rows(chosen, options.direction):
        raise ValueError("none of these layers has any of these directions")
    return chosen


def _known(kind: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"no {kind} {name!r}; there are {', '.join(known)}")
