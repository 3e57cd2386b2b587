"""Copies in another order: flip, roll, repeat, tril, triu, diag. What can be a view is in shape.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._quiet import apply
from ._common import Rule, TensorBase, array_of, int_of, normal_dims, record, unwrap
from .shape import int_args

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "diag",
    "flip",
    "fliplr",
    "flipud",
    "meshgrid",
    "roll",
    "tile",
    "trace",
    "tril",
    "triu",
]


def _flip_backward(grad: Any, saved: Any, dims: Any, needs: Any) -> tuple[Any]:
    return (flip(grad, dims),)


_FLIP = Rule("FlipBackward0", _flip_backward)


def flip(input: Any, *args: Any, dims: Any = None) -> Tensor:
    """A copy with the order along `dims` reversed.

    >>> import rushlight
    >>> rushlight.flip(rushlight.tensor([1, 2, 3]), (0,))
    tensor([3, 2, 1])
    """
    x = array_of("flip", input)
    axes = normal_dims(int_args("flip", args if dims is None else (dims,), "dims"), x.ndim) or ()
    return record(np.flip(x, axes).copy(), _FLIP, (input,), (), axes)


def fliplr(input: Any) -> Tensor:
    """Columns in reverse order: flip along dimension 1.

    >>> import rushlight
    >>> rushlight.fliplr(rushlight.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if array_of("fliplr", input).ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, (1,))


def flipud(input: Any) -> Tensor:
    """Rows in reverse order: flip along dimension 0.

    >>> import rushlight
    >>> rushlight.flipud(rushlight.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if array_of("flipud", input).ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, (0,))


def _roll_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    shifts, dims = params
    return (roll(grad, tuple([-shift for shift in shifts]), dims),)


_ROLL = Rule("RollBackward0", _roll_backward)


def roll(input: Any, shifts: Any, dims: Any = None) -> Tensor:
    """A copy shifted along `dims` (none: in flat order); what leaves at one end enters at the other.

    >>> import rushlight
    >>> rushlight.roll(rushlight.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    x = array_of("roll", input)
    moves = int_args("roll", (shifts,), "shifts")
    axes = None if dims is None or dims == () else normal_dims(dims, x.ndim)
    if not moves:
        raise RuntimeError("`shifts` required")
    if len(moves) != len(axes or (0,)):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(axes or ())}")
    value = np.roll(x, moves[0] if axes is None else moves, axes)
    return record(value, _ROLL, (input,), (), (moves, axes))


def _repeat_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    """Split every dimension into (times, length) and sum over the times."""
    shape, times = params
    split = [
        part for pair in zip(times, (1,) * (len(times) - len(shape)) + shape, strict=True) for part in pair
    ]
    return (grad.reshape(tuple(split)).sum(tuple(range(0, 2 * len(times), 2))).reshape(shape),)


_REPEAT = Rule("RepeatBackward0", _repeat_backward)


