"""`plan`: what an operation would do with arrays of given sizes, and how fast this machine could do it.

The facts come from the compiled core, from the functions that cut the work up when it runs. Here they are put
beside what the machine was measured to allow (the roofline), and printed. Nothing is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any

import numpy as np

from . import _core, dtypes
from .functional import conv, pooling
from .functional._spelling import Ints, flag, one_int, several_ints
from .runtime import get_num_threads

__all__ = ["Plan", "plan"]


@dataclass(frozen=True)
class Plan:
    """One call, as the operator would do it now. Times are in seconds, sizes in bytes; print it to read it.

    The roofline: no program finishes before its arithmetic is done at the peak rate, nor before its operands
    and results have moved once at the memory's rate. `roofline_seconds` is the later of the two,
    `bound_by` says which. (What a call costs by itself, some 0.3 us, is in neither.)
    """

    operation: str
    direction: str
    dtype: str
    sizes: dict[str, tuple[int, ...]]  # of the operands
    output_size: tuple[int, ...]  # of the forward pass
    isa: str
    precision: str
    algorithms: tuple[str, ...]  # the ordered list
    algorithm: str  # the first of them that takes these sizes
    blocks: dict[str, int]  # how the work is cut
    tasks: int
    threads: int  # that would share the tasks
    flops: float  # by the definition: 2 for a multiply-add, 1 for a comparison
    executed_flops: float  # by the algorithm, transforms included
    bytes_moved: float  # operands read once, results written once
    workspace_bytes: float  # scratch memory of each thread
    shared_bytes: float  # scratch memory of the call
    peak_flops: float | None  # per second and for `threads`, measured; None for integers
    bandwidth: float  # bytes per second of copying as much memory as is moved, measured with `threads`

    @property
    def arithmetic_seconds(self) -> float:
        """What the executed flops take at the peak rate (0 where there is no peak)."""
        return self.executed_flops / (self.peak_flops or inf)

    @property
    def memory_seconds(self) -> float:
        """What the bytes moved take at the memory's rate."""
        return self.bytes_moved / self.bandwidth

    @property
    def roofline_seconds(self) -> float:
        """What this algorithm takes at least on this machine."""
        return max(self.arithmetic_seconds, self.memory_seconds)

    @property
    def bound_by(self) -> str:
        """'arithmetic' or 'memory'."""
        return "arithmetic" if self.arithmetic_seconds > self.memory_seconds else "memory"

    def __str__(self) -> str:
        sizes = ", ".join(f"{name} {size}" for name, size in self.sizes.items())
        others = ", ".join(name for name in self.algorithms if name != self.algorithm)
        blocks = ", ".join(f"{name}: {size}" for name, size in self.blocks.items())
        peak = "no peak for integers" if self.peak_flops is None else f"{_si(self.peak_flops)}flop/s"
        lines = {
            "algorithm": self.algorithm + (f" (others: {others})" if others else ""),
            "chosen for": f"precision '{self.precision}', isa '{self.isa}'",
            "blocks": blocks,
            "tasks": f"{self.tasks} on {_counted(self.threads, 'thread')}",
            "flops": f"{_si(self.flops)} by the definition, {_si(self.executed_flops)} executed",
            "bytes moved": f"{_si(self.bytes_moved)}B",
            "workspace": f"{_si(self.workspace_bytes)}B per thread, {_si(self.shared_bytes)}B shared",
            "this machine": f"{peak}, {_si(self.bandwidth)}B/s for {_si(self.bytes_moved)}B",
            "at best": f"{_si(self.roofline_seconds)}s: arithmetic {_si(self.arithmetic_seconds)}s, "
            f"memory {_si(self.memory_seconds)}s; bound by {self.bound_by}",
        }
        head = f"{self.operation} {self.direction}, {self.dtype}: {sizes} -> output {self.output_size}"
        width = max(map(len, lines))
        return "\n".join([head, *(f"  {name:<{width}}  {text}" for name, text in lines.items())])

    __repr__ = __str__


def plan(operation: str, *args: Any, **kwargs: Any) -> Plan:
    """What an operation would do with arrays of these sizes, and how fast this machine could do it.

    plan("conv2d", input_size, weight_size, bias=False, stride=1, padding=0, dilation=1, groups=1,
         dtype="float32", direction="forward", threads=None)
    plan("max_pool2d", input_size, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
         return_indices=False, dtype="float32", threads=None)
    plan("relu", input_size, dtype="float32", threads=None)

    Options are spelled as in rushlight.functional; `bias` says whether there is one; `direction` is
    'forward', or 'input' or 'weight' for the gradient with respect to that; `threads` is how many may be used
    (None: as many as now). The active instruction set and precision count too.

    The first plan for an instruction set, a dtype or an order of magnitude measures the machine, for some
    hundredths of a second each; the results are kept.

    Raises what the operation would raise for such arguments.

    >>> import rushlight
    >>> p = rushlight.plan("conv2d", (1, 64, 56, 56), (64, 64, 3, 3), padding=1)
    >>> p.output_size, p.flops
    ((1, 64, 56, 56), 231211008.0)
    >>> print(p)  # doctest: +ELLIPSIS
    conv2d forward, float32: input (1, 64, 56, 56), weight (64, 64, 3, 3) -> output (1, 64, 56, 56)
      algorithm     ...
      flops         231 M by the definition, ...
      at best       ...; bound by ...
    """
    if operation not in _PLANNERS:
        raise ValueError(f"plan(): expected one of {', '.join(map(repr, _PLANNERS))}, but got {operation!r}")
    return _PLANNERS[operation](*args, **kwargs)


