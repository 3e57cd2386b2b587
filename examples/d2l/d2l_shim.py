"""What the pages in this folder use of the book's package d2l: its small helpers, a data set of random
images, and a trainer that prints where the book draws. Written for torch: `rushlight run` runs them too.
"""

import inspect

import torch
from torch import nn
from torch.nn import functional as F


def corr2d(X, K):
    """Two-dimensional cross-correlation, as the book defines it."""
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


def add_to_class(Class):
    """A decorator: the function becomes a method of a class that exists already."""

    def wrapper(function):
        setattr(Class, function.__name__, function)

    return wrapper


class HyperParameters:
    """The arguments of `__init__` as attributes."""

    def save_hyperparameters(self, ignore=()):
        frame = inspect.currentframe().f_back
        _, _, _, values = inspect.getargvalues(frame)
        for name, value in values.items():
            if name not in {*ignore, "self", "__class__"} and not name.startswith("_"):
                setattr(self, name, value)


class Accumulator:
    """Sums over n variables."""

    def __init__(self, n):
        self.data = [0.0] * n

    def add(self, *values):
        self.data = [total + float(value) for total, value in zip(self.data, values, strict=True)]

    def __getitem__(self, index):
        return self.data[index]


class Animator:
    """Prints a point of each curve instead of drawing it."""

    def __init__(self, legend):
        self.legend = legend

    def add(self, x, values):
        shown = ", ".join([f"{name} {value:.4f}" for name, value in zip(self.legend, values, strict=True)])
        print(f"epoch {x}: {shown}")


class RandomImages(HyperParameters):
    """Images of Fashion-MNIST's shape (or resized), of random pixels and classes."""

    def __init__(self, batch_size=4, resize=(28, 28), count=12, channels=1):
        self.save_hyperparameters()
        stream = torch.Generator().manual_seed(42)
        self.images = torch.rand(count, channels, *resize, generator=stream)
        self.labels = torch.randint(0, 10, (count,), generator=stream)

    def get_dataloader(self, train):
        half = slice(None, -self.batch_size) if train else slice(-self.batch_size, None)
        dataset = torch.utils.data.TensorDataset(self.images[half], self.labels[half])
        return torch.utils.data.DataLoader(dataset, self.batch_size, shuffle=train, num_workers=0)


class Classifier(nn.Module, HyperParameters):
    """A model with the book's loss, accuracy and summary."""

    def forward(self, X):
        return self.net(X)

    def loss(self, Y_hat, Y):
        return F.cross_entropy(Y_hat.reshape((-1, Y_hat.shape[-1])), Y.reshape((-1,)), reduction="mean")

    def accuracy(self, Y_hat, Y):
        predicted = Y_hat.reshape((-1, Y_hat.shape[-1])).argmax(dim=1).type(Y.dtype)
        return (predicted == Y.reshape(-1)).type(torch.float32).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)

    def apply_init(self, inputs, init=None):
        self.forward(*inputs)
        if init is not None:
            self.net.apply(init)

    def layer_summary(self, X_shape):
        X = torch.randn(*X_shape)
        for layer in self.net:
            X = layer(X)
            print(layer.__class__.__name__, "output shape:\t", X.shape)


class Trainer:
    """Trains for some epochs and shows losses and accuracy."""

    def __init__(self, max_epochs):
        self.max_epochs = max_epochs

    def fit(self, model, data):
        optimizer = model.configure_optimizers()
        animator = Animator(["train loss", "val loss", "val acc"])
        for epoch in range(self.max_epochs):
            model.train()
            training, validation = Accumulator(2), Accumulator(3)
            for X, Y in data.get_dataloader(True):
                loss = model.loss(model(X), Y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                training.add(loss.detach(), 1)
            model.eval()
            for X, Y in data.get_dataloader(False):
                with torch.no_grad():
                    Y_hat = model(X)
                validation.add(model.loss(Y_hat, Y), model.accuracy(Y_hat, Y), 1)
            animator.add(
                epoch + 1,
                [training[0] / training[1], validation[0] / validation[2], validation[1] / validation[2]],
            )


def init_cnn(module):
    """Xavier weights for linear layers and convolutions."""
    if type(module) is nn.Linear or type(module) is nn.Conv2d:
        nn.init.xavier_uniform_(module.weight)


def summary_and_training(model, shape, epochs=2):
    """What every page about an architecture ends with."""
    model.layer_summary(shape)
    data = RandomImages(resize=shape[2:], channels=shape[1])
    model.apply_init([next(iter(data.get_dataloader(True)))[0]], init_cnn)
    Trainer(epochs).fit(model, data)
