"""`python -m rushlight` and the command `rushlight`: the main job, whose pieces live in rushlight/demo.
`run script.py` runs a script written for PyTorch instead (run.py), `bench` the benchmark (bench/). Nothing
happens on import."""

from __future__ import annotations

import sys


def main() -> int:
    """What the command line asks for; returns the exit status."""
    if sys.argv[1:2] == ["run"]:
        from . import run

        return run.main(sys.argv[2:])
    if sys.argv[1:2] == ["bench"]:
        from .bench.run import main as bench

        return bench(sys.argv[2:])
    from .demo import job

    return job.main()


if __name__ == "__main__":
    sys.exit(main())
