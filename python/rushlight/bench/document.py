"""What was measured, on what, with which settings: the JSON file, and its way back into results.

Tables, pictures and comparisons are made of a Document, whether it was measured just now or read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .layers import BY_NAME
from .peers import OURS

SCHEMA = 2


@dataclass
class Result:
    """One contender in one row. `status` is ok, unsupported or error; only ok has times."""

    layer: str
    suite: str
    family: str
    op: str
    direction: str
    dtype: str
    shape: str
    flops: int
    threads: int
    peer: str
    label: str
    options: dict[str, str] = field(default_factory=dict)
    status: str = "ok"
    reason: str = ""
    error: tuple[float, float] | None = None  # largest and rms, as shares of the answer's rms
    rounds: list[dict[str, float]] = field(default_factory=list)
    quiet: bool = True  # the others slept while this one was timed
    roofline: dict[str, Any] = field(default_factory=dict)  # ours alone; see peers/ours.py

    @property
    def ours(self) -> bool:
        """Whether this is the library that the benchmark is about."""
        return self.peer == OURS

    @property
    def time(self) -> float:
        """Seconds per call: the best round's median."""
        return min(r["median"] for r in self.rounds)

    @property
    def spread(self) -> float:
        """How far the worst round's median is above the best one's, as a share."""
        return max(r["median"] for r in self.rounds) / self.time - 1

    @property
    def faults(self) -> float:
        """Page faults per call in the best round."""
        return min(self.rounds, key=lambda r: r["median"])["faults"]


Row = Sequence[Result]  # all contenders on one layer in one direction with one number of threads


@dataclass
class Document:
    """A run of the benchmark. Dictionaries by thread count have text as keys, as JSON wants."""

    when: str
    machine: dict[str, Any]
    settings: dict[str, Any]
    versions: dict[str, str] = field(default_factory=dict)
    peaks: dict[str, dict[str, float]] = field(default_factory=dict)  # threads: dtype: flops per second
    bandwidths: dict[str, dict[str, float]] = field(default_factory=dict)  # threads: bytes: bytes per second
    results: list[Result] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)
    training: list[dict[str, Any]] = field(default_factory=list)
    overhead: dict[str, dict[str, float]] = field(default_factory=dict)

    def rows(self, threads: int | None = None, suites: Sequence[str] = ()) -> list[Row]:
        """The results by row, of one number of threads and of some suites (none named: all)."""
        found: dict[tuple[str, str, int], list[Result]] = {}
        for result in self.results:
            if threads in (None, result.threads) and (not suites or result.suite in suites):
                found.setdefault((result.layer, result.direction, result.threads), []).append(result)
        return list(found.values())

    @property
    def threads(self) -> list[int]:
        """The numbers of threads that rows were timed with."""
        return sorted({result.threads for result in self.results})

    def write(self, path: Path) -> None:
        """A line per row of results, four figures of each number."""
        head = {"schema": SCHEMA, **{f.name: getattr(self, f.name) for f in fields(self)}}
        head["results"] = [_packed(row) for row in self.rows()]
        lines = []
        for name, value in head.items():
            if isinstance(value, list):
                text = "[\n" + ",\n".join(json.dumps(_short(entry)) for entry in value) + "\n]"
            else:
                text = json.dumps(_short(value))
            lines.append(f'"{name}": {text}')
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


# What all results of a row have in common, and the figures of a round, in the file's order.
SHARED = ("layer", "suite", "family", "op", "direction", "dtype", "shape", "flops", "threads")
FIGURES = ("median", "low", "high", "calls", "faults", "switches")


def _packed(row: Row) -> dict[str, Any]:
    """A row for the file: what is shared once, of each contender only what is not as usual."""
    usual = {f.name: f.default_factory() for f in fields(Result) if f.default_factory is not MISSING}
    usual |= {f.name: f.default for f in fields(Result) if f.default is not MISSING}
    contenders = []
    for result in row:
        entry = {k: v for k, v in vars(result).items() if k not in SHARED and v != usual.get(k, MISSING)}
        entry["rounds"] = [[each[figure] for figure in FIGURES] for each in result.rounds]
        contenders.append({key: value for key, value in entry.items() if value != []})
    return {**{name: getattr(row[0], name) for name in SHARED}, "contenders": contenders}


def _unpacked(row: dict[str, Any]) -> list[Result]:
    shared = {name: row[name] for name in SHARED}
    return [
        Result(**{**shared, **each, "rounds": [_round(figures) for figures in each.get("rounds", ())]})
        for each in row["contenders"]
    ]


def _round(figures: list[float]) -> dict[str, float]:
    return dict(zip(FIGURES, figures, strict=True))


def joined(old: Document, new: Document) -> Document:
    """What either holds; of what both hold, the newer. ValueError if they are of different machines."""
    if old.machine.get("cpu") != new.machine.get("cpu"):
        raise ValueError(f"the file is of another machine: {old.machine.get('cpu')}")
    measured = {(r.layer, r.direction, r.threads) for r in new.results}
    results = [r for r in old.results if (r.layer, r.direction, r.threads) not in measured] + new.results
    places = {name: place for place, name in enumerate(BY_NAME)}
    results.sort(key=lambda r: (r.threads, places.get(r.layer, len(places)), r.direction))
    settings = new.settings if new.results else old.settings
    return replace(
        new,
        settings={**settings, "threads": sorted({r.threads for r in results})},
        versions=old.versions | new.versions,
        peaks={t: old.peaks.get(t, {}) | new.peaks.get(t, {}) for t in old.peaks | new.peaks},
        bandwidths=old.bandwidths | new.bandwidths,
        results=results,
        memory=_newer(old.memory, new.memory, "layer", "direction", "threads"),
        training=_newer(old.training, new.training, "model", "threads"),
        overhead=old.overhead | new.overhead,
    )


Entries = list[dict[str, Any]]


def _newer(old: Entries, new: Entries, *keys: str) -> Entries:
    """All new entries, and those of the old that no new one has the keys of."""
    measured = {tuple(entry[key] for key in keys) for entry in new}
    return [entry for entry in old if tuple(entry[key] for key in keys) not in measured] + new


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}") if abs(value) < 1e6 else round(value)
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_short(each) for each in value]
    return value


def read(path: Path) -> Document:
    """A file that `write` wrote; ValueError with one line if it is none."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    if not isinstance(given, dict) or given.pop("schema", None) != SCHEMA:
        raise ValueError(f"{path} is not a file written by `rushlight bench --json` (schema {SCHEMA})")
    results = [result for row in given.pop("results") for result in _unpacked(row)]
    return Document(**given, results=results)
