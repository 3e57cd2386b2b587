"""dropout and dropout2d: random zeros in training, from torch's random stream (one number per element, or per
channel): after `manual_seed` the same elements are dropped as in torch.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..autograd import TensorBase
from ..autograd.inplace import check
from ..dtypes import F64, scalar_name
from ..ops.arithmetic import mul
from ..ops.inplace import mul_
from ..random import default_generator
from ._activation import overwrite
from ._spelling import ArrayOrTensor, array_of, flag


def dropout(input: ArrayOrTensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Each element 0 with probability p, else divided by 1 - p; only if `training`.

    input    any shape; floating point
    inplace  write the result over the input and return the input

    Returns an ndarray for an ndarray, a Tensor for a Tensor; the input itself if nothing is to be dropped.
    Raises ValueError unless 0 <= p <= 1.

    >>> import numpy as np, rushlight
    >>> from rushlight import functional as F
    >>> _ = rushlight.manual_seed(0)
    >>> F.dropout(np.ones(6), p=0.5)
    array([0., 0., 2., 0., 0., 0.])

    Source: torch.nn.functional.dropout; Srivastava et al., 2014.
    """
    x = array_of("dropout():", "input", 1, input)
    return _drop("dropout", input, p, training, inplace, x.shape)


def dropout2d(input: ArrayOrTensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """`dropout` of whole channels: input (N, C, ...), one random number per image and channel.

    p, training, inplace: as in `dropout`; result and errors too

    >>> import numpy as np, rushlight
    >>> from rushlight import functional as F
    >>> _ = rushlight.manual_seed(2)
    >>> F.dropout2d(np.ones((1, 3, 2, 2)), p=0.5).sum((2, 3))
    array([[0., 8., 0.]])

    Source: torch.nn.functional.dropout2d; Tompson et al., 2015.
    """
    x = array_of("dropout2d():", "input", 1, input)
    if training and x.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    if x.ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {x.ndim}-D input to dropout2d, which is deprecated and will result in an "
            "error in a future release. To retain the behavior and silence this warning, please use dropout "
            "instead. Note that dropout2d exists to provide channel-wise dropout on inputs with 2 spatial "
            "dimensions, a channel dimension, and an optional batch dimension (i.e. 3D or 4D inputs).",
            stacklevel=2,
        )
    if x.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior "
            "is desired - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior "
            "will change in a future release to interpret the input as one without a batch dimension, i.e. "
            "shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please switch to using "
            "dropout1d instead.",
            stacklevel=2,
        )
    return _drop("dropout2d", input, p, training, inplace, x.shape[:2] + (1,) * (x.ndim - 2))


def _drop(name: str, input: Any, p: Any, training: bool, inplace: bool, drawn: tuple[int, ...]) -> Any:
    """input * noise, with one number of noise per element of the shape `drawn`."""
    flag(f"{name}():", "training", 3, training)
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    x = input._data if isinstance(input, TensorBase) else input
    if not training or p == 0 or x.size == 0:
        return input
    if x.dtype.kind != "f":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {scalar_name(x.dtype)}"
        )
    noise = np.zeros(drawn, x.dtype)
    if p < 1:
        kept = default_generator.uniform(noise.size, F64) < 1 - p
        kind = np.float64 if x.dtype == F64 else np.float32
        noise[kept.reshape(drawn)] = kind(1) / kind(1 - p)
    if not inplace:
        return mul(input, noise)
    if not isinstance(input, TensorBase):
        return overwrite(name, x, x * noise)
    check(input)
    return mul_(input, noise)
