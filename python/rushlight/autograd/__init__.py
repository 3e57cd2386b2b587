"""Automatic differentiation. graph.py: what is recorded; engine.py: the walk back; inplace.py: writing in place;
function.py: operations of one's own; grad_mode.py: whether to record; gradcheck.py: gradients against differences.

Imports no kernel and no operation: it sees arrays, rules and the edges between them.
"""

from __future__ import annotations

from .grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .graph import OUTPUT, Node, Rule, TensorBase, ViewRule, record, record_outputs, record_view, unwrap, wrap

__all__ = [
    "OUTPUT", "Node", "Rule", "TensorBase", "ViewRule", "enable_grad", "is_grad_enabled", "no_grad", "record",
    "record_outputs", "record_view", "set_grad_enabled", "unwrap", "wrap",
]
