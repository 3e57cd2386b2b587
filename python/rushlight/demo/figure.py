"""One picture of what was learned, drawn with matplotlib but without pyplot: no window, no global state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import classifier
from .classifier import Training
from .digits import Digits
from .edges import Edges

INK, GREY, WARM, COLD = "#1f2933", "#9aa5b1", "#c2410c", "#1d4ed8"
SIGNED = "RdBu_r"  # for kernels: red adds, blue subtracts, white does nothing


def formats() -> list[str]:
    """The file name endings that can be written here."""
    from matplotlib.backend_bases import FigureCanvasBase

    return sorted(FigureCanvasBase.get_supported_filetypes())


def draw(edges: Edges, digits: Digits | None, training: Training | None, path: Path) -> None:
    """The kernel that finds edges on top; below, the network for digits, if there is one."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: Any = {"font.size": 9, "axes.titlesize": 10, "axes.edgecolor": GREY}
    style |= {"text.color": INK, "axes.titlecolor": INK}
    with rc_context(style):
        whole = digits is not None and training is not None
        figure = Figure(figsize=(12, 9.6 if whole else 3.2), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        top, *lower = figure.subfigures(
            3 if whole else 1, 1, height_ratios=[3, 3.5, 3] if whole else None, squeeze=False
        )[:, 0]
        _draw_edges(top, edges)
        if digits is not None and training is not None:
            _draw_layer(lower[0], digits, training)
            _draw_training(lower[1], digits, training)
        figure.savefig(path, dpi=130)


def _title(part: Any, text: str) -> None:
    part.suptitle(text, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)


def _picture(axes: Any, image: NDArray[np.float32], title: str, signed: bool = False, **options: Any) -> None:
    """One image, no ticks; signed ones with white for zero."""
    limit = float(np.nanmax(np.abs(image))) or 1.0
    colours = {"cmap": SIGNED, "vmin": -limit, "vmax": limit} if signed else {"cmap": "gray"}
    axes.imshow(image, **{**colours, **options})
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])


def _mosaic(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sixteen square images of one size as 4 by 4, with thin gaps of NaN, which are drawn white."""
    enlarge = max(1, 24 // images.shape[1])
    tiles = images.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    framed = np.pad(tiles, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    side = framed.shape[1]
    return np.asarray(framed.reshape(4, 4, side, side).transpose(0, 2, 1, 3).reshape(4 * side, 4 * side))


def _draw_edges(part: Any, edges: Edges) -> None:
    _title(part, "A kernel that learned to find edges")
    image, kernel, found, course = part.subplots(1, 4, width_ratios=[3, 1.6, 3, 4])
    _picture(image, edges.image, "image")
    _picture(found, edges.edges, "its edges: what was to be found", signed=True)
    learned = edges.kernels[-1]
    _picture(kernel, learned[None], "learned kernel", signed=True)
    for x, value in enumerate(learned):
        kernel.text(
            x,
            0,
            f"{value:.2f}".replace("-", "\N{MINUS SIGN}"),
            ha="center",
            va="center",
            color="white",
            fontweight="bold",
        )
    steps = range(len(edges.kernels))
    for i, colour in enumerate((WARM, COLD)):
        course.axhline((1, -1)[i], color=colour, linewidth=0.8, linestyle=":")
        course.plot(steps, [kernel[i] for kernel in edges.kernels], color=colour, marker="o", markersize=3)
    course.set_title("its two weights, step by step, on their way to 1 and \N{MINUS SIGN}1")
    course.set_xlabel("step")
    _tidy(course)


def _draw_layer(part: Any, digits: Digits, training: Training) -> None:
    _title(part, "The first layer of a network that reads digits")
    image = digits.held_out_images[classifier.clearest(training.model, digits.held_out_images)]
    kernels, maps, pooled = classifier.first_layer(training.model, image)
    axes = part.subplots(1, 4)
    _picture(axes[0], image[0], "a held-out digit", cmap="gray_r")
    _picture(axes[1], _mosaic(kernels), "the 16 learned kernels", signed=True)
    _picture(axes[2], _mosaic(maps), "their feature maps of the digit, after relu", cmap="magma")
    _picture(axes[3], _mosaic(pooled), "and after 2x2 max pooling", cmap="magma")
    for mosaic in axes[1:]:
        mosaic.set_frame_on(False)


def _draw_training(part: Any, digits: Digits, training: Training) -> None:
    accuracy = training.accuracies[-1]
    _title(
        part, f"Its training: {accuracy:.1%} of {len(digits.held_out_labels)} held-out digits read correctly"
    )
    loss, right, wrong = part.subplots(1, 3, width_ratios=[4, 4, 3])
    steps = len(training.losses) // len(training.accuracies)
    epochs = np.arange(1, len(training.losses) + 1) / steps
    loss.semilogy(epochs, training.losses, color=GREY, linewidth=0.5)
    means = np.reshape(training.losses, (-1, steps)).mean(axis=1)
    ticks = np.arange(1, len(means) + 1)
    loss.semilogy(ticks - 0.5, means, color=WARM, linewidth=1.8, marker="o", markersize=2.5)
    loss.set_title("loss: every step, and each epoch's mean")
    right.plot(
        ticks, np.array(training.accuracies) * 100, color=COLD, linewidth=1.8, marker="o", markersize=2.5
    )
    right.axhline(97, color=GREY, linewidth=0.8, linestyle=":")
    right.set_ylim(max(80.0, 100 * min(training.accuracies) - 1), 100)
    right.set_title("held-out digits read correctly, %")
    for axes in (loss, right):
        axes.set_xlabel("epoch")
        _tidy(axes)
    _draw_mistakes(wrong, digits, training)


def _draw_mistakes(axes: Any, digits: Digits, training: Training) -> None:
    read = classifier.predict(training.model, digits.held_out_images)
    mistakes = np.flatnonzero(read != digits.held_out_labels)[:8]
    axes.axis("off")
    axes.set_title(f"misread: {'the first ' if len(mistakes) == 8 else ''}{len(mistakes)}")
    for place, i in enumerate(mistakes):
        inset = axes.inset_axes((place % 4 * 0.25 + 0.02, 0.52 - place // 4 * 0.5, 0.21, 0.36))
        _picture(inset, digits.held_out_images[i, 0], "", cmap="gray_r")
        inset.set_title(f"{digits.held_out_labels[i]}, read as {read[i]}", fontsize=7, pad=2)


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.tick_params(colors=INK, labelsize=8)