def _conv2d(
    input_size: Any,
    weight_size: Any,
    bias: bool = False,
    stride: Ints = 1,
    padding: Any = 0,
    dilation: Ints = 1,
    groups: int = 1,
    dtype: Any = "float32",
    direction: str = "forward",
    threads: int | None = None,
) -> Plan:
    where = "plan():"
    x = several_ints(where, "input_size", 2, input_size)
    w = several_ints(where, "weight_size", 3, weight_size)
    settings = conv._settings(len(x), w, stride, padding, dilation, groups)
    given = flag(where, "bias", 4, bias), *settings, _numpy_dtype(dtype)
    facts = _core.plan_conv2d(direction, x, w, *given, _threads(threads))
    sizes = {"input": x, "weight": w} | ({"bias": (w[0],)} if bias else {})
    return _with_machine("conv2d", direction, dtype, sizes, facts, flops_per_lane=2)


def _max_pool2d(
    input_size: Any,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Any = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    dtype: Any = "float32",
    threads: int | None = None,
) -> Plan:
    x = several_ints("plan():", "input_size", 2, input_size)
    settings = pooling._settings(kernel_size, stride, padding, dilation, ceil_mode)
    indices = flag("plan():", "return_indices", 8, return_indices)
    facts = _core.plan_max_pool2d(x, *settings, indices, _numpy_dtype(dtype), _threads(threads))
    return _with_machine("max_pool2d", "forward", dtype, {"input": x}, facts, flops_per_lane=1)


def _relu(input_size: Any, dtype: Any = "float32", threads: int | None = None) -> Plan:
    x = several_ints("plan():", "input_size", 2, input_size)
    facts = _core.plan_relu(x, _numpy_dtype(dtype), _threads(threads))
    return _with_machine("relu", "forward", dtype, {"input": x}, facts, flops_per_lane=1)


_PLANNERS: dict[str, Callable[..., Plan]] = {"conv2d": _conv2d, "max_pool2d": _max_pool2d, "relu": _relu}


def _numpy_dtype(given: Any) -> np.dtype[Any]:
    return np.dtype(given) if isinstance(given, str) else dtypes.to_numpy(given)


def _threads(given: int | None) -> int:
    if given is None:
        return get_num_threads()
    count = one_int("plan():", "threads", 0, given)
    if count < 1:
        raise RuntimeError(f"plan() expects a positive number of threads, but got threads={count}")
    return count


# ---- the machine -----------------------------------------------------------------------------------------
def _with_machine(
    operation: str, direction: str, dtype: Any, sizes: Any, facts: dict[str, Any], flops_per_lane: int
) -> Plan:
    """`flops_per_lane`: what an instruction does to one lane, of the two flops of a multiply-add."""
    kind = _numpy_dtype(dtype)
    peak = None
    if kind.kind == "f":
        peak = _fma_peak(facts["isa"], kind.itemsize == 8) * facts["threads"] * flops_per_lane / 2
    rate = _bandwidth(_rung(facts["bytes_moved"]), facts["threads"])
    return Plan(operation, direction, kind.name, sizes, **facts, peak_flops=peak, bandwidth=rate)


@cache
def _fma_peak(isa: str, float64: bool) -> float:
    """Flops per second of one thread. `isa` is the active one; it is there to be remembered by."""
    return _core.measure_fma_peak(0.05, float64)


@cache
def _bandwidth(working_set: int, threads: int) -> float:
    return _core.measure_bandwidth(working_set, threads)


def _rung(size: float) -> int:
    """The working set to measure with: the next power of two, from 16 KiB to 256 MiB."""
    rung = 2**14
    while rung < min(size, 2**28):
        rung *= 2
    return rung


# ---- printing --------------------------------------------------------------------------------------------
def _si(value: float) -> str:
    """Three digits and a prefix: 231 M, 1.75 k, 94.1 u."""
    if value == 0:
        return "0 "
    prefixes = ["n", "u", "m", "", "k", "M", "G", "T", "P"]
    at = 3
    while value >= 999.5 and at < len(prefixes) - 1:
        value, at = value / 1000, at + 1
    while value < 0.9995 and at > 0:
        value, at = value * 1000, at - 1
    return f"{value:.3g} {prefixes[at]}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
