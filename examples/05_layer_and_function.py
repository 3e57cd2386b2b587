"""Tutorial 5: nn.Conv2d and F.conv2d are the same operation, and how large their output is.

nn.Conv2d is a layer: an object that owns its kernels (and its bias) and remembers stride, padding,
dilation and groups.  F.conv2d is a function: it owns nothing, you hand it everything.  Give the function
the layer's kernels and both return the same numbers.

The size of the output follows from one formula, for the height and for the width alike:

    out = floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1

Run it:  python examples/05_layer_and_function.py
"""

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn

torch.manual_seed(0)
x = torch.rand(2, 3, 12, 16)  # two images, three channels, 12 rows, 16 columns

conv = nn.Conv2d(3, 4, kernel_size=3, bias=False)
print(conv)
print("the layer's kernels:", conv.weight.shape)  # (kernels, channels each reads, height, width)
by_layer = conv(x)
by_function = F.conv2d(x, conv.weight)
print("output:", by_layer.shape)
print("layer and function are equal:", torch.equal(by_layer, by_function))

with_bias = nn.Conv2d(3, 4, kernel_size=3)
print("with its bias too:", torch.equal(with_bias(x), F.conv2d(x, with_bias.weight, with_bias.bias)))
print("parameters:", [(name, tuple(p.shape)) for name, p in with_bias.named_parameters()])


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


print("the size formula against the layer:")
for settings in (
    {"kernel_size": 3},
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 5, "stride": 2, "padding": 2},
    {"kernel_size": 3, "stride": 3},
    {"kernel_size": 3, "dilation": 2},
    {"kernel_size": (1, 4), "stride": (2, 1), "padding": (0, 3)},
):
    layer = nn.Conv2d(3, 4, **settings)
    predicted = tuple(
        output_size(size, layer.kernel_size[d], layer.stride[d], layer.padding[d], layer.dilation[d])
        for d, size in enumerate((12, 16))
    )
    measured = tuple(layer(x).shape[2:])
    print(f"  {layer}: {predicted}", "as predicted" if predicted == measured else f"but {measured}")

# padding='same' picks the padding that keeps the size; 'valid' means no padding at all.
print("same:", nn.Conv2d(3, 4, 5, padding="same")(x).shape)
print("valid:", nn.Conv2d(3, 4, 5, padding="valid")(x).shape)

# groups=3: every kernel reads one channel only, so a kernel has one third of the numbers.
print("groups=3:", nn.Conv2d(3, 6, 3, groups=3).weight.shape)
