"""gradcheck and gradgradcheck of every differentiable operation of ops/, in float64, by argument kind."""

from __future__ import annotations

import pytest

import rushlight as torch
from rushlight.autograd import gradcheck, gradgradcheck

INDEX = torch.tensor([[0, 2], [1, 1]])
INF = float("inf")


def ops(names):
    """One case per method name, on a matrix and on a 0-dim Tensor."""
    return {
        f"{name}{list(shape)}": (lambda a, name=name: getattr(a, name)(), [shape])
        for name in names.split()
        for shape in ((2, 3), ())
    }


# name: (function, shapes of its arguments). Values are in (-1, 1); those of POSITIVE in (0.5, 1.5).
POSITIVE = {
    "div": (lambda a, b: a / b, [(2, 3), (3,)]),
    "div same": (lambda a, b: a / b, [(3,), (3,)]),
    "number / x": (lambda b: 2 / b, [(3,)]),
    "x ** 0.5": (lambda a: a**0.5, [(3,)]),
    "x ** -1": (lambda a: a**-1, [(3,)]),
    "x ** y": (lambda a, b: a**b, [(3,), (2, 3)]),
    "x % y": (lambda a, b: (a + 1) % b, [(3,), (3,)]),
    "fmod": (lambda a, b: torch.fmod(a + 1, b), [(3,), (3,)]),
    "mixed dims": (lambda a, b: a * b + a / b - b**a, [(), (3,)]),
    "0-dim": (lambda a, b: a * b + a / b - b**a, [(), ()]),
    "prod": (lambda a: a.prod(), [(2, 3)]),
    "prod dim": (lambda a: a.prod(1), [(2, 3)]),
    **ops("log log2 log10 log1p sqrt rsqrt reciprocal tan"),
}
ANY = {
    **ops("neg abs exp expm1 sin cos tanh sigmoid square sign floor ceil trunc round relu"),
    "add": (lambda a, b: a + b, [(2, 3), (3,)]),
    "add alpha": (lambda a, b: torch.add(a, b, alpha=3), [(2, 3), (3,)]),
    "number + x": (lambda a: 2 + a + 1.5, [(2, 3)]),
    "sub": (lambda a, b: a - b, [(2, 1), (3,)]),
    "number - x": (lambda a: 3 - a, [(2,)]),
    "mul": (lambda a, b: a * b, [(2, 3), (2, 1)]),
    "x ** 2": (lambda a: a**2, [(3,)]),
    "x ** 3": (lambda a: a**3, [(3,)]),
    "number ** x": (lambda b: 2**b, [(3,)]),
    "maximum": (torch.maximum, [(3,), (2, 3)]),
    "minimum": (torch.minimum, [(3,), (2, 3)]),
    "clamp": (lambda a: a.clamp(-0.3, 0.4), [(3, 4)]),
    "clamp_min": (lambda a: a.clamp(min=0), [(3, 4)]),
    "where": (lambda a, b: torch.where(a.detach() > 0, a, b), [(3, 4), (4,)]),
    "masked_fill": (lambda a, v: a.masked_fill(a.detach() > 0, v), [(3, 4), ()]),
    "sum": (lambda a: a.sum(), [(2, 3)]),
    "sum dim": (lambda a: a.sum(1), [(2, 3)]),
    "sum dims": (lambda a: a.sum((0, 2), keepdim=True), [(2, 3, 2)]),
    "mean": (lambda a: a.mean(), [(2, 3)]),
    "mean dim": (lambda a: a.mean(-1), [(2, 3)]),
    "var": (lambda a: a.var(), [(2, 3)]),
    "var dim": (lambda a: a.var(1, keepdim=True), [(2, 3)]),
    "std": (lambda a: a.std(), [(2, 3)]),
    "std biased": (lambda a: a.std(0, unbiased=False), [(4, 3)]),
    "norm": (lambda a: a.norm(), [(2, 3)]),
    "norm 1": (lambda a: a.norm(1), [(2, 3)]),
    "norm 3": (lambda a: a.norm(3, dim=1), [(2, 3)]),
    "norm inf": (lambda a: a.norm(INF, dim=1), [(2, 3)]),
    "logsumexp": (lambda a: a.logsumexp(1), [(2, 3)]),
    "cumsum": (lambda a: a.cumsum(1), [(2, 3)]),
    "amax": (lambda a: a.amax(1), [(2, 3)]),
    "max": (lambda a: a.max(), [(2, 3)]),
    "max dim": (lambda a: a.max(1)[0], [(2, 3)]),
    "max keepdim": (lambda a: a.max(1, True).values, [(2, 3)]),
    "min": (lambda a: a.min(), [(2, 3)]),
    "sort": (lambda a: a.sort(1)[0], [(2, 3)]),
    "topk": (lambda a: a.topk(2, 1)[0], [(2, 3)]),
    "reshape": (lambda a: a.reshape(3, 2) * 2, [(2, 3)]),
    "reshape copy": (lambda a: a.t().reshape(6) * 2, [(2, 3)]),
    "permute": (lambda a: a.permute(2, 0, 1), [(2, 3, 2)]),
    "T": (lambda a: a.T, [(2, 3)]),
    "squeeze": (lambda a: a.squeeze(1), [(2, 1, 2)]),
    "unsqueeze": (lambda a: a.unsqueeze(1), [(2, 3)]),
    "expand": (lambda a: a.expand(4, 2, 3), [(2, 1)]),
    "flatten": (lambda a: a.flatten(1), [(2, 3, 2)]),
    "repeat": (lambda a: a.repeat(2, 1, 2), [(2, 3)]),
    "flip": (lambda a: a.flip(0, 1), [(2, 3)]),
    "roll": (lambda a: a.roll(1, 0) + a.roll(2), [(2, 3)]),
    "tril": (lambda a: a.tril() + a.triu(1) * 2, [(3, 3)]),
    "diag": (lambda a: a.diag(), [(2, 3)]),
    "diag of a vector": (lambda a: a.diag(1), [(3,)]),
    "trace": (lambda a: a.trace(), [(2, 3)]),
    "cat": (lambda a, b: torch.cat([a, b * 2], 1), [(2, 3), (2, 1)]),
    "stack": (lambda a, b: torch.stack([a, b], 1), [(2, 3), (2, 3)]),
    "split": (lambda a: a.split(2, 1), [(2, 3)]),
    "split, one used": (lambda a: a.split(2, 1)[0] * 3, [(2, 3)]),
    "unbind": (lambda a: [row * row for row in a], [(2, 3)]),
    "unbind, one used": (lambda a: a.unbind(1)[1] ** 2, [(2, 3)]),
    "x[0, 1]": (lambda a: a[0, 1] ** 2, [(2, 3)]),
    "x[:, 1:]": (lambda a: a[:, 1:] ** 2, [(2, 3)]),
    "x[None, ..., 0]": (lambda a: a[None, ..., 0], [(2, 3)]),
    "x[lists]": (lambda a: a[[0, 1, 1], [0, 2, 2]] ** 2, [(2, 3)]),
    "x[mask]": (lambda a: a[a.detach() > 0] ** 2, [(2, 3)]),
    "x[0, :, list]": (lambda a: a[0, :, [0, 1, 1]] ** 2, [(2, 3, 2)]),
    "gather": (lambda a: a.gather(1, INDEX), [(2, 3)]),
    "index_select": (lambda a: a.index_select(1, torch.tensor([0, 0, 2])), [(2, 3)]),
    "take": (lambda a: a.take(torch.tensor([0, 5, 5])), [(2, 3)]),
    "masked_select": (lambda a: a.masked_select(a.detach() > 0), [(2, 3)]),
    "scatter": (lambda a, b: a.scatter(1, torch.tensor([[0, 2], [1, 0]]), b), [(2, 3), (2, 2)]),
    "scatter_add": (lambda a, b: a.scatter_add(1, INDEX, b), [(2, 3), (2, 2)]),
    "mm": (lambda a, b: a @ b, [(2, 3), (3, 2)]),
    "mv": (lambda a, b: a @ b, [(2, 3), (3,)]),
    "vm": (lambda a, b: a @ b, [(2,), (2, 3)]),
    "dot": (lambda a, b: a @ b, [(3,), (3,)]),
    "bmm": (lambda a, b: a @ b, [(2, 2, 3), (2, 3, 2)]),
    "batch @ matrix": (lambda a, b: a @ b, [(2, 2, 3), (3, 2)]),
    "batch @ vector": (lambda a, b: a @ b, [(2, 2, 3), (3,)]),
    "vector @ batch": (lambda a, b: a @ b, [(3,), (2, 3, 2)]),
    "broadcast batches": (lambda a, b: a @ b, [(2, 1, 2, 3), (2, 3, 2)]),
    "addmm": (lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=2), [(2,), (2, 3), (3, 2)]),
    "outer": (torch.outer, [(2,), (3,)]),
    "einsum": (lambda a, b, c: torch.einsum("bi,ij,bj->b", a, b, c), [(2, 3), (3, 2), (2, 2)]),
    "einsum, label summed alone": (lambda a, b: torch.einsum("ij,k->k", a, b), [(2, 3), (2,)]),
    "clone": (lambda a: a.clone(), [(2,)]),
    "softmax": (lambda a: a.softmax(0) + a.log_softmax(1), [(2, 3)]),
}


