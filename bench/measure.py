"""One row after the other: prepare and check every contender, then time them in turns over several rounds.

No command line, no table, no process handling here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench import cases
from bench.layers import Layer
from bench.peers import OURS
from bench.team import Team, Worker, WorkerError


@dataclass(frozen=True)
class Plan:
    """How long to look at each call."""

    rounds: int = 3  # 0: the check's cold call is all there is
    seconds: float = 0.2  # per contender and round
    least: int = 5  # calls per round, however slow


QUICK = Plan(rounds=0)


@dataclass
class Result:
    """One contender in one row. `status` is ok, unsupported or error; only ok has times."""

    layer: str
    op: str
    direction: str
    dtype: str
    shape: str
    flops: int
    threads: int
    peer: str
    label: str
    options: dict[str, str]
    status: str = "ok"
    reason: str = ""
    error: tuple[float, float] | None = None  # largest and rms, as shares of the answer's rms
    rounds: list[dict[str, float]] = field(default_factory=list)
    quiet: bool = True  # the others slept while this one was timed

    @property
    def ours(self) -> bool:
        """Whether this is the library that the benchmark is about."""
        return self.peer == OURS

    @property
    def time(self) -> float:
        """Seconds per call: the best round's median."""
        return min(r["median"] for r in self.rounds)

    @property
    def spread(self) -> float:
        """How far the worst round's median is above the best one's, as a share."""
        return max(r["median"] for r in self.rounds) / self.time - 1

    @property
    def faults(self) -> float:
        """Page faults per call in the best round."""
        return min(self.rounds, key=lambda r: r["median"])["faults"]

    def as_json(self) -> dict[str, Any]:
        """With the derived figures, so that a reader of the file needs no code of ours."""
        derived = {"time": self.time, "spread": self.spread, "faults": self.faults} if self.rounds else {}
        return {**asdict(self), **derived}


def rows(layers: list[Layer], directions: list[str]) -> list[tuple[Layer, str]]:
    """Every (layer, direction) asked for that exists."""
    return [(layer, d) for layer in layers for d in layer.directions if d in directions]


def measure_row(team: Team, layer: Layer, direction: str, plan: Plan) -> list[Result]:
    """All contenders on one row, in the team's order. A contender that fails its check is never timed."""
    case = cases.make(layer.name, direction)
    want = cases.answers(case)
    results = [_blank(layer, direction, worker) for worker in team.workers]
    pairs = list(zip(team.workers, results, strict=True))
    for worker, result in pairs:
        _attempt(result, lambda w=worker, r=result: _prepare_and_check(w, r, case, want, plan))  # type: ignore[misc]
    for number in range(plan.rounds):
        turn = number % len(pairs)  # another one begins each round
        for worker, result in pairs[turn:] + pairs[:turn]:
            if result.status == "ok":
                _attempt(result, lambda w=worker, r=result: _time(team, w, r, plan))  # type: ignore[misc]
    for worker, result in pairs:
        if result.status == "ok":
            _attempt(result, lambda w=worker: w.ask("rest"))  # type: ignore[misc]
    return results


def _blank(layer: Layer, direction: str, worker: Worker) -> Result:
    who = worker.contender
    return Result(
        layer=layer.name,
        op=layer.op,
        direction=direction,
        dtype=layer.dtype,
        shape=layer.describe(),
        flops=layer.flops,
        threads=who.threads,
        peer=who.peer,
        label=who.label,
        options=dict(who.options),
    )


def _attempt(result: Result, step: Callable[[], object]) -> None:
    try:
        step()
    except (WorkerError, ValueError) as error:
        result.status, result.reason, result.rounds = "error", str(error), []


def _prepare_and_check(worker: Worker, result: Result, case: cases.Case, want: list[Any], plan: Plan) -> None:
    reply = worker.ask("prepare", layer=result.layer, direction=result.direction)
    if "unsupported" in reply:
        result.status, result.reason = "unsupported", reply["unsupported"]
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer.npz"
        cold = worker.ask("answer", file=str(file))
        with np.load(file) as saved:
            result.error = cases.errors(case, [saved[name] for name in saved.files], want)
    if plan.rounds == 0:
        result.rounds.append(cold)


def _time(team: Team, worker: Worker, result: Result, plan: Plan) -> None:
    result.quiet &= team.wait_until_asleep()
    result.rounds.append(worker.ask("time", seconds=plan.seconds, least=plan.least))


def measure(team: Team, todo: list[tuple[Layer, str]], plan: Plan) -> Iterator[list[Result]]:
    """Row by row, so that a caller can show progress."""
    for layer, direction in todo:
        yield measure_row(team, layer, direction, plan)
