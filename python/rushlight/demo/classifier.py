"""A small convolutional network and its training, as one would write it for one's own data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn, optim

from .console import Progress, batches
from .digits import Digits, Images, Labels

EPOCHS = 60
BATCH = 32
LEARNING_RATE = 0.05


@dataclass
class Training:
    """The network and how it got there."""

    model: nn.Sequential
    losses: list[float] = field(default_factory=list)  # per step
    accuracies: list[float] = field(default_factory=list)  # on the held-out digits, per epoch


def network() -> nn.Sequential:
    """(N, 1, 8, 8) images to (N, 10) scores; about six thousand weights."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 2 * 2, 10),
    )


def varied(images: Images, rng: np.random.Generator) -> Images:
    """Every image moved sideways by up to a pixel, slanted a little, and speckled, as writing is.

    With so few images a network would otherwise learn them by heart.
    """
    n, _, height, width = images.shape
    slant = rng.uniform(-0.2, 0.2, (n, 1, 1)) * (np.arange(height)[:, None] - (height - 1) / 2)
    column = (
        np.arange(width) + rng.integers(-1, 2, (n, 1, 1)) + slant
    )  # (N, H, W), where each pixel comes from
    left = np.floor(column).astype(np.int64)
    share = column - left
    padded = np.pad(images[:, 0], ((0, 0), (0, 0), (3, 3)))  # a pixel moves by less than 3
    here = np.take_along_axis(padded, left + 3, axis=2)
    there = np.take_along_axis(padded, left + 4, axis=2)
    speckles = rng.normal(0, 0.1, images.shape)
    moved: Images = ((1 - share) * here + share * there)[:, None] + speckles
    return moved.astype(np.float32)


def train(digits: Digits, seed: int, epochs: int = EPOCHS) -> Training:
    """Stochastic gradient descent with momentum, the learning rate following half a cosine down to zero."""
    rl.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9)
    training = Training(model)
    count = len(digits.labels)
    with Progress(epochs * math.ceil(count / BATCH), "training") as progress:
        for epoch in range(epochs):
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * epoch / epochs)) / 2
            order = rng.permutation(count)
            images, labels = varied(digits.images[order], rng), digits.labels[order]
            for batch in batches(count, BATCH):
                scores = model(rl.from_numpy(images[batch]))
                loss = F.cross_entropy(scores, rl.from_numpy(labels[batch]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                training.losses.append(loss.item())
                progress.step()
            accuracy = float(np.mean(predict(model, digits.held_out_images) == digits.held_out_labels))
            training.accuracies.append(accuracy)
            progress.note(loss=f"{np.mean(training.losses[-10:]):.3f}", held_out=f"{accuracy:.1%}")
    return training


def predict(model: nn.Module, images: Images) -> Labels:
    """The likeliest digit of each image; nothing is recorded for gradients."""
    with rl.no_grad():
        scores = model(rl.from_numpy(images)).numpy()
    return np.asarray(scores.argmax(axis=1))


def clearest(model: nn.Module, images: Images) -> int:
    """The number of the image whose best score is farthest ahead of its second best."""
    with rl.no_grad():
        scores = np.sort(model(rl.from_numpy(images)).numpy(), axis=1)
    return int(np.argmax(scores[:, -1] - scores[:, -2]))


def first_layer(model: nn.Sequential, image: Images) -> tuple[Images, Images, Images]:
    """The learned kernels (16, 3, 3); the maps (16, 8, 8), plain and pooled (16, 4, 4), of an image."""
    with rl.no_grad():
        maps = model[1](model[0](rl.from_numpy(image[None])))
        pooled = model[2](maps)
    return model[0].weight.detach().numpy()[:, 0], maps.numpy()[0], pooled.numpy()[0]


def report(digits: Digits, training: Training) -> None:
    """The result, and which digits it still confuses."""
    wrong = predict(training.model, digits.held_out_images) != digits.held_out_labels
    count = len(wrong)
    print(f"{count - wrong.sum()} of {count} held-out digits are right: {1 - wrong.mean():.1%}")
