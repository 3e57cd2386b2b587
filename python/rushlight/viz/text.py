"""Images as characters, for terminals without matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

SHADES = " .:-=+*#%@"
WIDEST = 64  # columns of one image


class TextPicture(str):
    """A picture made of characters. Its repr is the picture, so that a prompt shows it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def render(images: Sequence[np.ndarray[Any, Any]], titles: Sequence[str] | None = None) -> TextPicture:
    """The images below each other, dark to bright as blank to '@', a character about twice as high as wide.

    >>> import numpy as np
    >>> from rushlight.viz.text import render
    >>> render([np.eye(3)])
    @@
      @@
        @@
    """
    parts = []
    for number, image in enumerate(images):
        if titles is not None:
            parts.append(textwrap.shorten(titles[number], WIDEST, placeholder="..."))
        parts.append(_rows(image))
    return TextPicture("\n".join(parts))


def _rows(image: np.ndarray[Any, Any]) -> str:
    grey = image.mean(axis=-1) if image.ndim == 3 else np.asarray(image, np.float64)
    every = max(1, -(-grey.shape[1] * 2 // WIDEST))
    grey = grey[::every, ::every]
    finite = grey[np.isfinite(grey)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    level = (grey - low) / (high - low if high > low else 1.0)
    shade = np.nan_to_num(level * (len(SHADES) - 1)).clip(0, len(SHADES) - 1).round().astype(int)
    return "\n".join("".join(SHADES[value] * 2 for value in row).rstrip() for row in shade)
