"""The compiled module (cpp/bindings). Pairs are (height, width); padding is (top, bottom, left, right).

Arrays in may have any strides, byte order and alignment; arrays out are new, C-contiguous and native, unless
`out`, which must be such an array of the result's size and dtype, is to receive the result. What
arguments mean (sizes, dtypes) is checked here, with torch's exceptions and texts; how they are spelled, in
rushlight.functional.

The try_* functions are the short way in: they take arguments of the usual kind, spelled as in
rushlight.functional (exactly ndarray, int, pairs of ints, bool), and return NotImplemented for any other and
for whatever is wrong; then the function without try_ is to be asked, and says what it is.
"""

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

__version__: str

# ---- convolution: float32 and float64; forward also int8, int16, int32, int64, uint8

def conv2d_forward(
    x: NDArray[Any],
    w: NDArray[Any],
    b: NDArray[Any] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
def conv2d_backward_input(
    dy: NDArray[Any],
    w: NDArray[Any],
    input_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> NDArray[Any]: ...
def conv2d_backward_weight(
    dy: NDArray[Any],
    x: NDArray[Any],
    weight_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> NDArray[Any]: ...
def conv2d_backward_bias(dy: NDArray[Any]) -> NDArray[Any]: ...
def try_conv2d(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any, /
) -> Any: ...

class PreparedConv2d:
    """Weights with what conv2d has computed from them. own: a copy of `weight`; else `weight` itself, whose
    changes `refresh` notices."""

    def __init__(self, weight: NDArray[Any], own: bool) -> None: ...
    @property
    def weight(self) -> NDArray[Any]: ...
    @property
    def nbytes(self) -> int: ...
    def refresh(self, changes: int) -> None:
        """Forget what was computed if an element has changed. They are looked at, unless `changes` is what it
        was and nobody else has held the array, then or now."""

    def forward(
        self,
        x: NDArray[Any],
        b: NDArray[Any] | None,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]: ...

# ---- convolution of signals: dtypes as conv2d's forward; padding is (left, right)

def conv1d_forward(
    x: NDArray[Any],
    w: NDArray[Any],
    b: NDArray[Any] | None,
    stride: int,
    padding: Sequence[int],
    dilation: int,
    groups: int,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...

# ---- transposed convolution: float32 and float64; forward also int64; padding is (rows, columns)

def conv_transpose2d_forward(
    x: NDArray[Any],
    w: NDArray[Any],
    b: NDArray[Any] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    groups: int,
    dilation: Sequence[int],
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
def conv_transpose2d_backward_input(
    dy: NDArray[Any],
    w: NDArray[Any],
    input_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    groups: int,
    dilation: Sequence[int],
) -> NDArray[Any]: ...
def conv_transpose2d_backward_weight(
    dy: NDArray[Any],
    x: NDArray[Any],
    weight_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
    groups: int,
    dilation: Sequence[int],
) -> NDArray[Any]: ...

# ---- max pooling

@overload
def max_pool2d_forward(
    x: NDArray[Any],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    return_indices: Literal[False],
    out: NDArray[Any] | None = None,
    out_indices: NDArray[np.int64] | None = None,
) -> NDArray[Any]: ...
@overload
def max_pool2d_forward(
    x: NDArray[Any],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    return_indices: Literal[True],
    out: NDArray[Any] | None = None,
    out_indices: NDArray[np.int64] | None = None,
) -> tuple[NDArray[Any], NDArray[np.int64]]: ...
@overload
def max_pool2d_forward(
    x: NDArray[Any],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    return_indices: bool,
    out: NDArray[Any] | None = None,
    out_indices: NDArray[np.int64] | None = None,
) -> Any: ...
def max_pool2d_backward(
    dy: NDArray[Any], indices: NDArray[np.int64], input_size: Sequence[int]
) -> NDArray[Any]: ...
def try_max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: Any,
    return_indices: Any,
    /,
) -> Any: ...

# ---- average pooling: float32 and float64; forward also int64

def avg_pool2d_forward(
    x: NDArray[Any],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
def avg_pool2d_backward(
    dy: NDArray[Any],
    input_size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> NDArray[Any]: ...

# ---- relu

def relu_forward(x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]: ...
def relu_backward(dy: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]: ...
def try_relu(input: Any, /) -> Any: ...

# ---- softmax and sigmoid: float32 and float64, contiguous; classes are int64

def try_softmax(input: Any, dim: Any, logarithm: Any, /) -> Any: ...
def try_softmax_backward(grad_output: Any, output: Any, dim: Any, logarithm: Any, /) -> Any: ...
def try_sigmoid(input: Any, /) -> Any: ...
def try_sum_of_classes(scores: Any, classes: Any, factor: Any, /) -> Any: ...

# ---- windows as columns, and back: any numbers (unfold: bool too); padding is (rows, columns)

def unfold(
    x: NDArray[Any],
    kernel: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
def fold(
    y: NDArray[Any],
    output_size: Sequence[int],
    kernel: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...

# ---- batch normalisation: (N, C, ...); numbers per channel are float64

def batch_norm_forward(
    x: NDArray[Any],
    weight: NDArray[Any] | None,
    bias: NDArray[Any] | None,
    eps: float,
    mean: NDArray[Any] | None,
    variance: NDArray[Any] | None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def batch_norm_backward(
    dy: NDArray[Any],
    x: NDArray[Any],
    mean: NDArray[Any],
    scale: NDArray[Any],
    slope: NDArray[Any],
    training: bool,
    want_dx: bool,
) -> tuple[NDArray[Any] | None, NDArray[Any], NDArray[Any]]: ...

# ---- what they would do: sizes in, facts by name out

def plan_conv2d(
    direction: str,
    input_size: Sequence[int],
    weight_size: Sequence[int],
    bias: bool,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    dtype: np.dtype[Any],
    threads: int,
) -> dict[str, Any]: ...
def plan_max_pool2d(
    input_size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    return_indices: bool,
    dtype: np.dtype[Any],
    threads: int,
) -> dict[str, Any]: ...
def plan_relu(input_size: Sequence[int], dtype: np.dtype[Any], threads: int) -> dict[str, Any]: ...
def measure_bandwidth(working_set: int, threads: int, seconds: float = 0.02) -> float: ...

# ---- how they run

def isa() -> str: ...
def available_isas() -> list[str]: ...
def set_isa(name: str) -> None: ...
def num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def conv_precision() -> str: ...
def set_conv_precision(name: str) -> None: ...
def config() -> dict[str, Any]: ...
def measure_fma_peak(seconds: float = 0.2, float64: bool = False) -> float: ...
