"""The fuzzer's judge of values: convolutions, poolings and relu against the float64 oracle, whatever the
arguments' spelling, strides and dtypes; and calls of them whose arguments fit together, which random ones
seldom do. Nothing is known here of what may be raised.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

import oracle
import rushlight

Array = np.ndarray[Any, Any]
MOST = 2_000_000  # elements of an operand or products of a result that the oracle is bothered with

CORE = (
    *("conv2d_forward", "conv2d_backward_input", "conv2d_backward_weight", "conv2d_backward_bias"),
    *("max_pool2d_forward", "max_pool2d_backward", "avg_pool2d_forward", "avg_pool2d_backward"),
    *("relu_forward", "relu_backward"),
)
PUBLIC = ("conv2d", "max_pool2d", "avg_pool2d", "relu")


# ---------------------------------------------------------------- arguments that fit


def _pair(rng: random.Random, *choices: int) -> tuple[int, int]:
    return rng.choice(choices), rng.choice(choices)


def _sides(rng: random.Random, most: tuple[int, int]) -> tuple[int, ...]:
    top, left = rng.randint(0, most[0]), rng.randint(0, most[1])
    if rng.random() < 0.7:
        return top, top, left, left
    return top, rng.randint(0, most[0]), left, rng.randint(0, most[1])


def fitting(rng: random.Random, make: Callable[[tuple[int, ...], Any], Array]) -> tuple[str, list[Any]]:
    """The name of a function and arguments for it. make(shape, dtype) draws an array."""
    name = rng.choice(CORE)
    dtype = np.dtype(rng.choice(("f4", "f4", "f4", "f8")))
    if name.endswith("forward") and rng.random() < 0.2:
        dtype = np.dtype(rng.choice(("i1", "u1", "i2", "i4", "i8")))
    n, channels, size = (
        rng.choice((0, 1, 1, 2, 3)),
        rng.choice((1, 2, 3, 4, 8, 17, 34)),
        _pair(rng, *range(1, 40)),
    )
    if "conv" in name:
        return f"_core.{name}", _convolution(rng, make, name, dtype, n, channels, size)
    if "pool" in name:
        return f"_core.{name}", _pooling(rng, make, name, dtype, n, channels, size)
    x = make((n, channels, *size), dtype)
    return f"_core.{name}", [x] if name == "relu_forward" else [make(x.shape, dtype), x]


def _convolution(rng, make, name, dtype, n, channels, size) -> list[Any]:  # type: ignore[no-untyped-def]
    groups = rng.choice([g for g in (1, 1, 1, 2, 4, channels) if channels % g == 0])
    outputs = groups * rng.choice((1, 1, 2, 5, 12, 33))
    kernel, stride, dilation = _pair(rng, 1, 2, 3, 3, 3, 5), _pair(rng, 1, 1, 1, 2, 3), _pair(rng, 1, 1, 1, 2)
    reach = tuple(dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1))
    size = tuple(max(size[i], reach[i]) for i in (0, 1))
    options = [stride, _sides(rng, (reach[0] // 2, reach[1] // 2)), dilation, groups]
    x_size, w_size = (n, channels, *size), (outputs, channels // groups, *kernel)
    y_size = (n, outputs, *oracle.conv2d_size(size, kernel, *options[:3]))
    if name == "conv2d_forward":
        bias = make((outputs,), dtype) if rng.random() < 0.5 else None
        return [make(x_size, dtype), make(w_size, dtype), bias, *options]
    if name == "conv2d_backward_input":
        return [make(y_size, dtype), make(w_size, dtype), list(x_size), *options]
    if name == "conv2d_backward_weight":
        return [make(y_size, dtype), make(x_size, dtype), list(w_size), *options]
    return [make(y_size, dtype)]


def _pooling(rng, make, name, dtype, n, channels, size) -> list[Any]:  # type: ignore[no-untyped-def]
    n = max(n, 1)
    kernel, stride = _pair(rng, 1, 2, 2, 3, 3, 5), _pair(rng, 1, 1, 2, 2, 3)
    size = tuple(max(size[i], 9) for i in (0, 1))
    options = [kernel, stride, _sides(rng, (kernel[0] // 2, kernel[1] // 2))]
    ceil_mode, x_size = rng.random() < 0.5, (n, channels, *size)
    out = oracle.max_pool2d_size(size, *options, (1, 1), ceil_mode)
    if name == "max_pool2d_forward":
        return [make(x_size, dtype), *options, _pair(rng, 1, 1, 2), ceil_mode, rng.random() < 0.5]
    if name == "max_pool2d_backward":
        places = np.random.default_rng(rng.getrandbits(32)).integers(
            0, size[0] * size[1], (n, channels, *out)
        )
        return [make((n, channels, *out), dtype), places, list(x_size)]
    divisor = rng.choice((None, None, 3, -2))
    if name == "avg_pool2d_forward":
        dtype = np.dtype("f8") if dtype.kind != "f" else dtype
        return [make(x_size, dtype), *options, ceil_mode, rng.random() < 0.5, divisor]
    dy = make((n, channels, *out), dtype)
    return [dy, list(x_size), *options, ceil_mode, rng.random() < 0.5, divisor]


# ---------------------------------------------------------------- the judgement


def check(name: str, arguments: list[Any], answer: Any) -> bool:
    """Whether the oracle knows this function and has looked at the answer; AssertionError if it is wrong.

    `arguments` hold the values that the function was given, also where it wrote into them.
    """
    module, _, function = name.rpartition(".")
    if function not in (CORE if module == "_core" else PUBLIC if module == "rushlight.functional" else ()):
        return False
    values = [_plain(each) for each in arguments]
    arrays = [each for each in values if isinstance(each, np.ndarray)]
    spelt_otherwise = any(isinstance(each, (tuple, list)) and not each for each in values)
    if spelt_otherwise or any(each.size > MOST for each in arrays):
        return False
    if module == "_core":
        judge = _JUDGES[function]
    else:
        values = _positional(function, values)
        judge = _JUDGES[function if function == "relu" else f"{function}_forward"]
    got = tuple(map(_plain, answer)) if isinstance(answer, tuple) else _plain(answer)
    return judge(name, got, *values)


def _plain(value: Any) -> Any:
    """A Tensor as an ndarray; another ndarray in native byte order and without its class."""
    if isinstance(value, rushlight.Tensor):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray):
        value = np.array(value)
        return value.astype(value.dtype.newbyteorder("="))
    return value


def _twice(value: Any) -> tuple[int, ...]:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return tuple(int(each) for each in (values * 2 if len(values) == 1 else values))


def _positional(function: str, given: list[Any]) -> list[Any]:
    """The public spelling of options as `_core`'s."""
    if function == "relu":
        return given[:1]
    if function == "conv2d":
        x, w, b, stride, padding, dilation, groups = [*given, *[None, 1, 0, 1, 1][len(given) - 2 :]][:7]
        return [x, w, b, _twice(stride), padding, _twice(dilation), int(groups)]
    x, kernel, stride, padding, *rest = [*given, *[None, 0][len(given) - 2 :]]
    same_as_kernel = stride is None or (isinstance(stride, tuple) and not stride)
    options = [x, _twice(kernel), _twice(kernel if same_as_kernel else stride), padding]
    if function == "max_pool2d":
        dilation, ceil_mode, indices = [*rest, *[1, False, False][len(rest) :]]
        return [*options, _twice(dilation), bool(ceil_mode), bool(indices)]
    ceil_mode, include_pad, divisor = [*rest, *[False, True, None][len(rest) :]]
    return [*options, bool(ceil_mode), bool(include_pad), divisor]


