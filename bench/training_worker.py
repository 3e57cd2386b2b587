"""A worker process for training.py: holds one library, trains models and times them when asked.

Protocol as in worker.py:
    {"do": "start", "peer", "threads", "options"}   -> {"version"}; options: precision, ours alone
    {"do": "train", "model", "steps"}               -> {"losses", "peak"}: memory in bytes above that before
    {"do": "time", "model", "seconds"}              -> {"median", "low", "steps"}: seconds per step
    {"do": "snippets", "seconds"}                   -> {name: seconds} of everything in snippets.py
"""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make `bench` importable, and keep bench/ itself off the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench import snippets
from bench.models import MODELS, Step
from bench.worker import serve


def _memory(field: str) -> int:
    """A line of /proc/self/status in bytes; 0 where there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


def _forget_peak() -> None:
    """Let the largest resident size so far begin again at the present one."""
    with contextlib.suppress(OSError):  # not Linux: `_memory` says 0 as well
        Path("/proc/self/clear_refs").write_text("5")


def _best(run: Callable[[], Any], seconds: float, prepare: Callable[[], Any] | None = None) -> float:
    """The fastest of many rounds, seconds per call: the overhead is what is always there."""
    clock, best, end = time.perf_counter, float("inf"), time.perf_counter() + seconds
    calls = range(1 if prepare else 200)
    while True:
        if prepare:
            prepare()
        begin = clock()
        for _ in calls:
            run()
        now = clock()
        best = min(best, (now - begin) / len(calls))
        if now > end:
            return best


class Trainer:
    """The requests, as methods."""

    def __init__(self) -> None:
        self.torch: Any = None
        self._steps: dict[str, Step] = {}

    def start(self, peer: str, threads: int, options: dict[str, str]) -> dict[str, Any]:
        """Imports the library."""
        if peer == "torch":
            import torch as library
        else:
            import rushlight as library
            import rushlight.nn
            import rushlight.optim

            rushlight.set_float32_conv_precision(options["precision"])
        self.torch = library
        library.set_num_threads(threads)
        return {"version": str(library.__version__)}

    def train(self, model: str, steps: int) -> dict[str, Any]:
        """The first steps of a fresh model, unhurried."""
        step = self._steps[model] = MODELS[model].step(self.torch)
        _forget_peak()
        before = _memory("VmRSS")
        losses = [step() for _ in range(steps)]
        return {"losses": losses, "peak": _memory("VmHWM") - before}

    def time(self, model: str, seconds: float) -> dict[str, float]:
        """More steps of the model trained last."""
        step, clock, times = self._steps[model], time.perf_counter, []
        step()
        end = clock() + seconds
        while not times or clock() < end:
            begin = clock()
            step()
            times.append(clock() - begin)
        times.sort()
        return {"median": times[len(times) // 2], "low": times[0], "steps": len(times)}

    def snippets(self, seconds: float) -> dict[str, float]:
        """Every snippet, `seconds` each. A chain's backward is timed alone and counted per operation."""
        torch, share = self.torch, seconds
        gc.collect()
        gc.disable()
        found = {name: _best(run, share) for name, run in snippets.recorded(torch).items()}
        for name, (forward, clear) in snippets.chains(torch).items():
            results: list[Any] = []

            def prepare(forward: Any = forward, clear: Any = clear, results: Any = results) -> None:
                clear()
                results[:] = [forward()]

            def backward(results: Any = results) -> None:
                results[0].backward()

            found[f"backward of {name}"] = _best(backward, share, prepare) / snippets.LENGTH
        found["learn an edge"] = _best(snippets.learn_an_edge(torch), share)
        gc.enable()
        return found


if __name__ == "__main__":
    serve(Trainer())
