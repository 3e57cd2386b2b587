"""One row after the other: prepare and check every contender, then time them in turns over several rounds.

No command line, no table, no process handling here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import cases
from .document import Result
from .layers import Layer
from .team import Team, Worker, WorkerError


@dataclass(frozen=True)
class Plan:
    """How long to look at each call."""

    rounds: int = 3  # 0: the check's cold call is all there is
    seconds: float = 0.2  # per contender and round
    least: int = 5  # calls per round, however slow


QUICK = Plan(rounds=0)
HOPELESS = 10.0  # times the fastest; after the first round nobody needs to know such a time any better


def rows(layers: list[Layer], directions: list[str]) -> list[tuple[Layer, str]]:
    """Every (layer, direction) asked for that exists; what grows is timed forward."""
    return [
        (layer, direction)
        for layer in layers
        for direction in layer.directions
        if direction in directions and (direction == "forward" or layer.suite != "scaling")
    ]


def measure_row(team: Team, layer: Layer, direction: str, plan: Plan) -> list[Result]:
    """All contenders on one row, in the team's order. A contender that fails its check is never timed."""
    case = cases.make(layer.name, direction)
    want = cases.answers(case)
    results = [_blank(layer, direction, worker) for worker in team.workers]
    pairs = list(zip(team.workers, results, strict=True))
    for worker, result in pairs:
        _attempt(result, partial(_prepare_and_check, worker, result, case, want, plan))
    for number in range(plan.rounds):
        turn = number % len(pairs)  # another one begins each round
        fastest = min((r.time for r in results if r.rounds), default=0.0)
        for worker, result in pairs[turn:] + pairs[:turn]:
            hopeless = result.rounds and not result.ours and result.time > HOPELESS * fastest
            if result.status == "ok" and not hopeless:
                _attempt(result, partial(_time, team, worker, result, plan))
    for worker, result in pairs:
        if result.status == "ok":
            _attempt(result, partial(worker.ask, "rest"))
    return results


def _blank(layer: Layer, direction: str, worker: Worker) -> Result:
    who = worker.contender
    return Result(
        layer=layer.name,
        suite=layer.suite,
        family=layer.family,
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
    row = {"layer": result.layer, "direction": result.direction}
    reply = worker.ask("prepare", **row)
    if "unsupported" in reply:
        result.status, result.reason = "unsupported", reply["unsupported"]
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer.npz"
        cold = worker.ask("answer", file=str(file))
        with np.load(file) as saved:
            result.error = cases.errors(case, [saved[name] for name in saved.files], want)
    result.roofline = worker.ask("roofline", **row)
    if plan.rounds == 0:
        result.rounds.append(cold)


def _time(team: Team, worker: Worker, result: Result, plan: Plan) -> None:
    result.quiet &= team.wait_until_asleep()
    result.rounds.append(worker.ask("time", seconds=plan.seconds, least=plan.least))


def measure(team: Team, todo: list[tuple[Layer, str]], plan: Plan) -> Iterator[list[Result]]:
    """Row by row, so that a caller can show progress."""
    for layer, direction in todo:
        yield measure_row(team, layer, direction, plan)
