"""Convolution, pooling, activations, losses under torch's names: ndarrays in, ndarrays out, or Tensors.

One file per family; in each, an operation's forward and its gradient rule stand side by side. _spelling.py
turns what users write into the one form that the compiled core takes. nn/functional.py hands these names on.
"""

from __future__ import annotations

from ..ops.shape import flatten
from .activation import relu, relu_
from .adaptive_pooling import adaptive_avg_pool2d, adaptive_max_pool2d
from .avg_pool import avg_pool2d
from .conv import conv2d, prepare_conv2d
from .conv1d import conv1d
from .conv_transpose import conv_transpose2d
from .cross_entropy import cross_entropy
from .dropout import dropout, dropout2d
from .elementwise_loss import binary_cross_entropy_with_logits, l1_loss
from .interpolate import interpolate
from .linear import linear
from .loss import mse_loss, nll_loss
from .lp_pool import lp_pool2d
from .normalization import batch_norm
from .one_hot import one_hot
from .padding import pad
from .piecewise import elu, hardtanh, leaky_relu, prelu, relu6, threshold
from .pooling import max_pool2d
from .smooth import gelu, sigmoid, silu, softplus, tanh
from .softmax import log_softmax, softmax
from .unfold import fold, unfold
from .unpooling import max_unpool2d

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "elu",
    "flatten",
    "fold",
    "gelu",
    "hardtanh",
    "interpolate",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "lp_pool2d",
    "max_pool2d",
    "max_unpool2d",
    "mse_loss",
    "nll_loss",
    "one_hot",
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
