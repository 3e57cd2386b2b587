"""one_hot: class numbers as rows of zeros with a single one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import TensorBase, wrap
from ._spelling import ArrayOrTensor, array_of, one_int


def one_hot(input: ArrayOrTensor, num_classes: int = -1) -> Any:
    """(*shape, num_classes) of zeros, with a 1 where the last index is the class.

    input        classes, int64, any shape
    num_classes  -1: one more than the largest class

    Returns int64: an ndarray for an ndarray, a Tensor for a Tensor. Raises RuntimeError for classes that are
    negative or too large, and other dtypes.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.one_hot(np.array([0, 2]))
    array([[1, 0, 0],
           [0, 0, 1]])

    Source: torch.nn.functional.one_hot.
    """
    x = array_of("one_hot():", "input", 1, input)
    classes = one_int("one_hot():", "num_classes", 2, num_classes)
    if x.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor. (use .long())")
    if x.size == 0 and classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if x.size and x.min() < 0:
        raise RuntimeError(f"Class values must be non-negative. (found {x.min()})")
    if classes == -1:
        classes = int(x.max()) + 1
    elif x.size and x.max() >= classes:
        raise RuntimeError(f"Class values must be smaller than num_classes. ({x.max()} >= {classes})")
    out = (x[..., None] == np.arange(classes)).astype(np.int64)
    return wrap(out) if isinstance(input, TensorBase) else out
