"""Padding and stride: shapes of the output."""

import torch
from torch import nn

torch.manual_seed(0)


def comp_conv2d(conv2d, X):
    X = X.reshape((1, 1, *X.shape))
    Y = conv2d(X)
    return Y.reshape(Y.shape[2:])


X = torch.rand(size=(8, 8))
for conv2d in (
    nn.LazyConv2d(1, kernel_size=3, padding=1),
    nn.LazyConv2d(1, kernel_size=(5, 3), padding=(2, 1)),
    nn.LazyConv2d(1, kernel_size=3, padding=1, stride=2),
    nn.LazyConv2d(1, kernel_size=(3, 5), padding=(0, 1), stride=(3, 4)),
):
    print(conv2d)
    Y = comp_conv2d(conv2d, X)
    print(conv2d, Y.shape)
    print(Y)
