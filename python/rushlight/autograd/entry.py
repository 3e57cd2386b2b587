"""`backward` and `grad`: arguments checked, starting gradients made, the engine started."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import engine
from .graph import Node, Port, TensorBase
from .recording import edge_of, wrap

_Many = Any  # a Tensor or a sequence of Tensors


def backward(
    tensors: _Many,
    grad_tensors: _Many = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: _Many = None,
) -> None:
    """Add d (sum of `tensors` weighted by `grad_tensors`) / d leaf to the `.grad` of every leaf (or of
    `inputs`).

    `grad_tensors` may be left out for Tensors of one element. The graph is freed on the way unless
    `retain_graph` (the default if `create_graph`, which records the gradients' own computation).
    """
    outputs = _listed(tensors)
    roots, grads = _start(outputs, _listed(grad_tensors, len(outputs)), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        engine.run(roots, grads, keep, create_graph)
        return
    wanted = _listed(inputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    for tensor, found in zip(wanted, _gradients(roots, grads, wanted, keep, create_graph), strict=True):
        if found is not None:
            before = tensor._grad
            found = found if create_graph else wrap(found.copy())
            tensor._grad = found if before is None else before + found


def grad(
    outputs: _Many,
    inputs: _Many,
    grad_outputs: _Many = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """d (sum of `outputs` weighted by `grad_outputs`) / d inputs, as a tuple; no `.grad` changes.

    >>> import rushlight
    >>> x = rushlight.tensor([1., 2.], requires_grad=True)
    >>> rushlight.autograd.grad((x * x).sum(), x)
    (tensor([2., 4.]),)
    """
    if is_grads_batched:
        raise NotImplementedError(
            "rushlight's autograd.grad has no is_grads_batched=True; call it once per gradient"
        )
    outputs, wanted = _listed(outputs), _listed(inputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    roots, grads = _start(outputs, _listed(grad_outputs, len(outputs)), create_graph)
    for tensor in wanted:
        if edge_of(tensor) is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    found = _gradients(
        roots, grads, wanted, create_graph if retain_graph is None else retain_graph, create_graph
    )
    out = []
    for index, (tensor, gradient) in enumerate(zip(wanted, found, strict=True)):
        if gradient is None and materialize_grads:
            gradient = np.zeros_like(tensor._data)
        elif gradient is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {index} appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior."
            )
        out.append(wrap(gradient) if isinstance(gradient, (np.ndarray, np.generic)) else gradient)
    return tuple(out)


def _listed(given: _Many, length: int = 0) -> list[Any]:
    if given is None:
        return [None] * length
    return [given] if isinstance(given, TensorBase) else list(given)


def _start(outputs: list[Any], given: list[Any], create_graph: bool) -> tuple[list[Any], list[Any]]:
    """The edges to start from and their gradients; torch's errors."""
    roots, grads = [], []
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    for index, (output, gradient) in enumerate(zip(outputs, given, strict=True)):
        edge = edge_of(output)
        data = output._data
        if gradient is None:
            if edge is not None and data.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            gradient = wrap(np.ones(data.shape, data.dtype))
        elif not isinstance(gradient, TensorBase):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
        elif gradient._data.shape != data.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{index}] has a shape of "
                f"torch.Size({list(gradient._data.shape)}) and output[{index}] has a shape of "
                f"torch.Size({list(data.shape)})."
            )
        if edge is None:
            raise RuntimeError(
                f"element {index} of tensors does not require grad and does not have a grad_fn"
            )
        roots.append(edge)
        grads.append(gradient if create_graph else np.asarray(gradient._data, data.dtype))
    return roots, grads


def _gradients(roots: list[Any], grads: list[Any], wanted: list[Any], keep: bool, create: bool) -> list[Any]:
    edges = [edge_of(tensor) for tensor in wanted]
    caught = engine.run(roots, grads, keep, create, edges)
    found = []
    for edge in edges:
        if isinstance(edge, Port):
            parts = caught.get(id(edge.node))
            found.append(None if parts is None else parts[edge.index])
        else:
            found.append(caught.get(id(edge)))
    return found


def hook_target(tensor: Any) -> tuple[dict[int, tuple[int, Any]], int]:
    """Where a Tensor's hooks are kept, and its number among the outputs of its node."""
    edge = edge_of(tensor)
    holder, index = (edge.node, edge.index) if isinstance(edge, Port) else (edge, 0)
    if isinstance(holder, Node):
        if holder.hooks is None:
            holder.hooks = {}
        return holder.hooks, index
    if holder._hooks is None:
        holder._hooks = {}
    return holder._hooks, index
