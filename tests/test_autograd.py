"""The engine: order, accumulation, memory, hooks, depth, threads. Error texts: test_tensor_snippets."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import rushlight
from rushlight import autograd
from rushlight.autograd import Rule, record


def leaf(*values, dtype=rushlight.float64):
    return rushlight.tensor(list(values), dtype=dtype, requires_grad=True)


# ---- gradients are gathered


def test_gradients_accumulate_over_calls_and_uses():
    x = leaf(2.0)
    (x * x + x).backward()
    assert x.grad.item() == 5
    (x * 3).backward()
    assert x.grad.item() == 8


def test_shared_gradients_do_not_alias():
    x, y = leaf(1.0, 1.0), leaf(1.0, 1.0)
    start = rushlight.ones(2, dtype=rushlight.float64)
    (x + y).backward(start)
    x.grad.mul_(10)
    assert y.grad.tolist() == [1, 1] and start.tolist() == [1, 1]


def test_a_leafs_gradient_is_never_an_array_that_others_hold():
    held = []

    class Keeping(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            mine = grad * 2
            held.append(mine)
            return mine

    x = leaf(1.0, 2.0)
    Keeping.apply(x).sum().backward()
    held[0].zero_()
    assert x.grad.tolist() == [2, 2]


def test_accumulation_is_in_place_so_that_aliases_see_it():
    x = leaf(1.0)
    (x * 2).backward()
    grad = x.grad
    (x * 2).backward()
    assert x.grad is grad and grad.item() == 4


def test_diamonds_run_every_node_once():
    runs = []

    def backward(grad, saved, params, needs):
        runs.append(1)
        return (grad,)

    rule = Rule("CountedBackward0", backward)
    x = leaf(1.0)
    y = record(x._data, rule, (x,))
    for _ in range(20):
        y = y + y  # 2**20 paths
    y.backward()
    assert len(runs) == 1 and x.grad.item() == 2**20


def test_a_broadcast_operand_gets_the_sum():
    x, y = leaf(2.0), rushlight.ones(3, 4, dtype=rushlight.float64, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.tolist() == [12] and y.grad.shape == (3, 4)


def test_float32_leaf_in_a_float64_expression_gets_a_float32_gradient():
    x = leaf(1.0, 2.0, dtype=rushlight.float32)
    (x * np.arange(2.0)).sum().backward()
    assert x.grad.dtype is rushlight.float32 and x.grad.tolist() == [0, 1]


def test_grad_leaves_leaves_alone_and_prunes():
    visited = []

    def backward(grad, saved, params, needs):
        visited.append(params)
        return (grad,)

    rule = Rule("SeenBackward0", backward)
    x, y = leaf(1.0), leaf(2.0)
    a, b = record(x._data, rule, (x,), (), "a"), record(y._data, rule, (y,), (), "b")
    (gx,) = autograd.grad((a * b).sum(), x)
    assert gx.item() == 2 and visited == ["a"] and x.grad is None and y.grad is None


def test_grad_of_an_intermediate_stops_there():
    x = leaf(1.0)
    y = x * 2
    assert autograd.grad((y * y).sum(), y)[0].item() == 4 and x.grad is None


def test_an_expanded_view_sees_the_history_of_its_base():
    x = leaf(1.0, 2.0)
    y = x * 1
    wide = y.expand(3, 2)
    y.mul_(5)
    wide.sum().backward()
    assert x.grad.tolist() == [15, 15]


# ---- depth and memory


DEPTH = 100_000


def test_backward_through_100_000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(DEPTH):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1
    del y


@pytest.mark.parametrize(
    "step",
    [lambda y: y * 1.0, lambda y: y.tanh(), lambda y: y.view(1), lambda y: y.unbind()[0].reshape(1)],
    ids=["mul", "tanh", "view", "unbind"],
)
def test_a_chain_of_100_000_operations_can_be_dropped(step):
    y = leaf(1.0)
    for _ in range(DEPTH):
        y = step(y)
    del y


def test_graphs_are_freed_without_the_garbage_collector():
    x = leaf(*range(100))
    gc.collect()
    gc.disable()
    try:
        y = x
        for step in (
            lambda t: t * t,
            lambda t: t.exp(),
            lambda t: t[1:],
            lambda t: t.reshape(-1),
            lambda t: t.sum(),
        ):
            y = step(y)
            watch = weakref.ref(y)
        del y
        assert watch() is None
        z = x.exp()
        z.mul_(2)
        z[0] = x[0]
        node = weakref.ref(z)
        del z
        assert node() is None

        class Two(autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = x * 2
                ctx.save_for_backward(x, y)
                return y

            @staticmethod
            def backward(ctx, grad):
                return grad * 2

        out = Two.apply(x)
        watch = weakref.ref(out)
        del out
        assert watch() is None
    finally:
        gc.enable()


def test_backward_frees_what_nodes_kept_as_it_goes():
    n = 1 << 17  # 1 MiB of float64 per Tensor
    x = rushlight.zeros(n, dtype=rushlight.float64, requires_grad=True)

    def chain():
        y = x
        for _ in range(20):
            y = y.exp()  # keeps its result
        return y.sum()

    loss = chain()
    tracemalloc.start()
    loss.backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * 8 * n  # gradients in flight, not 20 of them
    tracemalloc.start()
    loss = chain()
    before = tracemalloc.get_traced_memory()[0]
    loss.backward()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert before > 19 * 8 * n and after < 3 * 8 * n  # although `loss` is still alive


def test_constants_are_not_kept_for_gradients_nobody_wants():
    w = rushlight.ones(1 << 17, requires_grad=True)
    x = rushlight.ones(1 << 17)
    held = x * 1
    watch = weakref.ref(held)
    out = (held + w).sum()  # addition reads neither operand
    del held
    assert watch() is None
    out.backward()


# ---- hooks


def test_hooks_run_once_per_backward_with_the_whole_gradient():
    x, seen = leaf(1.0), []
    x.register_hook(lambda grad: seen.append(grad.item()))
    (x * 2 + x * 3).backward()
    assert seen == [5]


def test_hooks_chain_in_order_and_can_be_removed():
    x = leaf(1.0)
    y = x * 1
    first = y.register_hook(lambda grad: grad + 1)
    y.register_hook(lambda grad: grad * 10)
    y.retain_grad()
    y.backward()
    assert x.grad.item() == 20 and y.grad.item() == 20
    first.remove()
    x.grad = None
    y = x * 1
    with y.register_hook(lambda grad: grad * 0):
        pass
    y.backward()
    assert x.grad.item() == 1


# ---- threads, modes


def test_grad_mode_belongs_to_its_thread():
    seen = []
    with rushlight.no_grad():
        worker = threading.Thread(target=lambda: seen.append(rushlight.is_grad_enabled()))
        worker.start()
        worker.join()
    assert seen == [True]


def test_grad_mode_as_decorator_on_functions_and_generators():
    @rushlight.no_grad()
    def inside():
        return rushlight.is_grad_enabled()

    @rushlight.no_grad
    def bare():
        return rushlight.is_grad_enabled()

    @rushlight.no_grad()
    def numbers():
        yield rushlight.is_grad_enabled()
        yield rushlight.is_grad_enabled()

    assert not inside() and not bare() and rushlight.is_grad_enabled()
    states = []
    for state in numbers():
        states += [state, rushlight.is_grad_enabled()]
    assert states == [False, True, False, True]


def test_set_grad_enabled_as_function_and_block():
    rushlight.set_grad_enabled(False)
    assert not rushlight.is_grad_enabled()
    with rushlight.enable_grad():
        assert rushlight.is_grad_enabled()
    rushlight.set_grad_enabled(True)
    with rushlight.set_grad_enabled(False):
        assert not rushlight.is_grad_enabled()
    assert rushlight.is_grad_enabled()


def test_backward_in_several_threads_at_once():
    def work():
        for _ in range(200):
            x = leaf(1.0, 2.0)
            ((x * x).sum() * 2).backward()
            results.append(x.grad.tolist())

    results: list[list[float]] = []
    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [[4.0, 8.0]] * 800


def test_an_error_in_backward_restores_the_mode():
    def backward(grad, saved, params, needs):
        raise ArithmeticError("mine")

    y = record(np.ones(1), Rule("BadBackward0", backward), (leaf(1.0),))
    with pytest.raises(ArithmeticError, match="mine"):
        y.backward()
    assert rushlight.is_grad_enabled()
