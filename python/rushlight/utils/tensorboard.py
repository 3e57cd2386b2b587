"""SummaryWriter: the course of a training as files that TensorBoard shows, written by tensorboardX.

    from rushlight.utils.tensorboard import SummaryWriter
    with SummaryWriter("runs/first") as writer:
        writer.add_scalar("loss", loss, step)

Needs the extra `tensorboard`. What takes arrays here takes Tensors too; kernels and the graph of a Sequential
are ours, the rest is tensorboardX's own writer.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np

from ..autograd import TensorBase, no_grad, unwrap
from ..nn import Sequential

__all__ = ["SummaryWriter"]

_PASSED_ON = (
    "add_scalar",
    "add_scalars",
    "add_histogram",
    "add_image",
    "add_images",
    "add_figure",
    "add_text",
    "add_hparams",
    "flush",
    "close",
)


class SummaryWriter:
    """Writes event files into `log_dir` (None: a new folder below runs/, named after time and host).

    add_scalar(tag, value, step), add_scalars(tag, {name: value}, step), add_histogram(tag, values, step),
    add_image(tag, image, step) with (C, H, W), add_images with (N, C, H, W), add_figure, add_text,
    add_hparams, flush, close: as torch.utils.tensorboard's, with Tensors or arrays.
    Raises ImportError without tensorboardX.
    """

    def __init__(self, log_dir: str | PathLike[str] | None = None, comment: str = "", **options: Any) -> None:
        try:
            import tensorboardX
        except ImportError:
            raise ImportError(
                "SummaryWriter needs tensorboardX: pip install 'rushlight[tensorboard]'"
            ) from None
        self._writer = tensorboardX.SummaryWriter(
            None if log_dir is None else str(log_dir), comment, **options
        )

    @property
    def log_dir(self) -> str:
        """The folder that is written to."""
        return str(self._writer.logdir)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in _PASSED_ON:
            raise AttributeError(
                f"'SummaryWriter' object has no attribute '{name}': it has add_kernels, add_graph, "
                f"{', '.join(_PASSED_ON)}"
            )
        method = getattr(self._writer, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return method(*map(_plain, args), **{key: _plain(value) for key, value in kwargs.items()})

        return call

    def add_kernels(self, tag: str, weight: Any, global_step: int | None = None) -> None:
        """The kernels (K, C, R, S) of a layer as one grey image, a row of C for each; zero is mid-grey."""
        kernels = np.asarray(unwrap(weight), np.float32)
        if kernels.ndim != 4 or not kernels.size:
            raise ValueError(
                f"add_kernels(): weight must have 4 dimensions (K, C, R, S), but has shape {kernels.shape}"
            )
        k, c, r, s = kernels.shape
        level = 0.5 + 0.5 * kernels / (np.abs(kernels).max() or 1)
        framed = np.pad(level, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=1)
        picture = framed.transpose(0, 2, 1, 3).reshape(1, k * (r + 1), c * (s + 1))
        self._writer.add_image(tag, picture.repeat(8, axis=1).repeat(8, axis=2), global_step)

    def add_graph(self, model: Sequential, input_to_model: Any) -> None:
        """The layers of a Sequential, in order, with the sizes that come out of each for this input."""
        if not isinstance(model, Sequential):
            raise TypeError(f"add_graph(): model must be a Sequential, not {type(model).__name__}")
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.graph_pb2 import GraphDef
        from tensorboardX.proto.versions_pb2 import VersionDef

        x = input_to_model
        nodes = [_node("input", "Placeholder", [], x)]
        with no_grad():
            for name, layer in model.named_children():
                x = layer(x)
                nodes.append(
                    _node(f"{name}_{type(layer).__name__}", type(layer).__name__, [nodes[-1].name], x)
                )
                nodes[-1].attr["layer"].s = str(layer).encode()
        graph = GraphDef(node=nodes, versions=VersionDef(producer=22))
        self._writer._get_file_writer().add_event(Event(graph_def=graph.SerializeToString()))

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self._writer.close()


def _plain(value: Any) -> Any:
    """A Tensor as an ndarray, also inside a dict; anything else as it is."""
    if isinstance(value, TensorBase):
        return unwrap(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _node(name: str, operation: str, inputs: list[str], output: Any) -> Any:
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.node_def_pb2 import NodeDef
    from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto

    sizes = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in output.shape])
    shapes = AttrValue(list=AttrValue.ListValue(shape=[sizes]))
    return NodeDef(name=name, op=operation, input=inputs, attr={"_output_shapes": shapes})
