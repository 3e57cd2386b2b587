"""torch.accelerator: what scripts ask before they choose a device; the answer is always the CPU."""

from __future__ import annotations


def is_available() -> bool:
    """False: rushlight computes on the CPU only."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None: there is none."""
