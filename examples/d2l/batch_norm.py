"""Batch normalisation: written by hand, as a layer of one's own, and torch's."""

import d2l_shim as d2l
import torch
from torch import nn

torch.manual_seed(0)


def batch_norm(X, gamma, beta, moving_mean, moving_var, eps, momentum):
    if not torch.is_grad_enabled():
        X_hat = (X - moving_mean) / torch.sqrt(moving_var + eps)
    else:
        assert len(X.shape) in (2, 4)
        if len(X.shape) == 2:
            mean = X.mean(dim=0)
            var = ((X - mean) ** 2).mean(dim=0)
        else:
            mean = X.mean(dim=(0, 2, 3), keepdim=True)
            var = ((X - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
        X_hat = (X - mean) / torch.sqrt(var + eps)
        moving_mean = (1.0 - momentum) * moving_mean + momentum * mean
        moving_var = (1.0 - momentum) * moving_var + momentum * var
    Y = gamma * X_hat + beta
    return Y, moving_mean.data, moving_var.data


class BatchNorm(nn.Module):
    def __init__(self, num_features, num_dims):
        super().__init__()
        shape = (1, num_features) if num_dims == 2 else (1, num_features, 1, 1)
        self.gamma = nn.Parameter(torch.ones(shape))
        self.beta = nn.Parameter(torch.zeros(shape))
        self.moving_mean = torch.zeros(shape)
        self.moving_var = torch.ones(shape)

    def forward(self, X):
        if self.moving_mean.device != X.device:
            self.moving_mean = self.moving_mean.to(X.device)
            self.moving_var = self.moving_var.to(X.device)
        Y, self.moving_mean, self.moving_var = batch_norm(
            X, self.gamma, self.beta, self.moving_mean, self.moving_var, eps=1e-5, momentum=0.1
        )
        return Y


class BNLeNet(d2l.Classifier):
    def __init__(self, norms, lr=0.1, num_classes=10):
        super().__init__()
        self.save_hyperparameters()
        norm1, norm2, norm3, norm4 = norms
        self.net = nn.Sequential(
            nn.LazyConv2d(6, kernel_size=5),
            norm1,
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.LazyConv2d(16, kernel_size=5),
            norm2,
            nn.Sigmoid(),
            nn.AvgPool2d(kernel_size=2, stride=2),
            nn.Flatten(),
            nn.LazyLinear(120),
            norm3,
            nn.Sigmoid(),
            nn.LazyLinear(84),
            norm4,
            nn.Sigmoid(),
            nn.LazyLinear(num_classes),
        )


model = BNLeNet([BatchNorm(6, 4), BatchNorm(16, 4), BatchNorm(120, 2), BatchNorm(84, 2)])
data = d2l.RandomImages()
model.apply_init([next(iter(data.get_dataloader(True)))[0]], d2l.init_cnn)
d2l.Trainer(2).fit(model, data)
print(model.net[1].gamma.reshape((-1,)), model.net[1].beta.reshape((-1,)))

model = BNLeNet([nn.LazyBatchNorm2d(), nn.LazyBatchNorm2d(), nn.LazyBatchNorm1d(), nn.LazyBatchNorm1d()])
model.apply_init([next(iter(data.get_dataloader(True)))[0]], d2l.init_cnn)
d2l.Trainer(2).fit(model, data)
