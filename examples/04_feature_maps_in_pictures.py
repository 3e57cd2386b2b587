"""Tutorial 4: the same cross, in pictures: what every stage of a small network sees.

One row per kernel, one column per stage: the picture, the kernel, its feature map (bright where the kernel
matches, dark where its opposite does), the map after relu (no darker than grey: no match is just "nothing"),
after 2 x 2 max pooling (smaller, the best matches survive), and after both.  The last two columns are equal:
the best of four neighbours is never below zero here, so relu has nothing left to do.
A tensor goes straight into matplotlib: drop its dimensions of size one and hand its numbers over.

With a screen the window opens; without one the pictures are saved in a PNG file, whose name can be given:
Run it:  python examples/04_feature_maps_in_pictures.py [pictures.png]
"""

import sys

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("this tutorial draws pictures: pip install matplotlib")

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn

# The cross: +1 where row and column are equal (falling line) or mirrored (rising line), -1 elsewhere.
image = torch.ones((9, 9)) * -1
for i in range(1, 8):
    image[i, i] = 1
    image[i, 8 - i] = 1
x = image.reshape((1, 1, 9, 9))
print("image:", x.shape)

kernels = [
    ("falling diagonal", [[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]),
    ("crossing", [[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0], [1.0, -1.0, 1.0]]),
    ("rising diagonal", [[-1.0, -1.0, 1.0], [-1.0, 1.0, -1.0], [1.0, -1.0, -1.0]]),
]

zero_pad = nn.ZeroPad2d((0, 1, 0, 1))
max_pool = nn.MaxPool2d(2, 2)

stages = []
for name, values in kernels:
    conv = nn.Conv2d(1, 1, (3, 3), bias=False)
    conv.weight.data = torch.tensor([[values]])
    feature_map = conv(x) / 9
    pooled = max_pool(zero_pad(feature_map))
    stages.append((name, conv.weight, feature_map, F.relu(feature_map), pooled, F.relu(pooled)))
    print(
        f"{name}: feature map {tuple(feature_map.shape)}, pooled {tuple(pooled.shape)},"
        f" best match {feature_map.max().item():.2f}, worst {feature_map.min().item():.2f}"
    )

titles = ["original 9 x 9", "kernel", "feature map 7 x 7", "relu of it", "max pooled 4 x 4", "relu of it"]
figure, axes = plt.subplots(3, 6, figsize=(14, 7.5), constrained_layout=True)
figure.suptitle("A cross seen through three kernels")
for row, (name, *stage) in enumerate(stages):
    axes[row, 1].set_ylabel(name)
    for column, maps in enumerate([x, *stage]):
        axis = axes[row, column]
        shown = axis.imshow(maps.data.squeeze().numpy(), cmap="gray", vmin=-1, vmax=1)
        axis.set_title(titles[column], fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
figure.colorbar(shown, ax=axes, shrink=0.6, label="-1: the opposite, 1: a perfect match")

if plt.get_backend().lower() == "agg":  # matplotlib's choice when there is no screen
    path = sys.argv[1] if len(sys.argv) > 1 else "feature_maps.png"
    figure.savefig(path, dpi=100)
    print("pictures saved in", path)
else:
    plt.show()
