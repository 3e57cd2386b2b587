"""VGG-11, an eighth as wide, on images of 64 x 64 pixels."""

import d2l_shim as d2l
import torch
from torch import nn

torch.manual_seed(0)


def vgg_block(num_convs, out_channels):
    layers = []
    for _ in range(num_convs):
        layers.append(nn.LazyConv2d(out_channels, kernel_size=3, padding=1))
        layers.append(nn.ReLU())
    layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


class VGG(d2l.Classifier):
    def __init__(self, arch, lr=0.1, num_classes=10, dense=64):
        super().__init__()
        self.save_hyperparameters()
        conv_blks = []
        for num_convs, out_channels in arch:
            conv_blks.append(vgg_block(num_convs, out_channels))
        self.net = nn.Sequential(
            *conv_blks,
            nn.Flatten(),
            nn.LazyLinear(dense),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.LazyLinear(dense),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.LazyLinear(num_classes),
        )


model = VGG(arch=((1, 8), (1, 16), (2, 32), (2, 64), (2, 64)), lr=0.01)
d2l.summary_and_training(model, (1, 1, 64, 64))
