"""Every operation under its method name: `x.exp()` is `exp(x)`. The functions are in the modules named below;
what is here is the list, and properties that are operations (`T`)."""

from __future__ import annotations

from typing import Any

from .. import functional
from . import (
    arithmetic,
    assignment,
    comparison,
    convert,
    creation,
    extrema,
    filling,
    gathering,
    indexing,
    inplace,
    joining,
    linalg,
    ordering,
    pointwise,
    rearrange,
    reductions,
    selection,
    shape,
    windows,
)
from .numpy_protocol import NumpyProtocol
from .operators import Operators


class Methods(Operators, NumpyProtocol):
    """The operations, mixed into Tensor."""

    __slots__ = ()

    __getitem__ = indexing.getitem
    __setitem__ = assignment.setitem

    # two operands
    add, sub, mul, div, pow = arithmetic.add, arithmetic.sub, arithmetic.mul, arithmetic.div, arithmetic.pow
    subtract, multiply, divide, true_divide = arithmetic.sub, arithmetic.mul, arithmetic.div, arithmetic.div
    floor_divide, remainder, fmod = arithmetic.floor_divide, arithmetic.remainder, arithmetic.fmod
    maximum, minimum = arithmetic.maximum, arithmetic.minimum

    # one operand
    abs, absolute, neg, negative, sign = (
        pointwise.abs,
        pointwise.abs,
        pointwise.neg,
        pointwise.neg,
        pointwise.sign,
    )
    exp, expm1, log, log2, log10, log1p = (
        pointwise.exp,
        pointwise.expm1,
        pointwise.log,
        pointwise.log2,
        pointwise.log10,
        pointwise.log1p,
    )
    sqrt, rsqrt, reciprocal, square = pointwise.sqrt, pointwise.rsqrt, pointwise.reciprocal, pointwise.square
    sinh, cosh, asin, acos, atan = (
        pointwise.sinh,
        pointwise.cosh,
        pointwise.asin,
        pointwise.acos,
        pointwise.atan,
    )
    frac = pointwise.frac
    sin, cos, tan, tanh, sigmoid = (
        pointwise.sin,
        pointwise.cos,
        pointwise.tan,
        pointwise.tanh,
        pointwise.sigmoid,
    )
    relu, relu_, softmax, log_softmax = (
        functional.relu,
        functional.relu_,
        functional.softmax,
        functional.log_softmax,
    )
    floor, ceil, trunc, round = pointwise.floor, pointwise.ceil, pointwise.trunc, pointwise.round
    clamp, clip, clamp_min, clamp_max = (
        pointwise.clamp,
        pointwise.clamp,
        pointwise.clamp_min,
        pointwise.clamp_max,
    )

    # questions
    eq, ne, lt, le, gt, ge = (
        comparison.eq,
        comparison.ne,
        comparison.lt,
        comparison.le,
        comparison.gt,
        comparison.ge,
    )
    logical_and, logical_or = comparison.logical_and, comparison.logical_or
    logical_xor, logical_not = comparison.logical_xor, comparison.logical_not
    bitwise_and, bitwise_or = comparison.bitwise_and, comparison.bitwise_or
    bitwise_xor, bitwise_not = comparison.bitwise_xor, comparison.bitwise_not
    isnan, isinf, isfinite = comparison.isnan, comparison.isinf, comparison.isfinite
    isclose, allclose, equal = comparison.isclose, comparison.allclose, comparison.equal

    # reductions
    sum, mean, prod, var, std = (
        reductions.sum,
        reductions.mean,
        reductions.prod,
        reductions.var,
        reductions.std,
    )
    norm, logsumexp, cumsum = reductions.norm, reductions.logsumexp, reductions.cumsum
    max, min, amax, amin = extrema.max, extrema.min, extrema.amax, extrema.amin
    argmax, argmin, any, all = extrema.argmax, extrema.argmin, extrema.any, extrema.all
    count_nonzero = extrema.count_nonzero
    sort, argsort, topk, unique = ordering.sort, ordering.argsort, ordering.topk, ordering.unique
    bincount, histc = ordering.bincount, ordering.histc

    # shape
    reshape, view, view_as, reshape_as = shape.reshape, shape.view, shape.view_as, shape.reshape_as
    flatten, ravel, unflatten = shape.flatten, shape.ravel, shape.unflatten
    permute, transpose, t, movedim = shape.permute, shape.transpose, shape.t, shape.movedim
    swapaxes, swapdims, moveaxis = shape.transpose, shape.transpose, shape.movedim
    squeeze, unsqueeze, unfold = shape.squeeze, shape.unsqueeze, windows.unfold
    expand, expand_as, broadcast_to = shape.expand, shape.expand_as, shape.expand
    fliplr, flipud = rearrange.fliplr, rearrange.flipud
    flip, roll, repeat, tile = rearrange.flip, rearrange.roll, rearrange.repeat, rearrange.tile
    tril, triu, diag, trace = rearrange.tril, rearrange.triu, rearrange.diag, rearrange.trace
    chunk, unbind = joining.chunk, joining.unbind

    def split(self, split_size: Any, dim: int = 0) -> Any:
        """`split`, whose second argument has another name as a method."""
        return joining.split(self, split_size, dim)

    @property
    def T(self) -> Any:
        """All dimensions in reverse order, as a view."""
        return shape.reverse_dims(self)

    @property
    def mT(self) -> Any:
        """The last two dimensions exchanged, as a view."""
        return shape.matrix_transpose(self)

    # choosing
    masked_fill, masked_select = selection.masked_fill, gathering.masked_select
    gather, index_select, take, nonzero = (
        gathering.gather,
        gathering.index_select,
        gathering.take,
        gathering.nonzero,
    )
    scatter, scatter_add = gathering.scatter, gathering.scatter_add
    repeat_interleave = gathering.repeat_interleave
    select, narrow = indexing.select, indexing.narrow

    def where(self, condition: Any, other: Any) -> Any:
        """`where(condition, self, other)`."""
        return selection.where(condition, self, other)

    # products
    matmul, mm, bmm, mv, dot = linalg.matmul, linalg.mm, linalg.bmm, linalg.mv, linalg.dot
    outer, addmm = linalg.outer, linalg.addmm

    # copies and types
    clone, contiguous, detach, to = convert.clone, convert.contiguous, convert.detach, convert.to
    float, double, half = convert.to_float, convert.to_double, convert.to_half
    long, int, short = convert.to_long, convert.to_int, convert.to_short
    char, byte, bool = convert.to_char, convert.to_byte, convert.to_bool
    type, type_as, new_tensor = convert.type_, convert.type_as, convert.new_tensor
    new_zeros, new_ones = creation.new_zeros, creation.new_ones
    new_empty, new_full = creation.new_empty, creation.new_full

    # in place
    add_, sub_, mul_, div_, pow_ = inplace.add_, inplace.sub_, inplace.mul_, inplace.div_, inplace.pow_
    floor_divide_, remainder_ = inplace.floor_divide_, inplace.remainder_
    abs_, neg_, sign_, exp_, log_ = inplace.abs_, inplace.neg_, inplace.sign_, inplace.exp_, inplace.log_
    sqrt_, rsqrt_, reciprocal_ = inplace.sqrt_, inplace.rsqrt_, inplace.reciprocal_
    square_, tanh_, sigmoid_ = inplace.square_, inplace.tanh_, inplace.sigmoid_
    floor_, ceil_, trunc_, round_ = inplace.floor_, inplace.ceil_, inplace.trunc_, inplace.round_
    clamp_, clamp_min_, clamp_max_ = inplace.clamp_, inplace.clamp_min_, inplace.clamp_max_
    clip_, tril_, triu_ = inplace.clip_, inplace.tril_, inplace.triu_
    scatter_, scatter_add_ = gathering.scatter_, gathering.scatter_add_
    masked_fill_, index_put_ = inplace.masked_fill_, assignment.index_put_
    zero_, fill_, copy_ = inplace.zero_, inplace.fill_, inplace.copy_
    uniform_, normal_, random_, bernoulli_ = (
        filling.uniform_,
        filling.normal_,
        filling.random_,
        filling.bernoulli_,
    )
