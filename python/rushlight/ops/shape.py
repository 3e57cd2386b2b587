"""The same elements under another shape: reshape, permute, transpose, squeeze, expand ... Nearly all are
views, which share memory with their input: one ViewRule each, whose `replay` is the NumPy view and whose
backward is the view that undoes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .._quiet import apply
from ..autograd.recording import record_view
from ._common import Rule, ViewRule, array_of, normal_dim, normal_dims, numpy_names, record, sum_to, unwrap

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "broadcast_to",
    "flatten",
    "moveaxis",
    "movedim",
    "permute",
    "ravel",
    "reshape",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unflatten",
    "unsqueeze",
]


def int_args(function: str, args: Sequence[Any], name: str = "size") -> tuple[int, ...]:
    """`f(2, 3)`, `f((2, 3))` and `f([2, 3])` alike, as a tuple of ints."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = args[0]
    for size in args:
        if type(size) is not int:
            break
    else:
        return tuple(args)  # the usual case
    out = []
    for position, size in enumerate(args):
        if isinstance(size, (bool, float)) or not hasattr(size, "__index__"):
            raise TypeError(
                f"{function}(): argument '{name}' must be tuple of ints, but found element of type "
                f"{type(size).__name__} at pos {position}"
            )
        out.append(size.__index__())
    return tuple(out)


# ---- reshape, view, flatten


def _reshape_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (grad.reshape(params[1]),)


def _reshape_view(array: Any, params: Any) -> Any:
    return array.reshape(params[0])


_VIEW = ViewRule("ViewBackward0", _reshape_view, _reshape_backward)
_COPY = Rule("UnsafeViewBackward0", _reshape_backward)


