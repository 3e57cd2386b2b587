"""Writing in place: who may, and what the graph becomes afterwards.

An in-place operation is `check(target)`, then the write, then `written(target, node)`: the version counter
goes up (so that whoever kept the old content for backward finds out) and the target's history becomes `node`.
If the target is a view, its base's history becomes a CopySlices node, and other views of the base find out
through `refresh`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _quiet
from .grad_mode import MODE
from .graph import Region, Rule, SavedOutput, TensorBase, View, operation_name
from .recording import edge_of, make_node, pull_back, record, unwrap, version_of, wrap

LEAF = "a leaf Variable that requires grad is being used in an in-place operation."
NO_GRAD_VIEW = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that "
    "this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
    "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be "
    "tracked) or both outside (if you want the inplace to be tracked)."
)
MANY_VIEWS = (
    "Output {index} of {name} is a view and is being modified inplace. This view is the output of a "
    "function that returns multiple views. Such functions do not allow the output views to be modified "
    "inplace. You should replace the inplace operation by an out-of-place one."
)


def check(target: Any) -> None:
    """RuntimeError with torch's text if `target` must not be written to now."""
    if not isinstance(target, TensorBase):
        raise TypeError(f"an in-place operation needs a Tensor, not {type(target).__name__}")
    view = target._view
    if MODE.enabled:
        if target._wanted and target._node is None:
            raise RuntimeError(LEAF if view is None else "a view of " + LEAF)
        if view is not None:
            _check_view(view)
    if not target._data.flags.writeable:
        if target._data.size and 0 in target._data.strides:
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a "
                "single memory location. Please clone() the tensor before performing the operation."
            )
        raise RuntimeError(
            "the memory of this tensor is read-only: it was made from a read-only ndarray. "
            "Please clone() the tensor before performing the operation."
        )


def _check_view(view: View) -> None:
    base = view.base
    if base._node is None:
        if base._wanted:
            raise RuntimeError("a view of " + LEAF)
        return
    if not view.recorded:
        raise RuntimeError(NO_GRAD_VIEW)
    step: View | None = view
    while step is not None:
        if step.many is not None:
            raise RuntimeError(MANY_VIEWS.format(index=step.many, name=operation_name(step.rule)))
        step = step.outer


def written(target: Any, node: Any = None) -> Any:
    """After the write: count it, and make `node` (None if nothing was recorded) the history of `target`."""
    view = target._view
    before = None
    if node is not None and view is not None:
        before = edge_of(view.base)
    version_of(target).n += 1
    if node is None:
        return target
    if any([type(kept) is SavedOutput for kept in node.saved]):  # OUTPUT is the content after the write
        before_write = node.versions or (0,) * len(node.saved)
        node.versions = tuple(
            [
                kept.version.n if type(kept) is SavedOutput else version
                for kept, version in zip(node.saved, before_write, strict=True)
            ]
        )
    if view is None:
        target._node = node
    else:
        view.base._node = make_node(_COPY_SLICES, (before, node), (), view.where(), ())
    return target


def replaced(result: Any, target: Any) -> Any:
    """The node of `result`, whose content is now in `target`: what it kept as OUTPUT is kept there."""
    node = result._node
    if node is not None:
        for kept in node.saved:
            if type(kept) is SavedOutput:
                kept.array, kept.version = target._data, version_of(target)
    return node


def record_inplace(
    target: Any,
    value: Any,
    rule: Rule,
    inputs: tuple[Any, ...],
    saved: tuple[Any, ...] = (),
    params: Any = None,
) -> Any:
    """`record` for an operation that overwrites `target`; returns `target`.

    value   the new content; `target`'s own array if the caller has written it already (after `check(target)`)
    inputs  as for `record`; `target` among them stands for its old self
    saved   as for `record`; OUTPUT stands for the new content. To keep the old content, pass
    `snapshot(target)`.

    If `value` is the target's own array, other entries of `saved` must not share its memory.
    """
    if value is not target._data:
        check(target)
    edges = tuple([edge_of(given) for given in inputs])
    node = None
    if MODE.enabled and any([edge is not None for edge in edges]):
        node = make_node(rule, edges, saved, params, (target,))
    if value is not target._data:
        _quiet.apply(np.copyto, target._data, value, casting="unsafe")
    return written(target, node)


def snapshot(target: Any) -> Any:
    """A Tensor with a copy of the content and the same history: what a rule can keep across the write."""
    copy = wrap(target._data.copy())
    edge = edge_of(target)
    if isinstance(edge, TensorBase):
        copy._wanted = True
    else:
        copy._node = edge
    return copy


# ---- the history of a base after one of its views was written: outside the region the old content's, inside
# the new content's


def _copy_slices_backward(grad: Any, saved: Any, region: Region, needs: Any) -> tuple[Any, ...]:
    return _blank(grad, region) if needs[0] else None, _part(grad, region) if needs[1] else None


def _blank(whole: Any, region: Region) -> Any:
    """A copy with zeros inside the region."""
    out = unwrap(whole).copy()
    region.of(out)[...] = 0
    return record(out, _BLANK, (whole,), (), region)


def _part(whole: Any, region: Region) -> Any:
    """The region, cut out."""
    return record(region.of(unwrap(whole)).copy(), _PART, (whole,), (), region)


_COPY_SLICES = Rule("CopySlices", _copy_slices_backward)
_BLANK = Rule("CopySlicesBackward0", lambda grad, saved, region, needs: (_blank(grad, region),))
_PART = Rule("CopySlicesBackward1", lambda grad, saved, region, needs: (pull_back(grad, region),))
