"""A worker process for stall.py: holds one library and times call after call, with or without pauses.

Protocol as in worker.py, and
    {"do": "series", "layer", "count", "pause"} -> {"seconds": [...]}: forward calls, a pause before each
    {"do": "spinning", "layer", "count"}        -> {"cpu": [...]}: seconds of CPU that the library's own
        threads use in the 5 ms after each call; empty where not Linux
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from .worker import Worker, serve, warm_up

WARM = 0.05  # seconds of calls before a series without pauses
SLEEP = 0.005


def _clocks_of_others() -> list[int]:
    """Linux: the CPU clock of every thread but this one, exact at any moment (the process's own clock counts
    what runs on other CPUs only once they stop or tick)."""
    try:
        tasks = [int(task) for task in os.listdir("/proc/self/task")]
    except OSError:
        return []
    return [~task << 3 | 6 for task in tasks if task != threading.get_native_id()]


class Staller(Worker):
    """The requests, as methods."""

    def series(self, layer: str, count: int, pause: float) -> dict[str, list[float]]:
        """How long each call took."""
        run, clock = self._forward(layer), time.perf_counter
        found: list[float] = []
        for _ in range(count):
            if pause:
                time.sleep(pause)
            begin = clock()
            run()
            found.append(clock() - begin)
        gc.enable()
        return {"seconds": found}

    def spinning(self, layer: str, count: int) -> dict[str, list[float]]:
        """What the pool burns when the work is done."""
        run = self._forward(layer)
        clocks, found = _clocks_of_others(), []
        for _ in range(count if clocks else 0):
            run()
            before = sum(map(time.clock_gettime, clocks))
            time.sleep(SLEEP)
            found.append(sum(map(time.clock_gettime, clocks)) - before)
        gc.enable()
        return {"cpu": found}

    def _forward(self, layer: str) -> Callable[[], Any]:
        self.prepare(layer, "forward")
        assert self.call is not None
        warm_up(self.call, WARM)
        gc.collect()
        gc.disable()
        return self.call.run


def main() -> None:
    """For alone.py."""
    serve(Staller())
