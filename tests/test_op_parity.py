"""rushlight against torch over the sample inputs and wrong calls that torch tests its own operators with.

To compare another operator, add its name to OPERATORS; torch's names, without nn.functional.
"""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import op_samples  # noqa: E402

pytestmark = pytest.mark.parity

OPERATORS = """
conv1d conv2d conv_transpose2d linear nn.functional.unfold
max_pool2d avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d max_unpool2d
relu relu6 leaky_relu prelu elu threshold hardtanh gelu silu softplus sigmoid tanh
softmax log_softmax
pad
batch_norm dropout dropout2d
l1_loss binary_cross_entropy_with_logits one_hot interpolate
mse_loss nll_loss cross_entropy
"""

ABSENT = ["interpolate-area", "interpolate-bicubic"]  # variants that rushlight does not have

VARIANTS = {
    f"{name}-{op.variant_test_name}".rstrip("-"): op
    for name in OPERATORS.split()
    for op in op_samples.operators(name)
    if f"{name}-{op.variant_test_name}" not in ABSENT
}
CASES = [
    pytest.param(op, dtype, id=f"{name}-{str(dtype)[6:]}")
    for name, op in VARIANTS.items()
    for dtype in (torch.float64, torch.float32, torch.int64)
    if dtype in op.supported_dtypes("cpu")
]


@pytest.mark.parametrize("op, dtype", CASES)
def test_samples(op, dtype):
    for sample in op_samples.samples(op, dtype):
        try:
            op_samples.compare(op, sample, dtype)
        except Exception as error:
            raise AssertionError(f"{op.name} of {sample}") from error


@pytest.mark.parametrize("name", [name for name, op in VARIANTS.items() if op.error_inputs_func])
def test_wrong_calls(name):
    op = VARIANTS[name]
    for sample in op_samples.wrong_samples(op):
        theirs = op_samples.outcome(op.op, sample, lambda value: value)
        assert op_samples.outcome(op_samples.ours(op), sample, op_samples.translate) is theirs, sample
