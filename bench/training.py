"""`python bench/training.py`: training steps and the overhead of autograd against torch eager, in turns.

Suite `training`: for every model, the losses of the first steps are compared with torch's (the same weights,
the same batch) and the peak memory above the process's own is noted, in a fresh process; then steps are
timed.
Suite `overhead`: operations on a few elements, recorded, and the walk back through chains of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

if __package__ in (None, ""):  # run as a file: make `bench` importable, and keep bench/ itself off the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench import machine, report
from bench.models import MODELS
from bench.peers import OURS
from bench.run import Parser
from bench.team import MALLOC, Contender, Team, Worker, WorkerError

SUITES = ("training", "overhead")
PRECISIONS = ("highest", "high", "medium")
STEPS = 20  # whose losses are compared
QUICK_STEPS = 3
TOLERANCE = 1e-4  # how far apart two losses may be, relative to the first one


@dataclass
class Trained:
    """One library's training of one model."""

    model: str
    threads: int
    label: str
    losses: list[float]
    peak: int  # bytes above what the process had before the first step
    rounds: list[dict[str, float]] = field(default_factory=list)
    difference: float = 0.0  # largest, from torch's losses, relative to the first
    reason: str = ""

    @property
    def time(self) -> float:
        """Seconds per step: the best round's median."""
        return min(each["median"] for each in self.rounds)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options; lists are separated by commas."""

    def several(choices: Sequence[str]) -> Callable[[str], list[str]]:
        def words(text: str) -> list[str]:
            chosen = text.replace(" ", "").split(",")
            for word in chosen:
                if word not in choices:
                    raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(choices)}")
            return chosen

        return words

    parser = Parser(prog="bench/training.py", description=__doc__.split("\n")[0], allow_abbrev=False)
    add = parser.add_argument
    add("--suite", type=several(SUITES), default=list(SUITES), metavar="NAMES", help=", ".join(SUITES))
    add("--models", type=several(list(MODELS)), default=list(MODELS), metavar="NAMES", help=", ".join(MODELS))
    add(
        "--precision",
        type=several(PRECISIONS),
        default=["high", "medium"],
        metavar="NAMES",
        help=f"of our convolutions: {', '.join(PRECISIONS)} (default: high,medium)",
    )
    add("--threads", type=int, default=1, help="default: 1")
    add("--peers", choices=("torch", "none"), default="torch", help="default: torch")
    add("--rounds", type=int, default=3, help="turns for every library (default: 3)")
    add("--seconds", type=float, default=2.0, help="per library, model and turn (default: 2)")
    add("--quick", action="store_true", help="run everything once; times nothing worth reading")
    add("--json", type=Path, metavar="FILE", help="write all results there as well")
    options = parser.parse_args(argv)
    if options.threads < 1 or options.rounds < 1 or not options.seconds > 0:
        parser.error("--threads, --rounds and --seconds must be positive")
    if options.quick:
        options.rounds, options.seconds = 1, 1e-3
    return options


def contenders(options: argparse.Namespace, precisions: Sequence[str]) -> list[Contender]:
    """torch first, if it is wanted, then ours, once per precision."""
    rivals = [Contender("torch", options.threads)] if options.peers == "torch" else []
    return rivals + [Contender(OURS, options.threads, (("precision", each),)) for each in precisions]


def assemble(team: Team, options: argparse.Namespace, precisions: Sequence[str]) -> dict[str, str]:
    """Starts everybody who is installed; returns their versions."""
    versions = {}
    for contender in contenders(options, precisions):
        try:
            versions[contender.peer] = str(team.add(contender).info["version"])
        except WorkerError as error:
            if contender.ours:
                raise
            print(f"not installed: {contender.peer} ({error})")
    return versions


# ---- training steps --------------------------------------------------------------------------------------
def train(model: str, options: argparse.Namespace) -> tuple[list[Trained], dict[str, str]]:
    """Fresh processes, one model: losses and memory, then rounds of steps in turns."""
    with Team("training_worker.py") as team:
        versions = assemble(team, options, options.precision)
        steps = QUICK_STEPS if options.quick else STEPS
        results = []
        for worker in team.workers:
            answer = worker.ask("train", model=model, steps=steps)
            label = worker.contender.label
            results.append(Trained(model, options.threads, label, answer["losses"], answer["peak"]))
        _compare(results)
        pairs = list(zip(team.workers, results, strict=True))
        for number in range(options.rounds):
            turn = number % len(pairs)  # another one begins each round
            for worker, result in pairs[turn:] + pairs[:turn]:
                team.wait_until_asleep()
                result.rounds.append(worker.ask("time", model=model, seconds=options.seconds))
    return results, versions


def _compare(results: list[Trained]) -> None:
    """Everybody's losses with the first one's."""
    first = results[0]
    for result in results[1:]:
        apart = np.abs(np.subtract(result.losses, first.losses))
        result.difference = float(apart.max() / abs(first.losses[0]))
        if not result.difference <= TOLERANCE:
            result.reason = f"losses differ from {first.label}'s by {result.difference:.1e}"


def training_table(results: Sequence[Trained]) -> str:
    """A line per model and library."""
    rivals = {result.model: result for result in results if result.label == "torch"}
    lines = []
    for result in results:
        rival = rivals.get(result.model)
        ratio = "-" if rival is None or rival is result else report.ratio(rival.time / result.time)
        slow = max(each["median"] for each in result.rounds) / result.time - 1
        lines.append(
            [
                result.model,
                result.label,
                f"{result.time * 1e3:.2f}",
                f"{slow:.0%}",
                ratio,
                f"{result.peak / 2**20:.1f}",
                f"{result.losses[0]:.5f}",
                f"{result.losses[-1]:.5f}",
                f"{result.difference:.1e}",
            ]
        )
    header = ["model", "library", "ms", "spread", "x torch", "peak MB", "first loss", "last", "difference"]
    return report.align(header, lines)


# ---- overhead --------------------------------------------------------------------------------------------
def overhead(options: argparse.Namespace) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """{label: {snippet: seconds}}, the best of several rounds in turns."""
    found: dict[str, dict[str, float]] = {}
    with Team("training_worker.py") as team:
        versions = assemble(team, options, ["high"])
        for _ in range(options.rounds):
            for worker in team.workers:
                team.wait_until_asleep()
                _keep_best(found.setdefault(worker.contender.peer, {}), worker, options.seconds / 20)
    return found, versions


def _keep_best(best: dict[str, float], worker: Worker, seconds: float) -> None:
    for name, time in worker.ask("snippets", seconds=seconds).items():
        best[name] = min(time, best.get(name, time))


def overhead_table(found: dict[str, dict[str, float]]) -> str:
    """A line per snippet; `/ torch`: our time divided by torch's."""
    mine, rival = found[OURS], found.get("torch", {})
    lines = [
        [
            name,
            report.microseconds(time),
            report.microseconds(rival[name]) if name in rival else "-",
            report.ratio(time / rival[name]) if name in rival else "-",
        ]
        for name, time in mine.items()
    ]
    return report.align(["operation", OURS, "torch", "/ torch"], lines, left=1)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0: done; 1: losses that are not torch's."""
    options = parse(argv)
    here = machine.describe()
    print("{cpu}, {cpus} CPUs, {system}, Python {python}".format(**here))
    trained: list[Trained] = []
    found: dict[str, dict[str, float]] = {}
    versions: dict[str, str] = {}
    if "training" in options.suite:
        for model in options.models:
            results, versions = train(model, options)
            trained += results
        print("\nTraining steps; x torch: how many times as long torch takes:\n" + training_table(trained))
    if "overhead" in options.suite:
        found, versions = overhead(options)
        print("\nMicroseconds per operation; a chain's backward, per link:\n" + overhead_table(found))
    wrong = [result for result in trained if result.reason]
    for result in wrong:
        print(f"ERROR {result.model} {result.label}: {result.reason}")
    if options.json is not None:
        settings = {"rounds": options.rounds, "seconds": options.seconds, "quick": options.quick}
        head = {
            "schema": report.SCHEMA,
            "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "machine": here,
            "versions": versions,
            "settings": {**settings, "threads": options.threads, "environment": MALLOC},
        }
        document = {**head, "training": [asdict(each) for each in trained], "overhead": found}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(f"written to {options.json}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
