"""Automatic differentiation. graph.py: what is recorded; engine.py: the walk back; entry.py: `backward` and
`grad`; inplace.py: writing in place; hooks.py; function.py: operations of one's own; grad_mode.py: whether to
record; gradcheck.py: gradients against differences.

Imports no kernel and no operation: it sees arrays, rules and the edges between them.
"""

from __future__ import annotations

from .entry import backward, grad
from .function import Function
from .grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .graph import OUTPUT, Node, Rule, TensorBase, ViewRule
from .recording import record, record_outputs, record_view, unwrap, wrap

__all__ = [
    "OUTPUT",
    "Function",
    "GradcheckError",
    "Node",
    "Rule",
    "TensorBase",
    "ViewRule",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "is_grad_enabled",
    "no_grad",
    "record",
    "record_outputs",
    "record_view",
    "set_grad_enabled",
    "unwrap",
    "wrap",
]
