"""torch's own sample inputs for its operators, given to torch and to rushlight alike.

`compare(op, sample)` runs one sample through both and compares values, dtypes, shapes, gradients and the
gradients' gradients. Which operators are compared is listed in test_op_parity.py.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch's sample inputs want
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}  # relative; integers must be equal
MOST = 40  # samples of one operator; of more, every n-th is taken


def operators(name: str) -> list[Any]:
    """torch's descriptions of the operator, one per variant."""
    found = [op for op in op_db if name in (op.name, op.name.removeprefix("nn.functional."))]
    assert found, f"torch has no sample inputs for {name}"
    return found


def ours(op: Any) -> Any:
    """The function of rushlight with the operator's name."""
    target: Any = rushlight
    for part in op.name.split("."):
        target = getattr(target, part)
    return target


def samples(op: Any, dtype: Any) -> Iterator[Any]:
    """Sample inputs, contiguous and strided in turn; none with complex numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(op.sample_inputs("cpu", dtype, requires_grad=dtype.is_floating_point))
    for sample in found[:: -(-len(found) // MOST)]:
        yield sample
        yield sample.noncontiguous()


def translate(value: Any) -> Any:
    """torch's Tensors and dtypes as rushlight's, inside any nesting of tuples, lists and dicts."""
    if isinstance(value, torch.Tensor):
        copy = rushlight.from_numpy(value.detach().numpy())
        return copy.requires_grad_() if value.requires_grad else copy
    if isinstance(value, torch.dtype):
        return getattr(rushlight, str(value).removeprefix("torch."))
    if isinstance(value, dict):
        return {key: translate(each) for key, each in value.items()}
    return type(value)(map(translate, value)) if type(value) in (tuple, list) else value


def tensors(value: Any) -> list[Any]:
    """The Tensors of either library in a nesting, in order."""
    if isinstance(value, (torch.Tensor, rushlight.Tensor)):
        return [value]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return list(itertools.chain.from_iterable(map(tensors, values)))


def call(function: Any, sample: Any, convert: Any) -> tuple[list[Any], list[Any]]:
    """The Tensors that come out, and those that went in and want a gradient."""
    args = convert((sample.input, *sample.args))
    kwargs = convert(sample.kwargs)
    for library in (torch, rushlight):
        library.manual_seed(42)  # what torch's samples of random operators set themselves
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = function(*args, **kwargs)
    return tensors(out), [given for given in tensors((args, kwargs)) if given.requires_grad]


def gradients(library: Any, outs: list[Any], given: list[Any], second: bool) -> list[Any]:
    """Gradients of the outputs, weighted by fixed numbers; if `second`, also those of these gradients, with
    respect to the inputs and to the weights.
    """
    outs = [out for out in outs if out.requires_grad]
    weights = [_weights(library, out, second) for out in outs]
    first = list(library.autograd.grad(outs, given, weights, create_graph=second, allow_unused=True))
    if not second:
        return first
    used = [grad for grad in first if grad is not None and grad.requires_grad]
    again = [_weights(library, grad, False) for grad in used]
    return first + list(library.autograd.grad(used, given + weights, again, allow_unused=True))


def _weights(library: Any, out: Any, wanted: bool) -> Any:
    values = np.cos(np.arange(out.numel()) + 1.0).reshape(tuple(out.shape))
    return library.from_numpy(values.astype(array(out).dtype)).requires_grad_(wanted)


def compare(op: Any, sample: Any, dtype: Any) -> None:
    """Fail unless rushlight does with the sample what torch does."""
    theirs, their_inputs = call(op.op, sample, lambda value: value)
    mine, my_inputs = call(ours(op), sample, translate)
    second = op.supports_gradgrad and dtype == torch.float64
    assert [out.requires_grad for out in mine] == [out.requires_grad for out in theirs], "requires_grad"
    if any(out.requires_grad for out in theirs):
        theirs += gradients(torch, theirs, their_inputs, second)
        mine += gradients(rushlight, mine, my_inputs, second)
    assert len(mine) == len(theirs)
    for expected, found in zip(theirs, mine, strict=True):
        assert_same(expected, found)


def array(value: Any) -> Any:
    """The ndarray of a Tensor of either library (force: torch has Tensors that stand for zeros)."""
    value = value.detach()
    return value.numpy(force=True) if isinstance(value, torch.Tensor) else value.numpy()


def assert_same(expected: Any, found: Any) -> None:
    if expected is None or found is None:  # "no gradient" and zeros mean the same
        rest = found if expected is None else expected
        assert rest is None or not array(rest).any()
        return
    e, f = array(expected), array(found)
    assert f.dtype == e.dtype
    assert f.shape == e.shape
    finite = np.abs(e[np.isfinite(e)])
    tolerance = TOLERANCE.get(e.dtype.name, 0)
    scale = finite.max() if finite.size and tolerance else 0
    floor = tolerance * max(min(scale, 1), 1e-2)  # what cancels to nearly nothing is rounding
    np.testing.assert_allclose(f, e, rtol=tolerance, atol=floor)


def wrong_samples(op: Any) -> list[Any]:
    """Inputs that torch refuses; none with complex numbers, which rushlight has not."""
    found = [wrong.sample_input for wrong in op.error_inputs("cpu")]
    return [
        sample
        for sample in found
        if not any(each.is_complex() for each in tensors((sample.input, sample.args, sample.kwargs)))
    ]


def outcome(function: Any, sample: Any, convert: Any) -> Any:
    """The class of the exception that a wrong call raises, or None."""
    try:
        call(function, sample, convert)
    except Exception as error:
        return type(error)
    return None
