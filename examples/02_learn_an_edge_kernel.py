"""Tutorial 2: write a convolution with two loops, find edges with it, then let it learn its kernel.

A convolution layer is nothing mysterious: it is a pair of loops around "multiply and add".  The first
part writes those loops over tensors and wraps them in a module of our own, whose kernel is a Parameter,
so that gradients flow through the loops.

The second part is the smallest useful kernel there is, [1, -1]: the difference between a pixel and its
right-hand neighbour.  On a flat area the difference is zero, on a vertical edge it is not.

The third part forgets that kernel and learns it back from examples: show the layer the image and the
wanted output, measure the squared error, follow the gradient downhill ten times.
Run it:  python examples/02_learn_an_edge_kernel.py
"""

import rushlight as torch
from rushlight import nn


def corr2d(X, K):
    """Every place where kernel K fits on image X: multiply element by element and add up."""
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


class Conv2D(nn.Module):
    """Our own convolution layer: a kernel, one bias, and the two loops above."""

    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias


print("1. Two loops")
X = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]])
K = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
print(corr2d(X, K))

torch.manual_seed(1)
layer = Conv2D((2, 2))
out = layer(X)
print(layer)
print("output of our layer:", out)
out.sum().backward()
# Each weight saw four pixels, one per window position: its gradient is their sum.
print("gradient of its kernel:", layer.weight.grad)
print("gradient of its bias:", layer.bias.grad)

print("2. Finding edges")
X = torch.ones((6, 8))
X[:, 2:6] = 0
print(X)
K = torch.tensor([[1.0, -1.0]])
Y = corr2d(X, K)
print("white to black is 1, black to white is -1:")
print(Y)
print("the same kernel is blind to horizontal edges:")
print(corr2d(X.t(), K))

print("3. Learning the kernel")
conv2d = nn.Conv2d(1, 1, kernel_size=(1, 2), bias=False)
X = X.reshape((1, 1, 6, 8))
Y = Y.reshape((1, 1, 6, 7))
lr = 3e-2
for i in range(10):
    Y_hat = conv2d(X)
    loss = (Y_hat - Y) ** 2
    conv2d.zero_grad()
    loss.sum().backward()
    conv2d.weight.data[:] -= lr * conv2d.weight.grad
    if (i + 1) % 2 == 0:
        print(f"epoch {i + 1}, loss {loss.sum():.3f}")

print("the kernel it found (we hid [1, -1]):")
print(conv2d.weight.data.reshape((1, 2)))
