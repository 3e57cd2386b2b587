"""rushlight: PyTorch's convolution API for NumPy users, hand-written C++ underneath.

    import rushlight as torch
    import rushlight.functional as F     # ndarrays in, ndarrays out; Tensors in, Tensors out
    from rushlight import nn

This file only gathers the public names, in torch's spelling. Where they live: tensor.py (Tensor), ops/ (its
operations, by family), functional/ (convolution, pooling, losses), autograd/, nn/, optim/, random.py, printing.py,
dtypes.py, runtime.py (threads, instruction sets).
"""

from __future__ import annotations

import math as _math
from builtins import bool as _bool
from builtins import int as _int
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import autograd, cuda, dtypes, functional, nn, optim, random
from ._version import __version__
from .autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .dtypes import (
    bool,
    can_cast,
    double,
    dtype,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .functional import conv2d, max_pool2d, relu, relu_
from .ops.arithmetic import (
    add,
    div,
    floor_divide,
    fmod,
    maximum,
    minimum,
    mul,
    pow,
    remainder,
    rsub,
    sub,
)
from .ops.comparison import (
    allclose,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    eq,
    equal,
    ge,
    gt,
    isclose,
    isfinite,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
)
from .ops.convert import as_tensor, clone, detach, from_dlpack, from_numpy, tensor
from .ops.creation import (
    arange,
    empty,
    empty_like,
    eye,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from .ops.extrema import all, amax, amin, any, argmax, argmin, count_nonzero, max, min
from .ops.gathering import gather, index_select, masked_select, nonzero, scatter, scatter_add, take
from .ops.indexing import narrow, select
from .ops.joining import cat, chunk, concat, concatenate, hstack, split, stack, unbind, vstack
from .ops.linalg import addmm, bmm, dot, einsum, matmul, mm, mv, outer
from .ops.ordering import argsort, bincount, sort, topk, unique
from .ops.pointwise import (
    abs,
    ceil,
    clamp,
    clamp_max,
    clamp_min,
    cos,
    exp,
    expm1,
    floor,
    log,
    log1p,
    log2,
    log10,
    neg,
    reciprocal,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from .ops.rearrange import diag, flip, meshgrid, repeat, roll, tile, trace, tril, triu
from .ops.reductions import cumsum, logsumexp, mean, norm, prod, std, sum, var
from .ops.selection import masked_fill, where
from .ops.shape import (
    broadcast_to,
    flatten,
    movedim,
    permute,
    ravel,
    reshape,
    squeeze,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from .printing import get_printoptions, printoptions, set_printoptions
from .random import (
    Generator,
    bernoulli,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)
from .runtime import available_isas, get_num_threads, isa, set_isa, set_num_threads, show_config
from .size import Size, device
from .tensor import Tensor

if _TYPE_CHECKING:
    from typing_extensions import TypeGuard as _TypeGuard

absolute, negative, clip = abs, neg, clamp
subtract, multiply, divide, true_divide = sub, mul, div, div
swapaxes, swapdims, moveaxis = transpose, transpose, movedim
inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e


def is_tensor(obj: _Any) -> _TypeGuard[Tensor]:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> _bool:
    """Whether a Tensor's dtype is a floating one."""
    return input.is_floating_point()


def numel(input: Tensor) -> _int:
    """The number of elements."""
    return input.numel()


def __getattr__(name: str) -> _Any:
    raise AttributeError(f"module 'rushlight' has no attribute '{name}': rushlight has the part of torch that is about "
                         "convolutional networks on the CPU; dir(rushlight) lists it")
