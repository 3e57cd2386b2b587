"""Layers and the Module they are made of, under torch.nn's names.

module.py and members.py: Module; container.py: Sequential, ModuleList; one file per family of layers, each
thin around rushlight.functional; init.py: initial weights; grad.py: the backward passes as functions.
"""

from __future__ import annotations

from . import functional, grad, init
from .activation import (
    ELU,
    GELU,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Threshold,
)
from .container import ModuleList, Sequential
from .conv import Conv1d, Conv2d
from .conv_transpose import ConvTranspose2d
from .flatten import Flatten
from .linear import Identity, Linear
from .loss import CrossEntropyLoss, MSELoss
from .module import Module
from .padding import ZeroPad2d
from .parameter import Parameter
from .pooling import MaxPool2d
from .unfold import Fold, Unfold

__all__ = [
    "ELU",
    "GELU",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Flatten",
    "Fold",
    "Hardtanh",
    "Identity",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "PReLU",
    "Parameter",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Threshold",
    "Unfold",
    "ZeroPad2d",
    "functional",
    "grad",
    "init",
]