def _full_shape(size: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with its -1 worked out for `size` elements; torch's errors."""
    if shape == (-1,):  # the usual cases first
        return (size,)
    product = math.prod(shape)
    if product == size and (not shape or min(shape) >= 0):
        return shape
    if product < 0 and size % product == 0 and min(shape) == -1 and shape.count(-1) == 1:
        place = shape.index(-1)
        return (*shape[:place], size // -product, *shape[place + 1 :])
    unknown = None
    for index, length in enumerate(shape):
        if length == -1:
            if unknown is not None:
                raise RuntimeError("only one dimension can be inferred")
            unknown = index
        elif length < 0:
            raise RuntimeError(f"invalid shape dimension {length} at index {index} of shape {list(shape)}")
    known = math.prod(length for length in shape if length != -1)
    if unknown is not None:
        if known == 0 and size == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
                "dimension size -1 can be any value and is ambiguous"
            )
        if known and size % known == 0:
            return (*shape[:unknown], size // known, *shape[unknown + 1 :])
    elif known == size:
        return shape
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")


def _shaped(given: Any, shape: tuple[int, ...], may_copy: bool) -> Any:
    """A view of the wanted shape; where the strides forbid one, a copy if `may_copy`."""
    x = unwrap(given)
    shape = _full_shape(x.size, shape)
    params = (shape, x.shape)
    if not x.flags.c_contiguous:
        value = x.reshape(shape)
        if x.size and not np.may_share_memory(x, value):  # reshape copied: the memory ranges are apart
            if not may_copy:
                raise RuntimeError(
                    "view size is not compatible with input tensor's size and stride (at least one "
                    "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
                )
            return record(value, _COPY, (given,), (), params)
    return record_view(given, _VIEW, params)


def reshape(input: Any, *args: Any, shape: Any = None) -> Tensor:
    """The same elements in row-major order under another shape; one length may be -1 ("the rest"). A view if
    the strides allow, else a copy. RuntimeError if the number of elements differs.

    >>> import rushlight
    >>> rushlight.reshape(rushlight.arange(4), (2, -1))
    tensor([[0, 1],
            [2, 3]])
    """
    array_of("reshape", input)
    return _shaped(input, int_args("reshape", args if shape is None else (shape,), "shape"), True)


def view(input: Any, *args: Any, size: Any = None) -> Tensor:
    """`reshape` that never copies: RuntimeError where it would have to. `view(dtype)` rereads bytes."""
    if len(args) == 1:
        if type(args[0]) is int:
            return _shaped(input, args, False)
        if isinstance(args[0], dtypes.dtype):
            return record_view(input, _VIEW_DTYPE, args[0].dtype)
    if not args and size is None:
        raise TypeError(
            "view() received an invalid combination of arguments - got (), but expected a dtype or "
            "a tuple of ints"
        )
    return _shaped(input, int_args("view", args if size is None else (size,)), False)


def _view_dtype_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    raise RuntimeError("a Tensor that was viewed as another dtype has no gradient")


_VIEW_DTYPE = ViewRule("ViewBackward1", lambda array, kind: array.view(kind), _view_dtype_backward)


def view_as(input: Any, other: Any) -> Tensor:
    """`input.view(other.shape)`."""
    return _shaped(input, unwrap(other).shape, False)


def reshape_as(input: Any, other: Any) -> Tensor:
    """`input.reshape(other.shape)`."""
    return _shaped(input, unwrap(other).shape, True)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim to end_dim (both included) made one. A 0-dim Tensor gets one dimension.

    input               any shape
    start_dim, end_dim  dimensions, counted from the end if negative

    A view where the memory allows it. Raises IndexError for a dimension that is not there, RuntimeError if
    start_dim comes after end_dim. Source: torch.flatten.

    >>> import rushlight
    >>> rushlight.flatten(rushlight.zeros(2, 3, 4), 1).shape
    torch.Size([2, 12])
    """
    x = array_of("flatten", input)
    if start_dim == 0 and end_dim == -1 and x.ndim != 1:
        return _shaped(input, (x.size,), True)
    start, end = normal_dim(start_dim, x.ndim), normal_dim(end_dim, x.ndim)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if x.ndim and start == end:
        return input
    shape = (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :])
    return _shaped(input, shape, True)


def ravel(input: Any) -> Tensor:
    """All elements in one dimension."""
    return _shaped(input, (-1,), True) if array_of("ravel", input).size else _shaped(input, (0,), True)


def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension `dim` split into `sizes`; one of them may be -1."""
    x = array_of("unflatten", input)
    dim = normal_dim(dim, x.ndim)
    shape = x.shape[:dim] + _full_shape(x.shape[dim], tuple(sizes)) + x.shape[dim + 1 :]
    return apply(_shaped, input, shape, False)


# ---- permute, transpose


def _permuted(array: Any, dims: tuple[int, ...]) -> Any:
    return array.transpose(dims)


def _permute_backward(grad: Any, saved: Any, dims: tuple[int, ...], needs: Any) -> tuple[Any]:
    return (permute(grad, [dims.index(i) for i in range(len(dims))]),)


_PERMUTE = ViewRule("PermuteBackward0", _permuted, _permute_backward)
_TRANSPOSE = ViewRule("TransposeBackward0", _permuted, _permute_backward)
_T = ViewRule("TBackward0", _permuted, _permute_backward)


def permute(input: Any, *args: Any, dims: Any = None) -> Tensor:
    """A view with the dimensions in the order `dims`.

    >>> import rushlight
    >>> rushlight.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    x = array_of("permute", input)
    wanted = int_args("permute", args if dims is None else (dims,), "dims")
    if len(wanted) != x.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length "
            f"of the desired ordering of dimensions i.e. input.dim() = {x.ndim} is not equal to "
            f"len(dims) = {len(wanted)}"
        )
    order = tuple(normal_dim(d, x.ndim) for d in wanted)
    if len(set(order)) != x.ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return record_view(input, _PERMUTE, order)


def _swapped(ndim: int, a: int, b: int) -> tuple[int, ...]:
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = order[b], order[a]
    return tuple(order)


def transpose(input: Any, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions exchanged."""
    ndim = array_of("transpose", input).ndim
    order = _swapped(ndim, normal_dim(dim0, ndim), normal_dim(dim1, ndim))
    return record_view(input, _TRANSPOSE, order)


def t(input: Any) -> Tensor:
    """The transpose of a matrix, as a view; a vector as it is. RuntimeError above 2 dimensions."""
    ndim = array_of("t", input).ndim
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return record_view(input, _T, _swapped(ndim, 0, -1))


def reverse_dims(input: Any) -> Tensor:
    """`Tensor.T`: all dimensions in reverse order."""
    return record_view(input, _PERMUTE, tuple(range(unwrap(input).ndim))[::-1])


def matrix_transpose(input: Any) -> Tensor:
    """`Tensor.mT`: the last two dimensions exchanged."""
    ndim = unwrap(input).ndim
    if ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {ndim}-D tensor."
        )
    return record_view(input, _TRANSPOSE, _swapped(ndim, -2, -1))


def movedim(input: Any, source: Any, destination: Any) -> Tensor:
    """A view with the dimensions `source` (int or tuple) moved to the places `destination`."""
    ndim = array_of("movedim", input).ndim
    sources = [normal_dim(d, ndim) for d in (source if isinstance(source, (tuple, list)) else (source,))]
    places = [
        normal_dim(d, ndim)
        for d in (destination if isinstance(destination, (tuple, list)) else (destination,))
    ]
    if len(sources) != len(places):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source and destination must have "
            "the same number of elements"
        )
    order = [d for d in range(ndim) if d not in sources]
    for place, origin in sorted(zip(places, sources, strict=True)):
        order.insert(place, origin)
    return record_view(input, _PERMUTE, tuple(order))


