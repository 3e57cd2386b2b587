"""The libraries that are timed, a module each. Adding one means adding a module and a line to PEERS.

A peer module is imported in its own worker process only, and has
    start(threads, options) -> dict   import the library, limit its threads; says its version and more
    prepare(case) -> Call             everything that a user does once; raises Unsupported with the reason
"""

from __future__ import annotations

OURS = "rushlight"

PREPARED = ("ncnn",)  # get their weights transformed before they are timed: shown, but not as the best rival

# name -> (module, what to `pip install`); ours first, then in the order of the table's columns
PEERS: dict[str, tuple[str, str]] = {
    OURS: ("ours", "."),
    "torch": ("pytorch", "torch"),
    "onnxruntime": ("onnx_runtime", "onnxruntime onnx"),
    "ncnn": ("ncnn_net", "ncnn"),
    "opencv": ("opencv", "opencv-python-headless"),
    "scipy": ("scipy_filters", "scipy"),
    "numpy": ("numpy_im2col", "numpy"),
    "python": ("python_loops", "nothing"),
}
