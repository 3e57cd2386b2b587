"""record and its relatives, as the operations of this and other packages use them."""

from __future__ import annotations

import numpy as np

import rushlight
from rushlight.autograd import OUTPUT, Rule, ViewRule, record, record_outputs, record_view


def leaf(*values, dtype=rushlight.float64):
    return rushlight.tensor(list(values), dtype=dtype, requires_grad=True)


def _double_backward(grad, saved, params, needs):
    (factor,) = params
    return (grad * factor,)


DOUBLE = Rule("DoubleBackward0", _double_backward)


def test_record_ndarray_in_ndarray_out():
    array = np.ones(3)
    assert record(array, DOUBLE, (np.ones(3),), (), (2,)) is array


def test_record_keeps_nothing_when_nobody_wants_gradients():
    out = record(np.ones(3), DOUBLE, (rushlight.ones(3),), (), (2,))
    assert isinstance(out, rushlight.Tensor) and out.grad_fn is None
    with rushlight.no_grad():
        assert record(np.ones(3), DOUBLE, (leaf(1.0, 2.0, 3.0),), (), (2,)).grad_fn is None


def test_record_hands_saved_params_and_needs_to_the_rule():
    seen = []

    def backward(grad, saved, params, needs):
        seen.append((grad, saved, params, needs))
        return grad * 5, None, None

    x, constant = leaf(1.0, 2.0), rushlight.ones(2)
    plain = np.arange(2.0)
    rule = Rule("MineBackward0", backward)
    out = record(np.array([7.0, 8.0]), rule, (x, constant, plain), (x, plain, OUTPUT, "note"), {"k": 1})
    assert out.grad_fn.name() == "MineBackward0"
    out.backward(rushlight.ones(2, dtype=rushlight.float64))
    grad, saved, params, needs = seen[0]
    assert isinstance(grad, np.ndarray) and needs == (True, False, False) and params == {"k": 1}
    assert saved[0] is x._data and saved[1] is plain and saved[2] is out._data and saved[3] == "note"
    np.testing.assert_array_equal(x.grad.numpy(), [5.0, 5.0])


def test_record_uses_keeps_only_what_a_wanted_gradient_reads():
    kept = []

    def backward(grad, saved, params, needs):
        kept.append(saved)
        return grad, grad

    rule = Rule("PairBackward0", backward, uses=((1,), (0,)))
    a, b = leaf(1.0), rushlight.ones(1, dtype=rushlight.float64)
    record(np.ones(1), rule, (a, b), (a, b)).backward()
    assert kept[0][0] is None and kept[0][1] is b._data


def test_record_outputs_gives_none_for_unused_outputs():
    seen = []

    def backward(grads, saved, params, needs):
        seen.append(grads)
        return (grads[1],)

    x = leaf(1.0)
    first, second, index = record_outputs(
        [np.ones(1), np.ones(1), np.ones(1, np.int64)], Rule("ManyBackward0", backward), (x,)
    )
    assert first.grad_fn is second.grad_fn and second.output_nr == 1 and index.grad_fn is None
    (second * 3).sum().backward()
    assert seen[0][0] is None and seen[0][2] is None and x.grad.item() == 3


def test_record_view_follows_writes_to_its_base():
    rule = ViewRule("HeadBackward0", lambda a, n: a[:n], lambda grad, saved, n, needs: (None,))
    base = rushlight.zeros(4)
    view = record_view(base, rule, 2)
    base[:] = leaf(1.0, 2.0, 3.0, 4.0, dtype=rushlight.float32) * 2
    assert view.requires_grad and view.tolist() == [2.0, 4.0]
