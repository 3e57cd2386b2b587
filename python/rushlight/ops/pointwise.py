"""Functions of one operand, element by element: abs, exp, log, sqrt, tanh ... Each is one `Pointwise` line:
the NumPy function, the gradient, and what the gradient reads. Activations with kernels of their own live in
functional/.

Tensors of integers or bools become floating point first where torch does that (exp(2) is a float).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .._quiet import STATE, enter, leave
from ._common import (
    OUTPUT,
    Rule,
    array_of,
    as_float,
    broadcast_shape,
    cast,
    filling,
    record,
    sum_to,
    unwrap,
    zeros_of,
)

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "abs",
    "absolute",
    "acos",
    "asin",
    "atan",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "cos",
    "cosh",
    "exp",
    "expm1",
    "floor",
    "frac",
    "log",
    "log1p",
    "log2",
    "log10",
    "neg",
    "negative",
    "reciprocal",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
]


# For the docstrings: numbers, and what the function makes of them. The doctests know whether it is true.
_EXAMPLES = {
    "neg": ("-0.5, 1.", " 0.5000, -1.0000"),
    "sign": ("-0.5, 2.", "-1.,  1."),
    "exp": ("0.5, 1.", "1.6487, 2.7183"),
    "expm1": ("0.5, 1.", "0.6487, 1.7183"),
    "log": ("0.5, 1.", "-0.6931,  0.0000"),
    "log2": ("0.5, 1.", "-1.,  0."),
    "log10": ("0.5, 1.", "-0.3010,  0.0000"),
    "log1p": ("0.5, 1.", "0.4055, 0.6931"),
    "sqrt": ("0.5, 1.", "0.7071, 1.0000"),
    "rsqrt": ("0.5, 1.", "1.4142, 1.0000"),
    "reciprocal": ("0.5, 1.", "2., 1."),
    "square": ("0.5, 1.", "0.2500, 1.0000"),
    "sin": ("0.5, 1.", "0.4794, 0.8415"),
    "cos": ("0.5, 1.", "0.8776, 0.5403"),
    "tan": ("0.5, 1.", "0.5463, 1.5574"),
    "sinh": ("0.5, 1.", "0.5211, 1.1752"),
    "cosh": ("0.5, 1.", "1.1276, 1.5431"),
    "asin": ("0.5, 1.", "0.5236, 1.5708"),
    "acos": ("0.5, 1.", "1.0472, 0.0000"),
    "atan": ("0.5, 1.", "0.4636, 0.7854"),
    "tanh": ("0.5, 1.", "0.4621, 0.7616"),
    "sigmoid": ("0.5, 1.", "0.6225, 0.7311"),
    "abs": ("-0.5, 1.", "0.5000, 1.0000"),
    "floor": ("-0.5, 1.5", "-1.,  1."),
    "ceil": ("-0.5, 1.5", "-0., 2."),
    "frac": ("-0.5, 1.5", "-0.5000,  0.5000"),
    "trunc": ("-0.5, 1.5", "-0., 1."),
}


def _pointwise(
    name: str,
    function: Callable[..., Any],
    gradient: Callable[..., Any],
    reads: str = "input",
    floats: bool = True,
    node: str = "",
    doc: str = "",
) -> Callable[[Any], Tensor]:
    """Make the operation `name`; `doc` says in a line what it does.

    gradient  (grad, x) -> d loss / d input, where x is the input, the result, or absent, as `reads` says
    floats    whether integers are made floating point first
    node      grad_fn's name, if it is not <Name>Backward0
    """

    def backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
        return (gradient(grad, *saved),)

    rule = Rule(node or name.capitalize() + "Backward0", backward)
    keep_input, keep_output = reads == "input", reads == "result"

    def operation(input: Any) -> Any:
        x = input._data if hasattr(input, "_data") else array_of(name, input)
        if floats and x.dtype.kind != "f":
            input = as_float(input)
            x = unwrap(input)
        token = enter(STATE)
        try:
            value = function(x)
        finally:
            leave(token)
        return record(value, rule, (input,), (input,) if keep_input else (OUTPUT,) if keep_output else ())

    operation.__name__ = operation.__qualname__ = name
    types = "integers and bools become floats" if floats else "integers stay integers"
    numbers, results = _EXAMPLES[name]
    example = (
        f">>> import rushlight\n>>> rushlight.{name}(rushlight.tensor([{numbers}]))\ntensor([{results}])"
    )
    operation.__doc__ = f"{doc}\n\ninput  any shape; {types}\n\n{example}\n\nSource: torch.{name}."
    operation.__module__ = __name__
    return operation


NATIVE: dict[str, Callable[[Any], Any]] = {}  # by name; functional/, which knows the core, puts them here


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)): in C++, or with NumPy what the core has no kernel for (float16)."""
    native = NATIVE["sigmoid"]
    y = native(x)
    if y is NotImplemented:
        y = native(np.array(x, x.dtype.newbyteorder("="), order="C"))
    return np.reciprocal(np.exp(-x) + 1) if y is NotImplemented else y


