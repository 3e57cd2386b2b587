"""Operations on Tensors that NumPy can do, by family; each with its gradient rule beside it.

arithmetic  two operands: add, mul, pow, maximum ...   pointwise   one operand: exp, abs, clamp ...
comparison  eq, lt, isnan, allclose ...                selection   where, masked_fill
reductions  sum, mean, var, max ...                    ordering    sort, topk, argsort
shape       views: reshape, permute, expand ...        joining     cat, stack, split, unbind
indexing    x[...] read and write, gather ...          linalg      matmul, mm, einsum ...
creation    tensor, zeros, arange ...                  inplace     add_, mul_, fill_, copy_ ...

Every function takes Tensors or ndarrays: any Tensor in, Tensor out; only ndarrays in, ndarray out.
"""
