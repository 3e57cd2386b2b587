"""Long runs, by hand before a release: every layer of the benchmarks and thousands of random shapes, in all
directions, with every instruction set.

    python tests/thorough.py guard --shapes 3000     # no byte outside the arrays: pages nobody may touch
    python tests/thorough.py bits --shapes 1000      # the same bits for 1, 2, 3 and 7 threads, an image
                                                     # alone and in its batch, run after run, in a forked
                                                     # child, and beside a busy process
Both take `--isa NAME` (default: all), `--seed S` and `--no-rows`. tests/test_thorough.py makes a short run.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from guard import Guards, guarded_outputs
from kernel_cases import Conv, Pool, draw, using
from rushlight import _core
from rushlight.bench.layers import LAYERS, Layer

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
THREADS = (2, 3, 7)


@dataclass(frozen=True)
class Call:
    """One direction of an operator: a function of named arrays. `per_image`: an image alone has an answer."""

    name: str
    run: Callable[[Arrays], Any]
    per_image: bool = True


@dataclass(frozen=True)
class Problem:
    """Arrays, of which all in BATCHED have the images first, and what is computed of them."""

    what: str
    arrays: Arrays
    calls: tuple[Call, ...]
    precision: str = "high"


BATCHED = ("x", "dy", "y", "indices", "means", "columns")


# ---------------------------------------------------------------- problems


def conv_problem(case: Conv, dtype: str, precision: str) -> Problem:
    x, w, b, dy = case.arrays(dtype)
    options = case.options
    calls = (
        Call("forward", lambda a: _core.conv2d_forward(a["x"], a["w"], a["b"], *options)),
        Call(
            "grad_input",
            lambda a: _core.conv2d_backward_input(
                a["dy"], a["w"], (len(a["dy"]), *case.x_size[1:]), *options
            ),
        ),
        Call(
            "grad_weight",
            lambda a: _core.conv2d_backward_weight(a["dy"], a["x"], case.w_size, *options),
            False,
        ),
        Call("grad_bias", lambda a: _core.conv2d_backward_bias(a["dy"]), False),
    )
    return Problem(f"{case} {dtype}", {"x": x, "w": w, "b": b, "dy": dy}, calls, precision)


def pool_problem(case: Pool, dtype: str) -> Problem:
    x = draw(dtype, *case.x_size)
    y, indices = _core.max_pool2d_forward(x, *case.options, True)
    windows = case.options[:3]
    means = _core.avg_pool2d_forward(x, *windows, case.ceil_mode, True, None)
    arrays = {"x": x, "dy": draw(dtype, *y.shape, seed=1), "indices": indices, "means": means}

    def size(a: Array) -> tuple[int, ...]:
        return (len(a), *case.x_size[1:])

    calls = (
        Call("max", lambda a: _core.max_pool2d_forward(a["x"], *case.options, False)),
        Call("max and indices", lambda a: _core.max_pool2d_forward(a["x"], *case.options, True)),
        Call("max gradient", lambda a: _core.max_pool2d_backward(a["dy"], a["indices"], size(a["dy"]))),
        Call("mean", lambda a: _core.avg_pool2d_forward(a["x"], *windows, case.ceil_mode, True, None)),
        Call(
            "mean gradient",
            lambda a: _core.avg_pool2d_backward(
                a["means"], size(a["means"]), *windows, case.ceil_mode, True, None
            ),
        ),
    )
    return Problem(f"{case} {dtype}", arrays, calls)


def other_problem(size: tuple[int, int, int, int], dtype: str, kernel: int) -> Problem:
    """relu, batch norm, unfold and fold, transposed convolution."""
    x, dy, w = (
        draw(dtype, *size),
        draw(dtype, *size, seed=1),
        draw(dtype, size[1], 3, kernel, kernel, seed=2),
    )
    ones = np.ones(size[1])
    window = (kernel, kernel), (1, 1), (kernel // 2, kernel // 2), (2, 1)
    arrays = {"x": x, "dy": dy, "w": w, "columns": _core.unfold(x, *window)}
    transposed = (2, 2), (kernel // 2, kernel // 2), (1, 1), 1, (1, 1)
    calls = (
        Call("relu", lambda a: _core.relu_forward(a["x"])),
        Call("relu gradient", lambda a: _core.relu_backward(a["dy"], a["x"])),
        Call(
            "batch norm", lambda a: _core.batch_norm_forward(a["x"], None, None, 1e-5, None, None)[:2], False
        ),
        Call(
            "batch norm gradient",
            lambda a: _core.batch_norm_backward(a["dy"], a["x"], ones, ones, ones, True, True),
            False,
        ),
        Call("unfold", lambda a: _core.unfold(a["x"], *window)),
        Call("fold", lambda a: _core.fold(a["columns"], size[2:], *window)),
        Call("transposed", lambda a: _core.conv_transpose2d_forward(a["x"], a["w"], None, *transposed)),
    )
    return Problem(f"{size} {dtype} kernel {kernel}", arrays, calls)


def row_problem(layer: Layer, precision: str) -> Problem:
    n, c, h, w = layer.input_shape
    (top, left), what = layer.padding, f"row {layer.name}, {precision}"
    if layer.op == "relu":
        return replace(other_problem(layer.input_shape, layer.dtype, 3), what=what)
    if layer.op == "max_pool2d":
        pool = Pool(n, c, h, w, layer.kernel, layer.stride, (top, top, left, left), layer.dilation)
        return replace(pool_problem(pool, layer.dtype), what=what)
    sizes = (n, c, h, w, layer.outputs, layer.kernel, layer.stride, (top, top, left, left))
    return replace(
        conv_problem(Conv(*sizes, layer.dilation, layer.groups), layer.dtype, precision), what=what
    )


def random_problem(rng: random.Random) -> Problem:
    """Small enough for the plain loops, large enough for tiles and edges of every algorithm."""
    dtype = rng.choice(("float32", "float32", "float32", "float64"))
    n, size = rng.choice((1, 1, 2, 3)), (rng.randint(1, 40), rng.randint(1, 70))
    kind = rng.random()
    if kind < 0.15:
        kernel = rng.choice((1, 2, 3, 5))
        return other_problem((n, rng.randint(1, 9), size[0] + kernel, size[1] + kernel), dtype, kernel)
    if kind < 0.35:
        kernel = rng.randint(1, 5), rng.randint(1, 5)
        stride = rng.randint(1, 3), rng.randint(1, 3)
        pads = tuple(rng.randint(0, kernel[i // 2] // 2) for i in range(4))
        sizes = (n, rng.randint(1, 12), size[0] + kernel[0], size[1] + kernel[1], kernel, stride, pads)
        return pool_problem(Pool(*sizes, ceil_mode=rng.random() < 0.5), dtype)
    return conv_problem(random_conv(rng, n, size), dtype, rng.choice(("high", "high", "medium", "highest")))


def random_conv(rng: random.Random, n: int, size: tuple[int, int]) -> Conv:
    kernel = rng.choice(
        ((3, 3), (3, 3), (3, 3), (1, 1), (5, 5), (1, 7), (rng.randint(1, 5), rng.randint(1, 5)))
    )
    dilation = rng.choice(((1, 1), (1, 1), (1, 1), (2, 2), (rng.randint(1, 3), rng.randint(1, 3))))
    stride = rng.choice(((1, 1), (1, 1), (2, 2), (rng.randint(1, 3), rng.randint(1, 3))))
    reach = [dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1)]
    pads = tuple(rng.randint(0, reach[i // 2] // 2 + 1) for i in range(4))
    h, w = max(size[0], reach[0]), max(size[1], reach[1])
    if rng.random() < 0.2:  # depthwise
        groups = c = rng.randint(1, 20)
        k = groups * rng.choice((1, 1, 2))
    else:
        groups = rng.choice((1, 1, 1, 2, 3))
        c, k = groups * rng.randint(1, 40), groups * rng.randint(1, 40)
    while n * c * k // groups * kernel[0] * kernel[1] * h * w > 8_000_000 and min(h, w) > max(reach):
        h, w = max(h // 2, reach[0]), max(w // 2, reach[1])
    return Conv(n, c, h, w, k, kernel, stride, pads, dilation, groups)


# ---------------------------------------------------------------- guard pages


def check_guard(problem: Problem, side: str) -> None:
    """Arrays and results against pages that may not be touched: a byte too far ends the process."""
    guards = Guards()
    arrays = {name: guards(array, side) for name, array in problem.arrays.items()}
    with guarded_outputs():
        for call in problem.calls:
            call.run(arrays)
    guards.check()


# ---------------------------------------------------------------- bits


def digest(answer: Any) -> bytes:
    mixed = hashlib.blake2b()
    for each in answer if isinstance(answer, tuple) else (answer,):
        mixed.update(repr((each.shape, each.dtype)).encode())
        mixed.update(np.ascontiguousarray(each).data)
    return mixed.digest()


def bits(call: Call, arrays: Arrays) -> bytes:
    return digest(call.run(arrays))


def only(answer: Any, image: int) -> bytes:
    """The digest of one image's part of a batch's answer."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    return digest(tuple(each[image : image + 1] for each in parts))


