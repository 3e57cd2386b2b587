"""What threads cost when they are not hot - after idleness, beside a busy process.

Every library is timed call by call, on two threads and on one, and each time is divided by its own median on
one thread, back to back and undisturbed, in the same minute. A pool that stalls shows tens here though its
average is good. The line of one thread shows what the machine does to anybody who has been idle.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from . import document, machine, report
from .layers import BY_NAME
from .options import Parser
from .peers import OURS
from .team import Contender, Team, Worker, WorkerError

PEERS = (OURS, "torch", "onnxruntime")
THREADS = 2
PERCENTILES = (50, 90, 99, 100)
MODULE = "stall_worker"


@dataclass(frozen=True)
class Situation:
    """In which circumstances a call is made, and what is promised: multiples of the one-thread time."""

    name: str
    short: bool  # the short call, or the long one
    pause: float  # seconds of sleep before each call
    busy: bool  # whether another process keeps a CPU busy
    limits: dict[int, float]  # percentile -> at most


SITUATIONS = (
    Situation("hot", False, 0, False, {50: 0.6}),
    Situation("after 20 ms of idleness", False, 0.02, False, {50: 0.9, 90: 1.0, 99: 1.5}),
    Situation("beside a busy process, pauses of 2 ms", False, 0.002, True, {50: 0.9, 90: 1.1, 99: 1.5}),
    Situation("short call, after 20 ms of idleness", True, 0.02, False, {99: 3.0}),
)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = Parser(prog="bench/stall.py", description=__doc__.split("\n")[0], allow_abbrev=False)
    add = parser.add_argument
    add("--peers", default=",".join(PEERS), metavar="NAMES", help=f"of {', '.join(PEERS)} (default: all)")
    add("--calls", type=int, default=500, help="per situation (default: 500)")
    add("--layer", default="groups_8", help="the long call: 0.3 to 0.5 ms on one thread (default: groups_8)")
    add("--short", default="mbv2_dw3", help="the short call: about 25 us (default: mbv2_dw3)")
    add("--json", type=Path, metavar="FILE", help="write all results there as well")
    options = parser.parse_args(argv)
    options.peers = options.peers.split(",")
    for peer in options.peers:
        if peer not in PEERS:
            parser.error(f"{peer!r} is none of {', '.join(PEERS)}")
    for layer in (options.layer, options.short):
        if layer not in BY_NAME:
            parser.error(f"no layer {layer!r}; bench/run.py --list shows them")
    if options.calls < 1:
        parser.error("--calls must be positive")
    return options


@dataclass(frozen=True)
class Measured:
    """One library in one situation."""

    library: str
    situation: str
    threads: int
    one_thread: float  # seconds, hot
    multiples: list[float]  # of it, at PERCENTILES


@contextmanager
def busy_process(wanted: bool) -> Iterator[None]:
    """Another process that computes without end, if it is wanted."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def measure(peer: str, options: argparse.Namespace) -> list[Measured]:
    """One library in every situation, on one thread and on two."""
    with Team(MODULE) as team:
        one, two = team.add(Contender(peer, 1)), team.add(Contender(peer, THREADS))

        def series(worker: Worker, layer: str, count: int, pause: float = 0) -> list[float]:
            seconds = worker.ask("series", layer=layer, count=count, pause=pause)["seconds"]
            team.wait_until_asleep()
            return list(seconds)

        found = []
        for situation in SITUATIONS:
            layer = options.short if situation.short else options.layer
            alone = float(np.median(series(one, layer, options.calls)))
            with busy_process(situation.busy):
                many = series(two, layer, options.calls, situation.pause)
                single = series(one, layer, max(1, options.calls // 2), situation.pause)
            alone = min(alone, float(np.median(series(one, layer, options.calls))))
            for threads, times in ((1, single), (THREADS, many)):
                multiples = [float(np.percentile(times, p)) / alone for p in PERCENTILES]
                found.append(Measured(peer, situation.name, threads, alone, multiples))
    return found


def spinning(peer: str, options: argparse.Namespace) -> float:
    """Seconds of CPU that the library's threads use after a call; NaN where that cannot be seen."""
    with Team(MODULE) as team:
        worker = team.add(Contender(peer, THREADS))
        cpu = worker.ask("spinning", layer=options.layer, count=min(200, options.calls))["cpu"]
    return float(np.median(cpu)) if cpu else float("nan")


def table(results: Sequence[Measured]) -> str:
    """A line per situation, library and number of threads; a star: more than is promised."""
    lines = []
    for situation in SITUATIONS:
        for each in results:
            if each.situation != situation.name:
                continue
            limits = situation.limits if each.threads == THREADS else {}
            cells = [
                f"{value:.2f}{'*' if value > limits.get(percentile, np.inf) else ''}"
                for percentile, value in zip(PERCENTILES, each.multiples, strict=True)
            ]
            promised = ", ".join(f"p{p} {most:g}" for p, most in limits.items())
            one = report.microseconds(each.one_thread)
            lines.append([situation.name, each.library, str(each.threads), one, *cells, promised])
    header = [
        "situation",
        "library",
        "threads",
        "hot, 1 thread: us",
        "p50",
        "p90",
        "p99",
        "worst",
        "promised",
    ]
    return report.align(header, lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0: done, whatever the figures; 1: no library could be timed."""
    options = parse(argv)
    here = machine.describe()
    print("{cpu}, {cpus} CPUs, {system}, Python {python}".format(**here))
    results: list[Measured] = []
    burnt: dict[str, float] = {}
    for peer in options.peers:
        try:
            results += measure(peer, options)
            burnt[peer] = spinning(peer, options)
        except WorkerError as error:
            print(f"left out: {peer} ({error})")
    if not results:
        return 1
    print(f"\nMultiples of the hot one-thread time, {options.calls} calls each:\n" + table(results))
    print("\nCPU that the library's threads use after a call, before they sleep:")
    lines = [[peer, report.microseconds(seconds)] for peer, seconds in burnt.items()]
    print(report.align(["library", "us"], lines, left=1))
    if options.json is not None:
        found = {
            "schema": document.SCHEMA,
            "machine": here,
            "calls": options.calls,
            "stall": [asdict(each) for each in results],
            "spinning": burnt,
        }
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"written to {options.json}")
    return 0
