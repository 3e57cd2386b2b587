"""`rushlight bench`, also `python bench/run.py`: what is done in which order, and what is printed.

Options are options.py, measuring is measure.py, memory.py and training.py, tables are report.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.util import find_spec

from . import compare, machine, memory, report, training
from .document import Document, joined, read
from .layers import DIRECTIONS, Layer
from .measure import QUICK, Plan, measure, rows
from .options import PROGRAM, ROW_SUITES, parse
from .peers import OURS, PEERS
from .progress import with_progress
from .team import MALLOC, Contender, Team, WorkerError, missing


class UsageError(Exception):
    """Something that the caller can put right; one line."""


# ---- who takes part --------------------------------------------------------------------------------------
def wanted(options: argparse.Namespace, default: Sequence[str] = ("all",)) -> list[str]:
    """The names of the other libraries."""
    names = options.peers or default
    return [name for name in PEERS if name != OURS and ("all" in names or name in names)]


def ours(options: argparse.Namespace, threads: int, isas: Sequence[str]) -> list[Contender]:
    """Once per ISA and precision asked for."""
    several = len(options.precision) > 1 or options.precision != ["high"]
    return [
        Contender(OURS, threads, (("isa", isa), *((("precision", precision),) if several else ())))
        for isa in isas
        for precision in options.precision
    ]


def choose_isas(options: argparse.Namespace) -> list[str]:
    """Asks our library, in a process of its own, which instruction sets there are."""
    with Team() as team:
        try:
            info = team.add(Contender(OURS, 1)).info
        except WorkerError as error:
            raise UsageError(f"cannot use {OURS} ({error}); install it with: pip install .") from error
    if options.isa == ["all"]:
        return [str(isa) for isa in info["isas"]]
    for name in options.isa:
        if name not in info["isas"]:
            raise UsageError(f"no ISA {name!r} here; there are {', '.join(info['isas'])}")
    return options.isa or [str(info["isa"])]


def assemble(team: Team, options: argparse.Namespace, contenders: Sequence[Contender]) -> list[str]:
    """Starts everybody. Returns the absent; one that was asked for by name is an error."""
    absent = []
    for contender in contenders:
        try:
            team.add(contender)
        except WorkerError as error:
            if contender.ours or contender.peer in (options.peers or ()):
                raise UsageError(f"cannot use {missing(contender.peer)}: {error}") from error
            absent.append(missing(contender.peer))
    return absent


# ---- the suites ------------------------------------------------------------------------------------------
Rates = dict[str, float]


def ask_machine(team: Team, layers: Sequence[Layer], seconds: float) -> tuple[Rates, Rates]:
    """The best of our ISAs' peaks, by dtype, and the bandwidths."""
    kinds = list(dict.fromkeys(layer.dtype for layer in layers))
    peaks: Rates = {}
    rates: Rates = {}
    for worker in team.workers:
        if worker.contender.ours:
            told = worker.ask("machine", seconds=seconds, dtypes=kinds)
            peaks = {kind: max(rate, peaks.get(kind, 0.0)) for kind, rate in told["peaks"].items()}
            rates = rates or told["bandwidths"]
    return peaks, rates


def run_rows(
    options: argparse.Namespace, threads: int, isas: Sequence[str], plan: Plan, document: Document
) -> None:
    """One team, all rows, two tables."""
    todo = rows(options.chosen, options.direction)
    contenders = ours(options, threads, isas) + [Contender(name, threads) for name in wanted(options)]
    with Team() as team:
        absent = assemble(team, options, contenders)
        document.versions.update({w.contender.peer: w.info["version"] for w in team.workers})
        peaks, rates = ask_machine(team, options.chosen, 0.01 if options.quick else 0.5)
        document.peaks[str(threads)], document.bandwidths[str(threads)] = peaks, rates
        steps = with_progress(
            measure(team, todo, plan),
            len(todo),
            report.plural(threads),
            lambda row: f"{row[0].layer} {row[0].direction}",
        )
        document.results += [result for row in steps for result in row]
    if absent:
        print("not installed: " + "; ".join(absent))
    show_rows(document, threads)


def show_rows(document: Document, threads: int) -> None:
    """The tables of one number of threads."""
    print(f"\n{report.summary(document, threads)}\n\n{report.tables(document, threads)}")


