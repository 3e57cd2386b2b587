"""A script for PyTorch in the manner of its beginner tutorials, on random images: a small CNN trained from a
DataLoader and saved, a linear model by hand, a Sequential with Adam. test_run.py runs it on both."""

import copy
import math
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
print(f"Using {device} device")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


net = Net().to(device)
print(net)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
data = TensorDataset(torch.randn(40, 3, 32, 32), torch.randint(0, 10, (40,)))
loader = DataLoader(data, batch_size=4, shuffle=True)
for epoch in range(2):
    running_loss = 0.0
    for i, (inputs, labels) in enumerate(loader, 0):
        optimizer.zero_grad()
        loss = criterion(net(inputs.to(device)), labels.to(device))
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        if i % 5 == 4:
            print(f"[{epoch + 1}, {i + 1:5d}] loss: {running_loss / 5:.3f}")
            running_loss = 0.0

torch.save(net.state_dict(), sys.argv[1])
net = Net()
print(net.load_state_dict(torch.load(sys.argv[1], weights_only=True)))
correct, total = 0, 0
with torch.no_grad():
    for images, labels in loader:
        _, predicted = torch.max(net(images), 1)
        total += labels.size(0)
        correct += (predicted == labels).sum().item()
print(f"{100 * correct // total} %")

weights = torch.randn(784, 10) / math.sqrt(784)
weights.requires_grad_()
bias = torch.zeros(10, requires_grad=True)
xb, yb = torch.rand(64, 784), torch.randint(0, 10, (64,))


def model(xb):
    x = xb @ weights + bias
    return x - x.exp().sum(-1).log().unsqueeze(-1)


for _ in range(2):
    predictions = model(xb)
    loss = -predictions[range(yb.shape[0]), yb].mean()
    print(loss, (torch.argmax(predictions, dim=1) == yb).float().mean())
    loss.backward()
    with torch.no_grad():
        weights -= weights.grad * 0.5
        bias -= bias.grad * 0.5
        weights.grad.zero_()
        bias.grad.zero_()


class Lambda(nn.Module):
    def __init__(self, func):
        super().__init__()
        self.func = func

    def forward(self, x):
        return self.func(x)


model = nn.Sequential(
    Lambda(lambda x: x.view(-1, 1, 28, 28)),
    nn.Conv2d(1, 16, kernel_size=3, stride=2, padding=1),
    nn.ReLU(),
    nn.Conv2d(16, 10, kernel_size=3, stride=2, padding=1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    Lambda(lambda x: x.view(x.size(0), -1)),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
for _ in range(5):
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(model(xb), yb)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    print(f"{loss.item():.4f}", scheduler.get_last_lr())
best = copy.deepcopy(model.state_dict())
print(model.load_state_dict(best), {name: tuple(value.shape) for name, value in best.items()})
print(sum(p.numel() for p in model.parameters() if p.requires_grad), optimizer)
