"""`python bench/compare.py old.json new.json`: did it get faster or slower? Exit status 1 on a regression.

Reads files that run.py wrote; measures nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

if __package__ in (None, ""):  # run as a file: make `bench` importable, and keep bench/ itself off the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.peers import OURS
from bench.report import SCHEMA, align, microseconds

Key = tuple[str, str, int, str]  # layer, direction, threads, label
Range = tuple[float, float]


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Without the usage text: `--help` has it."""
        self.exit(2, f"{self.prog}: error: {message}\n")


@dataclass(frozen=True)
class Change:
    """One row in both files: (best, worst) round's median in seconds, and the yardstick's on the same row."""

    key: Key
    old: Range
    new: Range
    old_yardstick: Range = (1.0, 1.0)
    new_yardstick: Range = (1.0, 1.0)

    @property
    def ratio(self) -> float:
        """Above 1 is slower."""
        return self.new[0] / self.old[0] * self.old_yardstick[0] / self.new_yardstick[0]

    @property
    def apart(self) -> bool:
        """Whether even the luckiest round of the slower one is behind the unluckiest of the faster one."""
        lowest = self.new[0] / self.old[1] * self.old_yardstick[0] / self.new_yardstick[1]
        highest = self.new[1] / self.old[0] * self.old_yardstick[1] / self.new_yardstick[0]
        return lowest > 1 or highest < 1

    def verdict(self, threshold: float) -> str:
        """`slower` and `faster` need both: beyond the threshold, and no overlap of the rounds."""
        if 1 / (1 + threshold) <= self.ratio <= 1 + threshold:
            return ""
        word = "slower" if self.ratio > 1 else "faster"
        return word if self.apart else f"{word}? rounds overlap"


def read(path: Path) -> dict[str, Any]:
    """A file of run.py's; ValueError with one line if it is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"{path} is not a file written by bench/run.py --json (schema {SCHEMA})")
    return document


def _by_key(document: dict[str, Any]) -> dict[Key, dict[str, Any]]:
    return {(r["layer"], r["direction"], r["threads"], r["label"]): r for r in document["results"]}


def _range(result: dict[str, Any]) -> Range:
    medians = [r["median"] for r in result["rounds"]]
    return min(medians), max(medians)


def changes(old: dict[str, Any], new: dict[str, Any], peer: str, yardstick: str | None) -> list[Change]:
    """Every row that `peer` has a time for in both files."""
    before, after = _by_key(old), _by_key(new)
    found = []
    for key, result in after.items():
        if result["peer"] != peer or not result["rounds"] or not before.get(key, {}).get("rounds"):
            continue
        ranges = [_range(before[key]), _range(result)]
        if yardstick:
            same = (*key[:3], yardstick)
            if not (before.get(same, {}).get("rounds") and after.get(same, {}).get("rounds")):
                continue
            ranges += [_range(before[same]), _range(after[same])]
        found.append(Change(key, *ranges))
    return found


def broken(old: dict[str, Any], new: dict[str, Any], peer: str) -> list[str]:
    """Rows that had a time and now have an error instead."""
    before, after = _by_key(old), _by_key(new)
    return [
        "{} {} {} threads {}".format(*key) + f": {result['reason']}"
        for key, result in after.items()
        if result["peer"] == peer and result["status"] == "error" and before.get(key, {}).get("rounds")
    ]


def warnings(old: dict[str, Any], new: dict[str, Any], rows: int, peer: str) -> list[str]:
    """Reasons to distrust the comparison."""
    lines = []
    for name in ("machine", "settings"):
        keys = [k for k in old[name] if k != "load" and old[name][k] != new[name].get(k)]
        lines += [f"note: {name} differ in {', '.join(keys)}"] if keys else []
    if old["settings"]["quick"] or new["settings"]["quick"]:
        lines.append("note: --quick files hold single cold calls; their times mean little")
    for name, document in (("old", old), ("new", new)):
        alone = sum(r["peer"] == peer and bool(r["rounds"]) for r in document["results"]) - rows
        lines += [f"note: {alone} rows of the {name} file are not compared"] if alone else []
    return lines


def table(found: Sequence[Change], threshold: float) -> str:
    """Times with the spread of their rounds, ratios, verdicts."""
    header = ["layer", "direction", "threads", "label", "old us", "spread", "new us", "spread", "new/old", ""]
    lines = []
    for change in found:
        times = []
        for best, worst in (change.old, change.new):
            times += [microseconds(best), f"{worst / best - 1:.0%}"]
        judged = [f"{change.ratio:.2f}", change.verdict(threshold)]
        lines.append([*map(str, change.key), *times, *judged])
    return align(header, lines)


def main(argv: Sequence[str] | None = None) -> int:
    """0: no regression; 1: at least one; 2: bad options or files."""
    parser = Parser(
        prog="bench/compare.py", description="Compares two files that bench/run.py wrote.", allow_abbrev=False
    )
    add = parser.add_argument
    add("old", type=Path)
    add("new", type=Path)
    add("--threshold", type=float, default=0.05, help="share that counts as a change (default: %(default)s)")
    add("--peer", default=OURS, help="whose times are compared (default: %(default)s)")
    add("--relative-to", metavar="LABEL", help="divide by this one's change on the same row, such as torch")
    options = parser.parse_args(argv)
    if not options.threshold >= 0:
        parser.error("--threshold must not be negative")
    try:
        old, new = read(options.old), read(options.new)
    except ValueError as error:
        parser.error(str(error))
    found = changes(old, new, options.peer, options.relative_to)
    failures = broken(old, new, options.peer)
    if not found and not failures:
        parser.error("the files have no row in common")
    print(table(found, options.threshold))
    slower = [change for change in found if change.verdict(options.threshold) == "slower"]
    mean = math.exp(sum(math.log(change.ratio) for change in found) / len(found)) if found else 1.0
    summary = (
        f"{len(found)} rows, geometric mean new/old {mean:.3f}; {len(slower)} slower, {len(failures)} broken"
    )
    lines = [*warnings(old, new, len(found), options.peer), *(f"BROKEN {line}" for line in failures)]
    print("\n" + "\n".join([summary, *lines]))
    return int(bool(slower or failures))


if __name__ == "__main__":
    sys.exit(main())