def _four(padding: Any) -> tuple[int, ...] | None:
    """Four sides; None for a spelling that is not the oracle's business."""
    if isinstance(padding, (tuple, list)) and any(isinstance(each, (tuple, list)) for each in padding):
        return tuple(int(each) for side in padding for each in _twice(side))
    if isinstance(padding, str):
        return None
    sides = _twice(padding)
    return sides if len(sides) == 4 else (sides[0], sides[0], sides[1], sides[1])


def _batched(*arrays: Array) -> list[Array]:
    return [each[None] if each.ndim == 3 else each for each in arrays]


def _close(name: str, got: Array, want: Array, scale: Array, terms: float) -> bool:
    if got.dtype.kind == "f":
        oracle.assert_close(got, want, scale, int(terms), name)
    else:
        np.testing.assert_array_equal(got, want.astype(got.dtype), err_msg=name)
    return True


def _conv_forward(name, y, x, w, b, stride, padding, dilation, groups) -> bool:  # type: ignore[no-untyped-def]
    sides = _four(padding)
    if sides is None or y.size * w[0].size > MOST:
        return False
    options = stride, sides, dilation, groups
    (x, y) = _batched(x, y)
    want = oracle.conv2d_forward(x, w, b, *options)
    scale = oracle.conv2d_forward(abs(x), abs(w), None if b is None else abs(b), *options)
    return _close(name, y, want, scale, w[0].size + 1)


