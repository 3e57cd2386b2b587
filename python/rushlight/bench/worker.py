"""A worker process: holds one library with one setting, prepares and times the calls it is asked for.

Protocol: a JSON object per line on stdin, a reply per line on a private copy of stdout; asleep in between.
    {"do": "start", "peer", "threads", "options"}   -> {"version", "threads", ...}
    {"do": "prepare", "layer", "direction"}         -> {} or {"unsupported": reason}
    {"do": "answer", "file"}                        -> a round of one cold call, its outputs saved as .npz
    {"do": "time", "seconds", "least"}              -> a round: median, low, high, calls, faults, switches
    {"do": "roofline", "layer", "direction"}        -> see peers/ours.py; {} of a peer
    {"do": "machine", "seconds", "dtypes"}          -> the same
    {"do": "memory", "calls"}                       -> {"peak": bytes above those before the calls}
    {"do": "rest"}                                  -> {}, the prepared call and its arrays dropped
Any exception becomes {"error": one line}. Nothing here knows any library, nor how rounds are arranged.
Started by alone.py.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from typing import Any

import numpy as np

from . import cases, resident
from .peers import PEERS
from .peers.common import Call, Unsupported

resource: Any
try:
    import resource
except ImportError:  # not on Windows
    resource = None

SAMPLE = 20e-6  # seconds; shorter calls are timed several at a time: reading the clock costs about 50 ns


def _usage() -> tuple[int, int]:
    """(page faults, involuntary context switches) of this process so far."""
    if resource is None:
        return 0, 0
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_minflt + usage.ru_majflt, usage.ru_nivcsw


Round = dict[str, float]


def _round(times: list[float], batch: int, before: tuple[int, int], after: tuple[int, int]) -> Round:
    """`low` and `high` are the 10th and 90th percentile; faults are per call."""
    low, median, high = (float(t) for t in np.percentile(times, [10, 50, 90]))
    calls = len(times) * batch
    faults, switches = (after[0] - before[0]) / calls, after[1] - before[1]
    return {
        "median": median,
        "low": low,
        "high": high,
        "calls": calls,
        "faults": faults,
        "switches": switches,
    }


def once(call: Call) -> tuple[Any, Round]:
    """One cold call: its result, and how long it took (which says little)."""
    before, begin = _usage(), time.perf_counter()
    result = call.run()
    seconds = time.perf_counter() - begin
    return result, _round([seconds], 1, before, _usage())


def warm_up(call: Call, seconds: float) -> float:
    """Calls until caches, branch predictors and thread pools are warm; returns the last call's time."""
    end = time.perf_counter() + seconds
    while True:
        begin = time.perf_counter()
        call.run()
        now = time.perf_counter()
        if now >= end:
            return now - begin


def measure(call: Call, seconds: float, least: int) -> Round:
    """Times `call` for about `seconds`, but at least `least` times.

    Its result is dropped at once, as in an expression. Short calls are timed in batches that fill SAMPLE.
    """
    run, clock = call.run, time.perf_counter
    batch = range(max(1, int(SAMPLE / warm_up(call, seconds / 10))))
    times: list[float] = []
    gc.collect()
    gc.disable()
    before = _usage()
    start = now = clock()
    while len(times) < least or now - start < seconds:
        begin = clock()
        for _ in batch:
            run()
        now = clock()
        times.append((now - begin) / len(batch))
        if now - start > 10 * max(seconds, 0.1):  # a slow call is not repeated for minutes
            break
    after = _usage()
    gc.enable()
    return _round(times, len(batch), before, after)


class Worker:
    """The requests, as methods; `serve` calls them by name."""

    def __init__(self) -> None:
        self.peer: Any = None
        self.call: Call | None = None

    def start(self, peer: str, threads: int, options: dict[str, str]) -> dict[str, Any]:
        """Imports the library."""
        self.peer = importlib.import_module(f".peers.{PEERS[peer][0]}", __package__)
        return dict(self.peer.start(threads, options))

    def prepare(self, layer: str, direction: str) -> dict[str, Any]:
        """Makes the arrays and whatever the library prepares once."""
        self.call = None
        try:
            self.call = self.peer.prepare(cases.make(layer, direction))
        except Unsupported as reason:
            return {"unsupported": str(reason)}
        return {}

    def answer(self, file: str) -> Round:
        """One call; what it returned goes to the parent, who judges."""
        assert self.call is not None
        result, cold = once(self.call)
        np.savez(file, *self.call.arrays(result))
        return cold

    def time(self, seconds: float, least: int) -> Round:
        """One round's measurement."""
        assert self.call is not None
        return measure(self.call, seconds, least)

    def roofline(self, layer: str, direction: str) -> dict[str, Any]:
        """What bounds a call, where the library can tell."""
        told = hasattr(self.peer, "roofline")
        return dict(self.peer.roofline(cases.BY_NAME[layer], direction)) if told else {}

    def machine(self, seconds: float, dtypes: list[str]) -> dict[str, Any]:
        """How fast this machine computes and copies, where the library can tell."""
        return dict(self.peer.machine(seconds, dtypes)) if hasattr(self.peer, "machine") else {}

    def memory(self, calls: int) -> dict[str, int]:
        """The largest resident size during some calls, above the one before."""
        assert self.call is not None
        gc.collect()
        before = resident.forget_peak()
        for _ in range(calls):
            self.call.run()
        return {"peak": max(0, resident.memory("VmHWM") - before)}

    def rest(self) -> dict[str, Any]:
        """Frees the case."""
        self.call = None
        return {}


def serve(worker: Any) -> None:
    """Answers requests until stdin ends: each names a method of `worker`. Whatever a library prints goes to
    stderr, not into the protocol."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(worker, request.pop("do"))(**request)
        except Exception as error:
            text = " ".join(str(error).split()) or "no message"
            reply = {"error": f"{type(error).__name__}: {text}"[:500]}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def main() -> None:
    """For alone.py."""
    serve(Worker())
