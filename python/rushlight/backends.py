"""torch.backends: switches of libraries that are not here. They can be set, and change nothing."""

from __future__ import annotations


class Backend:
    """A library that is not here."""

    enabled = False
    benchmark = False
    deterministic = True  # the same bits for any number of threads, whatever this says
    allow_tf32 = False

    def is_available(self) -> bool:
        """False."""
        return False

    def is_built(self) -> bool:
        """False."""
        return False


cudnn, cuda, mps, mkldnn = Backend(), Backend(), Backend(), Backend()
