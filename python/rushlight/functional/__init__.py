"""Convolution, pooling, activations, losses under torch's names: ndarrays in, ndarrays out, or Tensors.

One file per family; in each, an operation's forward and its gradient rule stand side by side. _spelling.py
turns what users write into the one form that the compiled core takes. nn/functional.py hands these names on.
"""

from __future__ import annotations

from ..ops.shape import flatten
from .activation import relu, relu_
from .conv import conv2d, prepare_conv2d
from .conv1d import conv1d
from .conv_transpose import conv_transpose2d
from .cross_entropy import cross_entropy
from .linear import linear
from .loss import mse_loss, nll_loss
from .padding import pad
from .piecewise import elu, hardtanh, leaky_relu, prelu, relu6, threshold
from .pooling import max_pool2d
from .smooth import gelu, sigmoid, silu, softplus, tanh
from .softmax import log_softmax, softmax
from .unfold import fold, unfold

__all__ = [
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "elu",
    "flatten",
    "fold",
    "gelu",
    "hardtanh",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "pad",
    "prelu",
    "prepare_conv2d",
    "relu",
    "relu6",
    "relu_",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
    "threshold",
    "unfold",
]
