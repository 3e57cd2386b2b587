"""Tensors print as torch prints them; with torch installed, compared over random Tensors and options."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rushlight
from rushlight import float16, float64, int32, set_printoptions, tensor

INF, NAN = math.inf, math.nan


@pytest.fixture(autouse=True)
def default_options():
    yield
    set_printoptions(profile="default")


TEXTS = [
    ([1.0, 2.0], "tensor([1., 2.])"),
    ([1.5, 2.0], "tensor([1.5000, 2.0000])"),
    ([-1.0, 2.0], "tensor([-1.,  2.])"),
    ([-0.0, 0.0], "tensor([-0., 0.])"),
    ([1.0, NAN], "tensor([1., nan])"),
    ([-INF, 1.5], "tensor([  -inf, 1.5000])"),
    ([NAN, INF], "tensor([nan, inf])"),
    ([1e5, 1.0], "tensor([1.0000e+05, 1.0000e+00])"),
    ([1000.0, 1.0], "tensor([1000.,    1.])"),
    ([123456.789], "tensor([123456.7891])"),
    ([1e-5], "tensor([1.0000e-05])"),
    (1e6, "tensor(1000000.)"),
    (123456789.0, "tensor(1.2346e+08)"),
    (3.14159, "tensor(3.1416)"),
    ([1, 20, 300], "tensor([  1,  20, 300])"),
    ([True, False], "tensor([ True, False])"),
    (7, "tensor(7)"),
    ([], "tensor([])"),
    ([[1, 2], [3, 4]], "tensor([[1, 2],\n        [3, 4]])"),
    ([[[1], [2]], [[3], [4]]], "tensor([[[1],\n         [2]],\n\n        [[3],\n         [4]]])"),
]


@pytest.mark.parametrize(("values", "text"), TEXTS)
def test_text(values, text):
    assert repr(tensor(values)) == str(tensor(values)) == text


def test_dtype_size_and_history():
    assert repr(tensor([1.0], dtype=float64)) == "tensor([1.], dtype=torch.float64)"
    assert repr(tensor([1], dtype=int32)) == "tensor([1], dtype=torch.int32)"
    assert repr(rushlight.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert repr(rushlight.zeros(0, dtype=rushlight.int64)) == "tensor([], dtype=torch.int64)"
    x = tensor([1.0], requires_grad=True)
    assert repr(x) == "tensor([1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2.], grad_fn=<MulBackward0>)"
    assert repr(rushlight.Size([1, 2])) == "torch.Size([1, 2])"
    assert repr(float16) == "torch.float16" and repr(rushlight.device("cpu")) == "device(type='cpu')"


def test_long_lines_wrap_and_long_tensors_are_summarised():
    assert repr(rushlight.arange(12.0) / 8).splitlines()[0].endswith("0.7500, 0.8750, 1.0000,")
    assert repr(rushlight.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    assert "..." not in repr(rushlight.arange(1000))
    text = repr(rushlight.zeros(50, 50))
    assert text.splitlines()[3] == "        ...,"
    assert repr(rushlight.ones(3, dtype=float64) / 3 + 1e-3).count("\n") == 0


def test_options():
    third = tensor([1 / 3, 2000.0])
    set_printoptions(precision=2)
    assert repr(third) == "tensor([3.33e-01, 2.00e+03])"
    set_printoptions(sci_mode=False)
    assert repr(third) == "tensor([   0.33, 2000.00])"
    set_printoptions(profile="short")
    assert rushlight.get_printoptions() == {
        "precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80, "sci_mode": None,
    }  # fmt: skip
    set_printoptions(threshold=3, edgeitems=1)
    assert repr(rushlight.arange(10)) == "tensor([0,  ..., 9])"
    set_printoptions(profile="full")
    assert "..." not in repr(rushlight.zeros(2000))
    with rushlight.printoptions(precision=1):
        assert repr(tensor(0.25)) == "tensor(0.2)"
    assert repr(tensor(0.25)) == "tensor(0.2500)"


def test_format_takes_0_dim_only():
    assert f"{tensor(1.5):.3f} {tensor(2)} {tensor([1.0])}" == "1.500 2 tensor([1.])"
    with pytest.raises(TypeError, match=r"unsupported format string passed to Tensor.__format__"):
        f"{tensor([1.0]):.3f}"


FLOATS = st.one_of(
    st.floats(width=32),
    st.integers(-2000, 2000).map(float),
    st.sampled_from(
        [0.0, -0.0, 1e-4, 9.9e-5, 1000.0, 1001.0, 1e8, 1e8 + 8, 9.99995, 99999.5, NAN, INF, -INF]
    ),
)
ELEMENTS = {
    "float32": FLOATS,
    "float64": st.one_of(st.floats(), FLOATS),
    "float16": st.floats(width=16),
    "bool": st.booleans(),
}
DTYPES = [*ELEMENTS, "int64", "int32", "int16", "int8", "uint8"]
SHAPES = st.one_of(
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    st.sampled_from([(1001,), (1000,), (7, 200), (2, 3, 4, 50), (30,), (12, 12), (8, 8, 20)]),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 8),
        "threshold": st.sampled_from([0, 5, 10, 1000]),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.sampled_from([20, 40, 80, 120]),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)


@pytest.mark.parity
@settings(suppress_health_check=list(HealthCheck))
@given(st.data())
def test_same_text_as_torch(data):
    torch = pytest.importorskip("torch")
    dtype = data.draw(st.sampled_from(DTYPES))
    limits = np.iinfo(dtype) if dtype in DTYPES[4:] else None
    elements = ELEMENTS[dtype] if limits is None else st.integers(int(limits.min), int(limits.max))
    shape = data.draw(SHAPES)
    values = data.draw(st.lists(elements, min_size=1, max_size=12))
    with np.errstate(all="ignore"):
        array = np.resize(np.array(values), math.prod(shape)).astype(dtype).reshape(shape)
    recorded = "float" in dtype and data.draw(st.booleans())
    options = data.draw(OPTIONS)
    texts = []
    for library in (torch, rushlight):
        library.set_printoptions(profile="default")
        library.set_printoptions(**options)
        made = library.from_numpy(array.copy())
        texts.append(repr(made.requires_grad_() * 1 if recorded else made))
        library.set_printoptions(profile="default")
    assert texts[0] == texts[1]
