"""What scripts ask before they choose a device; the answer is always the CPU."""

from __future__ import annotations


def is_available() -> bool:
    """False: rushlight computes on the CPU only."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing to seed."""


def manual_seed_all(seed: int) -> None:
    """Nothing to seed."""


def empty_cache() -> None:
    """Nothing to empty."""


def synchronize(device: object = None) -> None:
    """Nothing to wait for."""