def in_a_child(run: Callable[[], bytes]) -> bytes:
    """What run() returns in a forked child."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(write, run())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """A process beside that never rests."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def check_bits(problem: Problem, fork: bool, beside: bool) -> None:
    arrays = problem.arrays
    for call in problem.calls:
        what = f"{call.name} of {problem.what} with {_core.isa()}"
        with using(threads=1):
            answer = call.run(arrays)
        want = digest(answer)

        def expect(got: bytes, why: str, want: bytes = want, what: str = what) -> None:
            if got != want:
                raise AssertionError(f"{what}: other bits {why}")

        for threads in THREADS:
            with using(threads=threads):
                expect(bits(call, arrays), f"with {threads} threads")
        with using(threads=2):
            expect(bits(call, arrays), "in another run")
            if fork:
                child = in_a_child(partial(bits, call, arrays))
                expect(child, "in a forked child")
            if beside:
                with busy_process():
                    expect(bits(call, arrays), "beside a busy process")
        if call.per_image:
            for image in {0, len(arrays["x"]) - 1}:
                alone = {
                    name: each[image : image + 1] if name in BATCHED else each
                    for name, each in arrays.items()
                }
                if bits(call, alone) != only(answer, image):
                    raise AssertionError(f"{what}: image {image} alone has other bits than in its batch")


