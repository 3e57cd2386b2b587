"""Plan, what `plan` returns: the facts of one call beside what the machine allows, printed."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

__all__ = ["Plan"]


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