def run_memory(options: argparse.Namespace, document: Document) -> None:
    """Fresh processes for every row and library; forward, unless told otherwise."""
    directions = options.direction if options.direction_given else ["forward"]
    todo = rows(options.remembered, directions)
    for threads in options.threads if options.threads_given else [1]:
        contenders = [Contender(OURS, threads)] + [
            Contender(name, threads) for name in wanted(options, ("torch",)) if name != "python"
        ]
        steps = with_progress(
            memory.measure(todo, contenders),
            len(todo),
            "memory",
            lambda row: f"{row[0]['layer']} {row[0]['direction']}",
        )
        document.memory += [entry for row in steps for entry in row]
    document.versions.update({e["peer"]: e["version"] for e in document.memory if "version" in e})
    show_memory(document)


def show_memory(document: Document) -> None:
    """The table, and where we need more than torch."""
    print("\nPeak memory of a call above what was held before:\n" + memory.table(document.memory))
    above = memory.more_than(document.memory)
    print(f"more than torch on {len(above)} rows" + "".join(f"\n  {row}" for row in above))


def run_training(options: argparse.Namespace, document: Document) -> None:
    """Both suites of training.py."""
    for threads in options.threads if options.threads_given else [1]:
        settings = training.Settings(
            threads=threads,
            models=tuple(options.models),
            precisions=tuple(options.precision),
            rivals=tuple(name for name in wanted(options, ("torch",)) if name == "torch"),
            rounds=1 if options.quick else options.rounds,
            seconds=1e-3 if options.quick else 10 * options.seconds,
            quick=options.quick,
        )
        training.run(settings, [suite for suite in options.suite if suite not in ROW_SUITES], document)
    show_training(document)


def show_training(document: Document) -> None:
    """Their tables."""
    if document.training:
        table = training.training_table(document.training)
        print("\nTraining steps; x torch: how many times as long torch takes:\n" + table)
    if document.overhead:
        table = training.overhead_table(document.overhead)
        print("\nMicroseconds per operation; a chain's backward, per link:\n" + table)


# ---- all of it -------------------------------------------------------------------------------------------
def run(options: argparse.Namespace) -> Document:
    """Measures and prints."""
    plan = QUICK if options.quick else Plan(options.rounds, options.seconds)
    isas = choose_isas(options)
    settings = {"quick": options.quick, **asdict(plan), "threads": options.threads, "isas": isas}
    settings |= {"precision": options.precision, "environment": MALLOC}
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    document = Document(now, machine.describe(), settings)
    print("{cpu}, {cpus} CPUs, {system}, Python {python}".format(**document.machine))
    if any(suite in ROW_SUITES for suite in options.suite):
        for threads in options.threads:
            run_rows(options, threads, isas, plan, document)
    if "memory" in options.suite:
        run_memory(options, document)
    if "training" in options.suite or "overhead" in options.suite:
        run_training(options, document)
    return document


def show(document: Document) -> None:
    """An earlier run, as it was printed then."""
    print(
        "{cpu}, {cpus} CPUs, {system}, Python {python}; {when}".format(**document.machine, when=document.when)
    )
    for threads in document.threads:
        show_rows(document, threads)
    if document.memory:
        show_memory(document)
    show_training(document)


def finish(options: argparse.Namespace, document: Document) -> int:
    """Notes and files. 1 if one of our own answers was wrong or failed, else 0."""
    strange = training.errors(document.training)
    for line in [*report.notes(document.results), *memory.errors(document.memory), *strange]:
        print(line)
    wrong = strange or any(result.status == "error" and result.ours for result in document.results)
    if options.add and options.json.exists():
        document = joined(read(options.json), document)
    if options.json is not None:
        document.write(options.json)
    if options.plot is not None:
        from .pictures import save

        save(document, options.plot)
    if options.html is not None:
        from .page import write

        write(document, options.html)
    for file in (options.json, options.plot, options.html):
        if file is not None:
            print(f"written to {file}")
    return int(bool(wrong))


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0: done; 1: a wrong answer of ours, or a row that got slower; 2: bad options."""
    options = parse(argv)
    if options.list:
        lines = [
            [x.name, x.suite, x.family, x.describe(), " ".join(DIRECTIONS[x.op])]
            for x in options.chosen or options.remembered
        ]
        print(report.align(["layer", "suite", "family", "shape", "directions"], lines, left=5))
        return 0
    try:
        if (options.html or options.plot) and find_spec("matplotlib") is None:
            raise UsageError("pictures need matplotlib: pip install 'rushlight[bench]'")
        if options.compare:
            return compare.compare(options)
        if options.source is None:
            return finish(options, run(options))
        document = read(options.source)
        show(document)
        return finish(options, document)
    except (UsageError, ValueError) as error:
        print(f"{PROGRAM}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
