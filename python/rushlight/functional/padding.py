"""pad: something around an array, or a crop; here constant values, in padding_edges.py the other modes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Rule, record, unwrap
from ._spelling import ArrayOrTensor, array_of, several_ints, type_of
from .padding_edges import MODES, pad_edges

_WHERE = "pad():"
_C_NAMES = {
    "float32": "float",
    "float16": "c10::Half",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int",
    "int64": "int64_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
}

Amounts = tuple[int, ...]  # (before, after) of the last dimension, then of the one before it, ...


def pad(input: ArrayOrTensor, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """Extend an array on all sides, or crop it where an amount is negative.

    input  'constant': any number of dimensions, any dtype; other modes: one or two dimensions more than are
           padded, none of them empty (but for N)
    pad    an even number of ints, LAST dimension first: (left, right, top, bottom, front, back, ...)
    mode   'constant'; 'reflect' (dcb|abcd|cba), 'replicate' (aaa|abcd|ddd) or 'circular' (bcd|abcd|abc), for
           the last one, two or three dimensions
    value  what 'constant' fills in (0 if None); cut to an integer for integer dtypes, where it must fit

    Returns a new array: an ndarray for an ndarray, a Tensor for a Tensor.
    Raises TypeError for arguments of the wrong type, RuntimeError for an odd or too long `pad`, too deep a
    crop, more padding than 'reflect' or 'circular' have elements, or a value that does not fit the dtype;
    NotImplementedError for another mode, or one not for this number of dimensions.

    >>> import numpy as np
    >>> from rushlight import functional as F
    >>> F.pad(np.array([[1, 2], [3, 4]]), (1, 0, 0, -1), value=9)
    array([[9, 1, 2]])
    >>> F.pad(np.array([[1, 2, 3]]), (2, 2), "reflect")
    array([[3, 2, 1, 2, 3, 2, 1]])

    Source: torch.nn.functional.pad.
    """
    x = array_of(_WHERE, "input", 1, input)
    amounts = several_ints(_WHERE, "pad", 2, pad)
    if not isinstance(mode, str):
        raise TypeError(f"{_WHERE} argument 'mode' (position 3) must be str, not {type_of(mode)}")
    if mode != "constant" and mode not in MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if len(amounts) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, but got pad={list(amounts)}")
    if len(amounts) > 2 * x.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(amounts)} and input of dimension {x.ndim}"
        )
    if mode == "constant":
        return _pad_constant(input, amounts, _fill(value, x.dtype))
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    return pad_edges(input, amounts, mode)


def _pad_constant(input: Any, amounts: Amounts, value: Any) -> Any:
    """`input` with `value` around it, as a new array."""
    x = unwrap(input)
    shape = list(x.shape)
    source, target = [slice(None)] * x.ndim, [slice(None)] * x.ndim
    for i in range(len(amounts) // 2):
        d = x.ndim - 1 - i
        before, after = amounts[2 * i], amounts[2 * i + 1]
        size = shape[d]
        kept = size + min(before, 0) + min(after, 0)
        if kept < 0:
            raise RuntimeError(
                f"narrow(): length must be non-negative. (pad={list(amounts)} crops more than the "
                f"{size} elements of dimension {d})"
            )
        shape[d] = size + before + after
        source[d] = slice(max(-before, 0), max(-before, 0) + kept)
        target[d] = slice(max(before, 0), max(before, 0) + kept)
    out = np.empty(shape, x.dtype)
    out.fill(value)
    out[tuple(target)] = x[tuple(source)]
    return record(out, PAD, (input,), (), amounts)


def _pad_backward(grad: Any, saved: Any, amounts: Any, needs: tuple[bool, ...]) -> tuple[Any]:
    return (_pad_constant(grad, tuple([-amount for amount in amounts]), 0),)  # cropping undoes padding


PAD = Rule("ConstantPadNdBackward0", _pad_backward)


def _fill(value: Any, dtype: np.dtype[Any]) -> Any:
    """The fill value as `dtype` will hold it."""
    if value is None:
        return 0
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = None
    except OverflowError as error:
        raise RuntimeError(f"pad: value cannot be converted without overflow: {error}") from None
    if number is None or isinstance(value, (str, bytes)):
        raise TypeError(f"{_WHERE} argument 'value' (position 4) must be float, not {type_of(value)}")
    if dtype.kind == "b":
        return number != 0
    if dtype.kind == "f":
        fits = not np.isfinite(number) or abs(number) <= np.finfo(dtype).max
    else:
        limits = np.iinfo(dtype)
        fits = limits.min <= number <= limits.max  # False for nan
    if not fits:
        raise RuntimeError(
            f"value cannot be converted to type {_C_NAMES.get(dtype.name, dtype.name)} without "
            f"overflow: {value}"
        )
    return number if dtype.kind == "f" else int(number)