# ---------------------------------------------------------------- runs


# The other operators' rows are among the random shapes.
ROWS = [layer for layer in LAYERS if layer.op in ("conv2d", "max_pool2d", "relu")]


def problems(shapes: int, seed: int, rows: bool) -> Iterator[Problem]:
    for layer in ROWS if rows else ():
        for precision in ("high", "medium") if layer.op == "conv2d" else ("high",):
            yield row_problem(layer, precision)
    for number in range(shapes):
        yield random_problem(random.Random(f"{seed}:{number}"))


def run(mode: str, isa: str, shapes: int, seed: int, rows: bool) -> int:
    """How many problems; AssertionError for a bad one, or the end of the process."""
    count, before = 0, _core.conv_precision()
    with using(isa):
        for count, problem in enumerate(problems(shapes, seed, rows), 1):
            _core.set_conv_precision(problem.precision)
            try:
                if mode == "guard":
                    for side in ("start", "end"):
                        check_guard(problem, side)
                else:
                    check_bits(problem, fork=count % 4 == 0, beside=count % 20 == 0)
            finally:
                _core.set_conv_precision(before)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description="Long runs: guard pages, the same bits.")
    parser.add_argument("mode", choices=("guard", "bits"))
    parser.add_argument("--shapes", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--isa", choices=_core.available_isas())
    parser.add_argument("--no-rows", action="store_true", help="random shapes alone")
    options = parser.parse_args()
    for isa in [options.isa] if options.isa else _core.available_isas():
        start = time.process_time()
        count = run(options.mode, isa, options.shapes, options.seed, not options.no_rows)
        print(
            f"{options.mode}, {isa}: {count} problems, {time.process_time() - start:.0f} s of CPU", flush=True
        )


if __name__ == "__main__":
    main()
