"""`Function`: operations of one's own, with forward and backward written by hand on Tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .engine import FREED
from .grad_mode import MODE, no_grad
from .graph import MultiNode, Output, Port, Rule, TensorBase
from .inplace import check, written
from .recording import edge_of, make_node, unwrap, wrap
from .sharing import handed_out


class FunctionContext:
    """`ctx`: what forward and backward of one call share. Any attribute may be set on it."""

    needs_input_grad: tuple[bool, ...] = ()
    _kept: Any = ()  # what save_for_backward was given; during backward what it hands out; None: freed
    _constant: tuple[int, ...] = ()  # ids of outputs without gradient
    _dirty: tuple[int, ...] = ()  # ids of inputs that forward has overwritten
    _materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs, outputs or other Tensors for backward; in-place changes to them will be noticed."""
        for index, each in enumerate(tensors):
            if each is not None and not isinstance(each, TensorBase):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {index} is of type "
                    f"{type(each).__name__}"
                )
        self._kept = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` was given."""
        if self._kept is None:
            raise RuntimeError(FREED)
        return tuple(self._kept)

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """These outputs get no gradient (integer outputs never do)."""
        self._constant = tuple([id(each) for each in outputs])

    def mark_dirty(self, *inputs: Any) -> None:
        """These inputs were overwritten by forward, which returns them."""
        self._dirty = tuple([id(each) for each in inputs])

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (True, the default) or None for outputs that were not used."""
        self._materialize = bool(value)


class Function:
    """Base class of operations with a gradient of their own: define static methods `forward` and `backward`,
    call `apply`.

        forward(ctx, *args)       compute; runs unrecorded; returns a Tensor or a tuple
        backward(ctx, *grads)     one gradient per output in, one gradient or None per argument of forward out
        setup_context(ctx, inputs, output)   optional: saves for backward, and forward then takes no ctx

    >>> import rushlight
    >>> class Cube(rushlight.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         x, = ctx.saved_tensors
    ...         return grad * 3 * x ** 2
    >>> x = rushlight.tensor([2.], requires_grad=True)
    >>> y = Cube.apply(x)
    >>> y
    tensor([8.], grad_fn=<CubeBackward>)
    >>> y.backward()
    >>> x.grad
    tensor([12.])
    """

    _rule: Rule

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._rule = Rule(cls.__name__ + "Backward", functools.partial(_backward, cls))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"{type(self).__name__} should not be instantiated: use {type(self).__name__}.apply(...)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The computation; to be defined by the subclass."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Optional second half of forward, which saves what backward needs."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients; to be defined by the subclass."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` on the arguments and record the result."""
        ctx = FunctionContext()
        edges = tuple([edge_of(each) for each in args])
        ctx.needs_input_grad = tuple([edge is not None for edge in edges])
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
        if not MODE.enabled or not any(ctx.needs_input_grad):
            ctx._kept = ()
            return result
        outs = list(result) if isinstance(result, tuple) else [result]
        _record(cls._rule, ctx, args, edges, outs)
        return tuple(outs) if isinstance(result, tuple) else outs[0]


def _record(
    rule: Rule, ctx: FunctionContext, args: tuple[Any, ...], edges: tuple[Any, ...], outs: list[Any]
) -> None:
    """Make the Node and hang the outputs on it."""
    inputs = {id(each): each for each in args if isinstance(each, TensorBase)}
    kept = ctx._kept
    for index, out in enumerate(outs):
        if (
            id(out) in inputs and id(out) not in ctx._dirty
        ):  # returned as it came: an alias carries the new history
            outs[index] = wrap(handed_out(out._data))
            kept = tuple([outs[index] if each is out and not out.requires_grad else each for each in kept])
    places = {id(out): index for index, out in enumerate(outs) if isinstance(out, TensorBase)}
    saved = tuple([Output(places[id(each)]) if id(each) in places else each for each in kept])
    ctx._kept = None
    shapes = tuple([unwrap(each).shape if isinstance(each, TensorBase) else None for each in args])
    metas = tuple(
        [(out._data.shape, out._data.dtype) if isinstance(out, TensorBase) else None for out in outs]
    )
    for out in outs:
        if id(out) in ctx._dirty:
            check(out)
    node = make_node(rule, edges, saved, (ctx, shapes, metas), tuple(outs), MultiNode)
    node.outputs = len(outs)
    for index, out in enumerate(outs):
        if isinstance(out, TensorBase) and out._data.dtype.kind == "f" and id(out) not in ctx._constant:
            if id(out) in ctx._dirty:
                written(out, None)
            out._node = Port(node, index)
            out._view = None


def _backward(
    cls: Any, grads: tuple[Any, ...], saved: tuple[Any, ...], params: Any, needs: tuple[bool, ...]
) -> Any:
    """What the engine calls: ndarrays (or Tensors under create_graph) to the user's Tensors and back."""
    ctx, shapes, metas = params
    create = MODE.enabled
    given = [_shown(grad, meta, ctx._materialize) for grad, meta in zip(grads, metas, strict=True)]
    ctx._kept = tuple([wrap(each) if isinstance(each, np.ndarray) else each for each in saved])
    try:
        answer = cls.backward(ctx, *given)
    finally:
        ctx._kept = None
    parts = answer if isinstance(answer, tuple) else (answer,)
    while len(parts) > len(shapes) and parts[-1] is None:
        parts = parts[:-1]
    name = cls.__name__ + "Backward"
    if len(parts) != len(shapes):
        raise RuntimeError(
            f"function {name} returned an incorrect number of gradients (expected {len(shapes)}, got "
            f"{len(parts)})"
        )
    return tuple(
        [
            _checked(name, index, part, shape, create) if need else None
            for index, (part, shape, need) in enumerate(zip(parts, shapes, needs, strict=True))
        ]
    )


def _shown(grad: Any, meta: Any, materialize: bool) -> Any:
    if grad is None:
        return wrap(np.zeros(*meta)) if materialize and meta is not None else None
    return grad if isinstance(grad, TensorBase) else wrap(grad)


def _checked(name: str, index: int, part: Any, shape: tuple[int, ...], create: bool) -> Any:
    """One returned gradient: its type, and its shape brought to the input's by summing if it broadcasts."""
    if part is None:
        return None
    if not isinstance(part, (TensorBase, np.ndarray)):
        raise TypeError(f"expected Variable or None (got {type(part).__name__})")
    data = unwrap(part)
    if data.shape != shape:
        try:
            fits = np.broadcast_shapes(shape, data.shape) == data.shape
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {index} - got "
                f"{list(data.shape)} but expected shape compatible with {list(shape)}"
            )
        extra = data.ndim - len(shape)
        dims = tuple(range(extra)) + tuple([extra + i for i, n in enumerate(shape) if n == 1])
        whole: Any = part if create else data
        part = data = whole.sum(dims).reshape(shape)
    if create:
        return part if isinstance(part, TensorBase) else wrap(part)
    return data.view()  # a view: the engine keeps no array that the user may still hold


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a `backward` that cannot be differentiated again: `create_graph` gives constants."""

    @functools.wraps(backward)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            return backward(ctx, *grads)

    return wrapper
