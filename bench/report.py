"""The tables and the JSON file. Reads results, measures nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.measure import Result

SCHEMA = 1
Row = Sequence[Result]  # all contenders on one layer in one direction


def write_json(path: Path, head: dict[str, Any], results: Iterable[Result]) -> None:
    """Everything that was measured, one object per contender and row."""
    document = {"schema": SCHEMA, **head, "results": [result.as_json() for result in results]}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def microseconds(seconds: float) -> str:
    """Three figures, microseconds up to ten thousand, milliseconds above."""
    us = seconds * 1e6
    if us >= 1e4:
        return f"{us / 1e3:.1f}ms" if us < 1e5 else f"{us / 1e3:.0f}ms"
    return f"{us:.0f}" if us >= 100 else f"{us:.1f}" if us >= 10 else f"{us:.2f}"


def ratio(value: float) -> str:
    """Two decimals where they matter."""
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}" if value >= 0.095 else f"{value:.1g}"


def align(header: list[str], lines: list[list[str]], left: int = 2) -> str:
    """A table that reads well in a terminal and is Markdown too; the first `left` columns to the left."""
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]

    def show(cells: list[str]) -> str:
        pairs = enumerate(zip(cells, widths, strict=True))
        return "| " + " | ".join(c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in pairs) + " |"

    rule = "|".join("-" * (w + 2) if i < left else "-" * (w + 1) + ":" for i, w in enumerate(widths))
    return "\n".join([show(header), f"|{rule}|", *map(show, lines)])


def times(rows: Sequence[Row]) -> str:
    """Everybody's times."""
    labels = list(dict.fromkeys(result.label for row in rows for result in row))
    lines = []
    for row in rows:
        marks = {"ok": "-", "unsupported": "-", "error": "ERROR"}
        cells = {r.label: microseconds(r.time) if r.rounds else marks[r.status] for r in row}
        lines.append([row[0].layer, row[0].direction, *(cells.get(label, "-") for label in labels)])
    return align(["layer", "direction", *labels], lines)


def ours(rows: Sequence[Row], peaks: dict[str, float]) -> str:
    """What our times mean: speed, share of the peak (GFLOP/s per dtype, if measured), ratios to the peers."""
    header = [
        "layer",
        "direction",
        "isa",
        "us",
        "spread",
        "faults",
        "GFLOP/s",
        "of peak",
        "x best peer",
        "x numpy",
    ]
    lines = [_judged(mine, row, peaks) for row in rows for mine in row if mine.ours and mine.rounds]
    keep = [i for i, _ in enumerate(header) if i < 4 or any(line[i] != "-" for line in lines)]
    return align([header[i] for i in keep], [[line[i] for i in keep] for line in lines], left=3)


def _judged(mine: Result, row: Row, peaks: dict[str, float]) -> list[str]:
    rivals = [result for result in row if not result.ours and result.rounds]
    best = min(rivals, key=lambda r: r.time, default=None)
    numpy = next((r for r in rivals if r.label == "numpy"), None)
    speed, peak = mine.flops / mine.time / 1e9, peaks.get(mine.dtype)
    return [
        mine.layer,
        mine.direction,
        mine.options.get("isa", "-"),
        microseconds(mine.time),
        f"{mine.spread:.0%}" if len(mine.rounds) > 1 else "-",
        f"{mine.faults:.1f}",
        f"{speed:.3g}" if mine.flops else "-",
        f"{speed / peak:.0%}" if mine.flops and peak else "-",
        f"{ratio(best.time / mine.time)} {best.label}" if best else "-",
        ratio(numpy.time / mine.time) if numpy else "-",
    ]


def notes(results: Sequence[Result]) -> list[str]:
    """What a reader must know besides the figures: failures, times taken while somebody else was awake."""
    lines = [f"ERROR {r.layer} {r.direction} {r.label}: {r.reason}" for r in results if r.status == "error"]
    restless = sum(not result.quiet for result in results)
    if restless:
        lines.append(f"note: in {restless} measurements another library's threads did not go to sleep first")
    disturbed = sum(
        any(r["switches"] > max(2, 0.02 * r["calls"]) for r in result.rounds) for result in results
    )
    if disturbed:
        lines.append(
            f"note: in {disturbed} measurements the system took the CPU away often: others were busy"
        )
    return lines
