"""PyTorch on its own tensors, recording off; gradients by torch.nn.grad and the operators behind autograd."""

from __future__ import annotations

from typing import Any

from bench.cases import Case
from bench.peers.common import Call, Options, keywords

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
    calls = {
        ("conv2d", "forward"): lambda: functional.conv2d(x, w, **settings),
        ("conv2d", "grad_input"): lambda: grad.conv2d_input(layer.input_shape, w, dy, **settings),
        ("conv2d", "grad_weight"): lambda: grad.conv2d_weight(x, layer.weight_shape, dy, **settings),
        ("max_pool2d", "forward"): lambda: functional.max_pool2d(x, *window, return_indices=layer.indices),
        ("max_pool2d", "grad_input"): lambda: aten.max_pool2d_with_indices_backward(
            dy, x, *window, (1, 1), False, indices
        ),
        ("relu", "forward"): lambda: functional.relu(x),
        ("relu", "grad_input"): lambda: aten.threshold_backward(dy, y, 0),
    }
    return Call(calls[case.key], _tensors)
