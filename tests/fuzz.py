"""A fuzzer for every public function and every entry of `_core`: an answer or a refusal, no crash, no hang.

    python tests/fuzz.py --cases 200000 --seed 1      # a long run; prints the seed and number of a bad case
    python tests/fuzz.py --seed 1 --case 4711         # that case alone, with its arguments
    python tests/fuzz.py --cases 20000 --writer       # while another thread writes to the arrays

A case is a function with arguments made by their names (arrays of every dtype, stride and layout, some of
them sharing memory; sizes from negative to 2**64; values of wrong types), or one of fuzz_oracle.py's,
whose arguments fit together. Allowed: an answer, or one of ALLOWED. Convolutions, poolings and relu are
compared with the float64 oracle; where instruction sets can answer, some answers are compared with those
of the plain loops, `reference`. A case that takes longer than --limit seconds ends the process with a
traceback. The address space is limited, so that what is too large is a MemoryError and not the end of the
machine. tests/test_fuzz.py makes a short run of it.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import faulthandler
import inspect
import random
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fuzz_oracle
import rushlight
import rushlight.functional as F
from rushlight import _core
from rushlight.nn import grad

ALLOWED = (TypeError, ValueError, RuntimeError, IndexError, NotImplementedError, MemoryError)
ADDRESS_SPACE = 3 * 2**30

ARRAY_NAMES = {
    *("input", "x", "w", "weight", "b", "bias", "dy", "y", "grad_output", "indices", "target", "out"),
    *("running_mean", "running_var", "pos_weight", "self", "tensor", "a", "mat1", "mat2", "vec", "other"),
    *("condition", "index", "source", "src", "mask", "value"),
}
FLOATS = (np.float32, np.float32, np.float32, np.float64)
OTHERS = (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.bool_, np.float16, np.complex64)
NASTY = (-1, 0, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64, -(2**31), -(2**63), 10**30)
# Not fuzzed: they set the process up, measure it, or read and write files.
LEFT_OUT = {
    *("set_isa", "set_num_threads", "set_conv_precision", "measure_fma_peak", "measure_bandwidth"),
    *("set_default_dtype", "set_float32_conv_precision", "set_num_interop_threads", "set_printoptions"),
    *("load", "save"),
}


class Raises:
    """What a hostile __index__ does."""

    def __index__(self) -> int:
        raise ValueError("no number")


def junk(rng: random.Random) -> Any:
    """A value of some wrong type."""
    makers: list[Callable[[], Any]] = [
        lambda: None,
        lambda: "same",
        lambda: "\ud800",
        lambda: b"xyz",
        lambda: 1.5,
        lambda: float("nan"),
        lambda: True,
        lambda: 1j,
        lambda: {},
        lambda: [],
        lambda: object(),
        lambda: [[1, 2], [3]],
        lambda: Raises(),
        lambda: np.float32(2),
        lambda: np.datetime64("2026-01-01"),
        lambda: rng.choice(NASTY),
        lambda: np.zeros((2, 2), object),
        lambda: np.array(["a", "b"]),
        lambda: np.zeros(3, [("x", np.float32)]),
        lambda: rushlight.ones(2, 2),
        lambda: lambda *args: args,
    ]
    return rng.choice(makers)()


def number(rng: random.Random) -> Any:
    """An int as sizes, strides and paddings are, now and then a hostile one."""
    roll = rng.random()
    if roll < 0.85:
        return rng.choice((0, 1, 1, 1, 2, 2, 3, 4))
    if roll < 0.95:
        return rng.choice(NASTY)
    return rng.choice((np.int64(2), np.uint8(1), True, 1.0, -1))


def numbers(rng: random.Random, count: int | None = None) -> Any:
    """A number, or several."""
    count = rng.choice((0, 1, 2, 2, 2, 3, 4, 4, 5)) if count is None else count
    values = [number(rng) for _ in range(count)]
    return rng.choice((tuple, tuple, list))(values)


def array(rng: random.Random, ndim: int | None, endless: bool) -> np.ndarray[Any, Any]:
    """An array of some dtype, shape and layout; perhaps one without end."""
    ndim = rng.choice((0, 1, 2, 3, 4, 4, 4, 4, 4, 5)) if ndim is None else ndim
    shape = tuple(rng.choice((0, 1, 1, 2, 3, 4, 6, 9, 17)) for _ in range(ndim))
    dtype = np.dtype(rng.choice(FLOATS) if rng.random() < 0.85 else rng.choice(OTHERS))
    values = np.random.default_rng(rng.getrandbits(32)).standard_normal(shape) * 4
    values = np.asarray(values.astype(dtype))
    if values.size and rng.random() < 0.2 and dtype.kind == "f":
        values.flat[rng.randrange(values.size)] = rng.choice((np.nan, np.inf, -np.inf, 0.0, 1e-40))
    return layout(rng, values, endless)


def drawn(rng: random.Random, shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """An array of this shape and dtype, in some layout that keeps them."""
    values = np.random.default_rng(rng.getrandbits(32)).standard_normal(shape) * 4
    values = np.asarray((abs(values) if dtype.kind == "u" else values).astype(dtype))
    roll = rng.random()
    if roll < 0.1 and values.size and dtype.kind == "f":
        values.flat[rng.randrange(values.size)] = rng.choice((np.nan, np.inf, -np.inf))
    if roll < 0.5:
        return values
    order = rng.sample(range(len(shape)), len(shape))
    values = np.ascontiguousarray(values.transpose(order)).transpose(np.argsort(order))
    if roll < 0.7:
        larger = np.zeros([2 * size for size in shape], dtype)
        larger[tuple([slice(None, None, 2)] * len(shape))] = values
        values = larger[tuple([slice(None, None, 2)] * len(shape))]
    elif roll < 0.8 and shape:
        values = np.broadcast_to(values[:1], shape) if shape[0] else values
    return values[::-1] if rng.random() < 0.2 and shape else values


def overlapping(rng: random.Random, earlier: list[Any]) -> np.ndarray[Any, Any] | None:
    """An argument that was made before, or another view of its memory."""
    arrays = [each for each in earlier if type(each) is np.ndarray]
    if not arrays:
        return None
    array = rng.choice(arrays)
    roll = rng.random()
    if roll < 0.4 or not array.ndim:
        return array
    return (
        array[rng.choice((slice(1, None), slice(None, -1), slice(None, None, -1)))] if roll < 0.8 else array.T
    )


def layout(rng: random.Random, values: np.ndarray[Any, Any], endless: bool) -> np.ndarray[Any, Any]:
    """The values with other strides, byte order, alignment, class, or repeated without end."""
    roll = rng.random()
    if roll < 0.5 or values.ndim == 0:
        return values
    if roll < 0.6:
        return values.transpose(rng.sample(range(values.ndim), values.ndim))
    if roll < 0.68:
        return values[tuple(slice(None, None, rng.choice((-1, 1, 2, -2))) for _ in values.shape)]
    if roll < 0.74:
        return (
            np.broadcast_to(values[:1], (rng.choice((0, 1, 3)), *values.shape[1:])) if len(values) else values
        )
    if roll < 0.78 and endless:  # far more elements than memory holds
        huge = [1] * values.ndim
        huge[rng.randrange(values.ndim)] = rng.choice((2**31, 2**33, 2**40))
        return np.broadcast_to(np.zeros((), values.dtype), huge)
    if roll < 0.83:
        return values.astype(values.dtype.newbyteorder())
    if roll < 0.88:
        raw = np.empty(values.nbytes + 1, np.uint8)
        off = raw[1:].view(values.dtype) if values.size else raw[1:1].view(values.dtype)
        off = off.reshape(values.shape)
        off[...] = values
        return off
    if roll < 0.93:
        values = values.copy()
        values.flags.writeable = False
        return values
    return np.ma.masked_array(values) if roll < 0.96 else values.view(np.recarray)


def argument(rng: random.Random, name: str, core: bool, endless: bool) -> Any:
    """A value for the argument of that name."""
    if rng.random() < 0.04:
        return junk(rng)
    if name in ARRAY_NAMES:
        if name in ("b", "bias") and rng.random() < 0.5:
            return None
        one = name in ("b", "bias", "running_mean", "running_var")
        made: Any = array(rng, 1 if one and rng.random() < 0.9 else None, endless)
        if not core and rng.random() < 0.3 and type(made) is np.ndarray and made.nbytes < 2**20:
            with contextlib.suppress(TypeError):
                made = rushlight.tensor(made)
                if made.is_floating_point() and rng.random() < 0.5:
                    made.requires_grad_()
        return made
    if name in ("ceil_mode", "return_indices", "own", "training", "inplace", "count_include_pad"):
        return rng.random() < 0.5
    if name == "groups":
        return rng.choice((1, 1, 1, 2, 3, number(rng)))
    if name in ("input_size", "weight_size"):
        return numbers(rng, 4) if rng.random() < 0.9 else numbers(rng)
    if name == "padding":
        return numbers(rng, 4 if core else 2) if rng.random() < 0.8 else number(rng)
    if name == "dtype":
        return np.dtype(rng.choice(FLOATS))
    if name == "direction":
        return rng.choice(("forward", "input", "weight"))
    if name == "threads":
        return rng.choice((1, 2, 7))
    if name == "dim":
        return rng.choice((0, 1, -1, 2, number(rng)))
    return numbers(rng, 2) if rng.random() < 0.7 else number(rng)


def core_functions() -> dict[str, tuple[Callable[..., Any], list[str], bool]]:
    """Every function of the stub, with the names of its arguments."""
    stub = Path(rushlight.__file__).with_name("_core.pyi").read_text(encoding="utf-8")
    found = {}
    for node in ast.parse(stub).body:
        if isinstance(node, ast.FunctionDef) and node.name not in LEFT_OUT:
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
            found[f"_core.{node.name}"] = (getattr(_core, node.name), names, True)
    return found


def python_functions() -> dict[str, tuple[Callable[..., Any], list[str], bool]]:
    """rushlight, its functional and its nn.grad: all required arguments, and some of the others."""
    found: dict[str, tuple[Callable[..., Any], list[str], bool]] = {}
    names_of: dict[Any, list[str]] = {module: list(module.__all__) for module in (F, grad)}
    names_of[rushlight] = [
        name
        for name, value in vars(rushlight).items()
        if inspect.isfunction(value) and not name.startswith("_") and name not in LEFT_OUT
    ]
    for module in names_of:
        for name in names_of[module]:
            function = getattr(module, name)
            names = [each.name for each in inspect.signature(function).parameters.values() if each.kind < 2]
            found[f"{module.__name__}.{name}"] = (function, names, False)
    return found


def make_case(seed: int, case: int) -> tuple[str, Callable[..., Any], list[Any]]:
    """The function and the arguments of a case, from nothing but its numbers."""
    rng = random.Random(f"{seed}:{case}")
    if rng.random() < 0.2:
        name, given = fuzz_oracle.fitting(rng, lambda shape, dtype: drawn(rng, shape, dtype))
        return name, FUNCTIONS[name][0], given
    name = rng.choice(NAMES)
    function, names, core = FUNCTIONS[name]
    count = len(names)
    if not core:
        required = inspect.signature(function).parameters.values()
        least = sum(each.default is each.empty and each.kind < 2 for each in required)
        count = rng.randint(least, count)
    elif rng.random() < 0.02:
        count = rng.randrange(count + 2)
    endless = core and "backward" not in name  # sums over all elements, as NumPy's, would walk through them
    names = [*names, "x", "x"]
    arguments: list[Any] = []
    for i in range(count):
        shared = overlapping(rng, arguments) if names[i] in ARRAY_NAMES and rng.random() < 0.1 else None
        arguments.append(argument(rng, names[i], core, endless) if shared is None else shared)
    return name, function, arguments


# In the names of what every instruction set computes in its own way.
BY_ISA = (
    *("conv", "pool", "relu", "batch_norm", "fold", "softmax", "softmin", "sigmoid", "silu", "glu"),
    *("with_logits", "cross_entropy", "nll_loss", "sum_of_classes"),
)


def differs(got: Any, want: Any) -> bool:
    """Whether two answers of the same call by two instruction sets are different beyond rounding."""
    if isinstance(got, tuple) and isinstance(want, tuple):
        return len(got) != len(want) or any(differs(a, b) for a, b in zip(got, want, strict=True))
    a, b = (each.detach().numpy() if isinstance(each, rushlight.Tensor) else each for each in (got, want))
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return type(a) is not type(b)
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return True
    if a.dtype.kind not in "fc":
        return not np.array_equal(a, b)
    size = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    return not np.allclose(a, b, rtol=1e-3, atol=1e-4 * max(float(size), 1.0), equal_nan=True)


def run(seed: int, case: int, compare: bool) -> str:
    """The outcome's name; AssertionError for a bad one."""
    name, function, arguments = make_case(seed, case)
    try:
        got = function(*arguments)
    except ALLOWED as error:
        if not str(error) and not isinstance(error, MemoryError):  # Python itself says no more than that
            raise AssertionError(f"{name}: {type(error).__name__} without a word") from error
        return type(error).__name__
    if fuzz_oracle.check(name, make_case(seed, case)[2], got):  # made again: it may have written to them
        return "answer, right"
    if compare and any(part in name for part in BY_ISA):
        before = _core.isa()
        _core.set_isa("reference")
        try:
            want = function(*make_case(seed, case)[2])
        finally:
            _core.set_isa(before)
        if differs(got, want):
            raise AssertionError(f"{name}: {before} and reference differ")
        return "answer, compared"
    return "answer"