def written(change):
    """A function of x that changes a copy of it in place."""

    def function(x, *others):
        y = x * 1
        change(y, *others)
        return y

    return function


def copy_rows(y):
    y[0] = y[1] * 2


def assign(y, b):
    y[:, 1] = b
    y[y.detach() > 0.1] = b[0]


def through_views(y, b):
    y.t()[0].mul_(b)
    y.view(6)[2:4].zero_()
    y += b[0]


def index_put(y, b):
    y[[0, 1], [1, 2]] = b[:2]
    y.index_put_((torch.tensor([0, 0]), torch.tensor([1, 1])), b[:2], accumulate=True)


def chain(y, b):
    y.div_(b)
    y.pow_(2)
    y.tanh_()


ANY |= {
    "in place: rows": (written(copy_rows), [(2, 3)]),
    "in place: slice and mask": (written(assign), [(2, 3), (2,)]),
    "in place: views": (written(through_views), [(2, 3), (2,)]),
    "in place: index_put": (written(index_put), [(2, 3), (3,)]),
}
POSITIVE |= {"in place: chain": (written(chain), [(2, 3), (3,)])}
CASES = [(name, *case, 0.5) for name, case in POSITIVE.items()] + [
    (name, *case, -1.0) for name, case in ANY.items()
]


@pytest.mark.parametrize(("name", "function", "shapes", "low"), CASES, ids=[case[0] for case in CASES])
def test_gradients(name, function, shapes, low):
    generator = torch.Generator().manual_seed(7)
    width = 1.0 if low == 0.5 else 2.0
    inputs = [
        (torch.rand(shape, dtype=torch.float64, generator=generator) * width + low).requires_grad_()
        for shape in shapes
    ]
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


def test_product_with_zeros():
    x = torch.tensor([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0]], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: x.prod(1), (x,)) and gradcheck(lambda x: x.prod(), (x,))


def test_product_of_a_single_zero_over_its_dim():
    x = torch.zeros((), requires_grad=True)
    torch.prod(x, 0).backward()
    assert x.grad.item() == 1
