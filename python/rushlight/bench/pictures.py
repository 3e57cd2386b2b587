"""The pictures of a run, with matplotlib: roofline, speed-ups, cost as work grows, threads.

The colours are Okabe and Ito's, which colour-blind readers can tell apart; no colour stands without a marker.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..viz.canvas import GREY, INK, new_figure, style, tidy
from .document import Document, Result, Row
from .layers import AXES, BY_NAME
from .report import best_rival, exponent, growth, plural, thread_gains

LOOKS = {  # label's first word: colour, marker
    "rushlight": ("#D55E00", "o"),
    "torch": ("#0072B2", "s"),
    "onnxruntime": ("#009E73", "^"),
    "ncnn": ("#000000", "p"),
    "opencv": ("#CC79A7", "D"),
    "scipy": ("#56B4E9", "v"),
    "numpy": ("#E69F00", "P"),
    "python": ("#777777", "X"),
}
DIRECTIONS = {
    "forward": ("#D55E00", "o"),
    "grad_input": ("#0072B2", "s"),
    "grad_weight": ("#009E73", "^"),
}
WON, LOST = "#56B4E9", "#E69F00"
MOST = 300.0  # the speed-ups' axis ends here; what is beyond is drawn at its end
ROWS = 45  # bars in one picture


@dataclass(frozen=True)
class Picture:
    """What could be drawn."""

    name: str  # of a file, without its ending
    caption: str
    draw: Callable[[], Any]

    def figure(self) -> Any:
        """A matplotlib Figure, drawn now."""
        with style():
            return self.draw()


def pictures(document: Document) -> Iterator[Picture]:
    """Of everything that was measured."""
    for threads in document.threads:
        yield from _of_threads(document, threads)
    if thread_gains(document):
        caption = "Our own speed with several threads over that with one."
        yield Picture("threads", caption, partial(_threads, document))


def _of_threads(document: Document, threads: int) -> Iterator[Picture]:
    count, rows = plural(threads), document.rows(threads, ("layers", "ops"))
    dots = _dots(rows)
    if any(dots.values()) and str(threads) in document.peaks:
        caption = f"Our convolutions under the roofline, {count}: no program is above the lines."
        yield Picture(f"roofline_{threads}", caption, partial(_roofline, document, threads, dots))
    for direction in DIRECTIONS:
        found = [row for row in rows if row[0].direction == direction and _mine(row) and best_rival(row)]
        parts = [found[start : start + ROWS] for start in range(0, len(found), ROWS)]
        for number, part in enumerate(parts, 1):
            caption = f"Times of the others over ours, {direction}, {count}; the bar is the best of them."
            name = f"speedup_{direction}_{threads}" + (f"_{number}" if len(parts) > 1 else "")
            yield Picture(name, caption, partial(_speedups, part))
    if any(growth(document, axis, threads) for axis in AXES):
        caption = f"Cost as work grows, {count}: one size doubled in turn; p of time ~ size ** p."
        yield Picture(f"growth_{threads}", caption, partial(_growth, document, threads))


def save(document: Document, folder: Path) -> None:
    """Every picture as a PNG in the folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures(document):
        with style():
            picture.figure().savefig(folder / f"{picture.name}.png", dpi=150)


def _mine(row: Row) -> Result | None:
    """Ours, with the settings named first."""
    return next((result for result in row if result.ours and result.rounds), None)


# ---- roofline --------------------------------------------------------------------------------------------
Dots = dict[str, list[tuple[float, float]]]


def _dots(rows: list[Row]) -> Dots:
    """By direction, (flops per byte, flops per second) as executed; not of the tiny ones, which neither
    arithmetic nor memory bounds."""
    dots: Dots = {direction: [] for direction in DIRECTIONS}
    for mine in filter(None, map(_mine, rows)):
        line = mine.roofline
        if mine.dtype == "float32" and mine.family != "tiny" and line.get("flops"):
            dots[mine.direction].append((line["flops"] / line["bytes"], line["flops"] / mine.time))
    return dots


def _roofline(document: Document, threads: int, dots: Dots) -> Any:
    figure = new_figure(8, 5)
    axes = figure.subplots()
    found = [place for places in dots.values() for place in places]
    for direction, places in dots.items():
        colour, marker = DIRECTIONS[direction]
        if places:
            xs, ys = zip(*places, strict=True)
            axes.scatter(xs, ys, c=colour, marker=marker, s=22, alpha=0.8, label=direction, zorder=3)
    peak = document.peaks[str(threads)]["float32"]
    low, high = min(x for x, _ in found) / 2, max(100.0, *(x for x, _ in found)) * 2
    lowest = min(y for _, y in found) / 2
    angle = _angle(figure, math.log(high / low), math.log(2 * peak / lowest))
    for number, (size, rate) in enumerate(document.bandwidths[str(threads)].items()):
        axes.plot([low, peak / rate], [low * rate, peak], color=GREY, linewidth=1.2)
        x = max(low, lowest / rate) * 1.2
        text = f"{rate / 1e9:.0f} GB/s, {int(size) / 2**20:g} MiB"
        near: Any = {"rotation": angle, "rotation_mode": "anchor", "va": "top" if number else "bottom"}
        axes.text(x, x * rate * (0.92 if number else 1.04), text, color=INK, fontsize=8, **near)
    axes.plot([low, high], [peak, peak], color=INK, linewidth=1.5)
    axes.text(high / 1.1, peak * 1.06, f"peak {peak / 1e9:.0f} GFLOP/s", ha="right", color=INK)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(lowest, peak * 2))
    _plain_ticks(axes.xaxis, low, high)
    _plain_ticks(axes.yaxis, lowest, peak * 2, unit=1e9)
    axes.set(xlabel="executed flops per byte moved", ylabel="executed GFLOP/s")
    axes.legend(frameon=False, loc="lower right")
    tidy(axes)
    return figure


