"""The walk back: from results to leaves, newest node first.

Every edge points to an older node, so taking nodes by descending ticket visits each one after all its users:
no counting pass, no recursion, any depth. A gradient is dropped as soon as its node has used it, and what the
node kept for backward is dropped with it unless the graph is to be walked again.

Gradients in flight may be shared (`z = x + y` hands one array to both), so only sums made here, and what a
rule has just made for one edge alone, are written into, and a leaf keeps an array as its `.grad` without
copying only if nobody else can hold it (`_fresh`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from .grad_mode import MODE
from .graph import MultiNode, Node, Port, SavedOutput, TensorBase, Version, operation_name
from .recording import make_output, unwrap, version_of, wrap

ndarray = np.ndarray

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have "
    "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
    "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or "
    "if you need to access saved tensors after calling backward."
)


def run(
    roots: Sequence[Any],
    grads: Sequence[Any],
    retain_graph: bool,
    create_graph: bool,
    wanted: Iterable[Any] | None = None,
) -> dict[int, Any]:
    """Send `grads` back from the edges `roots`.

    Gradients are ndarrays, or Tensors under `create_graph`, when the rules' own work is recorded too.
    `wanted` None: add to the `.grad` of every leaf reached. Else, a list of edges: change no leaf, visit only
    what leads to them, and return {id of the edge's Node or leaf, or (id, output index): the gradient that
    arrived}.
    """
    walk = Walk(retain_graph, create_graph)
    if wanted is not None:
        walk.prune(roots, wanted)
    outer, MODE.enabled = MODE.enabled, create_graph
    try:
        with np.errstate(all="ignore"):
            for edge, grad in zip(roots, grads, strict=True):
                walk.send(edge, grad, False)
            walk.go()
    finally:
        MODE.enabled = outer
    return walk.caught


class Walk:
    """The state of one backward pass."""

    __slots__ = ("caught", "create", "heap", "held", "owned", "pending", "retain", "through", "useful")

    def __init__(self, retain: bool, create: bool) -> None:
        self.retain = retain
        self.create = create
        self.heap: list[tuple[int, Any]] = []  # (-ticket, node) of every node in `pending`
        self.pending: dict[Any, Any] = {}  # node -> gradient so far; of a MultiNode {output index: gradient}
        self.owned: set[Any] = (
            set()
        )  # what is pending as a sum made here (nodes, (node, index), ids of leaves)
        self.held: dict[int, tuple[Any, Any]] = {}  # id -> (leaf with hooks, gradient so far)
        self.useful: set[int] | None = None  # ids of nodes and leaves worth sending to; None = all
        self.through: set[int] = set()  # of these, the nodes that lead further
        self.caught: dict[int, Any] = {}

    def go(self) -> None:
        """Run nodes until no gradient is pending, then hand leaves with hooks their sums."""
        heap, pending, owned, create = self.heap, self.pending, self.owned, self.create
        pop, push, send = heapq.heappop, heapq.heappush, self.send
        everything = self.useful is None
        while heap:
            node = pop(heap)[1]
            grad = pending.pop(node)
            if owned:
                owned.discard(node)
            if type(grad) is not ndarray:
                grad = _normal(node, grad)
            if node.hooks is not None:
                grad = _hooked(node.hooks, grad)
            if not everything:
                self.caught[id(node)] = grad
                if id(node) not in self.through:
                    continue
            edges = node.edges
            saved = node.saved
            if saved != ():
                saved = unpack(node, create)
            if everything and len(edges) == 1:
                needs: tuple[bool, ...] = (True,)
            else:
                needs = tuple([edge is not None and self.is_useful(edge) for edge in edges])
            parts = node.rule.backward(grad, saved, node.params, needs)
            if saved and not self.retain:
                node.saved = None  # freed; `unpack` knows
            for edge, part in zip(edges, parts, strict=True):
                if edge is None or part is None:
                    continue
                if type(edge) is Node and everything and edge not in pending:  # nearly always
                    pending[edge] = part
                    push(heap, (-edge.ticket, edge))
                else:
                    send(edge, part, _fresh(part, grad, parts, saved))
            grad = saved = parts = part = None  # gradients die here, not when the next node has run
        for leaf, grad in self.held.values():
            self.settle(leaf, run_hooks(leaf._hooks, 0, grad), False)

    def prune(self, roots: Iterable[Any], wanted: Iterable[Any]) -> None:
        """Find what lies on a way from `roots` to `wanted`. Edges point to older nodes, so in the order of
        age every node is judged after all it leads to."""
        self.useful = {id(_target(edge)) for edge in wanted}
        nodes = {id(node): node for node in map(_target, roots) if isinstance(node, Node)}
        stack = list(nodes.values())
        while stack:
            for edge in stack.pop().edges:
                node = _target(edge)
                if isinstance(node, Node) and id(node) not in nodes:
                    nodes[id(node)] = node
                    stack.append(node)
        for node in sorted(nodes.values(), key=_age):
            if any(id(_target(edge)) in self.useful for edge in node.edges):
                self.through.add(id(node))
                self.useful.add(id(node))

    def is_useful(self, edge: Any) -> bool:
        return self.useful is None or id(_target(edge)) in self.useful

    def send(self, edge: Any, grad: Any, fresh: bool) -> None:
        """Add a gradient to what is pending at an edge. `fresh`: nobody else can hold this array."""
        if not self.is_useful(edge):
            return
        if isinstance(edge, TensorBase):
            self.send_to_leaf(edge, grad, fresh)
            return
        node = _target(edge)
        before = self.pending.get(node)
        if before is None:
            heapq.heappush(self.heap, (-node.ticket, node))
        if type(edge) is Port:
            slots = self.pending.setdefault(node, {})
            slots[edge.index] = self.add((node, edge.index), slots.get(edge.index), grad, fresh)
        else:
            self.pending[node] = self.add(node, before, grad, fresh)

    def add(self, key: Any, before: Any, grad: Any, fresh: bool = False) -> Any:
        """before + grad; in place if `before` is itself a sum made here, or `grad` nobody else's."""
        if before is None:
            return grad
        if self.create:
            return before + grad
        if before.dtype == grad.dtype:
            if key in self.owned:
                return np.add(before, grad, out=before)
            if fresh and before.shape == grad.shape:
                self.owned.add(key)
                return np.add(before, grad, out=grad)
        self.owned.add(key)
        return np.asarray(before + grad)

    def send_to_leaf(self, leaf: Any, grad: Any, fresh: bool) -> None:
        if grad.shape != leaf._data.shape:
            raise RuntimeError(
                f"a backward function returned a gradient of shape {list(grad.shape)} "
                f"for a Tensor of shape {list(leaf._data.shape)}"
            )
        key = id(leaf)
        if self.useful is not None:
            self.caught[key] = self.add(key, self.caught.get(key), _like_leaf(leaf, grad))
        elif leaf._hooks:
            before = self.held.get(key)
            self.held[key] = leaf, self.add(key, before and before[1], _like_leaf(leaf, grad))
        else:
            self.settle(leaf, grad, fresh)

    def settle(self, leaf: Any, grad: Any, fresh: bool) -> None:
        """Add to a leaf's `.grad`, in place as torch does: whoever holds the `.grad` Tensor sees it."""
        grad = _like_leaf(leaf, grad)
        before = leaf._grad
        if self.create:
            leaf._grad = grad if before is None else before + grad
        elif before is None:
            leaf._grad = wrap(grad if fresh and grad.flags.c_contiguous else grad.copy(order="C"))
        elif before._node is None and before._data.flags.writeable:
            np.add(before._data, grad, out=before._data)
            version_of(before).n += 1
        else:  # `.grad` was recorded under create_graph, or set by hand to something read-only
            leaf._grad = wrap(before._data + grad)


