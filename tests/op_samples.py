"""torch's own sample inputs (they come with its wheel), run through torch and rushlight alike."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight


def samples(torch: Any, name: str, dtype: str) -> list[Any]:
    """The samples of the operator of that name in torch's list; fails if there is none."""
    from torch.testing._internal.common_methods_invocations import op_db

    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    found = [op for op in op_db if op.name == name]
    assert found, f"torch has no samples of {name}"
    return [sample for op in found for sample in op.sample_inputs("cpu", kind)]


def check_sample(torch: Any, sample: Any, function: Any, tolerance: float) -> None:
    """Values, dtype, and the gradients of all floating arguments. `function(library, *args, **kwargs)`."""
    arguments = [sample.input, *sample.args]
    theirs = [_leaf(torch, a.detach().numpy()) if torch.is_tensor(a) else a for a in arguments]
    ours = [_leaf(rushlight, a.detach().numpy()) if torch.is_tensor(a) else a for a in arguments]
    want, got = function(torch, *theirs, **sample.kwargs), function(rushlight, *ours, **sample.kwargs)
    _compare(got, want, tolerance)
    if not want.requires_grad:
        return
    upstream = np.random.default_rng(0).standard_normal(want.shape).astype(want.detach().numpy().dtype)
    want.backward(torch.from_numpy(upstream))
    got.backward(rushlight.from_numpy(upstream))
    for our, their in zip(ours, theirs, strict=True):
        if torch.is_tensor(their):
            _compare(our.grad, their.grad, tolerance)


def _leaf(library: Any, array: np.ndarray) -> Any:
    return library.tensor(array, requires_grad=array.dtype.kind == "f")


def _compare(ours: Any, theirs: Any, tolerance: float) -> None:
    got, want = ours.detach().numpy(), theirs.detach().numpy()
    assert got.dtype == want.dtype and got.shape == want.shape
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(got, want)
    else:
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
