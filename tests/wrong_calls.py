"""Wrong calls by the thousand: a right call of each public function, and every way to spoil one argument.

A right call is a name and its arguments, each a value or `A(*shape)`, an array of either library. For every
argument, `spoilt` gives values that are wrong for its kind: another type, another number of dimensions or of
elements, another dtype, negative, zero and huge numbers. Nothing here judges; test_wrong_calls.py does.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True, init=False)
class A:
    """An array of ones (of zeros, where they are class numbers or indices)."""

    shape: tuple[int, ...]
    dtype: str

    def __init__(self, *shape: int, dtype: str = "float32") -> None:
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "dtype", dtype)

    def __repr__(self) -> str:
        return f"A{self.shape}" if self.dtype == "float32" else f"A({self.shape}, {self.dtype})"

    def make(self, library: Any) -> Any:
        """As a Tensor of rushlight or torch."""
        fill = np.zeros if self.dtype == "int64" else np.ones
        return library.from_numpy(fill(self.shape, self.dtype))


class Call(NamedTuple):
    """`name` begins with F., nn., optim., T. (a method, whose first argument is the Tensor) or nothing."""

    name: str
    arguments: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.arguments.items())})"

    def run(self, library: Any) -> Any:
        """Make the arguments and call."""
        arguments = {name: made(value, library) for name, value in self.arguments.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            where, _, name = self.name.rpartition(".")
            if where == "T":
                return getattr(arguments.pop("self"), name)(**arguments)
            spaces = {"": library, "F": library.nn.functional, "nn": library.nn, "optim": library.optim}
            return getattr(spaces[where], name)(**arguments)


def made(value: Any, library: Any) -> Any:
    """`value` with every A in it made."""
    if isinstance(value, A):
        return value.make(library)
    return type(value)(made(each, library) for each in value) if type(value) in (list, tuple) else value


X, IMAGE = A(2, 3), A(1, 2, 6, 6)
LABELS = A(4, dtype="int64")
WINDOW = {"stride": 2, "padding": 1, "ceil_mode": False}
SPATIAL = {"stride": 1, "padding": 1, "dilation": 1, "groups": 1}
COLUMNS = {"dilation": 1, "padding": 0, "stride": 1}

FUNCTIONS = [
    Call("F.conv1d", {"input": A(1, 2, 6), "weight": A(4, 2, 3), "bias": A(4), **SPATIAL}),
    Call("F.conv2d", {"input": IMAGE, "weight": A(4, 2, 3, 3), "bias": A(4), **SPATIAL}),
    Call(
        "F.conv_transpose2d",
        {
            "input": IMAGE,
            "weight": A(2, 4, 3, 3),
            "bias": A(4),
            "stride": 2,
            "padding": 1,
            "output_padding": 1,
            "groups": 1,
            "dilation": 1,
        },
    ),
    Call("F.linear", {"input": A(4, 3), "weight": A(5, 3), "bias": A(5)}),
    Call("F.unfold", {"input": IMAGE, "kernel_size": (3, 3), **COLUMNS}),
    Call("F.fold", {"input": A(1, 18, 16), "output_size": (6, 6), "kernel_size": (3, 3), **COLUMNS}),
    Call("F.max_pool2d", {"input": IMAGE, "kernel_size": 3, "dilation": 1, "return_indices": True, **WINDOW}),
    Call(
        "F.avg_pool2d",
        {"input": IMAGE, "kernel_size": 3, "count_include_pad": True, "divisor_override": 2, **WINDOW},
    ),
    Call(
        "F.lp_pool2d", {"input": IMAGE, "norm_type": 2.0, "kernel_size": 3, "stride": 2, "ceil_mode": False}
    ),
    Call("F.adaptive_avg_pool2d", {"input": IMAGE, "output_size": (2, 2)}),
    Call("F.adaptive_max_pool2d", {"input": IMAGE, "output_size": (2, 2), "return_indices": True}),
    Call(
        "F.max_unpool2d",
        {
            "input": A(1, 1, 1, 1),
            "indices": A(1, 1, 1, 1, dtype="int64"),
            "kernel_size": 2,
            "stride": 2,
            "padding": 0,
            "output_size": (2, 2),
        },
    ),
    Call("F.pad", {"input": IMAGE, "pad": (1, 1), "mode": "constant", "value": 0.5}),
    Call("F.interpolate", {"input": IMAGE, "size": (4, 4), "mode": "bilinear", "align_corners": False}),
    Call("F.interpolate", {"input": IMAGE, "scale_factor": 2.0, "mode": "nearest"}),
    Call(
        "F.batch_norm",
        {
            "input": IMAGE,
            "running_mean": A(2),
            "running_var": A(2),
            "weight": A(2),
            "bias": A(2),
            "training": True,
            "momentum": 0.1,
            "eps": 1e-5,
        },
    ),
    Call("F.softmax", {"input": X, "dim": 1}),
    Call("F.log_softmax", {"input": X, "dim": 1}),
    Call("F.mse_loss", {"input": X, "target": X, "reduction": "mean"}),
    Call("F.l1_loss", {"input": X, "target": X, "reduction": "sum"}),
    Call(
        "F.nll_loss",
        {"input": A(4, 3), "target": LABELS, "weight": A(3), "ignore_index": -100, "reduction": "mean"},
    ),
    Call(
        "F.cross_entropy",
        {
            "input": A(4, 3),
            "target": LABELS,
            "weight": A(3),
            "ignore_index": -100,
            "reduction": "mean",
            "label_smoothing": 0.1,
        },
    ),
    Call(
        "F.binary_cross_entropy_with_logits",
        {"input": X, "target": X, "weight": A(3), "reduction": "mean", "pos_weight": A(3)},
    ),
    Call("F.one_hot", {"input": LABELS, "num_classes": 3}),
    Call("F.dropout", {"input": X, "p": 0.5, "training": True, "inplace": False}),
    Call("F.dropout2d", {"input": IMAGE, "p": 0.5, "training": True, "inplace": False}),
    Call("F.relu", {"input": X, "inplace": False}),
    Call("F.relu6", {"input": X, "inplace": False}),
    Call("F.relu_", {"input": X}),
    Call("F.elu", {"input": X, "alpha": 1.0, "inplace": False}),
    Call("F.gelu", {"input": X, "approximate": "tanh"}),
    Call("F.silu", {"input": X, "inplace": False}),
    Call("F.softplus", {"input": X, "beta": 1.0, "threshold": 20.0}),
    Call("F.sigmoid", {"input": X}),
    Call("F.tanh", {"input": X}),
    Call("F.hardtanh", {"input": X, "min_val": -1.0, "max_val": 1.0, "inplace": False}),
    Call("F.leaky_relu", {"input": X, "negative_slope": 0.1, "inplace": False}),
    Call("F.prelu", {"input": X, "weight": A(3)}),
    Call("F.threshold", {"input": X, "threshold": 0.1, "value": 0.0, "inplace": False}),
]

_CONV = {
    "kernel_size": 3,
    "stride": 1,
    "padding": 1,
    "dilation": 1,
    "groups": 1,
    "bias": True,
    "padding_mode": "zeros",
}
_NORM = {"num_features": 2, "eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True}
MODULES = [
    Call("nn.Conv1d", {"in_channels": 2, "out_channels": 4, **_CONV}),
    Call("nn.Conv2d", {"in_channels": 2, "out_channels": 4, **_CONV}),
    Call("nn.ConvTranspose2d", {"in_channels": 2, "out_channels": 4, "output_padding": 0, **_CONV}),
    Call("nn.Linear", {"in_features": 3, "out_features": 2, "bias": True}),
    Call("nn.BatchNorm1d", _NORM),
    Call("nn.BatchNorm2d", _NORM),
    Call("nn.Dropout", {"p": 0.5, "inplace": False}),
    Call("nn.Dropout2d", {"p": 0.5, "inplace": False}),
    Call("nn.PReLU", {"num_parameters": 3, "init": 0.25}),
    Call("nn.Threshold", {"threshold": 0.1, "value": 0.0}),
    Call("nn.Hardtanh", {"min_val": -1.0, "max_val": 1.0}),
    Call("nn.Upsample", {"scale_factor": 2.0, "mode": "nearest"}),
    Call("nn.ConstantPad2d", {"padding": 1, "value": 0.0}),
    Call("nn.ZeroPad2d", {"padding": 1}),
    Call("nn.ReflectionPad2d", {"padding": 1}),
    Call("nn.Flatten", {"start_dim": 1, "end_dim": -1}),
    Call("nn.ModuleList", {"modules": []}),
    Call("nn.Parameter", {"data": X, "requires_grad": True}),
    Call(
        "optim.SGD",
        {
            "params": [A(2)],
            "lr": 0.1,
            "momentum": 0.9,
            "dampening": 0.0,
            "weight_decay": 0.1,
            "nesterov": True,
        },
    ),
    Call(
        "optim.Adam", {"params": [A(2)], "lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1}
    ),
    Call(
        "optim.AdamW", {"params": [A(2)], "lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1}
    ),
]

_MANY = [X, X]
TENSORS = [
    Call("cat", {"tensors": _MANY, "dim": 0}),
    Call("stack", {"tensors": _MANY, "dim": 0}),
    Call("where", {"condition": A(2, 3, dtype="bool"), "input": X, "other": X}),
    Call("arange", {"start": 0, "end": 5, "step": 1}),
    Call("linspace", {"start": 0.0, "end": 1.0, "steps": 5}),
    Call("full", {"size": (2, 3), "fill_value": 1.5}),
    Call("zeros", {"size": (2, 3)}),
    Call("ones", {"size": (2, 3)}),
    Call("eye", {"n": 3, "m": 2}),
    Call("randint", {"low": 0, "high": 5, "size": (2, 3)}),
    Call("randperm", {"n": 5}),
    Call("addmm", {"input": A(2, 2), "mat1": X, "mat2": A(3, 2)}),
    Call("bmm", {"input": A(1, 2, 3), "mat2": A(1, 3, 2)}),
    Call("mm", {"input": X, "mat2": A(3, 2)}),
    Call("mv", {"input": X, "vec": A(3)}),
    Call("dot", {"input": A(3), "tensor": A(3)}),
    Call("outer", {"input": A(3), "vec2": A(3)}),
    Call("matmul", {"input": X, "other": A(3, 2)}),
    Call("bincount", {"input": LABELS, "minlength": 2}),
    Call("T.sum", {"self": X, "dim": 1, "keepdim": True}),
    Call("T.mean", {"self": X, "dim": 1, "keepdim": True}),
    Call("T.prod", {"self": X, "dim": 1, "keepdim": True}),
    Call("T.var", {"self": X, "dim": 1, "correction": 1, "keepdim": True}),
    Call("T.amax", {"self": X, "dim": 1, "keepdim": True}),
    Call("T.max", {"self": X, "dim": 1, "keepdim": True}),
    Call("T.argmax", {"self": X, "dim": 1, "keepdim": True}),
    Call("T.any", {"self": X, "dim": 1, "keepdim": True}),
    Call("T.logsumexp", {"self": X, "dim": 1, "keepdim": True}),
    Call("T.cumsum", {"self": X, "dim": 1}),
    Call("T.sort", {"self": X, "dim": 1, "descending": True}),
    Call("T.topk", {"self": X, "k": 2, "dim": 1, "largest": True, "sorted": True}),
    Call("T.softmax", {"self": X, "dim": 1}),
    Call("T.add", {"self": X, "other": X, "alpha": 2}),
    Call("T.mul", {"self": X, "other": X}),
    Call("T.sub", {"self": X, "other": X, "alpha": 2}),
    Call("T.div", {"self": X, "other": X, "rounding_mode": "floor"}),
    Call("T.pow", {"self": X, "exponent": 2}),
    Call("T.eq", {"self": X, "other": X}),
    Call("T.maximum", {"self": X, "other": X}),
    Call("T.clamp", {"self": X, "min": 0.0, "max": 1.0}),
    Call("T.reshape", {"self": X, "shape": (3, 2)}),
    Call("T.permute", {"self": X, "dims": (1, 0)}),
    Call("T.transpose", {"self": X, "dim0": 0, "dim1": 1}),
    Call("T.squeeze", {"self": A(2, 1), "dim": 1}),
    Call("T.unsqueeze", {"self": X, "dim": 1}),
    Call("T.flatten", {"self": X, "start_dim": 0, "end_dim": 1}),
    Call("T.unflatten", {"self": X, "dim": 1, "sizes": (3, 1)}),
    Call("T.expand", {"self": A(1, 3), "size": (2, 3)}),
    Call("T.narrow", {"self": X, "dim": 1, "start": 0, "length": 2}),
    Call("T.select", {"self": X, "dim": 1, "index": 0}),
    Call("T.split", {"self": X, "split_size": 2, "dim": 1}),
    Call("T.chunk", {"self": X, "chunks": 2, "dim": 1}),
    Call("T.flip", {"self": X, "dims": (0, 1)}),
    Call("T.roll", {"self": X, "shifts": 1, "dims": 1}),
    Call("T.repeat_interleave", {"self": X, "repeats": 2, "dim": 1}),
    Call("T.gather", {"self": X, "dim": 1, "index": A(2, 3, dtype="int64")}),
    Call("T.scatter", {"self": X, "dim": 1, "index": A(2, 3, dtype="int64"), "src": X}),
    Call("T.index_select", {"self": X, "dim": 1, "index": LABELS}),
    Call("T.take", {"self": X, "index": LABELS}),
    Call("T.masked_fill", {"self": X, "mask": A(2, 3, dtype="bool"), "value": 1.0}),
    Call("T.masked_select", {"self": X, "mask": A(2, 3, dtype="bool")}),
    Call("T.tril", {"self": X, "diagonal": 0}),
    Call("T.diag", {"self": X, "diagonal": 0}),
    Call("T.unfold", {"self": X, "dimension": 1, "size": 2, "step": 1}),
    Call("T.copy_", {"self": X, "other": X}),
    Call("T.fill_", {"self": X, "value": 1.0}),
    Call("T.requires_grad_", {"self": X, "requires_grad": True}),
    Call("T.backward", {"self": A(), "gradient": A()}),
    Call("T.view", {"self": X, "size": (3, 2)}),
]

HUGE = (2**62, 2**70)


def spoilt(value: Any) -> Iterator[Any]:
    """Values that are wrong, or at the edge, where `value` is right."""
    if isinstance(value, A):
        yield from (None, "text", [1.0], 1.5, {})
        yield from (A(1, *value.shape, dtype=value.dtype), A(1, 1, 1, *value.shape, dtype=value.dtype))
        yield A(dtype=value.dtype)
        for dim, length in enumerate(value.shape):
            before, after = value.shape[:dim], value.shape[dim + 1 :]
            yield from (A(*before, n, *after, dtype=value.dtype) for n in (length + 1, 0))
        yield A(*value.shape[1:], dtype=value.dtype)
        kinds = ("bool", "uint8", "int32", "int64", "float16", "float64")
        yield from (A(*value.shape, dtype=kind) for kind in kinds if kind != value.dtype)
    elif isinstance(value, bool):
        yield from (None, 1, 0.5, "text", (True,))
    elif isinstance(value, int):
        yield from (None, "text", 1.5, True, -1, -5, 0, 7, *HUGE, -(2**62), (), (1, 1, 1), [1.5], A(2))
    elif isinstance(value, float):
        yield from (None, "text", -1.0, 1e300, float("nan"), True, (1.0,), 2**70, A(2))
    elif isinstance(value, str):
        yield from (None, 1, "text", "", ("mean",))
    elif value and isinstance(value[0], A):
        yield from (
            None,
            [],
            value[0],
            [None],
            ["text"],
            [1.5],
            [*value[:-1], A(2, 4, 3)],
            [*value[:-1], A(5)],
        )
    elif value:
        yield from (None, "text", 1.5, (), value[:1], (*value, 1), (*value, 1, 1, 1), A(2))
        for wrong in (None, "text", 0.5, True, -1, -3, 0, 9, *HUGE):
            yield (*value[:-1], wrong)
    else:
        yield from (1, "text", [1], ["text"])


def wrong_calls(right: Call) -> Iterator[Call]:
    """`right` with one argument spoilt, left out, or too many."""
    for name, value in right.arguments.items():
        for wrong in spoilt(value):
            yield right._replace(arguments=right.arguments | {name: wrong})
        if name != "self":
            rest = {key: each for key, each in right.arguments.items() if key != name}
            yield right._replace(arguments=rest)
    yield right._replace(arguments=right.arguments | {"nonsense": 1})
