"""The graph: what a Tensor remembers about how it was made, and the one function that records it.

`Rule` is an operation's gradient (name and backward function), `Node` one application of it, `record` makes the
result Tensor and, if anyone needs gradients, its Node. Edges point from results to inputs only, so dropping the
last result frees the whole graph by reference counts, without the garbage collector. The walk over the graph
lives in engine.py, in-place writing in inplace.py; no arithmetic lives here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .grad_mode import MODE

Array = np.ndarray[Any, Any]
Backward = Callable[[Any, tuple[Any, ...], Any, tuple[bool, ...]], tuple[Any, ...]]

_new = object.__new__
_ticket = itertools.count().__next__  # orders nodes by age; next() on a count is atomic


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
    Written with operators and rushlight functions, so that the same rule runs on ndarrays and on Tensors. It may
    return `grad`, entries of `saved`, views of either, or fresh arrays; it never writes into what it was given.

    `uses`: per entry of `saved`, the inputs whose gradient reads it; entries nobody needs are not kept
    (None arrives in their place). Without `uses` everything is kept.
    """

    __slots__ = ("name", "backward", "uses")

    def __init__(self, name: str, backward: Backward, uses: tuple[tuple[int, ...], ...] | None = None) -> None:
        self.name = name
        self.backward = backward
        self.uses = uses

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

    def __init__(self) -> None:
        self.n = 0


class View:
    """How a Tensor was cut from `base` (never itself a view): the chain of view operations, last one first."""

    __slots__ = ("base", "outer", "rule", "params", "seen", "recorded", "many")

    def __init__(self, base: TensorBase, outer: View | None, rule: ViewRule, params: Any, seen: int,
                 many: int | None = None) -> None:
        self.base = base
        self.outer = outer
        self.rule = rule
        self.params = params
        self.seen = seen  # the version for which the Tensor's node is right
        self.recorded = MODE.enabled
        self.many = many  # which one, if the operation returned several views

    def steps(self) -> list[tuple[ViewRule, Any]]:
        """The view operations from the base to here, in the order they were applied."""
        chain: list[tuple[ViewRule, Any]] = []
        view: View | None = self
        while view is not None:
            chain.append((view.rule, view.params))
            view = view.outer
        chain.reverse()
        return chain

    def replay(self, array: Array) -> Array:
        """The same region of another array of the base's shape."""
        for rule, params in self.steps():
            array = rule.replay(array, params)
        return array


class TensorBase:
    """The fields of a Tensor that the graph reads and writes. `rushlight.Tensor` adds everything users see."""

    __slots__ = (
        "_data",  # ndarray, native byte order
        "_node",  # Node or Port that made it; None for a leaf
        "_wanted",  # leaf whose gradient is wanted (requires_grad of a leaf)
        "_grad",  # what backward has left here: a Tensor or None
        "_writes",  # Version, shared with whoever shares memory; None as long as nobody asked (= version 0)
        "_view",  # View, if cut from another Tensor by a differentiable view
        "_hooks",  # dict of hooks of a leaf, or None
        "__dict__",  # allocated only if a user hangs attributes on the Tensor
        "__weakref__",
    )

    _data: Array
    _node: Any
    _wanted: bool
    _grad: Any
    _writes: Version | None
    _view: View | None
    _hooks: Any


TENSOR: Any = TensorBase  # the class results are made of; tensor.py puts Tensor here
AS_STRIDED: Any = None  # the rule of a view's refreshed node; inplace.py puts it here


class Node:
    """One recorded operation. `edges` has, per input: the Node (or Port) that made it, the leaf Tensor itself,
    or None if it needs no gradient."""

    __slots__ = ("rule", "edges", "saved", "versions", "params", "ticket", "hooks")

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

    __slots__ = ("node", "index")

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

    __slots__ = ("array", "version", "index")

    def __init__(self, array: Array, version: Version, index: int) -> None:
        self.array = array
        self.version = version
        self.index = index


def make_output(node: Node, kept: SavedOutput) -> Any:
    """The Tensor that a SavedOutput stands for, connected to its node again."""
    out = wrap(kept.array)
    out._writes = kept.version
    out._node = Port(node, kept.index) if isinstance(node, MultiNode) else node
    return out


def wrap(value: Any) -> Any:
    """A Tensor around an array (or NumPy scalar), not recorded."""
    out = _new(TENSOR)
    out._data = value if type(value) is np.ndarray else np.asarray(value)
    out._node = None
    out._wanted = False
    out._grad = None
    out._writes = None
    out._view = None
    out._hooks = None
    return out


def unwrap(value: Any) -> Any:
    """The ndarray of a Tensor; anything else unchanged."""
    return value._data if isinstance(value, TensorBase) else value


