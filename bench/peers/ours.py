"""rushlight, called as its users call it: plain ndarrays in and out. Options: isa."""

from __future__ import annotations

from typing import Any

from bench.cases import Case
from bench.peers.common import Call, Options, keywords

rl: Any = None


def start(threads: int, options: Options) -> dict[str, Any]:
    """RUSHLIGHT_ISA and RUSHLIGHT_NUM_THREADS would do as well; the functions complain about a wrong name."""
    global rl
    import rushlight
    import rushlight.nn.functional
    import rushlight.nn.grad

    rl = rushlight
    if "isa" in options:
        rl.set_isa(options["isa"])
    rl.set_num_threads(threads)
    return {
        "version": rl.__version__,
        "isa": rl.isa(),
        "isas": list(rl.available_isas()),
        "threads": rl.get_num_threads(),
    }


def prepare(case: Case) -> Call:
    """The public functions; `nn.grad` holds the hand-written backward passes."""
    layer, x, w, dy = case.layer, case.x, case.w, case.dy
    functional, grad = rl.nn.functional, rl.nn.grad
    settings = keywords(layer)
    if case.key == ("conv2d", "forward"):
        return Call(lambda: functional.conv2d(x, w, **settings))
    if case.key == ("conv2d", "grad_input"):
        return Call(lambda: grad.conv2d_input(layer.input_shape, w, dy, **settings))
    if case.key == ("conv2d", "grad_weight"):
        return Call(lambda: grad.conv2d_weight(x, layer.weight_shape, dy, **settings))
    if case.key == ("max_pool2d", "forward"):
        return Call(
            lambda: functional.max_pool2d(
                x, layer.kernel, layer.stride, layer.padding, return_indices=layer.indices
            )
        )
    if case.key == ("max_pool2d", "grad_input"):
        return Call(lambda: grad.max_pool2d_input(layer.input_shape, case.indices, dy))
    if case.key == ("relu", "forward"):
        return Call(lambda: functional.relu(x))
    return Call(lambda: grad.relu_input(case.y, dy))


def peak(seconds: float, dtype: str) -> float | None:
    """The multiply-add peak of one thread in the ISA set, GFLOP/s, if this build can measure it."""
    measure = getattr(rl._core, "measure_fma_peak", None)
    return None if measure is None else float(measure(seconds, float64=dtype == "float64")) / 1e9
