"""rushlight: PyTorch's convolution API for NumPy users, hand-written C++ underneath.

    import rushlight as torch
    import rushlight.functional as F     # ndarrays in, ndarrays out; Tensors in, Tensors out
    from rushlight import nn

This file only gathers the public names, in torch's spelling. Where they live: tensor.py (Tensor), ops/ (its
operations, by family), functional/ (convolution, pooling, losses), autograd/, nn/, optim/, random.py,
printing.py, dtypes.py, runtime.py (threads, instruction sets). Modules that many programs never ask for are
imported when they are first named: _LATER.
"""

from __future__ import annotations

import math as _math
from builtins import bool as _bool
from builtins import int as _int
from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

# Every name below is public; each module lists its own in __all__.
# ruff: noqa: F403
from . import _interpreter as _interpreter  # isort: skip  # before NumPy
from . import autograd as autograd
from . import functional as functional
from . import random as random
from . import tensor as _tensor_module  # noqa: F401  # early: the function of its name has the last word
from ._missing import missing as _missing
from ._version import __version__ as __version__
from .autograd.grad_mode import *
from .dtypes import *
from .functional import conv1d as conv1d
from .functional import conv2d as conv2d
from .functional import conv_transpose2d as conv_transpose2d
from .functional import log_softmax as log_softmax
from .functional import max_pool2d as max_pool2d
from .functional import relu as relu
from .functional import relu_ as relu_
from .functional import softmax as softmax
from .ops._common import array_of as _array_of
from .ops.arithmetic import *
from .ops.comparison import *
from .ops.convert import *
from .ops.creation import *
from .ops.extrema import *
from .ops.gathering import *
from .ops.indexing import *
from .ops.joining import *
from .ops.linalg import *
from .ops.ordering import *
from .ops.pointwise import *
from .ops.rearrange import *
from .ops.reductions import *
from .ops.selection import *
from .ops.sequences import *
from .ops.shape import *
from .ops.special import *
from .plan import *
from .printing import *
from .random import *
from .runtime import *
from .size import *
from .tensor import Tensor as Tensor

if _TYPE_CHECKING:
    from typing import TypeGuard as _TypeGuard

    from . import accelerator as accelerator
    from . import backends as backends
    from . import cuda as cuda
    from . import nn as nn
    from . import optim as optim
    from . import serialization as serialization
    from . import utils as utils
    from .roofline import Plan as Plan
    from .serialization import load as load
    from .serialization import save as save

inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e


def is_tensor(obj: _Any) -> _TypeGuard[Tensor]:
    """Whether `obj` is a Tensor.

    >>> is_tensor([1.0])
    False
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> _bool:
    """Whether a Tensor's dtype is a floating one.

    >>> is_floating_point(Tensor([1.0]))
    True
    """
    return _bool(_array_of("is_floating_point", input).dtype.kind == "f")


def numel(input: Tensor) -> _int:
    """The number of elements.

    >>> numel(Tensor(2, 3))
    6
    """
    return _int(_array_of("numel", input).size)


_LATER = ("accelerator", "backends", "cuda", "nn", "optim", "serialization", "utils")
_LATER_FROM = {"Plan": "roofline", "load": "serialization", "save": "serialization"}
_not_there = _missing("rushlight")


def __getattr__(name: str) -> _Any:
    if name in _LATER:
        return _import_module(f"rushlight.{name}")
    if name in _LATER_FROM:
        return getattr(_import_module(f"rushlight.{_LATER_FROM[name]}"), name)
    return _not_there(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_LATER_FROM})


vars(functional)["__getattr__"] = _missing("rushlight.nn.functional")
