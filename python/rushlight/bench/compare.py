"""`rushlight bench --compare old.json new.json`: did it get faster or slower? Exit status 1 on a regression.

Reads files that an earlier run wrote; measures nothing. The intervals are those that belong to the rank-sum
test of Mann and Whitney: nothing is assumed about how times are distributed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from .document import Document, Result, read
from .report import align, geometric_mean, microseconds

Key = tuple[str, str, int, str]  # layer, direction, threads, label


@dataclass(frozen=True)
class Change:
    """One row in both files: what each round said, in seconds or as a share of the yardstick's time."""

    key: Key
    times: tuple[float, float]  # best round's median, old and new, in seconds
    old: tuple[float, ...]
    new: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median of all new rounds over all old ones; above 1 is slower."""
        ratios = self._ratios()
        middle = len(ratios) // 2
        return ratios[middle] if len(ratios) % 2 else math.sqrt(ratios[middle - 1] * ratios[middle])

    def interval(self, confidence: float) -> tuple[float, float]:
        """Where the ratio lies with this confidence; all there is if the rounds are too few for it."""
        ratios = self._ratios()
        trimmed = outside(len(self.old), len(self.new), confidence)
        return ratios[trimmed], ratios[-1 - trimmed]

    def verdict(self, threshold: float, confidence: float) -> str:
        """`slower` and `faster` need both: beyond the threshold, and an interval without 1."""
        if 1 / (1 + threshold) <= self.ratio <= 1 + threshold:
            return ""
        word = "slower" if self.ratio > 1 else "faster"
        low, high = self.interval(confidence)
        return word if low > 1 or high < 1 else f"{word}? not certain"

    def _ratios(self) -> list[float]:
        return sorted(new / old for new in self.new for old in self.old)


@cache
def _counts(m: int, n: int) -> tuple[int, ...]:
    """How many of the orders of m and n rounds have u pairs the wrong way round, for u = 0 ... m * n."""
    if m == 0 or n == 0:
        return (1,)
    found = [0] * (m * n + 1)
    for u, count in enumerate(_counts(m - 1, n)):  # the largest of all is one of the m: behind all n others
        found[u + n] += count
    for u, count in enumerate(_counts(m, n - 1)):
        found[u] += count
    return tuple(found)


def outside(m: int, n: int, confidence: float) -> int:
    """How many of the m * n sorted ratios may be cut off at either end."""
    counts, most = _counts(m, n), (1 - confidence) / 2
    total, below, cut = math.comb(m + n, m), 0, 0
    while cut < (m * n - 1) // 2:
        below += counts[cut]
        if below > most * total * (1 + 1e-9):
            break
        cut += 1
    return max(0, cut - 1)


def reached(m: int, n: int) -> float:
    """The confidence of the whole range of the ratios: the most that so many rounds can give."""
    return 1 - 2 / math.comb(m + n, m)


def _by_key(document: Document) -> dict[Key, Result]:
    return {(r.layer, r.direction, r.threads, r.label): r for r in document.results}


def _medians(result: Result, yardstick: Result | None) -> tuple[float, ...]:
    mine = [each["median"] for each in result.rounds]
    if yardstick is None:
        return tuple(mine)
    others = [each["median"] for each in yardstick.rounds]
    others += [min(others)] * (len(mine) - len(others))  # a hopeless one was timed only once
    return tuple(a / b for a, b in zip(mine, others, strict=False))


def changes(old: Document, new: Document, peer: str, yardstick: str | None) -> list[Change]:
    """Every row that `peer` has a time for in both files."""
    before, after = _by_key(old), _by_key(new)
    found = []
    for key, result in after.items():
        earlier = before.get(key)
        if result.peer != peer or earlier is None or not (result.rounds and earlier.rounds):
            continue
        measures: list[Result | None] = [None, None]
        if yardstick:
            same = (*key[:3], yardstick)
            measures = [before.get(same), after.get(same)]
            if not all(each is not None and each.rounds for each in measures):
                continue
        rounds = [_medians(r, y) for r, y in zip((earlier, result), measures, strict=True)]
        found.append(Change(key, (earlier.time, result.time), *rounds))
    return found


def broken(old: Document, new: Document, peer: str) -> list[str]:
    """Rows that had a time and now have an error instead."""
    before = _by_key(old)
    return [
        "{} {} {} threads {}".format(*key) + f": {result.reason}"
        for key, result in _by_key(new).items()
        if result.peer == peer and result.status == "error" and key in before and before[key].rounds
    ]


def warnings(old: Document, new: Document, found: Sequence[Change], options: argparse.Namespace) -> list[str]:
    """Reasons to distrust the comparison."""
    lines = []
    for name in ("machine", "settings"):
        was, now = getattr(old, name), getattr(new, name)
        keys = [key for key in was if key != "load" and was[key] != now.get(key)]
        lines += [f"note: {name} differ in {', '.join(keys)}"] if keys else []
    if old.settings.get("quick") or new.settings.get("quick"):
        lines.append("note: --quick files hold single cold calls; their times mean little")
    for name, document in (("old", old), ("new", new)):
        alone = sum(r.peer == options.of and bool(r.rounds) for r in document.results) - len(found)
        lines += [f"note: {alone} rows of the {name} file are not compared"] if alone else []
    weakest = min((reached(len(change.old), len(change.new)) for change in found), default=1.0)
    if weakest < options.confidence:
        lines.append(f"note: the rounds are few: the confidence of some intervals is {weakest:.0%} only")
    return lines


def table(found: Sequence[Change], threshold: float, confidence: float) -> str:
    """Times, ratios with their intervals, verdicts."""
    header = [
        "layer",
        "direction",
        "threads",
        "label",
        "old us",
        "new us",
        "new/old",
        f"{confidence:.0%}",
        "",
    ]
    lines = []
    for change in found:
        low, high = change.interval(confidence)
        judged = [f"{change.ratio:.2f}", f"{low:.2f}-{high:.2f}", change.verdict(threshold, confidence)]
        lines.append([*map(str, change.key), *map(microseconds, change.times), *judged])
    return align(header, lines)


def compare(options: argparse.Namespace) -> int:
    """0: no regression; 1: at least one. ValueError if a file is none of ours or nothing is in both."""
    old, new = map(read, options.compare)
    found = changes(old, new, options.of, options.relative_to)
    failures = broken(old, new, options.of)
    if not found and not failures:
        raise ValueError("the files have no row in common")
    print(table(found, options.threshold, options.confidence))
    verdicts = [change.verdict(options.threshold, options.confidence) for change in found]
    slower = verdicts.count("slower")
    mean = geometric_mean([change.ratio for change in found]) if found else 1.0
    summary = f"{len(found)} rows, geometric mean new/old {mean:.3f}; {slower} slower, {len(failures)} broken"
    lines = [*warnings(old, new, found, options), *(f"BROKEN {line}" for line in failures)]
    print("\n" + "\n".join([summary, *lines]))
    return int(bool(slower or failures))
