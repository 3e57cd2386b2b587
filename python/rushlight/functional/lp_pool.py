"""lp_pool2d: the p-norm of every window, made of pow and avg_pool2d; its gradient is theirs."""

from __future__ import annotations

import math
from typing import Any

from ..ops.arithmetic import mul
from ..ops.arithmetic import pow as power
from ..ops.pointwise import abs as absolute
from ..ops.pointwise import neg, sign
from ._spelling import ArrayOrTensor, Ints, array_of, floating, pair
from .activation import relu
from .avg_pool import avg_pool2d
from .pooling import max_pool2d

_WHERE = "lp_pool2d():"
_LENGTH = "lp_pool2d: {name} must be a single int or a tuple of two ints, but got {values}"


def lp_pool2d(
    input: ArrayOrTensor,
    norm_type: float,
    kernel_size: Ints,
    stride: Ints | None = None,
    ceil_mode: bool = False,
) -> Any:
    """(sum of x**norm_type)**(1 / norm_type) over every window, channel by channel.

    input        (N, C, H, W) or (C, H, W); floating point
    norm_type    the power: 1 adds up, 2 is the length, inf the largest absolute value; not 0
    kernel_size, stride, ceil_mode: as in avg_pool2d; the sum over a window that hangs over the edge is scaled
                 up to the whole window

    Where the sum is 0 so is the gradient. Returns an ndarray for an ndarray, a Tensor for a Tensor.
    Raises as avg_pool2d, and ValueError for a norm_type of 0 (torch: ZeroDivisionError).

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.lp_pool2d(np.array([[[3.0, 4.0]]]), 2, (1, 2))
    array([[[5.]]])

    Source: torch.nn.functional.lp_pool2d.
    """
    array_of(_WHERE, "input", 1, input)
    p = floating(_WHERE, "norm_type", 2, norm_type)
    if p == 0:
        raise ValueError("lp_pool2d: norm_type must not be 0, for there is no 0-th root")
    kernel = pair(_WHERE, "kernel_size", 3, kernel_size, _LENGTH)
    if math.isinf(p):
        largest = max_pool2d(
            absolute(input) if p > 0 else neg(absolute(input)), kernel, stride, 0, 1, ceil_mode
        )
        return largest if p > 0 else neg(largest)
    means = avg_pool2d(power(input, p), kernel, stride, 0, ceil_mode)
    kept = mul(sign(means), relu(absolute(means)))  # means, but without a gradient where they are 0
    return power(mul(kept, kernel[0] * kernel[1]), 1.0 / p)