def repeat(input: Any, *args: Any, repeats: Any = None) -> Tensor:
    """A copy tiled `repeats` times along the dimensions (one number per dimension at least; more make new
    ones).

    >>> import rushlight
    >>> rushlight.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    x = array_of("repeat", input)
    times = int_args("repeat", args if repeats is None else (repeats,), "repeats")
    if len(times) < x.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    return record(apply(np.tile, x, times), _REPEAT, (input,), (), (x.shape, times))


def tile(input: Any, *args: Any, dims: Any = None) -> Tensor:
    """`repeat`, with missing numbers taken as 1.

    >>> import rushlight
    >>> rushlight.tile(rushlight.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    times = int_args("tile", args if dims is None else (dims,), "dims")
    missing = array_of("tile", input).ndim - len(times)
    return repeat(input, (1,) * missing + times)


def _tril_backward(grad: Any, saved: Any, diagonal: int, needs: Any) -> tuple[Any]:
    return (tril(grad, diagonal),)


def _triu_backward(grad: Any, saved: Any, diagonal: int, needs: Any) -> tuple[Any]:
    return (triu(grad, diagonal),)


_TRIL, _TRIU = Rule("TrilBackward0", _tril_backward), Rule("TriuBackward0", _triu_backward)


def tril(input: Any, diagonal: int = 0) -> Tensor:
    """A copy with zeros above the given diagonal of the last two dimensions.

    >>> import rushlight
    >>> rushlight.tril(rushlight.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _triangle("tril", np.tril, _TRIL, input, diagonal)


def triu(input: Any, diagonal: int = 0) -> Tensor:
    """A copy with zeros below the given diagonal of the last two dimensions.

    >>> import rushlight
    >>> rushlight.triu(rushlight.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return _triangle("triu", np.triu, _TRIU, input, diagonal)


def _triangle(name: str, function: Any, rule: Rule, input: Any, diagonal: Any) -> Any:
    x, diagonal = array_of(name, input), int_of(name, "diagonal", diagonal)
    if x.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    return record(apply(function, x, diagonal), rule, (input,), (), diagonal)


def _diagonal_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    shape, offset = params
    rows, columns = _diagonal_positions(shape, offset)
    if isinstance(grad, TensorBase):
        out = grad.new_zeros(shape)  # type: ignore[attr-defined]
        out[rows, columns] = grad
        return (out,)
    out = np.zeros(shape, grad.dtype)
    out[rows, columns] = grad
    return (out,)


def _diagonal_positions(shape: tuple[int, ...], offset: int) -> tuple[Any, Any]:
    length = max(min(shape[0] + min(offset, 0), shape[1] - max(offset, 0)), 0)
    steps = np.arange(length)
    return steps - min(offset, 0), steps + max(offset, 0)


def _from_diagonal_backward(grad: Any, saved: Any, offset: int, needs: Any) -> tuple[Any]:
    return (diag(grad, offset),)


_DIAGONAL = Rule("DiagonalBackward0_copy", _diagonal_backward)
_FROM_DIAGONAL = Rule("DiagonalBackward0", _from_diagonal_backward)


def diag(input: Any, diagonal: int = 0) -> Tensor:
    """A matrix's diagonal as a vector, or a matrix with a vector on its diagonal.

    >>> import rushlight
    >>> rushlight.diag(rushlight.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    x = array_of("diag", input)
    if x.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {x.ndim}D")
    diagonal = int_of("diag", "diagonal", diagonal)
    if x.ndim == 1:
        return record(apply(np.diag, x, diagonal), _FROM_DIAGONAL, (input,), (), diagonal)
    return record(apply(np.diagonal, x, diagonal).copy(), _DIAGONAL, (input,), (), (x.shape, diagonal))


_TRACE = Rule(
    "TraceBackward0", lambda grad, saved, shape, needs: (grad * (np.eye(*shape, dtype=unwrap(grad).dtype)),)
)


def trace(input: Any) -> Tensor:
    """The sum of a matrix's diagonal.

    >>> import rushlight
    >>> rushlight.trace(rushlight.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    x = array_of("trace", input)
    if x.ndim != 2:
        raise RuntimeError("trace: expected a matrix, but got tensor with dim " + str(x.ndim))
    kind = x.dtype if x.dtype.kind == "f" else np.dtype(np.int64)
    return record(np.asarray(np.trace(x, dtype=kind)), _TRACE, (input,), (), x.shape)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Any, ...]:
    """Coordinate Tensors of a grid, from vectors; `indexing` is 'ij' (default) or 'xy'.

    >>> import rushlight
    >>> rushlight.meshgrid(rushlight.arange(2), rushlight.arange(3), indexing="ij")[0]
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    from .shape import expand, reshape, transpose

    vectors = (
        list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else list(tensors)
    )
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            'torch.meshgrid: indexing must be one of "xy" or "ij", but received: ' + str(indexing)
        )
    swap = indexing == "xy" and len(vectors) >= 2
    if swap:
        vectors[0], vectors[1] = vectors[1], vectors[0]
    shape = tuple([unwrap(vector).size for vector in vectors])
    out = []
    for place, vector in enumerate(vectors):
        column = reshape(vector, tuple([-1 if i == place else 1 for i in range(len(vectors))]))
        grid = expand(column, shape)
        out.append(transpose(grid, 0, 1) if swap else grid)
    if swap:
        out[0], out[1] = out[1], out[0]
    return tuple(out)
