"""A window sliding over an image, step by step: what tutorials draw by hand. Convolution and max pooling."""

from __future__ import annotations

import re
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..functional import conv2d, max_pool2d
from .canvas import WARM, Array, array_of, draw_image, new_figure, number, style

# matplotlib's player takes the pictures on its buttons from the network; these are characters.
_BUTTONS = {
    "fa-minus": "&minus;",
    "fa-fast-backward": "|&#9666;",
    "fa-step-backward": "&lsaquo;",
    "fa-play fa-flip-horizontal": "&#9666;",
    "fa-pause": "||",
    "fa-play": "&#9656;",
    "fa-step-forward": "&rsaquo;",
    "fa-fast-forward": "&#9656;|",
    "fa-plus": "+",
}
LARGEST = 16  # rows or columns of an image whose numbers can still be read


class Steps:
    """The steps of a window over an image: `len(steps)` of them, `steps[i]` the Figure of one.

    A notebook shows them as an animation with buttons.
    """

    def __init__(self, count: int, draw: Callable[[Any, int], None]) -> None:
        self._count = count
        self._draw = draw

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, step: int) -> Any:
        if not -self._count <= step < self._count:
            raise IndexError(f"step {step} is out of range: there are {self._count}")
        with style():
            figure = new_figure(9, 3.2)
            self._draw(figure, step % self._count)
        return figure

    def save(self, path: str | PathLike[str], interval: float = 0.7) -> None:
        """Write an animation: a .gif, or an .html page that needs nothing else. `interval` in seconds.

        Raises ValueError for another ending.
        """
        ending = Path(path).suffix.lower()
        if ending == ".html":
            Path(path).write_text(self._page(interval), encoding="utf-8")
        elif ending == ".gif":
            self._animation(interval).save(path, writer="pillow", dpi=80)
        else:
            raise ValueError(f"Steps.save(): path must end in .gif or .html, but is {str(path)!r}")

    def _repr_html_(self) -> str:
        return self._page(0.7)

    def _page(self, interval: float) -> str:
        page = re.sub(r"<link[^>]*>", "", str(self._animation(interval).to_jshtml()))
        for icon, text in _BUTTONS.items():
            page = page.replace(f'<i class="fa {icon}"></i>', text)
        return page

    def _animation(self, interval: float) -> Any:
        from matplotlib.animation import FuncAnimation

        figure = new_figure(9, 3.2)

        def show(step: int) -> None:
            figure.clear()
            with style():
                self._draw(figure, step)

        return FuncAnimation(
            figure, show, frames=self._count, interval=1000 * interval, init_func=lambda: None
        )


def conv_steps(x: Any, w: Any, stride: int = 1, padding: int = 0) -> Steps:
    """How a convolution comes about: the window on the image, the products below it, their sum in the output.

    x  one image of one channel (H, W), at most 16 x 16
    w  one kernel (R, S)

    Returns `Steps`. Raises ValueError for other shapes, RuntimeError as conv2d does.

    >>> import numpy as np
    >>> from rushlight import viz
    >>> steps = viz.conv_steps(np.arange(16.0).reshape(4, 4), np.ones((3, 3)), padding=1)
    >>> len(steps)
    16
    """
    image, kernel = _plane("conv_steps", "x", x), _plane("conv_steps", "w", w)
    output = conv2d(image[None, None], kernel[None, None], stride=stride, padding=padding)[0, 0]
    padded = np.pad(image, padding)

    def explain(axes: Any, window: Array) -> None:
        draw_image(axes, kernel, "window \N{MULTIPLICATION SIGN} kernel", signed=True, pale=True)
        for (i, j), value in np.ndenumerate(kernel):
            product = f"{number(window[i, j])}\N{MULTIPLICATION SIGN}{number(value)}"
            axes.text(j, i, product, ha="center", va="center", fontsize=8)

    return _steps(padded, output, kernel.shape, stride, padding, explain, "sum")


def pool_steps(x: Any, kernel_size: int, stride: int | None = None, padding: int = 0) -> Steps:
    """How max pooling comes about: the window on the image, its largest number in the output.

    x            one image of one channel (H, W), at most 16 x 16
    kernel_size  of the square window; stride None: the same

    Returns `Steps`. Raises ValueError for other shapes, RuntimeError as max_pool2d does.

    >>> import numpy as np
    >>> from rushlight import viz
    >>> len(viz.pool_steps(np.arange(16.0).reshape(4, 4), 2))
    4
    """
    image = _plane("pool_steps", "x", x)
    every = kernel_size if stride is None else stride
    output = max_pool2d(image[None, None], kernel_size, every, padding)[0, 0]
    padded = np.pad(image, padding, constant_values=np.nan)

    def explain(axes: Any, window: Array) -> None:
        draw_image(axes, window, "the window's largest", pale=True)
        winner = np.unravel_index(np.nanargmax(window), window.shape)
        for (i, j), value in np.ndenumerate(window):
            if np.isfinite(value):
                bold = "bold" if (i, j) == winner else "normal"
                axes.text(j, i, number(value), ha="center", va="center", fontweight=bold)

    return _steps(padded, output, (kernel_size, kernel_size), every, padding, explain, "maximum")


def _steps(
    padded: Array,
    output: Array,
    window: tuple[int, ...],
    stride: int,
    padding: int,
    explain: Callable[[Any, Array], None],
    name: str,
) -> Steps:
    from matplotlib.patches import Rectangle

    def draw(figure: Any, step: int) -> None:
        i, j = divmod(step, output.shape[1])
        top, left = i * stride, j * stride
        below = padded[top : top + window[0], left : left + window[1]]
        figure.set_layout_engine("compressed")  # three grids of one height, whatever their shapes
        image, middle, result = figure.subplots(1, 3)
        size = f"{padded.shape[0] - 2 * padding} x {padded.shape[1] - 2 * padding}"
        title = f"image {size}" + (f", padded by {padding}" if padding else "")
        draw_image(image, np.nan_to_num(padded), title, pale=True)
        _write(image, padded)
        image.add_patch(
            Rectangle(
                (left - 0.5, top - 0.5), window[1], window[0], fill=False, edgecolor=WARM, linewidth=2.5
            )
        )
        explain(middle, below)
        done = np.full(output.shape, np.nan)
        done.flat[: step + 1] = output.flat[: step + 1]
        draw_image(result, done, f"output: {name} = {number(output[i, j])}", signed=True, pale=True)
        _write(result, done)
        result.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=WARM, linewidth=2.5))

    return Steps(output.size, draw)


def _write(axes: Any, numbers: Array) -> None:
    size = 9 if max(numbers.shape) <= 8 else 6
    for (i, j), value in np.ndenumerate(numbers):
        if np.isfinite(value):
            axes.text(j, i, number(value), ha="center", va="center", fontsize=size)


def _plane(where: str, name: str, value: Any) -> Array:
    array = array_of(name, value)
    plane = (
        array.reshape(array.shape[-2:])
        if array.ndim >= 2 and array.size == np.prod(array.shape[-2:])
        else array
    )
    if plane.ndim != 2 or max(plane.shape) > LARGEST:
        raise ValueError(
            f"{where}(): {name} must be one plane of at most {LARGEST} x {LARGEST} numbers, "
            f"but has shape {array.shape}"
        )
    return plane
