"""`python bench/run.py`: the command line of the benchmark. See README.md for how to read what it prints.

Options and their checks, the order of things, progress. Measuring is measure.py, the table is report.py.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import NoReturn

if __package__ in (None, ""):  # run as a file: make `bench` importable, and keep bench/ itself off the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])
os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # for the float64 answers made here; workers get their own setting

from bench import machine, report
from bench.layers import DIRECTIONS, SUITES, Layer, select
from bench.measure import QUICK, Plan, Result, measure, rows
from bench.peers import OURS, PEERS
from bench.team import MALLOC, Contender, Team, WorkerError, missing

ALL_DIRECTIONS = tuple(dict.fromkeys(d for several in DIRECTIONS.values() for d in several))


class UsageError(Exception):
    """Something that the caller can put right; one line."""


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Without the usage text: `--help` has it."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def _words(text: str) -> list[str]:
    return [word for word in text.replace(" ", "").split(",") if word]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options; lists are separated by commas."""
    cpus = machine.usable_cpus()
    parser = Parser(
        prog="bench/run.py", description="Times named layers against other libraries.", allow_abbrev=False
    )
    add, every, peers = parser.add_argument, ",".join(ALL_DIRECTIONS), ", ".join(list(PEERS)[1:])
    add(
        "--layers",
        type=_words,
        default=[],
        metavar="NAMES",
        help="names or shell patterns, such as r50_*,unet_1",
    )
    add("--suite", type=_words, default=[], metavar="NAMES", help="some of " + ", ".join(SUITES))
    add("--direction", type=_words, default=_words(every), metavar="NAMES", help=f"some of {every}")
    add(
        "--threads",
        type=_words,
        metavar="COUNTS",
        help="such as 1,2 (default: 1 and all CPUs; --quick: 1)",
    )
    add(
        "--isa", type=_words, default=[], metavar="NAMES", help="ours in these, or in all (default: the best)"
    )
    add(
        "--peers",
        type=_words,
        metavar="NAMES",
        help=f"all, none, or some of {peers} (default: all; --quick: numpy)",
    )
    add("--rounds", type=int, default=Plan.rounds, help="turns for every library (default: %(default)s)")
    add("--seconds", type=float, default=Plan.seconds, help="per library and turn (default: %(default)s)")
    add("--quick", action="store_true", help="every benchmark once: checks them, times nothing worth reading")
    add("--json", type=Path, metavar="FILE", help="write all results there as well")
    add("--list", action="store_true", help="show the layers and stop")
    options = parser.parse_args(argv)
    try:
        _check(options, cpus)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return options


def _check(options: argparse.Namespace, cpus: int) -> None:
    options.chosen = select(options.layers, options.suite)
    for name in options.direction:
        if name not in ALL_DIRECTIONS:
            raise ValueError(f"no direction {name!r}; there are {', '.join(ALL_DIRECTIONS)}")
    if options.threads is None:
        options.threads = ["1"] if options.quick else list(dict.fromkeys(["1", str(cpus)]))
    for count in options.threads:
        if not count.isdecimal() or int(count) < 1:
            raise ValueError(f"--threads takes positive whole numbers, not {count!r}")
    options.peers = options.peers or (["numpy"] if options.quick else ["all"])
    for name in options.peers:
        if name not in [*PEERS, "all", "none"]:
            raise ValueError(f"no peer {name!r}; there are {', '.join(list(PEERS)[1:])}")
    if options.rounds < 1 or not options.seconds > 0:
        raise ValueError("--rounds and --seconds must be positive")
    if options.json is not None:  # better to fail now than after an hour
        new = not options.json.exists()
        options.json.open("a").close()
        if new:
            options.json.unlink()


def contenders(options: argparse.Namespace, threads: int, isas: Sequence[str]) -> list[Contender]:
    """Ours, once per ISA asked for, then the peers."""
    mine = [Contender(OURS, threads, (("isa", isa),)) for isa in isas]
    wanted = [name for name in PEERS if name != OURS and ("all" in options.peers or name in options.peers)]
    return mine + [Contender(name, threads) for name in wanted]


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


def assemble(team: Team, options: argparse.Namespace, threads: int, isas: Sequence[str]) -> list[str]:
    """Starts everybody. Returns the absent; one that was asked for by name is an error."""
    absent = []
    for contender in contenders(options, threads, isas):
        try:
            team.add(contender)
        except WorkerError as error:
            if contender.ours or contender.peer in options.peers:
                raise UsageError(f"cannot use {missing(contender.peer)}: {error}") from error
            absent.append(missing(contender.peer))
    return absent


