"""Tutorial 3: is it an X?  Feature maps, pooling and relu, once with loops and once with the library.

Two small pictures, a cross and a ring, are made of +1 (ink) and -1 (paper).  An X drawn by another hand
is moved, tilted or thicker, so comparing whole pictures fails.  Comparing small pieces works better:
every X has a bit of falling diagonal, a crossing, and a bit of rising diagonal.  Those three pieces are
our kernels.

    1. convolution   put a kernel everywhere; where ink meets ink the products are +1, and so are those
                     where paper meets paper.  Divided by 9 the answer is 1.00 for a perfect match.
    2. padding       one extra column on the right and one extra row at the bottom: 7 x 7 becomes 8 x 8
    3. max pooling   keep the best match of every 2 x 2 block: 8 x 8 becomes 4 x 4
    4. relu          what does not match (below zero) counts as nothing; here the pooling has left nothing
                     below zero, so try it on a feature map, too

First each step is written with plain NumPy loops, so that nothing is hidden, and then the library does
the same in one line per step.  Both must agree.
Run it:  python examples/03_x_and_o_feature_maps.py
"""

import numpy as np

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn

CROSS = """
.........
.#.....#.
..#...#..
...#.#...
....#....
...#.#...
..#...#..
.#.....#.
.........
"""
RING = """
.........
...###...
..#...#..
.#.....#.
.#.....#.
.#.....#.
..#...#..
...###...
.........
"""
KERNELS = np.array(
    [
        [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]],  # the falling diagonal
        [[1, -1, 1], [-1, 1, -1], [1, -1, 1]],  # the crossing
        [[-1, -1, 1], [-1, 1, -1], [1, -1, -1]],  # the rising diagonal
    ],
    dtype=np.float32,
)
NAMES = ("falling diagonal", "crossing", "rising diagonal")


def picture(text):
    """Text to numbers: '#' is +1, '.' is -1."""
    rows = text.split()
    return np.array([[1.0 if c == "#" else -1.0 for c in row] for row in rows], dtype=np.float32)


def show(title, rows):
    """Print a small matrix with two decimals."""
    print(title)
    for row in rows:
        print("  " + " ".join(f"{float(v):5.2f}" for v in row))


# ---- The four steps as loops ------------------------------------------------------------------------
def convolve(image, kernel):
    size = image.shape[0] - 3 + 1
    result = np.zeros((size, size), dtype=np.float32)
    for i in range(size):
        for j in range(size):
            total = 0.0
            for r in range(3):
                for s in range(3):
                    total += image[i + r, j + s] * kernel[r, s]
            result[i, j] = total / 9
    return result


def pad_right_and_bottom(image):
    size = image.shape[0]
    result = np.zeros((size + 1, size + 1), dtype=np.float32)
    for i in range(size):
        for j in range(size):
            result[i, j] = image[i, j]
    return result


def pool(image):
    size = image.shape[0] // 2
    result = np.zeros((size, size), dtype=np.float32)
    for i in range(size):
        for j in range(size):
            best = image[2 * i, 2 * j]
            for r in range(2):
                for s in range(2):
                    best = max(best, image[2 * i + r, 2 * j + s])
            result[i, j] = best
    return result


def keep_positive(image):
    result = image.copy()
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            if result[i, j] < 0:
                result[i, j] = 0
    return result


cross = picture(CROSS)
print("the cross, 9 x 9:")
print(cross.astype(int))

print("---- with loops ----")
by_hand = []
for k, name in enumerate(NAMES):
    feature_map = convolve(cross, KERNELS[k])
    pooled = pool(pad_right_and_bottom(feature_map))
    by_hand.append((feature_map, pooled, keep_positive(pooled)))
    show(f"feature map, {name}:", feature_map)
    show("pooled:", pooled)

# ---- The four steps as layers -----------------------------------------------------------------------
print("---- with the library ----")
conv = nn.Conv2d(1, 3, kernel_size=(3, 3))  # one image channel in, three feature maps out
conv.weight.data = torch.from_numpy(KERNELS.reshape(3, 1, 3, 3))
conv.bias.data[:] = 0  # we want the plain sums
zero_pad = nn.ZeroPad2d((0, 1, 0, 1))  # left, right, top, bottom
max_pool = nn.MaxPool2d(2)
print(conv)
print(zero_pad)
print(max_pool)

x = torch.from_numpy(cross).reshape(1, 1, 9, 9)
feature_maps = conv(x) / 9
padded = zero_pad(feature_maps)
pooled = max_pool(padded)
activated = F.relu(pooled)
print("sizes:", x.shape, "->", feature_maps.shape, "->", padded.shape, "->", pooled.shape)
print("pooled feature maps:")
print(pooled.detach())
print("after relu nothing is below zero:", activated.min().item() >= 0)
print("relu straight after the convolution, first feature map:")
print(F.relu(feature_maps[0, 0]).detach())

for step, layer in enumerate((feature_maps, pooled, activated)):
    for k, name in enumerate(NAMES):
        assert np.allclose(by_hand[k][step], layer[0, k].detach().numpy(), atol=1e-6), name
print("loops and library agree on all three feature maps")

# ---- Which letter is it?  Add up how well the three pieces are found. ---------------------------------
for name, text in (("cross", CROSS), ("ring", RING)):
    letter = torch.from_numpy(picture(text)).reshape(1, 1, 9, 9)
    score = F.relu(max_pool(zero_pad(conv(letter) / 9))).mean(dim=(0, 2, 3))
    print(f"{name}: how well each piece is found:", [f"{s:.2f}" for s in score.tolist()])
