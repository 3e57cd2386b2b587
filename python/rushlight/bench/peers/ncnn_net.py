"""ncnn: a network of one layer, its weights transformed when it is loaded (so untimed). One float32 image."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..cases import Case
from .common import Call, Options, Unsupported

ncnn: Any = None
_threads = 1


def start(threads: int, options: Options) -> dict[str, Any]:
    """Threads are an option of each network."""
    global ncnn, _threads
    import ncnn as library

    ncnn, _threads = library, threads
    return {"version": ncnn.__version__, "threads": threads}


def _param(case: Case) -> str:
    """The layer as ncnn's text format has it: numbered parameters."""
    layer, (c, h, w) = case.layer, case.layer.input_shape[1:]
    (kh, kw), (sh, sw), (dh, dw), (ph, pw) = layer.kernel, layer.stride, layer.dilation, layer.padding
    named = {0: layer.outputs, 1: kw, 11: kh, 2: dw, 12: dh, 3: sw, 13: sh, 4: pw, 14: ph, 5: 0}
    named |= {6: case.w.size} | ({7: layer.groups} if layer.groups > 1 else {})
    kind = "Convolution" if layer.groups == 1 else "ConvolutionDepthWise"
    settings = " ".join(f"{key}={value}" for key, value in named.items())
    return f"7767517\n2 2\nInput in 0 1 x 0={w} 1={h} 2={c}\n{kind} conv 1 1 x y {settings}\n"


def prepare(case: Case) -> Call:
    """The image is handed over without a copy; the answer is read from ncnn's own memory afterwards."""
    layer = case.layer
    if case.key != ("conv2d", "forward"):
        raise Unsupported("conv2d forward only")
    if layer.input_shape[0] != 1 or layer.dtype != "float32":
        raise Unsupported("one float32 image only")
    net = ncnn.Net()
    net.opt.num_threads = _threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    with tempfile.TemporaryDirectory() as folder:
        param, model = Path(folder) / "net.param", Path(folder) / "net.bin"
        param.write_text(_param(case))
        model.write_bytes(bytes(4) + case.w.tobytes())  # four zeros: the weights are float32
        net.load_param(str(param))
        net.load_model(str(model))
    pixels = case.x[0]
    image = ncnn.Mat(pixels)  # which does not keep the pixels alive

    def run(kept: Any = pixels) -> Any:
        extractor = net.create_extractor()
        extractor.input("x", image)
        return extractor.extract("y")[1]

    return Call(run, lambda y: [np.array(y).reshape(layer.output_shape)])
