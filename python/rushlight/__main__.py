"""`python -m rushlight`: the main job. Its pieces live in rushlight/demo; nothing happens on import."""

from __future__ import annotations

import sys

from .demo.job import main

if __name__ == "__main__":
    sys.exit(main())
