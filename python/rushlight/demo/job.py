"""The main job, in order: configuration, edge kernel, digits, race, figure; each piece has its own file."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import rushlight as rl

from . import classifier, digits, edges, figure, options, race
from .classifier import Training
from .console import advice, heading, installed
from .digits import Digits
from .edges import Edges


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0: done; 1: a wrong result; 2: a bad option or file; 130: stopped."""
    parser = options.parser()
    chosen = parser.parse_args(argv)
    try:
        data = read_digits(chosen)
        check_output(chosen)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    try:
        run(chosen, data)
    except ArithmeticError as error:
        print(f"{parser.prog}: wrong result: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


def read_digits(chosen: argparse.Namespace) -> Digits | None:
    """From the file asked for, else from scikit-learn, else none."""
    if chosen.digits is not None:
        images, labels = digits.from_file(chosen.digits)
    elif installed("sklearn"):
        images, labels = digits.from_sklearn()
    else:
        return None
    return digits.split(images, labels, chosen.seed)


def check_output(chosen: argparse.Namespace) -> None:
    """Better to learn now than after the work that the figure cannot be written."""
    if chosen.no_plot and chosen.output is not None:
        raise ValueError("--output and --no-plot exclude each other")
    chosen.output = chosen.output or options.DEFAULT_OUTPUT
    if chosen.no_plot or not installed("matplotlib"):
        return
    path: Path = chosen.output
    if path.suffix.removeprefix(".").lower() not in figure.formats():
        raise ValueError(f"cannot draw {path}: its name must end in one of {', '.join(figure.formats())}")
    try:
        new = not path.exists()
        path.open("ab").close()
        if new:
            path.unlink()
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from error


def run(chosen: argparse.Namespace, data: Digits | None) -> None:
    """Everything that is shown."""
    begin = time.perf_counter()
    if chosen.threads is not None:
        rl.set_num_threads(chosen.threads)
    print(rl.show_config())
    learned = show_edges(chosen.seed)
    training = show_digits(data, chosen) if data is not None else None
    heading("Native against NumPy against plain Python")
    race.report(0.02 if chosen.quick else 0.4)
    draw(chosen, learned, data, training)
    print(f"\nDone in {time.perf_counter() - begin:.0f} s.")
    missing = {} if data is not None else {"sklearn": "the digits"}
    missing |= {} if chosen.no_plot or installed("matplotlib") else {"matplotlib": "the figure"}
    missing |= {} if installed("tqdm") else {"tqdm": "the progress bar"}
    if missing:
        print(advice(missing))


def show_edges(seed: int) -> Edges:
    """Learns the kernel and says so."""
    heading("Learning the kernel that finds vertical edges")
    learned = edges.learn(seed)
    edges.report(learned)
    return learned


def show_digits(data: Digits, chosen: argparse.Namespace) -> Training:
    """Trains the network and says how well it reads."""
    heading(
        f"Reading handwritten digits: {len(data.labels)} to learn from, {len(data.held_out_labels)} held out"
    )
    begin = time.perf_counter()
    training = classifier.train(data, chosen.seed, epochs=2 if chosen.quick else classifier.EPOCHS)
    classifier.report(data, training)
    print(f"{len(training.losses)} steps in {time.perf_counter() - begin:.1f} s")
    return training


def draw(chosen: argparse.Namespace, learned: Edges, data: Digits | None, training: Training | None) -> None:
    """Saves the figure, if there can be one, and says where."""
    if chosen.no_plot or not installed("matplotlib"):
        return
    figure.draw(learned, data, training, chosen.output)
    print(f"\nFigure: {chosen.output.resolve()}")
