"""ONNX Runtime: a model of one node, its weights constants (so packed once, untimed). Forward only."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cases import Case
from .common import Call, Options, Unsupported

ort: Any = None
onnx: Any = None
_threads = 1


def start(threads: int, options: Options) -> dict[str, Any]:
    """The session's thread pool is made with each model."""
    global ort, onnx, _threads
    import onnx as format_library
    import onnxruntime as library

    ort, onnx, _threads = library, format_library, threads
    ort.set_default_logger_severity(4)
    return {"version": ort.__version__, "threads": threads}


def _node(case: Case) -> tuple[Any, list[Any]]:
    """The node and its constants."""
    layer, helper = case.layer, onnx.helper
    if layer.op == "relu":
        return helper.make_node("Relu", ["x"], ["y"]), []
    window: dict[str, Any] = {
        "kernel_shape": layer.kernel,
        "strides": layer.stride,
        "pads": layer.padding * 2,
    }
    if layer.op == "max_pool2d":
        return helper.make_node("MaxPool", ["x"], ["y", "indices"] if layer.indices else ["y"], **window), []
    if layer.op == "avg_pool2d":
        return helper.make_node("AveragePool", ["x"], ["y"], count_include_pad=1, **window), []
    name = "Conv" if layer.op == "conv2d" else "ConvTranspose"
    node = helper.make_node(name, ["x", "w"], ["y"], dilations=layer.dilation, group=layer.groups, **window)
    return node, [onnx.numpy_helper.from_array(case.w, "w")]


def prepare(case: Case) -> Call:
    """A session for the case's model. MaxPool counts indices over all planes; the check takes that off."""
    if case.direction != "forward":
        raise Unsupported("forward only")
    if case.layer.op in ("unfold", "batch_norm"):
        raise Unsupported("no such operator, or not in training")
    layer, helper, kinds = case.layer, onnx.helper, onnx.TensorProto
    kind = {"float32": kinds.FLOAT, "float64": kinds.DOUBLE}[layer.dtype]
    node, constants = _node(case)
    inputs = [helper.make_tensor_value_info("x", kind, layer.input_shape)]
    outputs = [
        helper.make_tensor_value_info(name, kind if name == "y" else kinds.INT64, layer.output_shape)
        for name in node.output
    ]
    graph = helper.make_graph([node], layer.name, inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = _threads, 1
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its NotImplemented is not exported under a stable name
        raise Unsupported(f"not implemented for {layer.dtype}") from error
    feed, plane = {"x": case.x}, layer.input_shape[2] * layer.input_shape[3]

    def arrays(result: list[Any]) -> list[Any]:
        return [a % plane if a.dtype == np.int64 else a for a in result]

    return Call(lambda: session.run(None, feed), arrays)
