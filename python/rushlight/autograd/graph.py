"""The graph's data: what a Tensor remembers about how it was made.

`Rule` is an operation's gradient (name and backward function), `Node` one application of it. Edges point from
results to inputs only, so dropping the last result frees the whole graph by reference counts, without the
garbage collector. recording.py makes nodes, engine.py walks them; no arithmetic lives here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Backward = Callable[[Any, tuple[Any, ...], Any, tuple[bool, ...]], tuple[Any, ...]]


class Output:
    """In `saved`, stands for result number `index` of the operation itself (no reference cycle)."""

    __slots__ = ("index",)

    def __init__(self, index: int = 0) -> None:
        self.index = index

    def __repr__(self) -> str:
        return "OUTPUT" if self.index == 0 else f"Output({self.index})"


OUTPUT = Output()


class Rule:
    """How one operation hands gradients back.

    `backward(grad, saved, params, needs)` returns one gradient, or None, per input of the operation:
        grad    d loss / d output, the output's shape (from `record_outputs`: a tuple, None where unused)
        saved   what `record` was given, as ndarrays (as Tensors under `create_graph`)
        params  anything else, as given
        needs   per input, whether its gradient is wanted
    Written with operators and rushlight functions, so that the same rule runs on ndarrays and on Tensors. It
    may return `grad`, entries of `saved`, views of either, or fresh arrays; it never writes into what it was
    given.

    `uses`: per entry of `saved`, the inputs whose gradient reads it; entries nobody needs are not kept
    (None arrives in their place). Without `uses` everything is kept.
    """

    __slots__ = ("backward", "crossed", "name", "uses")

    def __init__(
        self, name: str, backward: Backward, uses: tuple[tuple[int, ...], ...] | None = None
    ) -> None:
        self.name = name
        self.backward = backward
        self.uses = uses
        self.crossed = uses == (
            (1,),
            (0,),
        )  # two operands, each kept for the other: the case worth being fast in

    def __repr__(self) -> str:
        return f"Rule({self.name!r})"


class ViewRule(Rule):
    """A rule whose forward is a NumPy view: `replay(array, params)` makes the same view of another array."""

    __slots__ = ("replay",)

    def __init__(self, name: str, replay: Callable[[Array, Any], Array], backward: Backward) -> None:
        super().__init__(name, backward)
        self.replay = replay


class Version:
    """Counts the in-place writes to one piece of memory; shared by all Tensors that look at it."""

    __slots__ = ("n",)

    n: int


class View:
    """How a Tensor was cut from `base` (never itself a view): the chain of view operations, last one
    first."""

    __slots__ = ("base", "many", "outer", "params", "recorded", "rule", "seen")

    base: TensorBase
    outer: View | None
    rule: ViewRule
    params: Any
    seen: int  # the version for which the Tensor's node is right
    recorded: bool  # whether recording was on when the view was made
    many: int | None  # which one, if the operation returned several views

    def where(self) -> Region:
        """What the view shows of its base, as a node can keep it: without the base, which holds the node."""
        chain: list[tuple[ViewRule, Any]] = []
        view: View | None = self
        while view is not None:
            chain.append((view.rule, view.params))
            view = view.outer
        chain.reverse()
        return Region(chain)


class Region:
    """A part of arrays of one shape, given by the view operations that lead there."""

    __slots__ = ("steps",)

    def __init__(self, steps: list[tuple[ViewRule, Any]]) -> None:
        self.steps = steps

    def of(self, array: Array) -> Array:
        """The part, as a view of `array`."""
        for rule, params in self.steps:
            array = rule.replay(array, params)
        return array


class TensorBase:
    """The fields of a Tensor that the graph reads and writes. `rushlight.Tensor` adds everything users
    see."""

    __slots__ = (
        "__dict__",  # allocated only if a user hangs attributes on the Tensor
        "__weakref__",
        "_data",  # ndarray, native byte order
        "_grad",  # what backward has left here: a Tensor or None
        "_hooks",  # dict of hooks of a leaf, or None
        "_node",  # Node or Port that made it; None for a leaf
        "_view",  # View, if cut from another Tensor by a differentiable view
        "_wanted",  # leaf whose gradient is wanted (requires_grad of a leaf)
        "_writes",  # Version, shared with whoever shares memory; None as long as nobody asked (= version 0)
    )

    _data: Array
    _node: Any
    _wanted: bool
    _grad: Any
    _writes: Version | None
    _view: View | None
    _hooks: Any


class Node:
    """One recorded operation. `edges` has, per input: the Node (or Port) that made it, the leaf Tensor
    itself, or None if it needs no gradient."""

    __slots__ = ("edges", "hooks", "params", "rule", "saved", "ticket", "versions")

    rule: Rule
    edges: tuple[Any, ...]
    saved: tuple[Any, ...] | None  # None: freed by a backward pass
    versions: tuple[int, ...] | None  # of the entries of `saved`; None = all 0
    params: Any
    ticket: int  # larger than the tickets of all nodes it points to
    hooks: dict[int, tuple[int, Any]] | None  # of the Tensors it made: key -> (output index, function)

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """(node, output index) per input, as torch shows them; (None, 0) where no gradient flows."""
        return tuple(_edge_view(edge) for edge in self.edges)

    @property
    def metadata(self) -> dict[str, Any]:
        return {}

    def name(self) -> str:
        return self.rule.name

    def __repr__(self) -> str:
        return f"<{self.rule.name} object at {id(self):#x}>"


class MultiNode(Node):
    """A Node with several outputs; its Tensors and edges refer to it through Ports."""

    __slots__ = ("outputs",)

    outputs: int


class Port:
    """Output number `index` of a MultiNode."""

    __slots__ = ("index", "node")

    def __init__(self, node: MultiNode, index: int) -> None:
        self.node = node
        self.index = index


class AccumulateGrad:
    """What `next_functions` shows for a leaf; made when asked for."""

    __slots__ = ("variable",)

    def __init__(self, variable: TensorBase) -> None:
        self.variable = variable

    next_functions: tuple[Any, ...] = ()

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


def operation_name(node: Node | Rule) -> str:
    """'Mul' of MulBackward0: how error texts call the operation."""
    name = node.name if isinstance(node, Rule) else node.rule.name
    return name.partition("Backward")[0]


def _edge_view(edge: Any) -> tuple[Any, int]:
    if isinstance(edge, Port):
        return edge.node, edge.index
    return (AccumulateGrad(edge), 0) if isinstance(edge, TensorBase) else (edge, 0)


class SavedOutput:
    """The result of an operation, kept by its own node: the array and its version, not the Tensor."""

    __slots__ = ("array", "index", "version")

    def __init__(self, array: Array, version: Version, index: int) -> None:
        self.array = array
        self.version = version
        self.index = index
