"""Full backward hooks: functions that see a module's gradients, and may replace them.

The module's Tensors pass through two identities, one before `forward` and one after it. Going back, the
second one learns the gradients of the outputs, the first one those of the inputs, and calls the hooks.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..autograd import Rule, TensorBase, unwrap, wrap
from ..autograd.recording import edge_of, record_outputs, version_of


class Watch:
    """One call of a module with backward hooks."""

    def __init__(self, module: Any, args: tuple[Any, ...]) -> None:
        self.module = module
        self.grad_output: tuple[Any, ...] = ()
        self.count = len(args)
        self.places = [i for i, value in enumerate(args) if isinstance(value, TensorBase)]
        self.inputs_count = any(edge_of(args[i]) is not None for i in self.places)
        self.args = _through(_INPUTS, args, self.places, self) if self.inputs_count else args

    def outputs(self, result: Any) -> Any:
        """The result of `forward`, connected to this watch."""
        single = not isinstance(result, tuple)
        results = (result,) if single else result
        places = [i for i, value in enumerate(results) if isinstance(value, TensorBase)]
        if not any(edge_of(results[i]) is not None for i in places):
            return result
        watched = _through(_OUTPUTS, results, places, (self, places, len(results)))
        return watched[0] if single else watched

    def saw_outputs(self, grads: Any) -> Any:
        """Called by the engine with the gradients of the outputs."""
        for hook in tuple(self.module._backward_pre_hooks.values()):
            changed = hook(self.module, grads)
            if changed is not None:
                grads = _as_tuple(changed, grads)
        self.grad_output = grads
        if not self.inputs_count and self.module._backward_hooks:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs "
                "since no inputs require gradients.",
                stacklevel=2,
            )
            self.saw_inputs((None,) * self.count)
        return grads

    def saw_inputs(self, grads: Any) -> Any:
        """Called by the engine with the gradients of the inputs; calls the hooks."""
        for hook in tuple(self.module._backward_hooks.values()):
            changed = hook(self.module, grads, self.grad_output)
            if changed is not None:
                grads = _as_tuple(changed, grads)
        return grads


def _as_tuple(changed: Any, before: tuple[Any, ...]) -> tuple[Any, ...]:
    changed = changed if isinstance(changed, tuple) else (changed,)
    if len(changed) != len(before):
        raise RuntimeError(
            f"Backward hook returned an invalid number of grad_output, got {len(changed)}, but expected "
            f"{len(before)}"
        )
    return changed


def _through(rule: Rule, values: tuple[Any, ...], places: list[int], params: Any) -> tuple[Any, ...]:
    """`values` with the Tensors at `places` replaced by others on the same memory, made by `rule`."""
    given = [values[i] for i in places]
    outs = list(values)
    for i, before, after in zip(
        places, given, record_outputs([each._data for each in given], rule, given, (), params), strict=True
    ):
        after._writes = version_of(before)
        outs[i] = after
    return tuple(outs)


def _spread(grads: Any, places: list[int], count: int) -> tuple[Any, ...]:
    """The engine's gradients (ndarrays, or Tensors under create_graph) as Tensors, one per argument."""
    full: list[Any] = [None] * count
    for place, grad in zip(places, grads, strict=True):
        full[place] = grad if grad is None or isinstance(grad, TensorBase) else wrap(grad)
    return tuple(full)


def _gathered(seen: tuple[Any, ...], places: list[int], grads: Any) -> tuple[Any, ...]:
    """What the hooks left, as the engine wants it."""
    tensors = any(isinstance(grad, TensorBase) for grad in grads)
    return tuple([seen[place] if tensors else unwrap(seen[place]) for place in places])


def _inputs_backward(grads: Any, saved: Any, watch: Any, needs: Any) -> tuple[Any, ...]:
    seen = watch.saw_inputs(_spread(grads, watch.places, watch.count))
    return _gathered(seen, watch.places, grads)


def _outputs_backward(grads: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    watch, places, count = params
    return _gathered(watch.saw_outputs(_spread(grads, places, count)), places, grads)


_INPUTS = Rule("BackwardHookFunctionBackward", _inputs_backward)
_OUTPUTS = Rule("BackwardHookFunctionBackward", _outputs_backward)
