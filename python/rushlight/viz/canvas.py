"""What all pictures share: a Figure without pyplot, fonts, colours, an image without ticks."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import unwrap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, GREY, WARM, COLD = "#1f2933", "#9aa5b1", "#c2410c", "#1d4ed8"
SIGNED = "RdBu_r"  # red adds, blue subtracts, white does nothing
_PALE = 2.5  # a pale colour map is used up to one part in so many
Array = np.ndarray[Any, Any]

# The first of these that is installed draws the characters that the standard font lacks.
_CJK = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Arial Unicode MS",
)


def have_matplotlib() -> bool:
    """Whether pictures can be drawn, else they are text."""
    return find_spec("matplotlib") is not None


def array_of(name: str, value: Any) -> Array:
    """A Tensor, an ndarray or nested lists of numbers as a float array."""
    try:
        array = np.asarray(unwrap(value), np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must be a Tensor or an array of numbers, not {type(value).__name__}"
        ) from None
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, but has shape {array.shape}")
    return array


@cache
def _figure_class() -> type[Any]:
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A Figure that notebooks show, although pyplot does not know it."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=110)
            return buffer.getvalue()

        def draw(self, renderer: Any) -> None:
            # A Chinese font of one weight will do for all; matplotlib would say so for each.
            log = logging.getLogger("matplotlib.font_manager")
            log.addFilter(_not_of_weights)
            try:
                super().draw(renderer)
            finally:
                log.removeFilter(_not_of_weights)

    return Picture


def _not_of_weights(record: logging.LogRecord) -> bool:
    return "font weight" not in record.getMessage()


@contextmanager
def style() -> Iterator[None]:
    """Our fonts and colours, for the drawing inside of the block."""
    from matplotlib import font_manager, rc_context

    installed = set(font_manager.get_font_names())
    fonts = ["DejaVu Sans", *[name for name in _CJK if name in installed][:1]]
    settings: Any = {"font.family": fonts, "font.size": 9, "axes.titlesize": 9}
    settings |= {"axes.edgecolor": GREY, "text.color": INK, "axes.titlecolor": INK}
    settings |= {"xtick.color": INK, "ytick.color": INK, "axes.labelcolor": INK}
    with rc_context(settings):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _figure_class()(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def draw_image(
    axes: Any, image: Array, title: str = "", signed: bool = False, pale: bool = False, **options: Any
) -> None:
    """One image (H, W) or (H, W, 3 or 4) without ticks; a signed one with white for zero, NaN grey. A pale
    one is a ground to write numbers on.
    """
    finite = image[np.isfinite(image)]
    limit = float(np.abs(finite).max(initial=0)) or 1.0
    colours: dict[str, Any] = {"cmap": "gray"}
    if signed and image.ndim == 2:
        limit *= _PALE if pale else 1
        colours = {"cmap": SIGNED, "vmin": -limit, "vmax": limit}
    elif pale:
        low, high = float(finite.min()), float(finite.max())
        colours = {"cmap": "Greys", "vmin": low, "vmax": low + _PALE * ((high - low) or 1)}
    axes.set_facecolor("#e4e7eb")
    axes.imshow(image, interpolation="nearest", **{**colours, **options})
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])


def number(value: float) -> str:
    """Two or three digits with a real minus sign."""
    text = f"{value:.3g}" if abs(value) < 1e4 else f"{value:.1e}"
    return text.replace("-", "\N{MINUS SIGN}")


def tidy(axes: Any) -> None:
    """A chart with less ink."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
