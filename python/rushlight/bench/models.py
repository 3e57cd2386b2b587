"""The models whose training steps are timed, and the steps: written once, run under rushlight and torch.

Each function is given the library as `torch`. Weights and batches come from NumPy, so that both start from
the same numbers. Nothing is timed here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Step = Callable[[], float]  # one training step; returns the loss before it


@dataclass(frozen=True)
class Model:
    """A network, the batch it is trained on, and how far a step goes."""

    build: Callable[[Any], Any]
    input_shape: tuple[int, int, int, int]
    rate: float
    classes: int = 10

    def step(self, torch: Any) -> Step:
        """Forward, loss, backward and SGD on one batch, again and again."""
        random = np.random.default_rng(0)
        network = self.build(torch)
        for parameter in network.parameters():
            if len(parameter.shape) > 1:
                fan_in = float(np.prod(parameter.shape[1:]))
                values = random.normal(0, np.sqrt(2 / fan_in), tuple(parameter.shape))
                parameter.data.copy_(torch.from_numpy(values.astype(np.float32)))
        for module in network.modules():
            if getattr(module, "bias", None) is not None:
                module.bias.data.zero_()
        images = torch.from_numpy(random.standard_normal(self.input_shape, dtype=np.float32))
        labels = torch.from_numpy(random.integers(0, self.classes, self.input_shape[0]))
        criterion = torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(network.parameters(), lr=self.rate)

        def step() -> float:
            optimizer.zero_grad()
            loss = criterion(network(images), labels)
            loss.backward()
            optimizer.step()
            return float(loss.detach())

        return step


def lenet(torch: Any) -> Any:
    """LeCun et al., 1998, with relu and max pooling."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def vgg(torch: Any) -> Any:
    """Pairs of 3 x 3 convolutions of 64, 128 and 256 channels (after Simonyan and Zisserman, 2014)."""
    nn = torch.nn
    layers: list[Any] = []
    before = 3
    for channels in (64, 128, 256):
        layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        before = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256 * 4 * 4, 10))


def resnet20(torch: Any) -> Any:
    """He et al., 2015, section 4.2: three stages of three blocks; 1 x 1 convolutions where sizes change."""
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        """Two convolutions and the way around them."""

        def __init__(self, before: int, channels: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(channels)
            self.shortcut = nn.Sequential()
            if stride != 1 or before != channels:
                conv = nn.Conv2d(before, channels, 1, stride, bias=False)
                self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(channels))

        def forward(self, x: Any) -> Any:
            y = functional.relu(self.norm1(self.conv1(x)))
            return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))

    stem = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    blocks = [
        Block(before, channels, stride)
        for first, channels, down in ((16, 16, 1), (16, 32, 2), (32, 64, 2))
        for before, stride in ((first, down), (channels, 1), (channels, 1))
    ]
    return nn.Sequential(*stem, *blocks, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(64, 10))


# Steps that all models learn from, and small enough that rounding errors do not grow: with ten times larger
# ones, two runs of one library at two precisions part by a thousandth of the loss within 20 steps.
MODELS = {
    "lenet": Model(lenet, (64, 1, 28, 28), 0.01),
    "vgg": Model(vgg, (32, 3, 32, 32), 1e-4),
    "resnet20": Model(resnet20, (64, 3, 32, 32), 2e-3),
}
