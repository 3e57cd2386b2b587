"""Random numbers are torch's: known ones of seed 0, and with torch installed whole streams compared."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
from rushlight import Generator, manual_seed


def seeded(seed, make):
    manual_seed(seed)
    return make()


def test_known_numbers_of_seed_0():
    np.testing.assert_array_equal(
        seeded(0, lambda: rushlight.rand(4)).numpy(),
        np.array(
            [0.49625658988952637, 0.7682217955589294, 0.08847743272781372, 0.13203048706054688], np.float32
        ),
    )
    assert repr(seeded(0, lambda: rushlight.randn(4))) == "tensor([ 1.5410, -0.2934, -2.1788,  0.5684])"
    assert seeded(0, lambda: rushlight.randperm(8)).tolist() == [4, 0, 7, 3, 2, 5, 1, 6]
    assert seeded(0, lambda: rushlight.randint(0, 10, (6,))).tolist() == [4, 9, 3, 0, 3, 9]


def test_seeds_count_by_their_low_32_bits():
    assert (
        seeded(2**32 + 5, lambda: rushlight.rand(3)).tolist() == seeded(5, lambda: rushlight.rand(3)).tolist()
    )
    assert (
        seeded(-1, lambda: rushlight.rand(3)).tolist()
        == seeded(2**32 - 1, lambda: rushlight.rand(3)).tolist()
    )
    assert manual_seed(-1).initial_seed() == 2**64 - 1 and rushlight.initial_seed() == 2**64 - 1
    with pytest.raises(ValueError, match="Overflow when unpacking long long"):
        manual_seed(2**64)


def test_generators_are_independent_and_states_can_be_put_back():
    mine = Generator().manual_seed(7)
    manual_seed(7)
    assert rushlight.rand(3, generator=mine).tolist() == rushlight.rand(3).tolist()
    rushlight.randn(3)  # leaves one normal number waiting
    state = rushlight.get_rng_state()
    first = rushlight.randn(2).tolist() + rushlight.rand(700).tolist()
    rushlight.set_rng_state(state)
    assert rushlight.randn(2).tolist() + rushlight.rand(700).tolist() == first
    with pytest.raises(RuntimeError, match="RNG state is wrong size"):
        rushlight.set_rng_state(rushlight.zeros(3, dtype=rushlight.uint8))


def test_unseeded_generators_differ():
    assert Generator().seed() != Generator().seed()


def test_distributions_are_what_they_say():
    manual_seed(1)
    x = rushlight.randn(20000).numpy()
    assert abs(x.mean()) < 0.03 and abs(x.std() - 1) < 0.03
    u = rushlight.empty(20000).uniform_(-3, 5).numpy()
    assert u.min() >= -3 and u.max() < 5 and abs(u.mean() - 1) < 0.1
    assert set(rushlight.randint(3, 6, (1000,)).tolist()) == {3, 4, 5}
    assert sorted(rushlight.randperm(1000).tolist()) == list(range(1000))
    assert abs(rushlight.empty(20000).bernoulli_(0.3).mean().item() - 0.3) < 0.02


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: rushlight.randint(5, 5, (2,)), RuntimeError, "from=5 >= to=5"),
        (lambda: rushlight.randint(5), TypeError, "needs high and size"),
        (lambda: rushlight.rand(2, dtype=rushlight.int64), NotImplementedError, "not implemented for 'Long'"),
        (lambda: rushlight.empty(2).uniform_(2, 1), RuntimeError, "found from=2 > to=1"),
        (lambda: rushlight.empty(2).normal_(0, -1), RuntimeError, "found std -1"),
        (lambda: rushlight.empty(2).bernoulli_(2), RuntimeError, "but got p=2"),
        (lambda: rushlight.bernoulli(rushlight.ones(2), 2), RuntimeError, "p to be in .0, 1., but got p=2"),
        (lambda: rushlight.bernoulli(rushlight.tensor([2.0])), RuntimeError, "Expected p_in >= 0"),
        (lambda: rushlight.randperm(-1), RuntimeError, "non-negative"),
        (lambda: rushlight.ones(2, requires_grad=True).uniform_(), RuntimeError, "leaf Variable"),
        (lambda: rushlight.rand(2, device="cuda"), RuntimeError, "CPU only"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


EXACT = {
    "rand": lambda t: t.rand(1000),
    "rand float64": lambda t: t.rand(1000, dtype=t.float64),
    "rand float16": lambda t: t.rand(1000, dtype=t.float16),
    "few randn": lambda t: t.cat([t.randn(5), t.randn(4), t.rand(3), t.randn(2)]),
    "few, many, few randn": lambda t: t.cat([t.randn(3), t.randn(20) * 0, t.randn(3)]),
    "rand after randn": lambda t: (t.randn(37), t.rand(5))[1],
    "randint": lambda t: t.randint(-5, 10, (100,)),
    "randint 2**28": lambda t: t.cat([t.randint(0, 2**28 - 1, (50,)), t.randint(0, 2**28, (50,))]),
    "randint 2**41": lambda t: t.randint(-(2**40), 2**40, (100,)),
    "randint float": lambda t: t.randint(10, (3, 4), dtype=t.float32),
    "randperm": lambda t: t.cat([t.randperm(0), t.randperm(1), t.randperm(2), t.randperm(1000)]),
    "uniform_": lambda t: t.empty(9999).uniform_(-1 / 27**0.5, 1 / 27**0.5),
    "uniform_ float64": lambda t: t.empty(9999, dtype=t.float64).uniform_(-0.1, 0.1),
    "uniform_ float16": lambda t: t.empty(999, dtype=t.float16).uniform_(-1, 3),
    "uniform_ slice": lambda t: t.zeros(5, 5)[:, 1:3].uniform_(-1, 1),
    "uniform_ transposed": lambda t: t.zeros(30, 40).t().uniform_(-1, 1),
    "few normal_": lambda t: t.empty(8).normal_(1, 2),
    "bernoulli_": lambda t: t.empty(1000).bernoulli_(0.3),
    "bernoulli p": lambda t: t.bernoulli(t.zeros(50, dtype=t.int64), 0.3),
    "bernoulli float64": lambda t: t.bernoulli(t.rand(50, dtype=t.float64)),
    "like": lambda t: t.cat([t.rand_like(t.ones(9)), t.randn_like(t.ones(3)), t.randint_like(t.ones(9), 5)]),
    "bernoulli": lambda t: t.bernoulli(t.full((1000,), 0.3)),
    "random_ int64": lambda t: t.empty(100, dtype=t.int64).random_(),
    "random_ uint8": lambda t: t.empty(100, dtype=t.uint8).random_(),
    "random_ float32": lambda t: t.empty(100).random_(),
    "random_(to)": lambda t: t.empty(100).random_(5),
    "unseeded Generator": lambda t: t.rand(3, generator=t.Generator()),
}
CLOSE = {
    "randn": (lambda t: t.randn(1000), 3e-7),
    "randn 16": (lambda t: t.randn(16), 3e-7),
    "randn 37": (lambda t: t.randn(37), 3e-7),
    "randn float64": (lambda t: t.randn(37, dtype=t.float64), 1e-14),
    "normal_": (lambda t: t.empty(1000).normal_(1, 2), 1e-6),
    "normal_ transposed": (lambda t: t.zeros(30, 40).t().normal_(1, 2), 1e-6),
    "normal(mean, std, size)": (lambda t: t.normal(0, 0.01, (784, 10)), 1e-8),
    "normal(Tensors)": (lambda t: t.normal(t.arange(20.0), t.ones(20) * 0.1), 1e-6),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", [*EXACT, *CLOSE])
def test_same_numbers_as_torch(name):
    torch = pytest.importorskip("torch")
    make, tolerance = CLOSE.get(name) or (EXACT[name], 0)
    for seed in (0, 3, 123456):
        torch.manual_seed(seed)
        expected = make(torch).numpy()
        ours = seeded(seed, lambda: make(rushlight)).numpy()
        assert ours.dtype == expected.dtype
        np.testing.assert_allclose(ours, expected, rtol=0, atol=tolerance)
