"""Recording: what an operation calls to make its result a Tensor that knows where it came from.

`record` serves nearly every operation; `record_view` those whose result shares memory with their input,
`record_outputs` those with several results. Writing in place is in inplace.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .grad_mode import MODE
from .graph import (
    OUTPUT,
    MultiNode,
    Node,
    Output,
    Port,
    Region,
    Rule,
    SavedOutput,
    TensorBase,
    Version,
    View,
    ViewRule,
)

TENSOR: Any = TensorBase  # the class results are made of; tensor.py puts Tensor here

_new = object.__new__
_ticket = itertools.count().__next__  # orders nodes by age; next() on a count is atomic


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


def record(
    value: Any, rule: Rule, inputs: Sequence[Any], saved: tuple[Any, ...] = (), params: Any = None
) -> Any:
    """The result of an operation, as a Tensor that knows where it came from.

    value   the result, an ndarray
    inputs  Tensors; ndarrays, numbers and None are allowed and never need gradients
    saved   what the rule needs: Tensors (checked against in-place changes), anything else as it is, or OUTPUT

    No node is made and nothing kept if recording is off or no input needs a gradient. If no input is a Tensor
    the value is returned as it is: ndarray in, ndarray out.
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


def make_node(
    rule: Rule,
    edges: tuple[Any, ...],
    saved: tuple[Any, ...],
    params: Any,
    outs: tuple[Any, ...],
    kind: type[Node] = Node,
) -> Any:
    """The Node of an application of `rule`; `outs` are its results (only read for OUTPUT in `saved`)."""
    node = _new(kind)
    node.rule = rule
    node.edges = edges
    node.saved = saved
    node.versions = None
    node.params = params
    node.hooks = None
    node.ticket = _ticket()
    if saved:
        if saved[0] is OUTPUT and len(saved) == 1:
            out = outs[0]
            version = version_of(out)
            node.saved = (SavedOutput(out._data, version, 0),)
            if version.n:
                node.versions = (version.n,)
            return node
        if rule.kept_for is not None:
            node.saved = saved = _only_needed(saved, rule.kept_for, edges)
        for kept in saved:
            if isinstance(kept, TensorBase):
                if kept._writes is None:
                    continue
            elif not isinstance(kept, Output):
                continue
            _note_versions(node, saved, outs)
            break
    return node


def _only_needed(
    saved: tuple[Any, ...], kept_for: tuple[Any, ...], edges: tuple[Any, ...]
) -> tuple[Any, ...]:
    """`saved` with None in the places of what only unwanted gradients would read."""
    if len(saved) == 2:  # nearly always
        first, second = kept_for
        return (
            None if first is not None and edges[first] is None else saved[0],
            None if second is not None and edges[second] is None else saved[1],
        )
    return tuple(
        [
            None if place is not None and edges[place] is None else kept
            for kept, place in zip(saved, kept_for, strict=True)
        ]
    )


def _note_versions(node: Node, saved: tuple[Any, ...], outs: tuple[Any, ...]) -> None:
    """Put SavedOutputs in the places of OUTPUT, and note the version of each entry."""
    kept = []
    versions = []
    for entry in saved:
        if isinstance(entry, Output):
            out = outs[entry.index]
            entry = SavedOutput(out._data, version_of(out), entry.index)
            versions.append(entry.version.n)
        else:
            versions.append(version_number(entry))
        kept.append(entry)
    node.saved = tuple(kept)
    node.versions = tuple(versions)


def version_of(tensor: TensorBase) -> Version:
    """The version counter of a Tensor's memory, made on first use."""
    version = tensor._writes
    if version is None:
        version = tensor._writes = _new(Version)
        version.n = 0
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


def record_outputs(
    values: Sequence[Any], rule: Rule, inputs: Sequence[Any], saved: tuple[Any, ...] = (), params: Any = None
) -> tuple[Any, ...]:
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
    # `record` and `_mark_view` in one: views are cheap, so that their calls would be half of the time
    if given._view is not None:
        refresh(given)
    out = _new(TENSOR)
    out._data = rule.replay(given._data, params)
    out._node = out._grad = out._hooks = None
    out._wanted = False
    _mark_view(out, given, rule, params)
    edge = given._node
    if edge is None and given._wanted:
        edge = given
    if edge is not None and MODE.enabled:
        node = out._node = _new(Node)
        node.rule = rule
        node.edges = (edge,)
        node.saved = ()
        node.versions = node.hooks = None
        node.params = params
        node.ticket = _ticket()
    return out


def record_views(given: Any, rule: Rule, cut: ViewRule, cuts: Sequence[Any], params: Any) -> tuple[Any, ...]:
    """`record_outputs` for an operation that returns one view per entry of `cuts` (the params of `cut`)."""
    if not isinstance(given, TensorBase):
        return tuple([cut.replay(given, each) for each in cuts])
    outs = record_outputs([cut.replay(given._data, each) for each in cuts], rule, (given,), (), params)
    for index, (out, each) in enumerate(zip(outs, cuts, strict=True)):
        _mark_view(out, given, cut, each, index)
    return outs


def _mark_view(out: Any, given: Any, rule: ViewRule, params: Any, many: int | None = None) -> None:
    version = given._writes
    if version is None:
        version = version_of(given)
    out._writes = version
    outer = given._view
    view = out._view = _new(View)
    view.base = given if outer is None else outer.base
    view.outer = outer
    view.rule = rule
    view.params = params
    view.seen = version.n
    view.recorded = MODE.enabled
    view.many = many


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
    tensor._node = make_node(_AS_STRIDED, (edge,), (), view.where(), ())


def pull_back(part: Any, region: Region) -> Any:
    """The gradient of the whole from that of a region: the view operations' own rules, last one first."""
    for rule, params in reversed(region.steps):
        (part,) = rule.backward(part, (), params, (True,))
    return part


_AS_STRIDED = Rule("AsStridedBackward0", lambda grad, saved, region, needs: (pull_back(grad, region),))
