"""rushlight.nn.functional is rushlight.functional."""

from __future__ import annotations

from .._missing import missing as _missing
from ..functional import *  # noqa: F403
from ..functional import __all__ as __all__

__getattr__ = _missing(__name__)
