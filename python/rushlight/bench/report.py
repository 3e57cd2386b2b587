"""The tables. Reads results, measures nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .document import Document, Result, Row
from .layers import AXES, BY_NAME
from .peers import OURS, PREPARED

MARKS = {"ok": "-", "unsupported": "-", "error": "ERROR"}


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


def geometric_mean(values: Sequence[float]) -> float:
    """The one that fits ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))


def plural(threads: int) -> str:
    """`1 thread`, `2 threads`."""
    return f"{threads} thread{'s' * (threads > 1)}"


def times(rows: Sequence[Row]) -> str:
    """Everybody's times."""
    labels = list(dict.fromkeys(result.label for row in rows for result in row))
    lines = []
    for row in rows:
        cells = {r.label: microseconds(r.time) if r.rounds else MARKS[r.status] for r in row}
        lines.append([row[0].layer, row[0].direction, *(cells.get(label, "-") for label in labels)])
    return align(["layer", "direction", *labels], lines)


def best_rival(row: Row) -> Result | None:
    """The quickest of the other libraries, on equal terms."""
    rivals = (r for r in row if r.rounds and not r.ours and r.peer not in PREPARED)
    return min(rivals, key=lambda r: r.time, default=None)


def ours(rows: Sequence[Row], peaks: dict[str, float]) -> str:
    """What our times mean: speed, shares of the peak (flops per second by dtype) and roofline, ratios."""
    header = ["layer", "direction", "settings", "us", "spread", "faults", "GFLOP/s", "of peak", "of roofline"]
    header += ["x best peer", "x numpy", "x python"]
    lines = [_judged(mine, row, peaks) for row in rows for mine in row if mine.ours and mine.rounds]
    keep = [i for i, _ in enumerate(header) if i < 4 or any(line[i] != "-" for line in lines)]
    return align([header[i] for i in keep], [[line[i] for i in keep] for line in lines], left=3)


def _judged(mine: Result, row: Row, peaks: dict[str, float]) -> list[str]:
    best, times = best_rival(row), {r.label: r.time for r in row if r.rounds}
    speed, peak, least = mine.flops / mine.time, peaks.get(mine.dtype), mine.roofline.get("seconds")
    return [
        mine.layer,
        mine.direction,
        " ".join(mine.options.values()) or "-",
        microseconds(mine.time),
        f"{mine.spread:.0%}" if len(mine.rounds) > 1 else "-",
        f"{mine.faults:.1f}",
        f"{speed / 1e9:.3g}" if mine.flops else "-",
        f"{speed / peak:.0%}" if mine.flops and peak else "-",
        f"{least / mine.time:.0%}" if least else "-",
        f"{ratio(best.time / mine.time)} {best.label}" if best else "-",
        *(ratio(times[name] / mine.time) if name in times else "-" for name in ("numpy", "python")),
    ]


# ---- cost as work grows ----------------------------------------------------------------------------------
def growth(document: Document, axis: str, threads: int) -> dict[str, list[tuple[int, float]]]:
    """{label: [(size, seconds)]} along one axis, where more than one size was timed."""
    found: dict[str, list[tuple[int, float]]] = {}
    for result in document.results:
        if (result.suite, result.family, result.threads) == ("scaling", axis, threads) and result.rounds:
            shape = BY_NAME[result.layer]
            size = {"N": shape.input_shape[0], "C": shape.input_shape[1], "H": shape.input_shape[2]}
            found.setdefault(result.label, []).append((size.get(axis, shape.outputs), result.time))
    return {label: points for label, points in found.items() if len(points) > 1}


def exponent(points: Sequence[tuple[int, float]]) -> float:
    """p of time ~ size ** p, by least squares on logarithms over the largest four sizes."""
    pairs = [(math.log(size), math.log(time)) for size, time in sorted(points)[-4:]]
    x0, y0 = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    return sum((x - x0) * (y - y0) for x, y in pairs) / sum((x - x0) ** 2 for x, _ in pairs)


def scaling(document: Document, threads: int) -> str:
    """The fitted exponents; below the number of flops' own where larger work is done better."""
    grown = {axis: growth(document, axis, threads) for axis in AXES}
    labels = list(dict.fromkeys(label for points in grown.values() for label in points))
    lines = []
    for axis, points in grown.items():
        cells = [f"{exponent(points[label]):.2f}" if label in points else "-" for label in labels]
        if points:
            lines.append([axis, f"{AXES[axis]:.0f}", *cells])
    return align(["doubled", "flops", *labels], lines, left=1)


# ---- threads ---------------------------------------------------------------------------------------------
def thread_gains(document: Document) -> list[tuple[Result, dict[int, float]]]:
    """Ours: (one thread's result, {threads: times as fast}) of the rows timed with several numbers."""
    found = []
    for single in document.results:
        if single.ours and single.threads == 1 and single.rounds:
            key: Callable[[Result], object] = lambda r: (r.layer, r.direction, r.label)  # noqa: E731
            several = [r for r in document.results if r.ours and r.rounds and key(r) == key(single)]
            gains = {r.threads: single.time / r.time for r in several}
            if len(gains) > 1:
                found.append((single, gains))
    return found


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


def summary(document: Document, threads: int) -> str:
    """One paragraph about a number of threads: versions, peak, bandwidths."""
    peaks, rates = document.peaks.get(str(threads), {}), document.bandwidths.get(str(threads), {})
    parts = [f"{plural(threads)}; " + ", ".join(" ".join(item) for item in document.versions.items())]
    parts += [f"measured multiply-add peak, {kind}: {peak / 1e9:.1f} GFLOP/s" for kind, peak in peaks.items()]
    if rates:
        each = (f"{rate / 1e9:.1f} GB/s for {int(size) / 2**20:g} MiB" for size, rate in rates.items())
        parts.append("measured bandwidth: " + ", ".join(each))
    return "\n".join(parts)


def tables(document: Document, threads: int) -> str:
    """Everything that the rows tell about one number of threads."""
    rows, peaks = document.rows(threads), document.peaks.get(str(threads), {})
    text = f"Median of the best round, microseconds:\n{times(rows)}\n\n"
    text += f"{OURS}; x: how many times as long the others take:\n{ours(rows, peaks)}"
    if any(growth(document, axis, threads) for axis in AXES):
        text += "\n\nCost as work grows: p of time ~ size ** p:\n" + scaling(document, threads)
    return text
