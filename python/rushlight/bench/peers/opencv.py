"""OpenCV, plane by plane: filter2D and sepFilter2D for depthwise filters, dilate for pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cases import Case
from .common import Call, Options, Unsupported, fastest

cv2: Any = None


def start(threads: int, options: Options) -> dict[str, Any]:
    """setNumThreads(1) means serial; more than one is a request to its thread pool."""
    global cv2
    import cv2 as library

    cv2 = library
    cv2.setNumThreads(threads)
    return {"version": cv2.__version__, "threads": cv2.getNumThreads()}


def prepare(case: Case) -> Call:
    """Stride 1 filters that keep the plane's size, pooling with odd windows, relu."""
    if case.direction != "forward":
        raise Unsupported("forward only")
    layer = case.layer
    if layer.op == "relu":
        return _relu(case)
    if layer.op not in ("conv2d", "max_pool2d", "avg_pool2d"):
        raise Unsupported("no such operation")
    if any(k % 2 == 0 or p != k // 2 for k, p in zip(layer.kernel, layer.padding, strict=True)):
        raise Unsupported("only odd windows, padded to keep the size")
    if layer.op != "conv2d":
        return _pool(case)
    if layer.groups != layer.input_shape[1] or layer.outputs != layer.groups:
        raise Unsupported("no sum over channels")
    if layer.stride != (1, 1) or layer.dilation != (1, 1):
        raise Unsupported("no stride or dilation")
    return _filter(case)


def _planes(a: Any) -> Any:
    return a.reshape(-1, *a.shape[2:])


def _filter(case: Case) -> Call:
    x, (n, c, _, _) = _planes(case.x), case.layer.input_shape
    kernels = [case.w[i % c, 0] for i in range(n * c)]

    def whole() -> Any:
        y = np.empty_like(x)
        for plane, kernel, out in zip(x, kernels, y, strict=True):
            cv2.filter2D(plane, -1, kernel, dst=out, borderType=cv2.BORDER_CONSTANT)
        return y

    def separated() -> Any:  # of kernels with one row or one column
        y, one = np.empty_like(x), np.ones(1, x.dtype)
        for plane, kernel, out in zip(x, kernels, y, strict=True):
            row, column = (kernel[0], one) if len(kernel) == 1 else (one, kernel[:, 0])
            cv2.sepFilter2D(plane, -1, row, column, dst=out, borderType=cv2.BORDER_CONSTANT)
        return y

    run = fastest([whole, separated] if 1 in case.layer.kernel else [whole])
    return Call(run, lambda y: [y.reshape(case.layer.output_shape)])


def _pool(case: Case) -> Call:
    layer, x = case.layer, _planes(case.x)
    if layer.indices:
        raise Unsupported("no indices")
    window, (sh, sw) = np.ones(layer.kernel, np.uint8), layer.stride

    def largest(plane: Any) -> Any:
        return cv2.dilate(plane, window)  # whose border is -inf by default

    def mean(plane: Any) -> Any:
        return cv2.blur(plane, layer.kernel[::-1], borderType=cv2.BORDER_CONSTANT)

    over = largest if layer.op == "max_pool2d" else mean

    def run() -> Any:
        y = np.empty((len(x), *layer.output_shape[2:]), x.dtype)
        for plane, out in zip(x, y, strict=True):
            out[:] = over(plane)[::sh, ::sw]
        return y

    return Call(run, lambda y: [y.reshape(layer.output_shape)])


def _relu(case: Case) -> Call:
    flat = case.x.reshape(-1, case.x.shape[-1])

    def run() -> Any:
        return cv2.threshold(flat, 0, 0, cv2.THRESH_TOZERO)[1]

    return Call(run, lambda y: [y.reshape(case.layer.output_shape)])
