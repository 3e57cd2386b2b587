"""Plain Python: seven nested loops over lists, for the smallest layers. What a first program looks like."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from ..cases import Case
from .common import Call, Options, Unsupported, limit


def start(threads: int, options: Options) -> dict[str, Any]:
    """Nothing to import."""
    return {"version": platform.python_version(), "threads": 1}


def conv2d(x: Any, w: Any, case: Case) -> Any:
    """x padded beforehand in the loop that reads it; lists in, lists out."""
    layer = case.layer
    (n, outputs, oh, ow), (_, channels, kh, kw) = layer.output_shape, layer.weight_shape
    (sh, sw), (dh, dw), (ph, pw) = layer.stride, layer.dilation, layer.padding
    (_, _, h, width), per_group = layer.input_shape, layer.outputs // layer.groups
    y = [[[[0.0] * ow for _ in range(oh)] for _ in range(outputs)] for _ in range(n)]
    for b in range(n):
        for k in range(outputs):
            first = k // per_group * channels
            for i in range(oh):
                for j in range(ow):
                    total = 0.0
                    for c in range(channels):
                        for r in range(kh):
                            row = i * sh + r * dh - ph
                            if 0 <= row < h:
                                for s in range(kw):
                                    column = j * sw + s * dw - pw
                                    if 0 <= column < width:
                                        total += x[b][first + c][row][column] * w[k][c][r][s]
                    y[b][k][i][j] = total
    return y


def prepare(case: Case) -> Call:
    """conv2d forward only, up to about a tenth of a second."""
    if case.key != ("conv2d", "forward"):
        raise Unsupported("conv2d forward only")
    limit(case.layer.flops, 2e6, "flops")
    x, w = case.x.tolist(), case.w.tolist()
    return Call(lambda: conv2d(x, w, case), lambda y: [np.array(y, case.layer.dtype)])
