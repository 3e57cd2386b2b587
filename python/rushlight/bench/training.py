"""Training steps and the overhead of autograd against torch eager, in turns.

Suite `training`: for every model, the losses of the first steps are compared with torch's (the same weights,
the same batch) and the peak memory above the process's own is noted, in a fresh process; then steps are
timed.
Suite `overhead`: operations on a few elements, recorded, and the walk back through chains of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from . import report
from .document import Document
from .peers import OURS
from .progress import with_progress
from .team import Contender, Team, Worker, WorkerError

STEPS = 20  # whose losses are compared
QUICK_STEPS = 3
TOLERANCE = 1e-4  # how far apart two losses may be, relative to the first one


@dataclass(frozen=True)
class Settings:
    """What to train, with whom and for how long."""

    threads: int
    models: tuple[str, ...]
    precisions: tuple[str, ...]  # of our convolutions
    rivals: tuple[str, ...]
    rounds: int
    seconds: float  # per library, model and turn
    quick: bool


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


def run(settings: Settings, suites: Sequence[str], document: Document) -> None:
    """The suites asked for; results and versions go into the document."""
    if "training" in suites:
        steps = (train(model, settings, document.versions) for model in settings.models)
        for results in with_progress(steps, len(settings.models), "training", lambda row: row[0].model):
            document.training += [asdict(each) for each in results]
    if "overhead" in suites:
        document.overhead = overhead(settings, document.versions)


def contenders(settings: Settings, precisions: Sequence[str]) -> list[Contender]:
    """torch first, if it is wanted, then ours, once per precision."""
    rivals = [Contender(rival, settings.threads) for rival in settings.rivals]
    return rivals + [Contender(OURS, settings.threads, (("precision", each),)) for each in precisions]


def assemble(team: Team, settings: Settings, precisions: Sequence[str], versions: dict[str, str]) -> None:
    """Starts everybody who is installed and notes their versions."""
    for contender in contenders(settings, precisions):
        try:
            versions[contender.peer] = str(team.add(contender).info["version"])
        except WorkerError as error:
            if contender.ours:
                raise
            print(f"not installed: {contender.peer} ({error})")


# ---- training steps --------------------------------------------------------------------------------------
def train(model: str, settings: Settings, versions: dict[str, str]) -> list[Trained]:
    """Fresh processes, one model: losses and memory, then rounds of steps in turns."""
    with Team("training_worker") as team:
        assemble(team, settings, settings.precisions, versions)
        steps = QUICK_STEPS if settings.quick else STEPS
        results = []
        for worker in team.workers:
            answer = worker.ask("train", model=model, steps=steps)
            label = worker.contender.label
            results.append(Trained(model, settings.threads, label, answer["losses"], answer["peak"]))
        _compare(results)
        pairs = list(zip(team.workers, results, strict=True))
        for number in range(settings.rounds):
            turn = number % len(pairs)  # another one begins each round
            for worker, result in pairs[turn:] + pairs[:turn]:
                team.wait_until_asleep()
                result.rounds.append(worker.ask("time", model=model, seconds=settings.seconds))
    return results


def _compare(results: list[Trained]) -> None:
    """Everybody's losses with the first one's."""
    first = results[0]
    for result in results[1:]:
        apart = np.abs(np.subtract(result.losses, first.losses))
        result.difference = float(apart.max() / abs(first.losses[0]))
        if not result.difference <= TOLERANCE:
            result.reason = f"losses differ from {first.label}'s by {result.difference:.1e}"


def errors(entries: Sequence[dict[str, Any]]) -> list[str]:
    """A line for every training whose losses are not torch's."""
    return [
        f"ERROR {entry['model']} {entry['label']}: {entry['reason']}" for entry in entries if entry["reason"]
    ]


def training_table(entries: Sequence[dict[str, Any]]) -> str:
    """A line per model, number of threads and library."""
    results = [Trained(**entry) for entry in entries]
    rivals = {(result.model, result.threads): result for result in results if result.label == "torch"}
    lines = []
    for result in results:
        rival = rivals.get((result.model, result.threads))
        ratio = "-" if rival is None or rival is result else report.ratio(rival.time / result.time)
        slow = max(each["median"] for each in result.rounds) / result.time - 1
        lines.append(
            [
                result.model,
                result.label,
                str(result.threads),
                f"{result.time * 1e3:.2f}",
                f"{slow:.0%}",
                ratio,
                f"{result.peak / 2**20:.1f}",
                f"{result.losses[0]:.5f}",
                f"{result.losses[-1]:.5f}",
                f"{result.difference:.1e}",
            ]
        )
    header = ["model", "library", "threads", "ms", "spread", "x torch", "peak MB", "first loss", "last"]
    return report.align([*header, "difference"], lines)


# ---- overhead --------------------------------------------------------------------------------------------
def overhead(settings: Settings, versions: dict[str, str]) -> dict[str, dict[str, float]]:
    """{label: {snippet: seconds}}, the best of several rounds in turns."""
    found: dict[str, dict[str, float]] = {}
    with Team("training_worker") as team:
        assemble(team, settings, ["high"], versions)
        for _ in range(settings.rounds):
            for worker in team.workers:
                team.wait_until_asleep()
                _keep_best(found.setdefault(worker.contender.peer, {}), worker, settings.seconds / 20)
    return found


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
