"""AlexNet, a quarter as wide, its dense layers narrowed further."""

import d2l_shim as d2l
import torch
from torch import nn

torch.manual_seed(0)


class AlexNet(d2l.Classifier):
    def __init__(self, lr=0.1, num_classes=10, dense=256):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.LazyConv2d(24, kernel_size=11, stride=4, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.LazyConv2d(64, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.LazyConv2d(96, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.LazyConv2d(96, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.LazyConv2d(64, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Flatten(),
            nn.LazyLinear(dense),
            nn.ReLU(),
            nn.Dropout(p=0.5),
            nn.LazyLinear(dense),
            nn.ReLU(),
            nn.Dropout(p=0.5),
            nn.LazyLinear(num_classes),
        )


d2l.summary_and_training(AlexNet(lr=0.01), (1, 1, 96, 96))
