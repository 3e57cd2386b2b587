"""UninitializedParameter and UninitializedBuffer: Tensors of lazy layers before anyone knows their shape.

Using one for anything raises; `materialize` makes it an ordinary Parameter or Tensor, the same object.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..autograd import TensorBase
from ..tensor import Tensor
from .parameter import Parameter

_SHAPE = (
    "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
    "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call "
    "`forward` to initialize the parameters before accessing their attributes."
)
_USED = (
    "Attempted to use an uninitialized parameter. This error happens when you are using a `LazyModule` or "
    "explicitly manipulating `torch.nn.parameter.UninitializedParameter` objects. When using LazyModules "
    "Call `forward` with a dummy batch to initialize the parameters before calling torch functions"
)
_set_data: Any = TensorBase.__dict__["_data"].__set__


class Uninitialized(Tensor):
    """What both have in common: a dtype, and no data."""

    _becomes: type[Tensor] = Tensor

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give it memory of `shape`, not filled, and its ordinary class."""
        kind = self._kind if dtype is None else dtypes.to_numpy(dtype)
        del self.__dict__["_kind"]
        self.__class__ = self._becomes  # type: ignore[assignment]
        _set_data(self, np.empty(tuple(shape), kind))

    @property
    def _data(self) -> Any:  # type: ignore[override]
        raise ValueError(_USED)

    @property
    def _kind(self) -> Any:
        return self.__dict__["_kind"]

    def _of_kind(self, kind: Any) -> Any:
        """Itself, or a new one of another dtype."""
        if kind == self._kind:
            return self
        return type(self)(self.requires_grad, dtype=dtypes.of(kind))

    def __deepcopy__(self, memo: Any) -> Any:
        copy = memo[id(self)] = type(self)(self.requires_grad, dtype=self.dtype)
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype)

    # ---- what may be asked all the same
    @property
    def shape(self) -> Any:
        """RuntimeError: nobody knows it yet."""
        raise RuntimeError(_SHAPE)

    @property
    def dtype(self) -> Any:
        """The element type it will have."""
        return dtypes.of(self._kind)

    @property
    def data(self) -> Any:
        """Itself."""
        return self

    @data.setter
    def data(self, value: Any) -> None:
        self.__dict__["_kind"] = value._kind

    def detach(self) -> Any:
        """Itself."""
        return self

    def is_floating_point(self) -> bool:
        """Whether the dtype is a floating one."""
        return bool(self._kind.kind == "f")

    def to(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """In another floating type."""
        return self._of_kind(dtypes.to_numpy(dtype))

    def float(self) -> Any:
        """In float32."""
        return self._of_kind(dtypes.F32)

    def double(self) -> Any:
        """In float64."""
        return self._of_kind(dtypes.F64)

    def __repr__(self, **unused: Any) -> str:  # type: ignore[override]
        return f"<{type(self).__name__}>"


def _blank(cls: Any, requires_grad: bool, dtype: Any) -> Any:
    made = object.__new__(cls)
    made.__dict__["_kind"] = dtypes.default() if dtype is None else dtypes.to_numpy(dtype)
    made._node = made._grad = made._writes = made._view = made._hooks = None
    made._wanted = requires_grad
    return made


class UninitializedParameter(Uninitialized, Parameter):
    """A Parameter whose shape is not known yet; see LazyLinear.

    >>> from rushlight import nn
    >>> nn.LazyLinear(3).weight
    <UninitializedParameter>

    Source: torch.nn.parameter.UninitializedParameter.
    """

    _becomes = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        return _blank(cls, requires_grad, dtype)


class UninitializedBuffer(Uninitialized):
    """A buffer whose shape is not known yet; see LazyBatchNorm2d.

    >>> from rushlight import nn
    >>> nn.LazyBatchNorm2d().running_mean
    <UninitializedBuffer>

    Source: torch.nn.parameter.UninitializedBuffer.
    """

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None
    ) -> UninitializedBuffer:
        return _blank(cls, requires_grad, dtype)
