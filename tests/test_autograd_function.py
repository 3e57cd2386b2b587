"""autograd.Function and gradcheck."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
from rushlight import autograd
from rushlight.autograd import Function, GradcheckError, gradcheck, gradgradcheck


def values(*numbers):
    return rushlight.tensor(list(numbers), dtype=rushlight.float64, requires_grad=True)


class Scale(Function):
    """x * factor; `factor` is a plain number."""

    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        ctx.save_for_backward(x)
        return x * factor

    @staticmethod
    def backward(ctx, grad):
        assert ctx.needs_input_grad == (True, False)
        return grad * ctx.factor, None


class SumAndProduct(Function):
    """Two outputs, in the form with setup_context."""

    @staticmethod
    def forward(x, y):
        return x + y, x * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_sum, grad_product):
        x, y = ctx.saved_tensors
        return grad_sum + grad_product * y, grad_sum + grad_product * x


def test_function_records_under_its_own_name():
    x = values(1.0, 2.0)
    y = Scale.apply(x, 3)
    assert repr(y) == "tensor([3., 6.], dtype=torch.float64, grad_fn=<ScaleBackward>)"
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_function_on_constants_records_nothing():
    assert Scale.apply(rushlight.ones(2), 3).grad_fn is None
    with rushlight.no_grad():
        assert Scale.apply(values(1.0), 3).grad_fn is None


def test_function_with_two_outputs():
    x, y = values(2.0), values(5.0)
    total, product = SumAndProduct.apply(x, y)
    product.backward(retain_graph=True)  # the unused output's gradient arrives as zeros
    assert (x.grad.item(), y.grad.item()) == (5, 2)
    total.backward()
    assert (x.grad.item(), y.grad.item()) == (6, 3)
    assert gradcheck(SumAndProduct.apply, (x, y)) and gradgradcheck(SumAndProduct.apply, (x, y))


def test_function_without_materialized_grads():
    seen = []

    class Unused(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, first, second):
            seen.append(first)
            return second * 2

    x = values(1.0)
    Unused.apply(x)[1].backward()
    assert seen == [None] and x.grad.item() == 2


def test_function_saves_its_output_and_notices_writes():
    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, grad):
            (y,) = ctx.saved_tensors
            return grad * y

    x = values(0.0, 1.0)
    assert gradcheck(Exp.apply, (x,)) and gradgradcheck(Exp.apply, (x,))
    y = Exp.apply(x)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_function_non_differentiable_and_integer_outputs():
    class Top(Function):
        @staticmethod
        def forward(ctx, x):
            sign, index = x.sign(), x.argmax()
            ctx.mark_non_differentiable(sign)
            return x * 2, sign, index

        @staticmethod
        def backward(ctx, grad, *unused):
            return grad * 2

    x = values(1.0, -3.0)
    y, sign, index = Top.apply(x)
    assert y.requires_grad and not sign.requires_grad and not index.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_function_that_returns_its_input_or_overwrites_it():
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 7

    class Doubled(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = values(1.0)
    y = Same.apply(x)
    assert y is not x and y.grad_fn.name() == "SameBackward"
    y.backward()
    assert x.grad.item() == 7
    z = x * 1
    assert Doubled.apply(z) is z and z.item() == 2
    z.backward()
    assert x.grad.item() == 9
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        Doubled.apply(x)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (lambda grad: (grad, grad), RuntimeError, r"incorrect number of gradients \(expected 1, got 2\)"),
        (
            lambda grad: np.ones(3),
            RuntimeError,
            r"invalid gradient at index 0 - got \[3\] but expected .* \[2\]",
        ),
        (lambda grad: "no", TypeError, r"expected Variable or None \(got str\)"),
    ],
)
def test_function_with_a_wrong_backward(answer, error, text):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return answer(grad)

    with pytest.raises(error, match=text):
        Wrong.apply(values(1.0, 2.0)).sum().backward()


def test_function_sums_a_broadcast_gradient():
    class Wide(Function):
        @staticmethod
        def forward(ctx, x):
            return x.expand(3, 2) * 1

        @staticmethod
        def backward(ctx, grad):
            return grad

    x = values(1.0, 2.0)
    Wide.apply(x).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_function_misuse():
    with pytest.raises(RuntimeError, match="should not be instantiated"):
        Scale()
    with pytest.raises(
        TypeError, match="save_for_backward can only save variables, but argument 1 is of type int"
    ):

        class Saves(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x, 1)

        Saves.apply(values(1.0))
    with pytest.raises(RuntimeError, match="second time"):
        y = Scale.apply(values(1.0), 2)
        y.backward()
        y.backward()


def test_once_differentiable_gives_constants_under_create_graph():
    from rushlight.autograd.function import once_differentiable

    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @once_differentiable
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x**2

    x = values(2.0)
    (grad,) = autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
    assert grad.item() == 12 and not grad.requires_grad


# ---- gradcheck


def test_gradcheck_finds_a_wrong_gradient_and_shows_both():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 3

    with pytest.raises(GradcheckError) as caught:
        gradcheck(Wrong.apply, (values(1.0),))
    assert str(caught.value) == (
        "Jacobian mismatch for output 0 with respect to input 0,\n"
        "numerical:tensor([[2.0000]], dtype=torch.float64)\nanalytical:tensor([[3.]], dtype=torch.float64)\n"
    )
    assert not gradcheck(Wrong.apply, (values(1.0),), raise_exception=False)


def test_gradgradcheck_finds_a_wrong_second_gradient():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 2 * x.detach()

    assert gradcheck(Square.apply, (values(1.5),))
    with pytest.raises(GradcheckError):
        gradgradcheck(Square.apply, (values(1.5),))


def test_gradcheck_warns_of_float32_and_needs_an_input():
    x = rushlight.ones(1, requires_grad=True)
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double precision"):
        gradcheck(lambda x: x * 2, (x,), eps=1e-2, atol=1e-2)
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x * 2, (rushlight.ones(1),))
