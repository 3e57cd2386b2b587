"""How NumPy meets a Tensor: `numpy()`, `np.asarray(t)`, DLPack, and NumPy functions called on Tensors.

`ndarray * tensor` reaches `__array_ufunc__`, which calls our own operation, so the result is a Tensor with
its gradient. A ufunc we do not have runs on the arrays if no gradient would be lost, else raises.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.sharing import handed_out
from . import arithmetic, comparison, linalg, pointwise
from ._common import TensorBase, wrap

OF_GRAD = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."

_OURS = {
    np.add: arithmetic.add,
    np.subtract: arithmetic.sub,
    np.multiply: arithmetic.mul,
    np.true_divide: arithmetic.div,
    np.floor_divide: arithmetic.floor_divide,
    np.remainder: arithmetic.remainder,
    np.fmod: arithmetic.fmod,
    np.power: arithmetic.pow,
    np.maximum: arithmetic.maximum,
    np.minimum: arithmetic.minimum,
    np.matmul: linalg.matmul,
    np.negative: pointwise.neg,
    np.absolute: pointwise.abs,
    np.sign: pointwise.sign,
    np.exp: pointwise.exp,
    np.expm1: pointwise.expm1,
    np.log: pointwise.log,
    np.log2: pointwise.log2,
    np.log10: pointwise.log10,
    np.log1p: pointwise.log1p,
    np.sqrt: pointwise.sqrt,
    np.square: pointwise.square,
    np.reciprocal: pointwise.reciprocal,
    np.sin: pointwise.sin,
    np.cos: pointwise.cos,
    np.tan: pointwise.tan,
    np.tanh: pointwise.tanh,
    np.floor: pointwise.floor,
    np.ceil: pointwise.ceil,
    np.trunc: pointwise.trunc,
    np.equal: comparison.eq,
    np.not_equal: comparison.ne,
    np.less: comparison.lt,
    np.less_equal: comparison.le,
    np.greater: comparison.gt,
    np.greater_equal: comparison.ge,
    np.isnan: comparison.isnan,
    np.isinf: comparison.isinf,
    np.isfinite: comparison.isfinite,
    np.logical_not: comparison.logical_not,
    np.logical_and: comparison.logical_and,
    np.logical_or: comparison.logical_or,
}
_COMPARISONS = (
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.logical_and,
    np.logical_or,
)


def _array(value: Any) -> Any:
    """The ndarray of a Tensor, to be written to by NumPy; anything else unchanged."""
    return handed_out(value._data) if isinstance(value, TensorBase) else value


class NumpyProtocol(TensorBase):
    """NumPy's protocols, mixed into Tensor."""

    __slots__ = ()
    __array_priority__ = 1000

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The ndarray, sharing memory. RuntimeError for a Tensor that requires grad, unless `force`.

        >>> import rushlight
        >>> rushlight.ones(2).numpy()
        array([1., 1.], dtype=float32)
        """
        if self.requires_grad and not force:  # type: ignore[attr-defined]
            raise RuntimeError(OF_GRAD)
        return handed_out(self._data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        if dtype is not None and np.dtype(dtype) != array.dtype:
            if copy is False:
                raise ValueError(
                    f"Unable to avoid copy while creating an array of dtype {np.dtype(dtype)} "
                    f"from a Tensor of dtype {array.dtype}."
                )
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        ours: Any = _OURS.get(ufunc)
        if method == "__call__" and ours is not None and not kwargs:
            if ufunc in _COMPARISONS and not isinstance(inputs[0], (TensorBase, np.ndarray)):
                inputs = (np.asarray(inputs[0]), *inputs[1:])
            return ours(*inputs)
        if any(
            isinstance(each, TensorBase) and each.requires_grad  # type: ignore[attr-defined]
            for each in (*inputs, *kwargs.get("out", ()))
        ):
            raise RuntimeError(OF_GRAD)
        if "out" in kwargs:
            kwargs["out"] = tuple([_array(each) for each in kwargs["out"]])
        value = getattr(ufunc, method)(*[_array(each) for each in inputs], **kwargs)
        return wrap(value) if isinstance(value, (np.ndarray, np.generic)) and "out" not in kwargs else value

    def __dlpack__(self, **kwargs: Any) -> Any:
        if self.requires_grad:  # type: ignore[attr-defined]
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        return handed_out(self._data).__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()
