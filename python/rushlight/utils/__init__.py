"""What training needs besides layers and optimizers: data/ turns examples into batches."""

from __future__ import annotations

from .._missing import missing as _missing
from . import data

__all__ = ["data"]

__getattr__ = _missing(__name__)