def _slope(x: Any) -> Any:
    """d asin(x) / dx."""
    return rsqrt(1 - x * x)


def _absolute(x: Any) -> Any:
    if x.dtype == np.bool_:
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    return np.abs(x)


def _rsqrt(x: Any) -> Any:
    return np.reciprocal(np.sqrt(x))


def _negative(x: Any) -> Any:
    if x.dtype == np.bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return np.negative(x)


def _whole(ufunc: Any) -> Callable[..., Any]:
    """Integers are whole already (NumPy before 2.1 would make them floats)."""
    return lambda x: ufunc(x) if x.dtype.kind == "f" else x.copy()


LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))

INTS = False  # `floats=INTS`: integers stay integers

sign: Callable[[Any], Any]  # (named before use, in gradients below)
sin: Callable[[Any], Any]
cos: Callable[[Any], Any]
cosh: Callable[[Any], Any]

#                  name     forward             gradient                          what it reads
neg = _pointwise("neg", _negative, lambda g: -g, "", INTS, doc="-input. RuntimeError for bools.")
abs = _pointwise("abs", _absolute, lambda g, x: g * sign(x), "input", INTS, doc="The absolute value.")
sign = _pointwise("sign", np.sign, zeros_of, "", INTS, doc="-1, 0 or 1; NaN stays NaN.")
exp = _pointwise("exp", np.exp, lambda g, y: g * y, "result", doc="e to the power of every element.")
expm1 = _pointwise("expm1", np.expm1, lambda g, y: g * (y + 1), "result", doc="exp(input) - 1, exact near 0.")
log = _pointwise("log", np.log, lambda g, x: g / x, doc="The natural logarithm; -inf at 0, NaN below.")
log2 = _pointwise("log2", np.log2, lambda g, x: g / (x * LN2), doc="The logarithm to base 2.")
log10 = _pointwise("log10", np.log10, lambda g, x: g / (x * LN10), doc="The logarithm to base 10.")
log1p = _pointwise("log1p", np.log1p, lambda g, x: g / (x + 1), node="Log1PBackward0", doc="log(1 + input).")
sqrt = _pointwise("sqrt", np.sqrt, lambda g, y: g / (y * 2), "result", doc="The square root; NaN below 0.")
rsqrt = _pointwise("rsqrt", _rsqrt, lambda g, y: g * (y * y * y) * -0.5, "result", doc="1 / sqrt(input).")
reciprocal = _pointwise("reciprocal", np.reciprocal, lambda g, y: -g * (y * y), "result", doc="1 / input.")
square = _pointwise(
    "square", np.square, lambda g, x: g * (x * 2), "input", INTS, "PowBackward0", "input ** 2."
)
sin = _pointwise("sin", np.sin, lambda g, x: g * cos(x), doc="The sine.")
cos = _pointwise("cos", np.cos, lambda g, x: g * -sin(x), doc="The cosine.")
tan = _pointwise("tan", np.tan, lambda g, y: g * (y * y + 1), "result", doc="The tangent.")
sinh = _pointwise("sinh", np.sinh, lambda g, x: g * cosh(x), doc="The hyperbolic sine.")
cosh = _pointwise("cosh", np.cosh, lambda g, x: g * sinh(x), doc="The hyperbolic cosine.")
asin = _pointwise("asin", np.arcsin, lambda g, x: g * _slope(x), doc="The inverse sine; NaN beyond 1.")
acos = _pointwise("acos", np.arccos, lambda g, x: -(g * _slope(x)), doc="The inverse cosine; NaN beyond 1.")
atan = _pointwise("atan", np.arctan, lambda g, x: g / (x * x + 1), doc="The inverse tangent.")
tanh = _pointwise("tanh", np.tanh, lambda g, y: g * (1 - y * y), "result", doc="The hyperbolic tangent.")
sigmoid = _pointwise("sigmoid", _sigmoid, lambda g, y: g * (1 - y) * y, "result", doc="1 / (1 + exp(-x)).")
floor = _pointwise("floor", _whole(np.floor), zeros_of, "", INTS, doc="The largest whole number below.")
ceil = _pointwise("ceil", _whole(np.ceil), zeros_of, "", INTS, doc="The smallest whole number above.")
frac = _pointwise("frac", lambda x: x - np.trunc(x), lambda g: g, "", doc="input - trunc(input).")
trunc = _pointwise("trunc", _whole(np.trunc), zeros_of, "", INTS, doc="Rounded towards 0.")


