"""The functions of Tensors against torch over the sample inputs that torch tests its own operators with."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import op_samples  # noqa: E402

pytestmark = pytest.mark.parity

OPERATORS = """
add sub mul div remainder fmod pow maximum minimum
exp log sqrt round floor sign tanh sinh cosh asin acos atan frac clamp clamp_min clamp_max
sum mean var std max min amax amin argmax argmin cumsum logsumexp count_nonzero
index_select scatter_add masked_fill masked_select take nonzero repeat_interleave
cat stack split chunk unbind squeeze unsqueeze flatten unflatten permute transpose movedim tile
flip fliplr flipud roll tril triu diag trace
matmul mm bmm mv dot addmm outer
sort argsort isin histc bincount isclose
"""
CASES = [
    pytest.param(op, dtype, id=f"{op.name}-{op.variant_test_name}-{str(dtype)[6:]}")
    for name in OPERATORS.split()
    for op in op_samples.operators(name)
    for dtype in (torch.float64, torch.int64)
    if dtype in op.supported_dtypes("cpu")
]


@pytest.mark.parametrize("op, dtype", CASES)
def test_samples(op, dtype):
    for sample in op_samples.samples(op, dtype):
        try:
            op_samples.compare(op, sample, dtype)
        except Exception as error:
            raise AssertionError(f"{op.name} of {sample}") from error