# ---- squeeze, unsqueeze


_SQUEEZE = ViewRule("SqueezeBackward0", _reshape_view, _reshape_backward)
_SQUEEZE_DIM = ViewRule("SqueezeBackward1", _reshape_view, _reshape_backward)
_SQUEEZE_DIMS = ViewRule("SqueezeBackward2", _reshape_view, _reshape_backward)
_UNSQUEEZE = ViewRule("UnsqueezeBackward0", _reshape_view, _reshape_backward)


@numpy_names
def squeeze(input: Any, dim: Any = None) -> Tensor:
    """A view without dimensions of length 1: all of them, or those of `dim` (int or tuple) that have it.

    >>> import rushlight
    >>> rushlight.zeros(1, 3, 1).squeeze().shape
    torch.Size([3])
    """
    x = array_of("squeeze", input)
    if dim is None:
        dims, rule = tuple(range(x.ndim)), _SQUEEZE
    elif isinstance(dim, (tuple, list)):
        dims, rule = normal_dims(dim, x.ndim) or (), _SQUEEZE_DIMS
    else:
        dims, rule = (normal_dim(dim, x.ndim),), _SQUEEZE_DIM
    shape = tuple([size for i, size in enumerate(x.shape) if size != 1 or i not in dims])
    return record_view(input, rule, (shape, x.shape))


@numpy_names
def unsqueeze(input: Any, dim: int) -> Tensor:
    """A view with a new dimension of length 1 at `dim`."""
    x = array_of("unsqueeze", input)
    dim = normal_dim(dim, x.ndim + 1)
    return record_view(input, _UNSQUEEZE, ((*x.shape[:dim], 1, *x.shape[dim:]), x.shape))


# ---- expand, and the copies: repeat, flip


def _expand_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (sum_to(grad, params[1]),)


_EXPAND = ViewRule(
    "ExpandBackward0", lambda array, params: np.broadcast_to(array, params[0]), _expand_backward
)


def expand(input: Any, *args: Any, size: Any = None) -> Tensor:
    """A view in which dimensions of length 1 are repeated (and new ones put in front) without copying; -1
    keeps a length. It must not be written to in place.

    >>> import rushlight
    >>> rushlight.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    x = array_of("expand", input)
    wanted = int_args("expand", args if size is None else (size,))
    new = len(wanted) - x.ndim
    if new < 0:
        raise RuntimeError(
            f"expand({_kind(x)}{{{list(x.shape)}}}, size={list(wanted)}): the number of sizes provided "
            f"({len(wanted)}) must be greater or equal to the number of dimensions in the tensor "
            f"({x.ndim})"
        )
    shape = []
    for i, length in enumerate(wanted):
        if length == -1:
            if i < new:
                raise RuntimeError(
                    f"The expanded size of the tensor ({length}) isn't allowed in a leading, "
                    f"non-existing dimension {i}"
                )
            length = x.shape[i - new]
        elif i >= new and x.shape[i - new] not in (1, length):
            raise RuntimeError(
                f"The expanded size of the tensor ({length}) must match the existing size "
                f"({x.shape[i - new]}) at non-singleton dimension {i}.  Target sizes: {list(wanted)}.  "
                f"Tensor sizes: {list(x.shape)}"
            )
        shape.append(length)
    return record_view(input, _EXPAND, (tuple(shape), x.shape))


def _kind(array: Any) -> str:
    return dtypes.type_name(array.dtype)


def expand_as(input: Any, other: Any) -> Tensor:
    """`input.expand(other.shape)`."""
    return expand(input, unwrap(other).shape)


broadcast_to = expand
swapaxes = swapdims = transpose
moveaxis = movedim
