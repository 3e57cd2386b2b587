"""Peak memory of a call above what its process held before: a fresh process for every row and library.

The arrays are made and the library has worked before on small rows of the same operator, so neither its code
nor its thread pool counts; what it prepares once for these weights does. The result counts, of course.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .layers import LAYERS, Layer
from .peers import OURS
from .report import align, ratio
from .resident import MALLOC
from .team import Contender, Team, WorkerError

CALLS = 3
WARM = 4  # the smallest rows of the operator come first: a library may do the very smallest another way
GRAIN = 2**18  # bytes: about what Linux's count of resident pages may be off by


def measure_row(layer: Layer, direction: str, contenders: list[Contender]) -> list[dict[str, Any]]:
    """One entry per contender that can do it: layer, direction, threads, peer, label, peak, result."""
    found = []
    for who in contenders:
        with Team(malloc=MALLOC) as team:
            try:
                entry = _measure(team, who, layer, direction)
            except WorkerError as error:
                entry = {"status": "error", "reason": str(error)}
        named = {"layer": layer.name, "shape": layer.describe(), "direction": direction}
        found.append({**named, "threads": who.threads, "peer": who.peer, "label": who.label, **entry})
    return found


def _measure(team: Team, who: Contender, layer: Layer, direction: str) -> dict[str, Any]:
    worker = team.add(who)
    same = (each for each in LAYERS if each.op == layer.op and direction in each.directions)
    for each in [*sorted(same, key=lambda each: each.bytes(direction))[:WARM], layer]:
        reply = worker.ask("prepare", layer=each.name, direction=direction)
        if "unsupported" not in reply and each is not layer:
            worker.ask("time", seconds=0.0, least=1)
    if "unsupported" in reply:
        return {"status": "unsupported", "reason": reply["unsupported"]}
    peak, least = worker.ask("memory", calls=CALLS)["peak"], layer.result_bytes(direction)
    return {"version": worker.info["version"], "peak": peak, "least": least}


def measure(todo: list[tuple[Layer, str]], contenders: list[Contender]) -> Iterator[list[dict[str, Any]]]:
    """Row by row."""
    for layer, direction in todo:
        yield measure_row(layer, direction, contenders)


def more_than(entries: list[dict[str, Any]], rival: str = "torch") -> list[str]:
    """The rows on which our peak is above the rival's by more than can be told apart."""
    peaks = {(e["layer"], e["direction"], e["threads"], e["label"]): e.get("peak") for e in entries}
    found = []
    for entry in entries:
        mine = entry.get("peak") if entry["peer"] == OURS else None
        theirs = peaks.get((entry["layer"], entry["direction"], entry["threads"], rival))
        if mine is not None and theirs is not None and mine > theirs + GRAIN:
            found.append(f"{entry['layer']} {entry['direction']} threads {entry['threads']}")
    return found


def errors(entries: list[dict[str, Any]]) -> list[str]:
    """A line for every failure."""
    return [
        f"ERROR {entry['layer']} {entry['direction']} {entry['label']}: {entry['reason']}"
        for entry in entries
        if entry.get("status") == "error"
    ]


def table(entries: list[dict[str, Any]]) -> str:
    """A line per row: the result's size, everybody's peak, ours as a share of torch's."""
    labels = list(dict.fromkeys(entry["label"] for entry in entries))
    rows: dict[tuple[str, str, int], dict[str, dict[str, Any]]] = {}
    for entry in entries:
        key = (entry["layer"], entry["direction"], entry["threads"])
        rows.setdefault(key, {})[entry["label"]] = entry
    lines = []
    for (layer, direction, threads), row in rows.items():
        peaks = {label: entry["peak"] for label, entry in row.items() if "peak" in entry}
        least = next((entry["least"] for entry in row.values() if "least" in entry), 0)
        mine, theirs = next(iter(peaks.values()), 0), peaks.get("torch")
        shown = [f"{peaks[label] / 2**20:.2f}" if label in peaks else "-" for label in labels]
        share = ratio(mine / theirs) if theirs else "-"
        lines.append([layer, direction, str(threads), f"{least / 2**20:.2f}", *shown, share])
    header = ["layer", "direction", "threads", "result MB", *(f"{label} MB" for label in labels), "/ torch"]
    return align(header, lines)