def _angle(figure: Any, decades_across: float, decades_up: float) -> float:
    """At which a line through the origin is drawn, in degrees; the labels take a tenth of the figure."""
    width, height = figure.get_size_inches()
    return math.degrees(math.atan2(0.88 * height / decades_up, 0.92 * width / decades_across))


def _plain_ticks(axis: Any, low: float, high: float, unit: float = 1.0) -> None:
    """1, 2, 5, 10 ... of the unit on a logarithmic axis, written as they are."""
    series = (digit * 10.0**power for power in range(-4, 6) for digit in (1, 2, 5))
    ticks = [tick for tick in series if low <= tick * unit <= high]
    axis.set_ticks([tick * unit for tick in ticks], [f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)


# ---- speed-ups -------------------------------------------------------------------------------------------
def _speedups(rows: list[Row]) -> Any:
    """A line per row: every library's marker, and a bar from 1 to the best of them."""
    figure = new_figure(8, 1.1 + 0.2 * len(rows))
    axes = figure.subplots()
    labels: dict[str, Any] = {}
    for place, row in enumerate(rows):
        mine, best = _mine(row), best_rival(row)
        assert mine is not None and best is not None
        ratio = best.time / mine.time
        axes.barh(place, ratio - 1, left=1, height=0.62, color=WON if ratio >= 1 else LOST, alpha=0.55)
        for other in row:
            if other.rounds and not other.ours:
                colour, marker = LOOKS[other.peer]
                x = min(other.time / mine.time, MOST)
                labels[other.label] = axes.scatter(
                    x, place, c=colour, marker=marker, s=16, zorder=3, clip_on=False
                )
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_yticks(range(len(rows)), [row[0].layer for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    lowest = min((best_rival(row) or row[0]).time / (_mine(row) or row[0]).time for row in rows)
    axes.set(xscale="log", xlim=(min(0.45, lowest / 1.2), MOST))
    ticks = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 300]
    ticks = [tick for tick in ticks if tick >= axes.get_xlim()[0]]
    axes.set_xticks(ticks, [f"{tick:g}" if tick < MOST else f"≥ {tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("times as long as ours")
    figure.legend(labels.values(), labels, loc="outside upper center", ncols=len(labels), frameon=False)
    tidy(axes)
    axes.grid(axis="y", visible=False)
    return figure


# ---- cost as work grows ----------------------------------------------------------------------------------
_NAMES = {"N": "images N", "C": "input channels C", "H": "height and width", "K": "output channels K"}


def _growth(document: Document, threads: int) -> Any:
    figure = new_figure(9, 7)
    for axes, axis in zip(figure.subplots(2, 2).flat, AXES, strict=True):
        lines = growth(document, axis, threads)
        sizes = sorted({size for points in lines.values() for size, _ in points})
        for label, points in lines.items():
            colour, marker = LOOKS[label.split()[0]]
            x, y = zip(*sorted(points), strict=True)
            ours = label.startswith("rushlight")
            axes.plot(
                x,
                [time * 1e6 for time in y],
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=2 if ours else 1,
                zorder=4 if ours else 3,
                label=f"{label}, p = {exponent(points):.2f}",
            )
        axes.set_xscale("log", base=2)
        axes.set(yscale="log", xlabel=_NAMES[axis], ylabel="microseconds")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.yaxis.set_major_formatter(lambda time, _: f"{time:g}")
        axes.set_title(f"flops grow with p = {AXES[axis]:.0f}", color=INK)
        axes.legend(frameon=False, fontsize=7)
        tidy(axes)
    return figure


# ---- threads ---------------------------------------------------------------------------------------------
def _threads(document: Document) -> Any:
    figure = new_figure(8, 4)
    axes = figure.subplots()
    gains = [(single, most) for single, by in thread_gains(document) if (most := max(by)) > 1]
    found = {id(single): by for single, by in thread_gains(document)}
    most = max(count for _, count in gains)
    for direction, (colour, marker) in DIRECTIONS.items():
        dots = [
            (single.time * 1e6, found[id(single)][count])
            for single, count in gains
            if single.direction == direction and BY_NAME[single.layer].suite != "scaling"
        ]
        if dots:
            x, y = zip(*dots, strict=True)
            axes.scatter(x, y, c=colour, marker=marker, s=20, alpha=0.8, label=direction, zorder=3)
    axes.axhline(most, color=INK, linewidth=1)
    axes.axhline(1, color=GREY, linewidth=1)
    axes.set(xscale="log", ylim=(0, most * 1.15))
    axes.xaxis.set_major_formatter(lambda time, _: f"{time:g}")
    axes.set(xlabel="microseconds with one thread", ylabel=f"times as fast with {most} threads")
    axes.legend(frameon=False, loc="lower right")
    tidy(axes)
    return figure