def _round_backward(grad: Any, saved: Any, params: Any, needs: Any) -> tuple[Any]:
    return (zeros_of(grad),)


_ROUND = Rule("RoundBackward0", _round_backward), Rule("RoundBackward1", _round_backward)


def round(input: Any, *, decimals: int = 0) -> Tensor:
    """Rounded to `decimals` places; halves go to the even neighbour.

    >>> import rushlight
    >>> rushlight.round(rushlight.tensor([0.5, 1.5, -2.5]))
    tensor([ 0.,  2., -2.])
    """
    x = array_of("round", input)
    value = x if x.dtype.kind in "iub" else np.round(x, decimals)
    return record(value, _ROUND[decimals != 0], (input,))


# ---- clamp


def _clamp_backward(grad: Any, saved: Any, shapes: Any, needs: Any) -> tuple[Any, ...]:
    """To the input inside the limits, to a limit where that came out (the upper one if they cross)."""
    from .selection import where

    x, low, high = saved
    inside = True
    if low is not None:
        inside = x >= low
    if high is not None:
        inside = inside & (x <= high)
    below, above = x < low if needs[1] else False, x > high if needs[2] else False
    if low is not None and high is not None:
        below, above = below & (low < high), above | (high < low)
    return tuple(
        [
            cast(sum_to(where(here, grad, 0.0), shape), kind) if needed else None
            for here, (shape, kind), needed in zip((inside, below, above), shapes, needs, strict=True)
        ]
    )


_CLAMP, _CLAMP_TENSORS = Rule("ClampBackward1", _clamp_backward), Rule("ClampBackward0", _clamp_backward)
_MIN, _MIN_TENSOR = Rule("ClampMinBackward0", _clamp_backward), Rule("ClampMinBackward1", _clamp_backward)
_MAX, _MAX_TENSOR = Rule("ClampMaxBackward0", _clamp_backward), Rule("ClampMaxBackward1", _clamp_backward)


def _clamp(input: Any, low: Any, high: Any, rules: tuple[Rule, Rule]) -> Any:
    x, bottom, top = array_of("clamp", input), unwrap(low), unwrap(high)
    kind = dtypes.result_numpy(*[limit for limit in (x, bottom, top) if limit is not None])
    input = cast(input, kind)
    value = unwrap(input)
    for limit in (bottom, top):
        if np.ndim(limit) and limit.shape != x.shape:
            broadcast_shape(x.shape, limit.shape)  # raises torch's error if they do not fit
    if low is not None:
        value = np.maximum(value, filling(bottom, kind))
    if high is not None:  # after the lower limit: where they cross, the upper one holds
        value = np.minimum(value, filling(top, kind))
    shapes = tuple([(np.shape(each), getattr(each, "dtype", kind)) for each in (unwrap(input), bottom, top)])
    rule = rules[hasattr(low, "_data") or hasattr(high, "_data")]
    return record(value, rule, (input, low, high), (input, low, high), shapes)


def clamp(input: Any, min: Any = None, max: Any = None) -> Tensor:
    """Limited to [min, max]; either may be missing. NaN stays NaN. The gradient passes to the input where
    min <= input <= max, elsewhere to the limit, if that is a Tensor that wants one.

    >>> import rushlight
    >>> rushlight.clamp(rushlight.tensor([-1., 0.5, 2.]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    return _clamp(input, min, max, (_CLAMP, _CLAMP_TENSORS))


def clamp_min(input: Any, min: Any) -> Tensor:
    """Limited from below.

    >>> import rushlight
    >>> rushlight.clamp_min(rushlight.tensor([-1., 2.]), 0)
    tensor([0., 2.])
    """
    return _clamp(input, min, None, (_MIN, _MIN_TENSOR))


def clamp_max(input: Any, max: Any) -> Tensor:
    """Limited from above.

    >>> import rushlight
    >>> rushlight.clamp_max(rushlight.tensor([-1., 2.]), 0)
    tensor([-1.,  0.])
    """
    return _clamp(input, None, max, (_MAX, _MAX_TENSOR))


absolute, negative, clip = abs, neg, clamp
