"""The handwritten digits: 1797 images of 8x8 pixels, from scikit-learn or a file, split for a fair test."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]  # (N, 1, 8, 8), 0 to 1
Labels = NDArray[np.int64]  # (N,), 0 to 9


@dataclass(frozen=True)
class Digits:
    """Images to learn from and images that are only ever tested on."""

    images: Images
    labels: Labels
    held_out_images: Images
    held_out_labels: Labels


def from_sklearn() -> tuple[Images, Labels]:
    """The test half of UCI's "optical recognition of handwritten digits", as scikit-learn ships it."""
    bunch = importlib.import_module("sklearn.datasets").load_digits()
    return as_images(np.column_stack([bunch.data, bunch.target]))


def from_file(path: Path) -> tuple[Images, Labels]:
    """A CSV file in the original's format: 64 pixels of 0 to 16, then the digit; may be compressed (.gz).

    Raises ValueError with one clear line if it cannot be read as such.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # NumPy only warns of an empty file
            return as_images(np.loadtxt(path, delimiter=",", ndmin=2))
    except (OSError, ValueError, UserWarning) as error:
        reason = (
            " ".join(str(error).split()) if not isinstance(error, OSError) else error.strerror or str(error)
        )
        raise ValueError(f"cannot read digits from {path}: {reason}") from error


def as_images(table: NDArray[np.float64]) -> tuple[Images, Labels]:
    """Rows of 64 pixels and a label, as the network wants them."""
    if table.shape[1:] != (65,):
        raise ValueError(f"expected 65 columns (64 pixels and the digit), got {table.shape[1]}")
    pixels, labels = table[:, :64], table[:, 64]
    if not (pixels.min() >= 0 and pixels.max() <= 16):  # so written that NaN fails
        raise ValueError("expected pixels of 0 to 16")
    if not np.isin(labels, np.arange(10)).all():
        raise ValueError("expected digits of 0 to 9 in the last column")
    if np.unique(labels, return_counts=True)[1].min() < 5 or len(table) < 50:
        raise ValueError("expected at least 50 images, and 5 of each digit that occurs")
    return (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8), labels.astype(np.int64)


def split(images: Images, labels: Labels, seed: int, share: float = 0.2) -> Digits:
    """Holds back `share` of every digit's images, drawn at random."""
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), bool)
    for digit in np.unique(labels):
        mine = rng.permutation(np.flatnonzero(labels == digit))
        held_out[mine[: round(share * len(mine))]] = True
    return Digits(images[~held_out], labels[~held_out], images[held_out], labels[held_out])
