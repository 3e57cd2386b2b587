"""Learn a kernel from an image and its edges: ten steps of gradient descent, written out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn

STEPS = 10
LEARNING_RATE = 3e-2


@dataclass
class Edges:
    """What there is to show: the image, its edges, and how the kernel and the loss went."""

    image: NDArray[np.float32]  # (6, 8)
    edges: NDArray[np.float32]  # (6, 7)
    kernels: list[NDArray[np.float32]] = field(default_factory=list)  # (2,) before and after every step
    losses: list[float] = field(default_factory=list)


def learn(seed: int) -> Edges:
    """A white image with a black bar: [1, -1] finds its edges, and a convolution has to learn that."""
    rl.manual_seed(seed)
    X = rl.ones((1, 1, 6, 8))
    X[..., 2:6] = 0
    Y = F.conv2d(X, rl.tensor([[[[1.0, -1.0]]]]))
    conv = nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False)
    shown = Edges(X.numpy()[0, 0], Y.numpy()[0, 0], [conv.weight.detach().numpy().ravel().copy()])
    for _ in range(STEPS):
        loss = ((conv(X) - Y) ** 2).sum()
        conv.zero_grad()
        loss.backward()
        gradient = conv.weight.grad
        assert gradient is not None  # backward() has just made it
        conv.weight.data[:] -= LEARNING_RATE * gradient
        shown.losses.append(loss.item())
        shown.kernels.append(conv.weight.detach().numpy().ravel().copy())
    return shown


def report(shown: Edges) -> None:
    """A line per step."""
    print(f"{'':8}{'loss':>8}   kernel (wanted: [ 1, -1])")
    for step, (loss, kernel) in enumerate(zip(shown.losses, shown.kernels[1:], strict=True), 1):
        print(f"step {step:2} {loss:8.3f}   [{kernel[0]:6.3f}, {kernel[1]:6.3f}]")
