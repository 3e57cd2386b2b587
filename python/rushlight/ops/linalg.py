"""Matrix products on NumPy's BLAS: matmul, mm, bmm, mv, dot, outer, addmm, einsum.

`matmul` chooses the node that torch chooses: Mm, Mv, Dot, Bmm by the operands' dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .._quiet import STATE, apply, enter, leave
from ._common import Rule, TensorBase, array_of, broadcast_error, record, sum_to, unwrap

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "addmm",
    "bmm",
    "dot",
    "einsum",
    "matmul",
    "mm",
    "mv",
    "outer",
]

_CPP = {
    "float32": "float",
    "float64": "double",
    "float16": "c10::Half",
    "int64": "long int",
    "int32": "int",
    "int16": "short int",
    "int8": "signed char",
    "uint8": "unsigned char",
    "bool": "bool",
}


def _flip(matrix: Any) -> Any:
    """The last two dimensions exchanged."""
    return matrix.swapaxes(-2, -1)


def _mm_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    a, b = saved
    return grad @ _flip(b) if needs[0] else None, _flip(a) @ grad if needs[1] else None


def _mv_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    a, v = saved
    return (grad.reshape((-1, 1)) * v if needs[0] else None), (_flip(a) @ grad if needs[1] else None)


def _vm_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    v, b = saved
    return (b @ grad if needs[0] else None), (v.reshape((-1, 1)) * grad if needs[1] else None)


def _dot_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    a, b = saved
    return grad * b if needs[0] else None, grad * a if needs[1] else None


def _batched_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    """Both operands made matrices (a vector gets a dimension of length 1), batch dimensions summed back."""
    a, b = saved
    shape_a, shape_b = params
    if len(shape_a) == 1:
        grad = grad.reshape((*grad.shape[:-1], 1, grad.shape[-1]))
    if len(shape_b) == 1:
        grad = grad.reshape((*grad.shape, 1))
    full_a = (1, *shape_a) if len(shape_a) == 1 else shape_a
    full_b = (*shape_b, 1) if len(shape_b) == 1 else shape_b
    da = db = None
    if needs[0]:
        da = sum_to(grad @ _flip(b.reshape(full_b)), full_a).reshape(shape_a)
    if needs[1]:
        db = sum_to(_flip(a.reshape(full_a)) @ grad, full_b).reshape(shape_b)
    return da, db


_CROSSED = ((1,), (0,))
_MM = Rule("MmBackward0", _mm_backward, _CROSSED)
_MV = Rule("MvBackward0", _mv_backward, _CROSSED)
_VM = Rule("SqueezeBackward4", _vm_backward, _CROSSED)
_DOT = Rule("DotBackward0", _dot_backward, _CROSSED)
_BMM = Rule("BmmBackward0", _mm_backward, _CROSSED)
_BATCHED = Rule("UnsafeViewBackward0", _batched_backward, _CROSSED)


def _check_types(x: Any, y: Any) -> None:
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {_CPP.get(x.dtype.name, x.dtype.name)} "
            f"!= {_CPP.get(y.dtype.name, y.dtype.name)}"
        )


def _product(x: Any, y: Any) -> Any:
    if x.dtype == np.bool_:
        raise RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Bool'")
    token = enter(STATE)
    try:
        return np.matmul(x, y)
    finally:
        leave(token)


def matmul(input: Any, other: Any) -> Tensor:
    """The matrix product, by the operands' dimensions: vectors (dot), matrix and vector, matrices, or batches
    of matrices whose leading dimensions broadcast. Both must have one dtype.

    >>> import rushlight
    >>> rushlight.matmul(rushlight.tensor([[1., 2.], [3., 4.]]), rushlight.tensor([1., 1.]))
    tensor([3., 7.])
    """
    x = input._data if isinstance(input, TensorBase) else array_of("matmul", input)
    y = other._data if isinstance(other, TensorBase) else array_of("matmul", other, "other", 2)
    m, n = x.ndim, y.ndim
    if m == n and x.dtype is y.dtype and x.dtype.kind == "f" and 0 < n < 3 and x.shape[-1] == y.shape[0]:
        both = (input, other)  # the usual case, in which ndarray.dot takes less than half of np.matmul's time
        token = enter(STATE)
        value = x.dot(y)
        leave(token)
        return record(value, _MM if n == 2 else _DOT, both, both)
    if m == 0 or n == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {m}D and {n}D")
    _check_types(x, y)
    if m == 1 and n == 1:
        return dot(input, other)
    if m == 2 and n == 1:
        return mv(input, other)
    if m == 2 and n == 2:
        return mm(input, other)
    inner, outer = x.shape[-1], y.shape[-2] if n > 1 else y.shape[0]
    if inner != outer:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.size // max(inner, 1) if m > 1 else 1}x{inner} "
            f"and {outer}x{y.shape[-1] if n > 1 else 1})"
        )
    if m == 1 and n == 2:
        return record(_product(x, y), _VM, (input, other), (input, other))
    try:
        np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        raise broadcast_error(x.shape[:-2], y.shape[:-2]) from None
    same = m == n == 3 and x.shape[0] == y.shape[0]
    return record(
        _product(x, y), _BMM if same else _BATCHED, (input, other), (input, other), (x.shape, y.shape)
    )


def mm(input: Any, mat2: Any) -> Tensor:
    """The product of two matrices (2 dimensions each).

    >>> import rushlight
    >>> rushlight.mm(rushlight.tensor([[1, 2]]), rushlight.tensor([[3], [4]]))
    tensor([[11]])
    """
    x, y = array_of("mm", input), array_of("mm", mat2, "mat2", 2)
    if x.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if y.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    _check_types(x, y)
    if x.shape[1] != y.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and "
            f"{y.shape[0]}x{y.shape[1]})"
        )
    return record(_product(x, y), _MM, (input, mat2), (input, mat2))


def bmm(input: Any, mat2: Any) -> Tensor:
    """The products of two equally long batches of matrices (3 dimensions each).

    >>> import rushlight
    >>> rushlight.bmm(rushlight.ones(2, 3, 4), rushlight.ones(2, 4, 5)).shape
    torch.Size([2, 3, 5])
    """
    x, y = array_of("bmm", input), array_of("bmm", mat2, "mat2", 2)
    if x.ndim != 3 or y.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor" if x.ndim != 3 else "batch2 must be a 3D tensor")
    _check_types(x, y)
    if x.shape[0] != y.shape[0] or x.shape[2] != y.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{x.shape[0]}, {x.shape[2]}] "
            f"but got: [{y.shape[0]}, {y.shape[1]}]."
        )
    return record(_product(x, y), _BMM, (input, mat2), (input, mat2))


def mv(input: Any, vec: Any) -> Tensor:
    """The product of a matrix and a vector.

    >>> import rushlight
    >>> rushlight.mv(rushlight.tensor([[1, 2], [3, 4]]), rushlight.tensor([1, 1]))
    tensor([3, 7])
    """
    x, y = array_of("mv", input), array_of("mv", vec, "vec", 2)
    if x.ndim != 2 or y.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {y.ndim}, {x.ndim}, {y.ndim}")
    _check_types(x, y)
    if x.shape[1] != y.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({x.shape[0]}), mat ({x.shape[0]}x{x.shape[1]}), vec ({y.shape[0]})"
        )
    return record(_product(x, y), _MV, (input, vec), (input, vec))


def dot(input: Any, tensor: Any) -> Tensor:
    """The inner product of two vectors of one length.

    >>> import rushlight
    >>> rushlight.dot(rushlight.tensor([1, 2]), rushlight.tensor([3, 4]))
    tensor(11)
    """
    x, y = array_of("dot", input), array_of("dot", tensor, "tensor", 2)
    if x.ndim != 1 or y.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {x.ndim}D and {y.ndim}D tensors")
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {dtypes.scalar_name(x.dtype)} and "
            f"{dtypes.scalar_name(y.dtype)}"
        )
    if x.size != y.size:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {list(x.shape)} and src {list(y.shape)} to have "
            f"the same number of elements, but got {x.size} and {y.size} elements respectively"
        )
    return record(np.asarray(_product(x, y)), _DOT, (input, tensor), (input, tensor))


def outer(input: Any, vec2: Any) -> Tensor:
    """The outer product of two vectors.

    >>> import rushlight
    >>> rushlight.outer(rushlight.tensor([1, 2]), rushlight.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    x, y = array_of("outer", input), array_of("outer", vec2, "vec2", 2)
    if x.ndim != 1 or y.ndim != 1:
        raise RuntimeError(
            f"outer: Expected 1-D argument {'self' if x.ndim != 1 else 'vec2'}, but got "
            f"{(x if x.ndim != 1 else y).ndim}-D"
        )
    return input.reshape((-1, 1)) * vec2


# ---- addmm


def _addmm_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    a, b = saved
    shape, beta, alpha = params
    return (
        sum_to(grad if beta == 1 else grad * beta, shape) if needs[0] else None,
        _scaled(grad @ _flip(b), alpha) if needs[1] else None,
        _scaled(_flip(a) @ grad, alpha) if needs[2] else None,
    )


def _scaled(grad: Any, alpha: Any) -> Any:
    return grad if alpha == 1 else grad * alpha


_ADDMM = Rule("AddmmBackward0", _addmm_backward, ((2,), (1,)))


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2), `input` broadcast: what a linear layer with bias is.

    >>> import rushlight
    >>> rushlight.addmm(rushlight.ones(1, 1), rushlight.ones(1, 3), rushlight.ones(3, 1))
    tensor([[4.]])
    """
    c, x, y = array_of("addmm", input), array_of("addmm", mat1, "mat1", 2), array_of("addmm", mat2, "mat2", 3)
    if x.ndim != 2 or y.ndim != 2:
        raise RuntimeError(f"{'mat1' if x.ndim != 2 else 'mat2'} must be a matrix, got {x.ndim}-D tensor")
    _check_types(x, y)
    if c.dtype != x.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {dtypes.scalar_name(c.dtype)} and "
            f"{dtypes.scalar_name(y.dtype)}"
        )
    if x.shape[1] != y.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and "
            f"{y.shape[0]}x{y.shape[1]})"
        )
    value = _product(x, y)
    if alpha != 1:
        value *= np.array(alpha, value.dtype)
    try:
        value += c if beta == 1 else c * np.array(beta, c.dtype)
    except ValueError:
        raise RuntimeError(
            f"The expanded size of the tensor ({value.shape[-1]}) must match the existing size "
            f"({c.shape[-1]}) at non-singleton dimension 1.  Target sizes: {list(value.shape)}.  "
            f"Tensor sizes: {list(c.shape)}"
        ) from None
    return record(value, _ADDMM, (input, mat1, mat2), (mat1, mat2), (c.shape, beta, alpha))


# ---- einsum


def _einsum_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any, ...]:
    """Each operand's gradient is the einsum of the output's gradient with the other operands."""
    terms, result = params
    out: list[Any] = []
    for i, term in enumerate(terms):
        if not needs[i]:
            out.append(None)
            continue
        others = [(grad, result)] + [(saved[j], terms[j]) for j in range(len(terms)) if j != i]
        reach = set("".join(labels for _, labels in others))
        kept = "".join(
            label for label in term if label in reach
        )  # a label summed alone is spread again below
        equation = ",".join(labels for _, labels in others) + "->" + kept
        part = einsum(equation, *[operand for operand, _ in others])
        shape = unwrap(saved[i]).shape
        part = part.reshape(tuple([n if label in reach else 1 for label, n in zip(term, shape, strict=True)]))
        out.append(part + np.zeros(shape, unwrap(part).dtype) if unwrap(part).shape != shape else part)
    return tuple(out)


_EINSUM = Rule("EinsumBackward0", _einsum_backward)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sums of products by index letters, as in "ij,jk->ik". A letter may not occur twice in one operand;
    `...` is allowed where all operands are ndarrays or need no gradient.

    >>> import rushlight
    >>> rushlight.einsum("ij->j", rushlight.tensor([[1., 2.], [3., 4.]]))
    tensor([4., 6.])
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        raise TypeError(f"einsum(): argument 'equation' must be str, not {type(equation).__name__}")
    arrays = [array_of("einsum", operand, "operands", 2) for operand in operands]
    equation = equation.replace(" ", "")
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    if not arrow:
        result = "".join(sorted(label for label in set(left) - {","} if left.count(label) == 1))
    try:
        value = np.asarray(apply(np.einsum, equation, *arrays, optimize=len(arrays) > 2))
    except ValueError as error:
        raise RuntimeError(f"einsum(): {error}") from None
    return record(value, _EINSUM, operands, operands, (terms, result))
