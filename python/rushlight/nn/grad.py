"""The hand-written backward passes as functions: on ndarrays, or on Tensors (then differentiable again).

They are written beside their forwards in rushlight/functional and only handed on here.
"""

from __future__ import annotations

from ..functional.activation import relu_input
from ..functional.avg_pool import avg_pool2d_input
from ..functional.conv import conv2d_input, conv2d_weight
from ..functional.conv1d import conv1d_input, conv1d_weight
from ..functional.pooling import max_pool2d_input

__all__ = [
    "avg_pool2d_input",
    "conv1d_input",
    "conv1d_weight",
    "conv2d_input",
    "conv2d_weight",
    "max_pool2d_input",
    "relu_input",
]
