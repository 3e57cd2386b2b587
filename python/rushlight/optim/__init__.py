"""Optimizers: gradients into better parameters. optimizer.py: groups and state; one file per algorithm."""

from __future__ import annotations

from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Optimizer"]
