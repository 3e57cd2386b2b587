"""Backward hooks of modules, and nn.utils."""

from __future__ import annotations

import pytest

import rushlight
from rushlight import nn


@pytest.fixture(params=["rushlight", pytest.param("torch", marks=pytest.mark.parity)])
def lib(request):
    """Every test here holds for torch, too."""
    return pytest.importorskip(request.param)


def linear(lib):
    layer = lib.nn.Linear(2, 2, bias=False)
    with lib.no_grad():
        layer.weight.copy_(lib.tensor([[1.0, 2.0], [3.0, 4.0]]))
    return layer


def test_a_backward_hook_sees_and_replaces_the_gradients(lib):
    layer, seen = linear(lib), []

    def hook(module, grad_input, grad_output):
        seen.append((module, grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 10,)

    handle = layer.register_full_backward_hook(hook)
    x = lib.ones(1, 2, requires_grad=True)
    layer(x * 1).sum().backward()
    assert seen == [(layer, [[4.0, 6.0]], [[1.0, 1.0]])]
    assert x.grad.tolist() == [[40, 60]] and layer.weight.grad.tolist() == [[1, 1], [1, 1]]
    handle.remove()
    layer(x * 1).sum().backward()
    assert len(seen) == 1


def test_a_backward_hook_of_a_module_whose_input_needs_no_gradient(lib):
    layer, seen = linear(lib), []
    layer.register_full_backward_hook(lambda *args: seen.append(args[1:]))
    with pytest.warns(UserWarning, match="Full backward hook is firing when gradients are computed"):
        layer(lib.ones(1, 2)).sum().backward()
    ((grad_input, grad_output),) = seen
    assert grad_input == (None,) and grad_output[0].tolist() == [[1, 1]]


def test_a_backward_pre_hook_replaces_the_output_gradient(lib):
    layer, seen = linear(lib), []
    layer.register_full_backward_pre_hook(lambda module, grads: (grads[0] * 2,))
    layer.register_full_backward_hook(lambda module, before, after: seen.append(after[0].tolist()))
    x = lib.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [[[2, 2]]] and x.grad.tolist() == [[8, 12]]


def test_backward_hooks_with_several_inputs_and_outputs(lib):
    class Pair(lib.nn.Module):
        def forward(self, x, factor, y):
            return x * factor, y * 3

    seen, pair = [], Pair()
    pair.register_full_backward_hook(lambda module, *grads: seen.append(grads))
    x, y = lib.ones(2, requires_grad=True), lib.ones(3, requires_grad=True)
    first, second = pair(x, 2.0, y)
    (first.sum() + second.sum() * 2).backward()
    ((inputs, outputs),) = seen
    assert [each if each is None else each.tolist() for each in inputs][::2] == [[2, 2], [6, 6, 6]]
    assert [each.tolist() for each in outputs] == [[1, 1], [2, 2, 2]]


def test_gradients_of_gradients_through_a_hook(lib):
    layer = linear(lib)
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] * 10,))
    x = lib.ones(1, 2, requires_grad=True)
    (grad,) = lib.autograd.grad((layer(x) ** 2).sum(), x, create_graph=True)
    grad.sum().backward()
    assert grad.tolist() == [[480, 680]] and x.grad.tolist() == [[4800, 6800]]  # the hook ran twice


# ---- nn.utils
@pytest.mark.parametrize(
    "max_norm, norm_type, total, factor",
    [(6.5, 2.0, 13.0, 0.5), (20, 2.0, 13.0, 1), (6, float("inf"), 12.0, 0.5)],
)
def test_clip_grad_norm(lib, max_norm, norm_type, total, factor):
    a, b, c = (lib.zeros(2, requires_grad=True) for _ in range(3))
    (a * lib.tensor([3.0, 4.0]) + b * lib.tensor([0.0, 12.0])).sum().backward()
    norm = lib.nn.utils.clip_grad_norm_([a, b, c], max_norm, norm_type)
    assert norm.item() == total and c.grad is None
    assert lib.allclose(a.grad, lib.tensor([3.0, 4.0]) * factor) and lib.allclose(
        b.grad[1], lib.tensor(12.0) * factor
    )
    assert lib.nn.utils.clip_grad_norm_([c], 1.0).item() == 0


def test_clip_grad_norm_of_what_is_not_finite(lib):
    x = lib.ones(2, requires_grad=True)
    (x * float("inf")).sum().backward()
    with pytest.raises(
        RuntimeError, match=r"total norm of order 2.0 .* is non-finite, so it cannot be clipped"
    ):
        lib.nn.utils.clip_grad_norm_(x, 1.0, error_if_nonfinite=True)
    lib.nn.utils.clip_grad_norm_(x, 1.0)
    assert x.grad.isnan().all()


def test_clip_grad_value_and_vectors(lib):
    x = lib.ones(3, requires_grad=True)
    (x * lib.tensor([-5.0, 0.5, 5.0])).sum().backward()
    lib.nn.utils.clip_grad_value_([x], 1.0)
    assert x.grad.tolist() == [-1, 0.5, 1]
    layer = lib.nn.Linear(2, 3)
    vector = lib.nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (9,)
    lib.nn.utils.vector_to_parameters(vector.detach() * 2, layer.parameters())
    assert lib.allclose(lib.nn.utils.parameters_to_vector(layer.parameters()), vector * 2)
    with pytest.raises(TypeError, match=r"expected torch\.Tensor, but got"):
        lib.nn.utils.vector_to_parameters([1.0], layer.parameters())


def test_half():
    assert nn.Linear(2, 2).half().weight.dtype == rushlight.float16