def record(value: Any, rule: Rule, inputs: Sequence[Any], saved: tuple[Any, ...] = (), params: Any = None) -> Any:
    """The result of an operation, as a Tensor that knows where it came from.

    value   the result, an ndarray
    inputs  Tensors; ndarrays, numbers and None are allowed and never need gradients
    saved   what the rule needs: Tensors (checked against in-place changes), anything else as it is, or OUTPUT

    No node is made and nothing kept if recording is off or no input needs a gradient. If no input is a Tensor the
    value is returned as it is: ndarray in, ndarray out.
    """
    edges = []
    tensor = wanted = False
    for given in inputs:
        edge = None
        if isinstance(given, TensorBase):
            tensor = True
            if given._view is not None:
                refresh(given)
            edge = given._node
            if edge is None and given._wanted:
                edge = given
            if edge is not None:
                wanted = True
        edges.append(edge)
    if not tensor:
        return value
    out = wrap(value)
    if wanted and MODE.enabled:
        out._node = make_node(rule, tuple(edges), saved, params, (out,))
    return out


def make_node(rule: Rule, edges: tuple[Any, ...], saved: tuple[Any, ...], params: Any, outs: tuple[Any, ...],
              kind: type[Node] = Node) -> Any:
    """The Node of an application of `rule`; `outs` are its results (only read for OUTPUT in `saved`)."""
    node = _new(kind)
    node.rule = rule
    node.edges = edges
    node.params = params
    node.hooks = None
    node.versions = None
    if saved:
        if rule.uses is not None:
            saved = tuple([kept if any([edges[i] is not None for i in used]) else None
                           for kept, used in zip(saved, rule.uses)])
        for kept in saved:
            if isinstance(kept, Output) or (isinstance(kept, TensorBase) and kept._writes is not None):
                saved, node.versions = _with_versions(saved, outs)
                break
    node.saved = saved
    node.ticket = _ticket()
    return node


def _with_versions(saved: tuple[Any, ...], outs: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """`saved` with SavedOutputs in the places of OUTPUT, and the version of each entry."""
    kept = tuple([SavedOutput(outs[entry.index]._data, version_of(outs[entry.index]), entry.index)
                  if isinstance(entry, Output) else entry for entry in saved])
    return kept, tuple([entry.version.n if type(entry) is SavedOutput else version_number(entry) for entry in kept])


def version_of(tensor: TensorBase) -> Version:
    """The version counter of a Tensor's memory, made on first use."""
    version = tensor._writes
    if version is None:
        version = tensor._writes = Version()
    return version


def version_number(value: Any) -> int:
    version = value._writes if isinstance(value, TensorBase) else None
    return 0 if version is None else version.n


def edge_of(tensor: Any) -> Any:
    """Where the gradient of a Tensor goes: its node, the Tensor itself if it is a wanted leaf, or None."""
    if not isinstance(tensor, TensorBase):
        return None
    if tensor._view is not None:
        refresh(tensor)
    if tensor._node is not None:
        return tensor._node
    return tensor if tensor._wanted else None


def record_outputs(values: Sequence[Any], rule: Rule, inputs: Sequence[Any], saved: tuple[Any, ...] = (),
                   params: Any = None) -> tuple[Any, ...]:
    """`record` for an operation with several results; `Output(i)` in `saved` stands for result i."""
    if not any([isinstance(given, TensorBase) for given in inputs]):
        return tuple(values)
    outs = tuple([wrap(value) for value in values])
    edges = tuple([edge_of(given) for given in inputs])
    if MODE.enabled and any([edge is not None for edge in edges]):
        node = make_node(rule, edges, saved, params, outs, MultiNode)
        node.outputs = len(outs)
        for index, out in enumerate(outs):
            if out._data.dtype.kind == "f":
                out._node = Port(node, index)
    return outs


def record_view(given: Any, rule: ViewRule, params: Any) -> Any:
    """`record` for an operation whose result shares memory with its input: ndarray in, ndarray view out."""
    if not isinstance(given, TensorBase):
        return rule.replay(given, params)
    out = record(rule.replay(given._data, params), rule, (given,), (), params)
    _mark_view(out, given, rule, params)
    return out


def record_views(given: Any, rule: Rule, cut: ViewRule, cuts: Sequence[Any], params: Any) -> tuple[Any, ...]:
    """`record_outputs` for an operation that returns one view per entry of `cuts` (the params of `cut`)."""
    if not isinstance(given, TensorBase):
        return tuple([cut.replay(given, each) for each in cuts])
    outs = record_outputs([cut.replay(given._data, each) for each in cuts], rule, (given,), (), params)
    for index, (out, each) in enumerate(zip(outs, cuts)):
        _mark_view(out, given, cut, each, index)
    return outs


def _mark_view(out: Any, given: Any, rule: ViewRule, params: Any, many: int | None = None) -> None:
    version = out._writes = version_of(given)
    outer = given._view
    out._view = View(given if outer is None else outer.base, outer, rule, params, version.n, many)


def refresh(tensor: Any) -> None:
    """Give a view whose base was written to since the node that the base's new history implies."""
    view = tensor._view
    version = tensor._writes.n
    if view.seen == version:
        return
    view.seen = version
    edge = edge_of(view.base)
    if edge is None:
        return
    tensor._node = make_node(AS_STRIDED, (edge,), (), (view, view.base._data.shape), ())
