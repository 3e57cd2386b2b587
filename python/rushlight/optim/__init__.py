"""Optimizers: gradients into better parameters. optimizer.py: groups and state; one file per algorithm;
_blocks.py: how arrays are walked; lr_scheduler.py: learning rates that change with time."""

from __future__ import annotations

from .._missing import missing as _missing
from . import lr_scheduler
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]

__getattr__ = _missing(__name__)
