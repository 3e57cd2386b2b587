"""The named rows that are timed, one line each. Adding a layer means adding a line to LAYERS, no more.

No library is called here and no array is made: shapes only.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

Pair = tuple[int, int]

DIRECTIONS: dict[str, tuple[str, ...]] = {
    "conv2d": ("forward", "grad_input", "grad_weight"),
    "conv_transpose2d": ("forward", "grad_input", "grad_weight"),
    "max_pool2d": ("forward", "grad_input"),
    "avg_pool2d": ("forward", "grad_input"),
    "unfold": ("forward", "grad_input"),  # whose gradient is fold
    "batch_norm": ("forward", "grad_input"),  # in training, without weight and bias
    "relu": ("forward", "grad_input"),
}


@dataclass(frozen=True)
class Layer:
    """One operator call: shapes and settings, NCHW, (height, width) pairs."""

    name: str
    op: str
    family: str
    input_shape: tuple[int, int, int, int]
    outputs: int = 0  # K, of convolutions
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    indices: bool = False  # max_pool2d only: indices are asked for as well
    dtype: str = "float32"

    @property
    def suite(self) -> str:
        """`scaling`, `layers` (convolutions) or `ops` (everything else)."""
        return "scaling" if self.family in AXES else "layers" if self.op == "conv2d" else "ops"

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(K, C / groups, R, S) of a conv2d, (C, K / groups, R, S) of a conv_transpose2d."""
        first, second = self.outputs, self.input_shape[1]
        if self.op == "conv_transpose2d":
            first, second = second, first
        return (first, second // self.groups, *self.kernel)

    @property
    def mirrored(self) -> Layer:
        """The conv2d whose gradient with respect to its input a conv_transpose2d is."""
        window = (self.kernel, self.stride, self.padding, self.dilation, self.groups)
        c = self.input_shape[1]
        return Layer(self.name, "conv2d", self.family, self.output_shape, c, *window, dtype=self.dtype)

    @property
    def windows(self) -> Pair:
        """How many windows fit, down and across."""
        axes = zip(self.input_shape[2:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        down, across = ((size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, s, p, d in axes)
        return down, across

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        """(N, K, OH, OW); of unfold (N, C * R * S, OH, OW), whose last two torch makes one."""
        n, c, h, w = self.input_shape
        if self.op in ("relu", "batch_norm"):
            return self.input_shape
        if self.op == "conv_transpose2d":
            axes = zip((h, w), self.kernel, self.stride, self.padding, self.dilation, strict=True)
            oh, ow = ((size - 1) * s - 2 * p + d * (k - 1) + 1 for size, k, s, p, d in axes)
            return (n, self.outputs, oh, ow)
        outputs = {"conv2d": self.outputs, "unfold": c * prod(self.kernel)}.get(self.op, c)
        return (n, outputs, *self.windows)

    @property
    def flops(self) -> int:
        """Multiplications and additions of the direct algorithm, any direction; 0 if no convolution."""
        if self.op == "conv_transpose2d":
            return self.mirrored.flops
        if self.op != "conv2d":
            return 0
        _, c, r, s = self.weight_shape
        return 2 * prod(self.output_shape) * c * r * s

    def bytes(self, direction: str) -> int:
        """What must move through memory: operands read once, results written once."""
        x, y = prod(self.input_shape), prod(self.output_shape)
        item = 8 if self.dtype == "float64" else 4
        if self.op in ("conv2d", "conv_transpose2d"):
            return item * (x + y + prod(self.weight_shape))
        if self.op == "max_pool2d" and (self.indices or direction != "forward"):
            return item * (x + y) + 8 * y
        if self.op in ("relu", "batch_norm") and direction != "forward":
            return item * 3 * x
        return item * (x + y)

    def result_bytes(self, direction: str) -> int:
        """What the call returns."""
        shapes = {"forward": self.output_shape, "grad_input": self.input_shape}
        size = prod(shapes.get(direction, self.weight_shape)) * (8 if self.dtype == "float64" else 4)
        return size + (8 * prod(self.output_shape) if self.indices and direction == "forward" else 0)

    @property
    def directions(self) -> tuple[str, ...]:
        """What can be timed for this operator."""
        return DIRECTIONS[self.op]

    def describe(self) -> str:
        """The shape in one short phrase, such as `1,64,56,56 -> 64 3x3 p1`."""
        text = ",".join(map(str, self.input_shape))
        if self.op in ("relu", "batch_norm"):
            return text
        words = {"max_pool2d": " max", "avg_pool2d": " average", "unfold": " unfold"}
        text += words.get(self.op, f" -> {self.outputs}")
        text += " transposed" if self.op == "conv_transpose2d" else ""
        text += " {}x{}".format(*self.kernel)
        for letter, value, usual in (("s", self.stride, 1), ("p", self.padding, 0), ("d", self.dilation, 1)):
            if value != (usual, usual):
                text += f" {letter}" + (str(value[0]) if value[0] == value[1] else "{}x{}".format(*value))
        text += f" groups {self.groups}" if self.groups > 1 else ""
        text += " with indices" if self.indices else ""
        return text + ("" if self.dtype == "float32" else f" {self.dtype}")


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else value


def _conv(
    family: str,
    name: str,
    shape: tuple[int, int, int, int],
    outputs: int,
    kernel: int | Pair,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
    dtype: str = "float32",
) -> Layer:
    return Layer(
        name,
        "conv2d",
        family,
        shape,
        outputs,
        _pair(kernel),
        _pair(stride),
        _pair(padding),
        _pair(dilation),
        groups,
        dtype=dtype,
    )


def _window(
    op: str,
    name: str,
    shape: tuple[int, int, int, int],
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    outputs: int = 0,
    indices: bool = False,
) -> Layer:
    window = (_pair(kernel), _pair(stride), _pair(padding))
    return Layer(name, op, FAMILY[op], shape, outputs, *window, indices=indices)


FAMILY = {
    "max_pool2d": "pooling",
    "avg_pool2d": "pooling",
    "conv_transpose2d": "transposed",
    "unfold": "columns",
    "batch_norm": "normalisation",
    "relu": "relu",
}


# ---- cost as work grows ----------------------------------------------------------------------------------
AXES = {"N": 1.0, "C": 1.0, "H": 2.0, "K": 1.0}  # what is doubled, and the exponent by the number of flops


def _growing(axis: str, value: int) -> Layer:
    """(4, 32, 28, 28) -> 32, 3 x 3, with one of its sizes set; for the height and width one image."""
    sizes = {"N": 4, "C": 32, "H": 28, "K": 32} | ({"N": 1} if axis == "H" else {}) | {axis: value}
    shape = (sizes["N"], sizes["C"], sizes["H"], sizes["H"])
    return _conv(axis, f"grow_{axis}{value}", shape, sizes["K"], 3, padding=1)


GROWING = tuple(
    _growing(axis, value)
    for axis, values in {
        "N": (1, 2, 4, 8, 16, 32),
        "C": (4, 8, 16, 32, 64, 128, 256),
        "H": (7, 14, 28, 56, 112, 224),
        "K": (4, 8, 16, 32, 64, 128, 256),
    }.items()
    for value in values
)


# ---- the layers ------------------------------------------------------------------------------------------
# family, name, (N, C, H, W), K, kernel, stride, padding
LAYERS: tuple[Layer, ...] = (
    # The smallest call there is: what a tutorial does, so what the call itself costs.
    _conv("tiny", "tiny_5x5", (1, 1, 5, 5), 1, 3),
    _conv("tiny", "edge_6x8", (1, 1, 6, 8), 1, (1, 2)),
    _conv("tiny", "digits_c2", (32, 16, 4, 4), 32, 3, padding=1),
    # LeNet on 28x28 digits
    _conv("lenet", "lenet_c1_b1", (1, 1, 28, 28), 6, 5, padding=2),
    _conv("lenet", "mnist_c1", (32, 1, 28, 28), 6, 5, padding=2),
    _conv("lenet", "lenet_c2", (32, 6, 14, 14), 16, 5),
    # ResNet-50
    _conv("resnet50", "r50_conv1", (1, 3, 224, 224), 64, 7, stride=2, padding=3),
    _conv("resnet50", "r50_c2_1x1", (1, 64, 56, 56), 256, 1),
    _conv("resnet50", "r50_c2_3x3", (1, 64, 56, 56), 64, 3, padding=1),
    _conv("resnet50", "r50_c3_3x3", (1, 128, 28, 28), 128, 3, padding=1),
    _conv("resnet50", "r50_c4_3x3", (1, 256, 14, 14), 256, 3, padding=1),
    _conv("resnet50", "r50_c5_3x3", (1, 512, 7, 7), 512, 3, padding=1),
    _conv("resnet50", "r50_c4_1x1", (1, 1024, 14, 14), 256, 1),
    _conv("resnet50", "r50_c4s2_1x1", (1, 512, 28, 28), 1024, 1, stride=2),
    _conv("resnet50", "r50_c3s2_3x3", (1, 128, 56, 56), 128, 3, stride=2, padding=1),
    _conv("resnet50", "r50_c3_b16", (16, 128, 28, 28), 128, 3, padding=1),
    _conv("resnet50", "r50_c5_b16", (16, 512, 7, 7), 512, 3, padding=1),
    _conv("resnet50", "r50_c2_3x3_f64", (1, 64, 56, 56), 64, 3, padding=1, dtype="float64"),
    # VGG-16
    _conv("vgg16", "vgg_c1_1", (1, 3, 224, 224), 64, 3, padding=1),
    _conv("vgg16", "vgg_c1_2", (1, 64, 224, 224), 64, 3, padding=1),
    _conv("vgg16", "vgg_c3_2", (1, 256, 56, 56), 256, 3, padding=1),
    _conv("vgg16", "vgg_c5", (1, 512, 14, 14), 512, 3, padding=1),
    _conv("vgg16", "cifar_b64", (64, 64, 32, 32), 64, 3, padding=1),
    # U-Net
    _conv("unet", "unet_1", (1, 64, 256, 256), 64, 3, padding=1),
    # MobileNetV2's depthwise layers
    _conv("mobilenetv2", "mbv2_dw1", (1, 32, 112, 112), 32, 3, padding=1, groups=32),
    _conv("mobilenetv2", "mbv2_dw2s2", (1, 144, 56, 56), 144, 3, stride=2, padding=1, groups=144),
    _conv("mobilenetv2", "mbv2_dw3", (1, 576, 14, 14), 576, 3, padding=1, groups=576),
    _conv("mobilenetv2", "dw_960x7", (1, 960, 7, 7), 960, 3, padding=1, groups=960),
    # One image, few channels: what a NumPy, SciPy or OpenCV user filters
    _conv("images", "img_2048_3x3", (1, 1, 2048, 2048), 1, 3, padding=1),
    _conv("images", "img_1080p_1x15", (1, 1, 1080, 1920), 1, (1, 15), padding=(0, 7)),
    _conv("images", "img_1080p_15x1", (1, 1, 1080, 1920), 1, (15, 1), padding=(7, 0)),
    _conv("images", "img_1080p_dw7", (1, 3, 1080, 1920), 3, 7, padding=3, groups=3),
    _conv("images", "img_1to16_512", (1, 1, 512, 512), 16, 3, padding=1),
    _conv("images", "rgb_3to16_512", (1, 3, 512, 512), 16, 3, padding=1),
    # Shapes off the beaten path
    _conv("shapes", "dilated_d2", (1, 64, 56, 56), 64, 3, padding=2, dilation=2),
    _conv("shapes", "dilated_d4", (1, 64, 56, 56), 64, 3, padding=4, dilation=4),
    _conv("shapes", "stride2_3x3", (1, 64, 56, 56), 128, 3, stride=2, padding=1),
    _conv("shapes", "groups_2", (1, 96, 28, 28), 128, 5, padding=2, groups=2),
    _conv("shapes", "groups_8", (4, 64, 28, 28), 64, 3, padding=1, groups=8),
    _conv("shapes", "groups_32", (1, 128, 56, 56), 128, 3, padding=1, groups=32),
    _conv("shapes", "incep_5x5", (1, 48, 35, 35), 64, 5, padding=2),
    _conv("shapes", "alex_11x11s4", (1, 3, 224, 224), 64, 11, stride=4, padding=2),
    _conv("shapes", "incep_1x7", (1, 128, 17, 17), 128, (1, 7), padding=(0, 3)),
    _conv("shapes", "incep_7x1", (1, 128, 17, 17), 128, (7, 1), padding=(3, 0)),
    _conv("shapes", "odd_58", (1, 58, 29, 31), 58, 3, padding=1),
    _conv("shapes", "odd_17", (2, 17, 45, 53), 17, 3, padding=1),
    _conv("shapes", "odd_3", (8, 3, 61, 67), 3, 3, padding=1),
    _conv("shapes", "one_output", (1, 64, 128, 128), 1, 3, padding=1),
    _conv("shapes", "two_outputs", (1, 32, 96, 96), 2, 5, padding=2),
    _conv("shapes", "three_outputs", (1, 64, 128, 128), 3, 3, padding=1),
    # Pooling
    _window("max_pool2d", "pool_r50_3x3s2", (1, 64, 112, 112), 3, 2, 1),
    _window("max_pool2d", "pool_r50_indices", (1, 64, 112, 112), 3, 2, 1, indices=True),
    _window("max_pool2d", "pool_vgg_2x2", (1, 64, 224, 224), 2, 2),
    _window("max_pool2d", "pool_vgg_indices", (1, 64, 224, 224), 2, 2, indices=True),
    _window("max_pool2d", "pool_b16_2x2", (16, 64, 56, 56), 2, 2),
    _window("max_pool2d", "pool_incep_3x3s1", (1, 192, 28, 28), 3, 1, 1),
    _window("max_pool2d", "pool_spp_5x5s1", (1, 256, 20, 20), 5, 1, 2),
    _window("max_pool2d", "pool_4096_2x2", (1, 1, 4096, 4096), 2, 2),
    _window("avg_pool2d", "avg_r50_7x7", (16, 2048, 7, 7), 7),
    _window("avg_pool2d", "avg_dense_2x2", (1, 128, 56, 56), 2, 2),
    _window("avg_pool2d", "avg_incep_3x3s1", (1, 192, 35, 35), 3, 1, 1),
    # Transposed convolutions: a U-Net's way up, a generator's, and stride 1
    _window("conv_transpose2d", "up_unet_2x2s2", (1, 128, 64, 64), 2, 2, outputs=64),
    _window("conv_transpose2d", "up_dcgan_4x4s2", (16, 128, 16, 16), 4, 2, 1, outputs=64),
    _window("conv_transpose2d", "up_3x3", (1, 64, 56, 56), 3, 1, 1, outputs=64),
    # unfold, and fold as its gradient
    _window("unfold", "columns_3x3", (1, 64, 56, 56), 3, 1, 1),
    _window("unfold", "patches_16x16", (8, 3, 224, 224), 16, 16),
    # Batch normalisation in training
    Layer("norm_cifar", "batch_norm", "normalisation", (64, 16, 32, 32)),
    Layer("norm_b16", "batch_norm", "normalisation", (16, 64, 56, 56)),
    # relu
    Layer("relu_224", "relu", "relu", (1, 64, 224, 224)),
    Layer("relu_b16", "relu", "relu", (16, 64, 56, 56)),
)

BY_NAME: dict[str, Layer] = {layer.name: layer for layer in (*LAYERS, *GROWING)}
FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(layer.family for layer in BY_NAME.values()))


def select(patterns: Iterable[str], suites: Iterable[str]) -> list[Layer]:
    """The layers of these suites whose name or family matches any (shell) pattern; no pattern matches all.

    Raises ValueError with one clear line if a pattern matches nothing.
    """
    patterns, suites = list(patterns), list(suites)
    for pattern in patterns:
        if not fnmatch.filter([*BY_NAME, *FAMILIES], pattern):
            raise ValueError(f"no layer or family matches {pattern!r}; --list shows all")
    chosen = [
        layer
        for layer in BY_NAME.values()
        if layer.suite in suites
        and (not patterns or any(fnmatch.filter([layer.name, layer.family], p) for p in patterns))
    ]
    if not chosen:
        raise ValueError(f"no layer is left: none of the layers named is in {', '.join(suites)}")
    return chosen
