"""Operations too small to take any time, for timing what surrounds them: recording, the walk back, modules.

Written once, run under rushlight and torch alike. Nothing is timed here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Snippet = Callable[[], Any]
LENGTH = 1000  # operations in a chain


def recorded(torch: Any) -> dict[str, Snippet]:
    """One recorded operation each, on Tensors of four to nine elements."""
    nn, functional = torch.nn, torch.nn.functional
    a = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    b = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    square = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    scores = torch.tensor([[1.0, 2.0, 3.0], [3.0, 4.0, 1.0]], requires_grad=True)
    classes, rows = torch.tensor([0, 2]), torch.ones((2, 4))
    image = torch.ones((1, 1, 3, 3))
    linear, conv = nn.Linear(4, 3), nn.Conv2d(1, 1, 2)
    return {
        "a + b": lambda: a + b,
        "a - b": lambda: a - b,
        "a * b": lambda: a * b,
        "a / b": lambda: a / b,
        "a + 1.0": lambda: a + 1.0,
        "a * 2.0": lambda: a * 2.0,
        "1.0 - a": lambda: 1.0 - a,
        "-a": lambda: -a,
        "a ** 2": lambda: a**2,
        "exp": lambda: a.exp(),
        "log": lambda: a.log(),
        "tanh": lambda: a.tanh(),
        "sigmoid": lambda: a.sigmoid(),
        "relu": lambda: functional.relu(a),
        "sum": lambda: a.sum(),
        "sum(1)": lambda: square.sum(1),
        "mean": lambda: a.mean(),
        "mean(1)": lambda: square.mean(1),
        "reshape": lambda: a.reshape(2, 2),
        "view": lambda: a.view(-1),
        "flatten": lambda: square.flatten(),
        "transpose": lambda: square.transpose(0, 1),
        "T": lambda: square.T,
        "a[1]": lambda: a[1],
        "a[1:3]": lambda: a[1:3],
        "m[1, :]": lambda: square[1, :],
        "a @ b": lambda: a @ b,
        "m @ m": lambda: square @ square,
        "log_softmax": lambda: functional.log_softmax(scores, 1),
        "cross_entropy": lambda: functional.cross_entropy(scores, classes),
        "mse_loss": lambda: functional.mse_loss(a, b),
        "Linear(4, 3)": lambda: linear(rows),
        "Conv2d(1, 1, 2)": lambda: conv(image),
        "max_pool2d": lambda: functional.max_pool2d(a.reshape(1, 1, 2, 2), 2),
    }


def chains(torch: Any) -> dict[str, tuple[Snippet, Snippet]]:
    """Pairs (forward: a chain of LENGTH operations on four elements, ending in a sum; what clears up after
    the chain's backward)."""
    a = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    b = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    links = {
        "y + a": lambda y: y + a,
        "y - b": lambda y: y - b,
        "y * b": lambda y: y * b,
        "y / b": lambda y: y / b,
        "y * 1.0": lambda y: y * 1.0,
        "-y": lambda y: -y,
        "y ** 1.0": lambda y: y**1.0,
        "exp": lambda y: y.exp(),
        "tanh": lambda y: y.tanh(),
        "relu": lambda y: y.relu(),
        "reshape": lambda y: y.reshape(4),
    }

    def forward(link: Callable[[Any], Any]) -> Any:
        y = a
        for _ in range(LENGTH):
            y = link(y)
        return y.sum()

    def clear() -> None:
        a.grad = b.grad = None

    return {name: (lambda link=link: forward(link), clear) for name, link in links.items()}  # type: ignore[misc]


def learn_an_edge(torch: Any) -> Snippet:
    """One step of the tutorial that learns the kernel [1, -1] from a 6 x 8 image."""
    image = torch.ones((1, 1, 6, 8))
    image[..., 2:6] = 0
    wanted = torch.nn.functional.conv2d(image, torch.tensor([[[[1.0, -1.0]]]]))
    conv = torch.nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False)

    def step() -> None:
        loss = (conv(image) - wanted) ** 2
        conv.zero_grad()
        loss.sum().backward()
        conv.weight.data[:] -= 3e-2 * conv.weight.grad

    return step
