"""Charts: the course of a training, two arrays against each other, a plan as tiles and a roofline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..roofline import Plan
from .canvas import (
    COLD,
    GREY,
    INK,
    WARM,
    array_of,
    draw_image,
    have_matplotlib,
    new_figure,
    number,
    style,
    tidy,
)
from .text import render


def training_curve(losses: Any, accuracies: Any = None, title: str = "") -> Any:
    """The loss of each step on a logarithmic scale, with its running mean, and the accuracy of each epoch.

    losses      one number per step
    accuracies  one per epoch, from 0 to 1, or None

    Returns a Figure. Raises ValueError if `losses` is not one row of numbers.

    >>> from rushlight import viz
    >>> picture = viz.training_curve([2.3, 1.2, 0.7, 0.4], accuracies=[0.6, 0.9])
    """
    loss = _row("losses", losses)
    with style():
        figure = new_figure(8 if accuracies is not None else 4.5, 3)
        charts = figure.subplots(1, 2 if accuracies is not None else 1, squeeze=False)[0]
        steps = np.arange(1, len(loss) + 1)
        window = max(1, len(loss) // 30)
        charts[0].plot(steps, loss, color=GREY, linewidth=0.7, label="each step")
        if window > 1:
            mean = np.convolve(loss, np.full(window, 1 / window), "valid")
            charts[0].plot(steps[window - 1 :], mean, color=WARM, linewidth=1.8, label=f"mean of {window}")
            charts[0].legend(frameon=False)
        if loss.min() > 0:
            charts[0].set_yscale("log")
        charts[0].set(title=title or "loss", xlabel="step")
        if accuracies is not None:
            right = _row("accuracies", accuracies)
            charts[1].plot(np.arange(1, len(right) + 1), 100 * right, color=COLD, marker="o", markersize=3)
            charts[1].set(title="accuracy, %", xlabel="epoch")
            charts[1].locator_params(axis="x", integer=True)
        for axes in charts:
            tidy(axes)
    return figure


def compare(a: Any, b: Any, names: Sequence[str] = ("a", "b")) -> Any:
    """Two arrays of one shape: both, their difference, and how large it is.

    a, b  arrays whose last two dimensions are rows and columns; of more planes the first is shown, all count

    Returns a Figure, or a TextPicture without matplotlib. Raises ValueError if the shapes differ.

    >>> import numpy as np
    >>> from rushlight import viz
    >>> picture = viz.compare(np.eye(4), np.eye(4) * 0.99)
    """
    first, second = array_of("a", a), array_of("b", b)
    if first.shape != second.shape or first.ndim < 2:
        raise ValueError(
            "compare(): a and b must have one shape of two or more dimensions, "
            f"but have {first.shape} and {second.shape}"
        )
    difference = second - first
    planes = [each.reshape(-1, *each.shape[-2:])[0] for each in (first, second, difference)]
    rms = float(np.sqrt(np.nanmean(difference**2)))
    size = float(np.sqrt(np.nanmean(first**2))) or 1.0
    largest = number(float(np.nanmax(np.abs(difference))))
    facts = f"largest {largest}, rms {number(rms)} ({number(rms / size)} of {names[0]})"
    titles = [names[0], names[1], "difference"]
    if not have_matplotlib():
        return render(planes, [*titles[:2], f"difference: {facts}"])
    with style():
        figure = new_figure(11, 3)
        *images, histogram = figure.subplots(1, 4)
        limits: Any = {"vmin": float(np.nanmin(planes[:2])), "vmax": float(np.nanmax(planes[:2]))}
        for axes, plane, title in zip(images[:2], planes[:2], titles[:2], strict=True):
            draw_image(axes, plane, title, **limits)
        draw_image(images[2], planes[2], "difference", signed=True)
        histogram.hist(difference[np.isfinite(difference)], bins=51, color=COLD)
        histogram.set_yscale("log")
        histogram.minorticks_off()
        histogram.set_title("differences, counted")
        tidy(histogram)
        figure.suptitle(facts, color=INK)
    return figure


def plan(given: Plan) -> Any:
    """A plan drawn: the output cut into tiles, and the times that arithmetic and memory need at least.

    Returns a Figure. Raises TypeError for anything but a Plan.

    >>> import rushlight
    >>> from rushlight import viz
    >>> picture = viz.plan(rushlight.plan("conv2d", (1, 64, 56, 56), (64, 64, 3, 3), padding=1))
    """
    if not isinstance(given, Plan):
        raise TypeError(
            f"plan() expects a Plan, which rushlight.plan(...) makes, but got {type(given).__name__}"
        )
    with style():
        figure = new_figure(8.5, 3.6)
        tiles, roof = figure.subplots(1, 2, width_ratios=[1, 1.3])
        _draw_tiles(tiles, given)
        _draw_roof(roof, given)
        figure.suptitle(f"{given.operation} {given.direction}: {given.algorithm}", fontweight="bold")
    return figure


def _draw_tiles(axes: Any, given: Plan) -> None:
    from matplotlib.patches import Rectangle

    height, width = given.output_size[-2:] if len(given.output_size) >= 2 else (1, given.output_size[-1])
    side = given.blocks.get("rows and columns of a tile")
    rows, columns = (
        side or given.blocks.get("rows per tile", height),
        side or given.blocks.get("columns per tile", width),
    )
    shades = ("#fde8d7", "#dbe6fb")
    for number_, top in enumerate(range(0, height, rows)):
        for other, left in enumerate(range(0, width, columns)):
            box = (left, top), min(columns, width - left), min(rows, height - top)
            axes.add_patch(
                Rectangle(*box, facecolor=shades[(number_ + other) % 2], edgecolor=GREY, linewidth=0.5)
            )
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    tasks = f"{given.tasks} tasks on {given.threads} threads"
    axes.set_title(f"one plane of the output: tiles of {rows} x {columns}\n{tasks}")


def _draw_roof(axes: Any, given: Plan) -> None:
    names = ["memory", "arithmetic"]
    times = np.array([given.memory_seconds, given.arithmetic_seconds]) * 1e6
    bars = axes.barh(names, times, color=[COLD, WARM], height=0.5)
    axes.bar_label(bars, [f" {number(float(time))} us" for time in times])
    axes.set_xlim(0, max(float(times.max()) * 1.25, 1e-3))
    axes.set_title("the least time each of them needs here")
    axes.set_xlabel("microseconds")
    tidy(axes)


def _row(name: str, values: Any) -> Any:
    row = array_of(name, values)
    if row.ndim != 1:
        raise ValueError(f"training_curve(): {name} must have one dimension, but has shape {row.shape}")
    return row