def measure_peaks(team: Team, layers: Sequence[Layer], threads: int, seconds: float) -> dict[str, float]:
    """GFLOP/s per dtype that `threads` cores could do, by the best of our ISAs; empty if unmeasured."""
    peaks: dict[str, float] = {}
    for dtype in dict.fromkeys(layer.dtype for layer in layers if layer.flops):
        for worker in team.workers:
            if worker.contender.ours:
                gflops = worker.ask("peak", seconds=seconds, dtype=dtype)["gflops"] or 0.0
                peaks[dtype] = max(peaks.get(dtype, 0.0), gflops * threads)
    return {dtype: gflops for dtype, gflops in peaks.items() if gflops}


def with_progress(steps: Iterator[list[Result]], total: int, title: str) -> Iterator[list[Result]]:
    """A tqdm bar on stderr where tqdm is installed, else a line per row."""
    try:
        from tqdm import tqdm
    except ImportError:
        for number, row in enumerate(steps, 1):
            print(f"{title}: {number}/{total} {row[0].layer} {row[0].direction}", file=sys.stderr, flush=True)
            yield row
        return
    with tqdm(steps, total=total, desc=title, unit="row", leave=False, dynamic_ncols=True) as bar:
        for row in bar:
            bar.set_postfix_str(f"{row[0].layer} {row[0].direction}", refresh=False)
            yield row


def _plural(threads: int) -> str:
    return f"{threads} thread{'s' * (threads > 1)}"


@dataclass
class Session:
    """What has been measured so far, over all thread counts."""

    results: list[Result] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    peaks: dict[str, dict[str, float]] = field(default_factory=dict)


def run_threads(
    options: argparse.Namespace, threads: int, isas: Sequence[str], plan: Plan, session: Session
) -> None:
    """One team, all rows, two tables."""
    todo = rows(options.chosen, options.direction)
    with Team() as team:
        absent = assemble(team, options, threads, isas)
        session.versions.update({w.contender.peer: w.info["version"] for w in team.workers})
        peaks = measure_peaks(team, options.chosen, threads, 0.01 if options.quick else 0.5)
        done = list(with_progress(measure(team, todo, plan), len(todo), _plural(threads)))
    print(f"\n{_plural(threads)}; " + ", ".join(" ".join(item) for item in session.versions.items()))
    for dtype, gflops in peaks.items():
        print(f"measured multiply-add peak, {dtype}: {gflops:.1f} GFLOP/s")
    if absent:
        print("not installed: " + "; ".join(absent))
    print("\nMedian of the best round, microseconds:\n" + report.times(done))
    print(f"\n{OURS}; x: how many times as long the others take:\n" + report.ours(done, peaks))
    session.peaks[str(threads)] = peaks
    session.results += [result for row in done for result in row]


def run(options: argparse.Namespace) -> int:
    """Measures, prints, writes. 1 if one of our own answers was wrong or failed, else 0."""
    plan = QUICK if options.quick else Plan(options.rounds, options.seconds)
    if not rows(options.chosen, options.direction):
        raise UsageError("none of these layers has any of these directions")
    isas, session = choose_isas(options), Session()
    when, here = datetime.now(timezone.utc).isoformat(timespec="seconds"), machine.describe()
    print("{cpu}, {cpus} CPUs, {system}, Python {python}".format(**here))
    for threads in map(int, options.threads):
        run_threads(options, threads, isas, plan, session)
    for line in report.notes(session.results):
        print(line)
    if options.json is not None:
        settings = {"quick": options.quick, **asdict(plan), "environment": MALLOC}
        head = {"when": when, "machine": here, "settings": settings}
        head |= {"versions": session.versions, "peaks": session.peaks}
        report.write_json(options.json, head, session.results)
        print(f"written to {options.json}")
    return int(any(result.status == "error" and result.ours for result in session.results))


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0: done; 1: a wrong answer of ours; 2: bad options."""
    options = parse(argv)
    if options.list:
        lines = [[x.name, x.suite, x.describe(), " ".join(x.directions)] for x in options.chosen]
        print(report.align(["layer", "suite", "shape", "directions"], lines, left=4))
        return 0
    try:
        return run(options)
    except UsageError as error:
        print(f"bench/run.py: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