def _conv_input(name, dx, dy, w, size, *options) -> bool:  # type: ignore[no-untyped-def]
    if dx.size * w[:, :1].size > 9 * MOST:
        return False
    dx, dy = _batched(dx, dy)
    want = oracle.conv2d_grad_input(dy, w, dx.shape, *options)
    scale = oracle.conv2d_grad_input(abs(dy), abs(w), dx.shape, *options)
    return _close(name, dx, want, scale, w.size)


def _conv_weight(name, dw, dy, x, size, *options) -> bool:  # type: ignore[no-untyped-def]
    if dy.size * dw[:1].size > 9 * MOST:
        return False
    x, dy = _batched(x, dy)
    want = oracle.conv2d_grad_weight(dy, x, dw.shape, *options)
    scale = oracle.conv2d_grad_weight(abs(dy), abs(x), dw.shape, *options)
    return _close(name, dw, want, scale, dy[:, :1].size)


def _conv_bias(name, db, dy) -> bool:  # type: ignore[no-untyped-def]
    (dy,) = _batched(dy)
    return _close(name, db, oracle.conv2d_grad_bias(dy), oracle.conv2d_grad_bias(abs(dy)), dy[:, :1].size)


def _max_forward(name, got, x, kernel, stride, padding, dilation, ceil_mode, both) -> bool:  # type: ignore[no-untyped-def]
    options = kernel, stride, _four(padding), dilation, ceil_mode
    y, indices = got if isinstance(got, tuple) else (got, None)
    if max(kernel) > 50:
        return False
    want, places = oracle.max_pool2d_forward(*_batched(x), *options)
    np.testing.assert_array_equal(*_batched(y), want, err_msg=name)
    if indices is not None:
        np.testing.assert_array_equal(*_batched(indices), places, err_msg=name)
    return True


def _max_input(name, dx, dy, indices, size) -> bool:  # type: ignore[no-untyped-def]
    dx, dy, indices = _batched(dx, dy, indices)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(dx, oracle.max_pool2d_grad_input(dy, indices, dx.shape), err_msg=name)
    return True


def _mean(name, got, function, source, kernel, options) -> bool:  # type: ignore[no-untyped-def]
    """`function(array, *options)` and its sum of absolute values. The divisor may be negative."""
    if got.dtype.kind != "f" or max(kernel) > 50:
        return False
    got, source = _batched(got, source)
    with np.errstate(all="ignore"):
        want, scale = function(source, *options), abs(function(abs(source), *options))
    return _close(name, got, want, scale, kernel[0] * kernel[1])


def _mean_forward(name, y, x, kernel, stride, padding, *rest) -> bool:  # type: ignore[no-untyped-def]
    return _mean(name, y, oracle.avg_pool2d_forward, x, kernel, (kernel, stride, _four(padding), *rest))


def _mean_input(name, dx, dy, size, kernel, *rest) -> bool:  # type: ignore[no-untyped-def]
    size = tuple(size) if len(size) == 4 else (1, *size)
    return _mean(name, dx, oracle.avg_pool2d_grad_input, dy, kernel, (size, kernel, *rest))


def _relu(name, y, x, *rest) -> bool:  # type: ignore[no-untyped-def]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(y, oracle.relu_forward(x), err_msg=name)
    return True


def _relu_input(name, dx, dy, y) -> bool:  # type: ignore[no-untyped-def]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(dx, oracle.relu_grad_input(dy, y), err_msg=name)
    return True


_JUDGES: dict[str, Callable[..., bool]] = {
    "conv2d_forward": _conv_forward,
    "conv2d_backward_input": _conv_input,
    "conv2d_backward_weight": _conv_weight,
    "conv2d_backward_bias": _conv_bias,
    "max_pool2d_forward": _max_forward,
    "max_pool2d_backward": _max_input,
    "avg_pool2d_forward": _mean_forward,
    "avg_pool2d_backward": _mean_input,
    "relu": _relu,
    "relu_forward": _relu,
    "relu_backward": _relu_input,
}
