"""`plan`: what an operation would do with arrays of given sizes, and how fast this machine could do it.

The facts come from the compiled core, from the functions that cut the work up when it runs. Here they are put
beside what the machine was measured to allow; roofline.py has the result. Nothing is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core, dtypes
from .functional import conv, pooling
from .functional._spelling import Ints, flag, one_int, several_ints
from .runtime import get_num_threads

if TYPE_CHECKING:
    from .roofline import Plan

__all__ = ["plan"]


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
    from .roofline import Plan  # few programs plan

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