def unpack(node: Node, create: bool) -> tuple[Any, ...]:
    """What a node kept, as ndarrays (as Tensors if `create`), after checking that nobody wrote into it."""
    saved = node.saved
    if saved is None:
        raise RuntimeError(FREED)
    out = []
    for index, kept in enumerate(saved):
        if isinstance(kept, TensorBase):
            version = kept._writes
            if version is not None:
                _check_version(node, index, version, kept._data, kept._node)
            out.append(kept if create else kept._data)
        elif type(kept) is SavedOutput:
            _check_version(node, index, kept.version, kept.array, node)
            out.append(make_output(node, kept) if create else kept.array)
        else:
            out.append(kept)
    return tuple(out)


def _check_version(node: Node, index: int, version: Version, array: Any, maker: Any) -> None:
    then = 0 if node.versions is None else node.versions[index]
    if version.n == then:
        return
    kind = dtypes.type_name(array.dtype)
    origin = ""
    if maker is not None:
        number, maker = (maker.index, maker.node) if type(maker) is Port else (0, maker)
        origin = f", which is output {number} of {operation_name(maker)},"
    raise RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{kind} {list(array.shape)}]{origin} is at version {version.n}; expected version {then} instead. "
        "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


def run_hooks(hooks: dict[int, tuple[int, Any]], index: int, grad: Any) -> Any:
    """Let each hook of output `index` see the gradient as a Tensor, and replace it if it returns one."""
    for number, hook in [hooks[key] for key in sorted(hooks)]:
        if number == index:
            shown = grad if isinstance(grad, TensorBase) else wrap(grad)
            answer = hook(shown)
            if answer is not None:
                grad = answer if shown is grad else unwrap(answer)
    return grad


def _hooked(hooks: dict[int, tuple[int, Any]], grad: Any) -> Any:
    if isinstance(grad, tuple):
        return tuple(
            [part if part is None else run_hooks(hooks, index, part) for index, part in enumerate(grad)]
        )
    return run_hooks(hooks, 0, grad)


def _normal(node: Node, grad: Any) -> Any:
    """Scalars, NumPy's 0-dim results, made arrays; a MultiNode's slots made a tuple (None: unused)."""
    if isinstance(node, MultiNode):
        return tuple([grad.get(index) for index in range(node.outputs)])
    return grad if isinstance(grad, TensorBase) else np.asarray(grad)


def _fresh(part: Any, grad: Any, parts: Sequence[Any], saved: Any) -> bool:
    """Whether nobody else can hold a gradient: no view, not given to the rule, handed out once."""
    if type(part) is not ndarray or part.base is not None or part is grad:
        return False
    for kept in saved:
        if part is kept:
            return False
    mine = 0
    for other in parts:
        if other is part:
            mine += 1
        elif type(other) is ndarray and other.base is part:  # it, in another shape
            return False
    return mine == 1


def _like_leaf(leaf: Any, grad: Any) -> Any:
    """In the leaf's dtype. Rules may promote (a float32 scalar under NumPy 1.26, mixed inputs)."""
    if isinstance(grad, TensorBase):
        return grad
    return np.asarray(grad, dtype=leaf._data.dtype)


def _target(edge: Any) -> Any:
    return edge.node if type(edge) is Port else edge


def _age(node: Node) -> int:
    return node.ticket
