"""SciPy: signal.correlate (direct or FFT, by its own estimate) over channels, ndimage on single planes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cases import Case
from .common import Call, Options, Unsupported, fastest, limit

signal: Any = None
ndimage: Any = None


def start(threads: int, options: Options) -> dict[str, Any]:
    """None of these functions uses more than one thread, however many it is given."""
    global signal, ndimage
    import scipy
    import scipy.ndimage
    import scipy.signal

    signal, ndimage = scipy.signal, scipy.ndimage
    return {"version": scipy.__version__, "threads": 1}


def prepare(case: Case) -> Call:
    """Stride by slicing the result, dilation by zeros in the kernel: all that SciPy has."""
    if case.direction != "forward":
        raise Unsupported("forward only")
    layer = case.layer
    if layer.op not in ("conv2d", "max_pool2d", "avg_pool2d"):
        raise Unsupported("nothing of its own")
    if layer.op != "conv2d":
        return _pool(case)
    limit(layer.flops, 3e8, "flops")
    limit(layer.input_shape[0] * layer.outputs, 2000, "filters")
    same = all(k % 2 and p == k // 2 for k, p in zip(layer.kernel, layer.padding, strict=True))
    depthwise = layer.groups == layer.input_shape[1] == layer.outputs
    candidates = [_correlate(case)]
    if depthwise and same and layer.stride == (1, 1) and layer.dilation == (1, 1):
        candidates.append(_ndimage(case))
    return Call(fastest(candidates))


def _correlate(case: Case) -> Any:
    layer, (ph, pw), (sh, sw) = case.layer, case.layer.padding, case.layer.stride
    k, c, r, s = layer.weight_shape
    (dh, dw), per_group = layer.dilation, k // layer.groups
    w = np.zeros((k, c, dh * (r - 1) + 1, dw * (s - 1) + 1), case.w.dtype)
    w[:, :, ::dh, ::dw] = case.w
    method = signal.choose_conv_method(
        np.pad(case.x[0, :c], ((0, 0), (ph, ph), (pw, pw))), w[0], mode="valid"
    )

    def run() -> Any:
        xp = np.pad(case.x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
        y = np.empty(layer.output_shape, case.x.dtype)
        for image, out in zip(xp, y, strict=True):
            for i in range(k):
                first = i // per_group * c
                full = signal.correlate(image[first : first + c], w[i], mode="valid", method=method)
                out[i] = full[0, ::sh, ::sw]
        return y

    return run


def _ndimage(case: Case) -> Any:
    def run() -> Any:
        y = np.empty(case.layer.output_shape, case.x.dtype)
        for image, out in zip(case.x, y, strict=True):
            for plane, kernel, target in zip(image, case.w[:, 0], out, strict=True):
                ndimage.correlate(plane, kernel, output=target, mode="constant")
        return y

    return run


def _pool(case: Case) -> Call:
    layer, (sh, sw) = case.layer, case.layer.stride
    if layer.indices:
        raise Unsupported("no indices")
    if any(k % 2 == 0 or p != k // 2 for k, p in zip(layer.kernel, layer.padding, strict=True)):
        raise Unsupported("only odd windows, padded to keep the size")

    size = (1, 1, *layer.kernel)

    def run() -> Any:
        if layer.op == "max_pool2d":
            full = ndimage.maximum_filter(case.x, size=size, mode="constant", cval=-np.inf)
        else:
            full = ndimage.uniform_filter(case.x, size=size, mode="constant")
        return full[:, :, ::sh, ::sw].copy()

    return Call(run)
