"""rushlight, called as its users call it: plain ndarrays in and out. Options: isa, precision."""

from __future__ import annotations

from typing import Any

from ..cases import Case
from ..layers import Layer
from .common import Call, Options, Unsupported, keywords, recorded

rl: Any = None
_precision = "high"
_DIRECTIONS = {"forward": "forward", "grad_input": "input", "grad_weight": "weight"}
_TRANSPOSED = {"forward": "input", "grad_input": "forward", "grad_weight": "weight"}
_SIZES = (2**18, 2**22, 2**28)  # bytes in the caches of one core, of all, in memory


def start(threads: int, options: Options) -> dict[str, Any]:
    """RUSHLIGHT_ISA and RUSHLIGHT_NUM_THREADS would do as well; the functions complain about a wrong name."""
    global rl, _precision
    import rushlight
    import rushlight.nn.functional
    import rushlight.nn.grad

    rl, _precision = rushlight, options.get("precision", "high")
    if "isa" in options:
        rl.set_isa(options["isa"])
    rl.set_float32_conv_precision(_precision)
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
    if _precision != "high" and not _differs(layer, case.direction):
        raise Unsupported("as at precision 'high'")
    functional, grad = rl.nn.functional, rl.nn.grad
    settings, window = keywords(layer), (layer.kernel, layer.stride, layer.padding)
    lattice = (layer.kernel, layer.dilation, layer.padding, layer.stride)
    calls = {
        ("conv2d", "forward"): lambda: functional.conv2d(x, w, **settings),
        ("conv2d", "grad_input"): lambda: grad.conv2d_input(layer.input_shape, w, dy, **settings),
        ("conv2d", "grad_weight"): lambda: grad.conv2d_weight(x, layer.weight_shape, dy, **settings),
        ("conv_transpose2d", "forward"): lambda: functional.conv_transpose2d(x, w, **settings),
        ("max_pool2d", "forward"): lambda: functional.max_pool2d(x, *window, return_indices=layer.indices),
        ("max_pool2d", "grad_input"): lambda: grad.max_pool2d_input(layer.input_shape, case.indices, dy),
        ("avg_pool2d", "forward"): lambda: functional.avg_pool2d(x, *window),
        ("avg_pool2d", "grad_input"): lambda: grad.avg_pool2d_input(layer.input_shape, dy, *window),
        ("unfold", "forward"): lambda: functional.unfold(x, *lattice),
        ("unfold", "grad_input"): lambda: functional.fold(dy, layer.input_shape[2:], *lattice),
        ("batch_norm", "forward"): lambda: functional.batch_norm(x, None, None, training=True),
        ("relu", "forward"): lambda: functional.relu(x),
        ("relu", "grad_input"): lambda: grad.relu_input(case.y, dy),
    }
    return Call(calls[case.key]) if case.key in calls else recorded(rl, case)


# ---- what bounds a call ----------------------------------------------------------------------------------
def _plan(layer: Layer, direction: str) -> Any:
    conv, names = (layer.mirrored, _TRANSPOSED) if layer.op == "conv_transpose2d" else (layer, _DIRECTIONS)
    settings = {**keywords(conv), "dtype": layer.dtype, "direction": names[direction]}
    return rl.plan("conv2d", conv.input_shape, conv.weight_shape, **settings)


def _differs(layer: Layer, direction: str) -> bool:
    """Whether another precision means another algorithm here."""
    if not layer.flops:
        return False
    chosen = _plan(layer, direction).algorithm
    with rl.float32_conv_precision("high"):
        return bool(_plan(layer, direction).algorithm != chosen)


def roofline(layer: Layer, direction: str) -> dict[str, Any]:
    """The algorithm with what it computes and moves, and the time which that takes at least here."""
    if layer.flops:
        p = _plan(layer, direction)
        found = {"algorithm": p.algorithm, "flops": p.executed_flops, "bytes": p.bytes_moved}
        return {**found, "seconds": p.roofline_seconds, "bound_by": p.bound_by}
    moved = layer.bytes(direction)
    return {"flops": 0.0, "bytes": moved, "seconds": moved / _bandwidth(moved), "bound_by": "memory"}


def _bandwidth(moved: int) -> float:
    """Bytes per second for so many: relu's, which reads and writes four for each element."""
    return float(rl.plan("relu", (max(1, moved // 8),)).bandwidth)


def machine(seconds: float, dtypes: list[str]) -> dict[str, Any]:
    """Flops per second by dtype, with the threads that were set, and bytes per second by working set."""
    rates = {dtype: rl._core.measure_fma_peak(seconds, float64=dtype == "float64") for dtype in dtypes}
    peaks = {dtype: rate * rl.get_num_threads() for dtype, rate in rates.items()}
    return {"peaks": peaks, "bandwidths": {str(size): _bandwidth(size) for size in _SIZES}}
