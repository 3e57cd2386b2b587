"""PyTorch on its own tensors, recording off; gradients by torch.nn.grad and the operators behind autograd."""

from __future__ import annotations

from typing import Any

from ..cases import Case
from .common import Call, Options, keywords, recorded

torch: Any = None


def start(threads: int, options: Options) -> dict[str, Any]:
    """Conversion from and to NumPy is not counted: it shares memory."""
    global torch
    import torch as library

    torch = library
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    return {"version": torch.__version__, "threads": torch.get_num_threads()}


def _tensors(result: Any) -> list[Any]:
    return [part.numpy() for part in (result if isinstance(result, tuple) else (result,))]


def prepare(case: Case) -> Call:
    """One operator call on tensors made beforehand."""
    layer = case.layer
    functional, grad, aten = torch.nn.functional, torch.nn.grad, torch.ops.aten
    x, w, dy, y, indices = (
        None if a is None else torch.from_numpy(a) for a in (case.x, case.w, case.dy, case.y, case.indices)
    )
    settings = keywords(layer)
    window = (layer.kernel, layer.stride, layer.padding)
    lattice = (layer.kernel, layer.dilation, layer.padding, layer.stride)
    calls = {
        ("conv2d", "forward"): lambda: functional.conv2d(x, w, **settings),
        ("conv2d", "grad_input"): lambda: grad.conv2d_input(layer.input_shape, w, dy, **settings),
        ("conv2d", "grad_weight"): lambda: grad.conv2d_weight(x, layer.weight_shape, dy, **settings),
        ("conv_transpose2d", "forward"): lambda: functional.conv_transpose2d(x, w, **settings),
        ("max_pool2d", "forward"): lambda: functional.max_pool2d(x, *window, return_indices=layer.indices),
        ("max_pool2d", "grad_input"): lambda: aten.max_pool2d_with_indices_backward(
            dy, x, *window, (1, 1), False, indices
        ),
        ("avg_pool2d", "forward"): lambda: functional.avg_pool2d(x, *window),
        ("avg_pool2d", "grad_input"): lambda: aten.avg_pool2d_backward(dy, x, *window, False, True, None),
        ("unfold", "forward"): lambda: functional.unfold(x, *lattice),
        ("unfold", "grad_input"): lambda: functional.fold(dy, layer.input_shape[2:], *lattice),
        ("batch_norm", "forward"): lambda: functional.batch_norm(x, None, None, training=True),
        ("relu", "forward"): lambda: functional.relu(x),
        ("relu", "grad_input"): lambda: aten.threshold_backward(dy, y, 0),
    }
    return Call(calls[case.key], _tensors) if case.key in calls else recorded(torch, case)
