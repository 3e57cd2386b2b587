"""A worker process for training.py: holds one library, trains models and times them when asked. Started by
alone.py.

Protocol as in worker.py:
    {"do": "start", "peer", "threads", "options"}   -> {"version"}; options: precision, ours alone
    {"do": "train", "model", "steps"}               -> {"losses", "peak"}: memory in bytes above that before
    {"do": "time", "model", "seconds"}              -> {"median", "low", "steps"}: seconds per step
    {"do": "snippets", "seconds"}                   -> {name: seconds} of everything in snippets.py
"""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Callable
from typing import Any

from . import snippets
from .models import MODELS, Step
from .peers import OURS
from .resident import forget_peak, memory
from .worker import serve


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
        library = self.torch = importlib.import_module(peer)
        if peer == OURS:
            library.set_float32_conv_precision(options["precision"])
        library.set_num_threads(threads)
        return {"version": str(library.__version__)}

    def train(self, model: str, steps: int) -> dict[str, Any]:
        """The first steps of a fresh model, unhurried."""
        step = self._steps[model] = MODELS[model].step(self.torch)
        before = forget_peak()
        losses = [step() for _ in range(steps)]
        return {"losses": losses, "peak": memory("VmHWM") - before}

    def time(self, model: str, seconds: float) -> dict[str, float]:
        """More steps of the model trained last."""
        step, clock = self._steps[model], time.perf_counter
        times: list[float] = []
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


def main() -> None:
    """For alone.py."""
    serve(Trainer())
