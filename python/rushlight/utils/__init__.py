"""What training needs besides layers and optimizers: data/ turns examples into batches."""

from __future__ import annotations

from . import data

__all__ = ["data"]
