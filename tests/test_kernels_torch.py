"""The same calls through torch: maxima, positions, relu and integers to the bit, sums within rounding."""

from __future__ import annotations

import numpy as np
import pytest

from kernel_cases import INTEGERS, Conv, Pool, conv_answers, draw, run_conv
from oracle import assert_close, assert_same_bits
from rushlight import _core

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")
F = torch.nn.functional

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64", *INTEGERS])
# torch has one padding for both sides.
POOLS = [
    Pool(N=2, C=3, H=9, W=21),
    Pool(N=2, C=3, H=9, W=20, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)),
    Pool(C=2, H=9, W=20, kernel=(3, 2), stride=(2, 3), padding=(1, 1, 1, 1), ceil_mode=True),
    Pool(C=2, H=12, W=20, kernel=(2, 4), stride=(1, 2), padding=(1, 1, 2, 2), dilation=(3, 2)),
    Pool(C=2, H=11, W=20, kernel=(5, 3), stride=(4, 5), padding=(2, 2, 0, 0), ceil_mode=True),
    Pool(C=1, H=2, W=2, kernel=(2, 2), stride=(1, 1), padding=(1, 1, 1, 1), dilation=(3, 3)),
]
CONVS = [
    Conv(N=2, C=4, K=6, H=9, W=13, padding=(1, 1, 1, 1)),
    Conv(N=2, C=4, K=6, H=9, W=13, stride=(2, 1), padding=(2, 2, 0, 0), dilation=(1, 2), groups=2),
    Conv(C=5, K=5, H=9, W=13, kernel=(2, 4), stride=(3, 2), groups=5),
    Conv(C=20, K=17, H=14, W=11, padding=(1, 1, 1, 1)),
]


def special_values(dtype: str, *shape: int) -> np.ndarray:
    x = np.round(draw(dtype, *shape))
    if x.dtype.kind == "f":
        pick = np.random.default_rng(0).random(shape)
        x[pick < 0.3] = -np.inf
        x[pick < 0.15] = -0.0
        x[pick < 0.05] = np.nan
    return x


@DTYPES
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_max_pool2d(isa, dtype, case):
    x = special_values(dtype, *case.x_size)
    options = case.kernel, case.stride, case.padding[::2], case.dilation, case.ceil_mode
    want, want_indices = F.max_pool2d(torch.from_numpy(x), *options, True)
    y, indices = _core.max_pool2d_forward(x, *case.options, True)
    assert_same_bits(y, want.numpy())
    assert_same_bits(indices, want_indices.numpy())
    if x.dtype.kind == "f" and indices.max() < case.H * case.W:
        dy = draw(dtype, *y.shape)
        backward = torch.ops.aten.max_pool2d_with_indices_backward
        gradient = backward(torch.from_numpy(dy), torch.from_numpy(x), *options, want_indices)
        assert_same_bits(_core.max_pool2d_backward(dy, indices, x.shape), gradient.numpy())


@DTYPES
def test_relu(isa, dtype):
    x = special_values(dtype, 7, 39)
    y = _core.relu_forward(x)
    assert_same_bits(y, torch.relu(torch.from_numpy(x)).numpy())
    if x.dtype.kind == "f":
        dy = special_values(dtype, 7, 39)[::-1].copy()
        want = torch.ops.aten.threshold_backward(torch.from_numpy(dy), torch.from_numpy(y), 0)
        assert_same_bits(_core.relu_backward(dy, y), want.numpy())


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("case", CONVS, ids=str)
def test_conv2d_integers(isa, dtype, case):
    x, w, b, _ = case.arrays(dtype)
    stride, padding, dilation, groups = case.options
    torch_has_it = case.dilation == (1, 1) or dtype == "int64"  # small integers it does not dilate
    tensors = (torch.from_numpy(a if torch_has_it else a.astype("int64")) for a in (x, w, b))
    want = F.conv2d(*tensors, stride, padding[::2], dilation, groups).numpy().astype(dtype)
    assert_same_bits(_core.conv2d_forward(x, w, b, *case.options), want)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CONVS, ids=str)
def test_conv2d(isa, dtype, case):
    x, w, b, dy = case.arrays(dtype)
    tensors = [torch.from_numpy(a).requires_grad_() for a in (x, w, b)]
    stride, padding, dilation, groups = case.options
    y = F.conv2d(*tensors, stride, padding[::2], dilation, groups)
    y.backward(torch.from_numpy(dy))
    want = [y.detach(), *(t.grad for t in tensors)]
    got = run_conv(case, x, w, b, dy)
    for (direction, (_, scale, terms)), answer in zip(conv_answers(case, dtype).items(), want, strict=True):
        assert_close(got[direction], answer.numpy().astype("float64"), 2 * scale, terms, direction)
