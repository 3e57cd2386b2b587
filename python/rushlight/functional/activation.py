"""relu, in and out of place, and its gradient; softmax and log_softmax."""

from __future__ import annotations

from typing import Any