def run_beside_a_writer(seed: int, case: int) -> str:
    """The outcome while another thread writes to the arguments' arrays: any values will do."""
    _, function, arguments = make_case(seed, case)
    arrays = [
        each for each in arguments if isinstance(each, np.ndarray) and each.flags.writeable and each.size
    ]
    rng, stop = random.Random(case), threading.Event()

    def write() -> None:
        while not stop.is_set():
            for array in arrays:
                with contextlib.suppress(ValueError, TypeError):  # of records and objects
                    array.flat[rng.randrange(min(array.size, 10_000))] = rng.choice((0, 1, 100, -1))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(5):
            function(*arguments)
        return "answer beside a writer"
    except ALLOWED as error:
        return type(error).__name__
    finally:
        stop.set()
        thread.join()


FUNCTIONS = core_functions() | python_functions()
NAMES = sorted(FUNCTIONS)


def main() -> int:
    parser = argparse.ArgumentParser(description="Throws random arguments at every function.")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="this one alone")
    parser.add_argument("--limit", type=float, default=30, help="seconds for one case")
    parser.add_argument(
        "--writer", action="store_true", help="another thread writes to the arguments' arrays"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, resource.RLIM_INFINITY))
    if options.case is not None:
        name, _, arguments = make_case(options.seed, options.case)
        for each in arguments:
            kind = type(each).__name__, getattr(each, "shape", ""), getattr(each, "dtype", "")
            print(" ", *kind, repr(each)[:200])
        print(name, run(options.seed, options.case, True))
        return 0
    outcomes: Counter[str] = Counter()
    bad = 0
    for case in range(options.cases):
        faulthandler.dump_traceback_later(options.limit, exit=True)
        try:
            outcome = (
                run_beside_a_writer(options.seed, case)
                if options.writer
                else run(options.seed, case, case % 3 == 0)
            )
            outcomes[outcome] += 1
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            bad += 1
            print(f"--seed {options.seed} --case {case}: {make_case(options.seed, case)[0]}: {error!r:.300}")
    faulthandler.cancel_dump_traceback_later()
    print(f"{options.cases} cases, {bad} bad:", dict(outcomes.most_common()))
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
