"""`gradcheck`: gradients from backward against differences of the function's values; `gradgradcheck`: the
same of the gradients. Meant for float64; a float32 difference is mostly rounding error."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .entry import grad
from .grad_mode import no_grad
from .graph import TensorBase
from .recording import edge_of, wrap


class GradcheckError(RuntimeError):
    """What `gradcheck` raises: the two Jacobians that differ."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    **unused: Any,
) -> bool:
    """Compare the gradients of `func(*inputs)` with central differences of step `eps`, for every output and
    every input that requires grad. True, or GradcheckError (False unless `raise_exception`).

    >>> import rushlight
    >>> x = rushlight.tensor([1., 2.], dtype=rushlight.float64, requires_grad=True)
    >>> rushlight.autograd.gradcheck(lambda x: x * x.exp(), (x,))
    True
    """
    given = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    try:
        _check(func, given, eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _wanted(inputs: tuple[Any, ...]) -> list[int]:
    places = [
        place
        for place, each in enumerate(inputs)
        if isinstance(each, TensorBase) and edge_of(each) is not None
    ]
    if not places:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    for place in places:
        array = inputs[place]._data
        if array.dtype != np.float64:
            warnings.warn(
                f"Input #{place} requires gradient and is not a double precision floating point or complex. "
                "This check will likely fail if all the inputs are not of double precision floating point "
                "or complex. ",
                UserWarning,
                stacklevel=4,
            )
        if array.size and 0 in [step for step, n in zip(array.strides, array.shape, strict=True) if n > 1]:
            raise RuntimeError(
                f"The {place}th input has a dimension with stride 0. gradcheck only supports inputs that "
                "are non-overlapping to be able to compute the numerical gradients correctly. You should "
                "call .contiguous on the input before passing it to gradcheck."
            )
    return places


def _outputs(func: Callable[..., Any], inputs: tuple[Any, ...]) -> list[Any]:
    result = func(*inputs)
    return [
        each
        for each in (result if isinstance(result, (tuple, list)) else (result,))
        if isinstance(each, TensorBase) and each._data.dtype.kind == "f"
    ]


def _check(
    func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float, nondet_tol: float
) -> None:
    places = _wanted(inputs)
    outputs = _outputs(func, inputs)
    wanted = [inputs[place] for place in places]
    numerical = [_numerical(func, inputs, place, len(outputs), eps) for place in places]
    for o, output in enumerate(outputs):
        analytical = _analytical(output, wanted)
        if not all(
            [
                np.allclose(a, b, 0, nondet_tol, equal_nan=True)
                for a, b in zip(analytical, _analytical(output, wanted), strict=True)
            ]
        ):
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output "
                "multiple times gives different values, although analytical gradient matches "
                f"numerical gradient.The tolerance for nondeterminism was {nondet_tol}."
            )
        for place, measured, computed in zip(places, numerical, analytical, strict=True):
            if computed.size and not np.allclose(computed, measured[o], rtol, atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {o} with respect to input {place},\n"
                    f"numerical:{wrap(measured[o])!r}\nanalytical:{wrap(computed)!r}\n"
                )


def _numerical(
    func: Callable[..., Any], inputs: tuple[Any, ...], place: int, count: int, eps: float
) -> list[Any]:
    """Per output the Jacobian, (elements of the input, elements of the output), by central differences."""
    array = inputs[place]._data
    rows: list[list[Any]] = [[] for _ in range(count)]
    with no_grad():
        for where in np.ndindex(array.shape):
            before = array[where].copy()
            sides = []
            for step in (eps, -eps):
                array[where] = before + step
                sides.append(
                    [output._data.astype(np.float64).reshape(-1) for output in _outputs(func, inputs)]
                )
            array[where] = before
            for o in range(count):
                rows[o].append((sides[0][o] - sides[1][o]) / (2 * eps))
    return [np.array(row, array.dtype).reshape(array.size, -1 if row else 0) for row in rows]


def _analytical(output: Any, wanted: list[Any]) -> list[Any]:
    """The Jacobians of one output by backward, one call per element."""
    shape, size = output._data.shape, output._data.size
    columns = [np.zeros((each._data.size, size), each._data.dtype) for each in wanted]
    if edge_of(output) is None:
        return columns
    for column in range(size):
        start = np.zeros(size, output._data.dtype)
        start[column] = 1
        found = grad(output, wanted, wrap(start.reshape(shape)), retain_graph=True, allow_unused=True)
        for part, each in zip(columns, found, strict=True):
            if each is not None:
                part[:, column] = each._data.reshape(-1)
    return columns


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    **unused: Any,
) -> bool:
    """`gradcheck` of the gradients of `func`, with respect to the inputs and to the gradients they start from
    (drawn at random unless given)."""
    given = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    count = len(given)
    if grad_outputs is None:
        numbers = np.random.default_rng(0)
        starts = tuple(
            [
                wrap(numbers.standard_normal(output._data.shape).astype(output._data.dtype))
                for output in _outputs(func, given)
                if edge_of(output) is not None
            ]
        )
        for start in starts:
            start.requires_grad_(True)
    else:
        starts = (grad_outputs,) if isinstance(grad_outputs, TensorBase) else tuple(grad_outputs)

    def gradients(*args: Any) -> tuple[Any, ...]:
        leaves = args[:count]
        outputs = [output for output in _outputs(func, leaves) if edge_of(output) is not None]
        wanted = [each for each in leaves if isinstance(each, TensorBase) and edge_of(each) is not None]
        found = grad(outputs, wanted, list(args[count:]), create_graph=True, allow_unused=True)
        return tuple([each for each in found if each is not None])

    return gradcheck(
        _always_recorded(gradients),
        given + starts,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )


def _always_recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The numerical side calls under no_grad, where inner gradients would have no graph to walk."""
    from .grad_mode import enable_grad

    return enable_grad()(function)
