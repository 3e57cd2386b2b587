"""What the kernels compute, in NumPy: one function per op and direction, loops over the kernel's taps.

Sums are float64 (integers: int64). Arguments are those of `rushlight._core`: pairs are (height, width),
padding is (top, bottom, left, right), arrays are 4-D. Taps on the padding do not take part. Nothing here
is fast, and nothing here may import the code that it judges.
"""

from __future__ import annotations

import numpy as np

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


def reach(outputs: int, size: int, offset: int, stride: int) -> tuple[slice, slice]:
    """The outputs o whose pixel o * stride + offset lies in [0, size), and those pixels."""
    first = max(0, -(offset // stride))
    last = min(outputs, (size - 1 - offset) // stride + 1)
    if last <= first:
        return slice(0, 0), slice(0, 0)
    return slice(first, last), slice(first * stride + offset, (last - 1) * stride + offset + 1, stride)


def wide(a: np.ndarray) -> np.ndarray:
    """The same values with room for sums: float64, or int64, which wraps to smaller types without error."""
    return a.astype(np.float64 if a.dtype.kind == "f" else np.int64)


# ---------------------------------------------------------------- convolution


def conv2d_size(hw: Pair, kernel: Pair, stride: Pair, padding: Sides, dilation: Pair) -> Pair:
    padded = hw[0] + padding[0] + padding[1], hw[1] + padding[2] + padding[3]
    reached = (dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1))
    height, width = ((p - r) // s + 1 for p, r, s in zip(padded, reached, stride, strict=True))
    return height, width


def conv2d_taps(hw: Pair, out: Pair, kernel: Pair, stride: Pair, padding: Sides, dilation: Pair):
    """For each tap (r, s): itself, the outputs that it reaches an input pixel for, and those pixels."""
    for r in range(kernel[0]):
        oh, ih = reach(out[0], hw[0], r * dilation[0] - padding[0], stride[0])
        for s in range(kernel[1]):
            ow, iw = reach(out[1], hw[1], s * dilation[1] - padding[2], stride[1])
            yield (r, s), (oh, ow), (ih, iw)


def conv2d_groups(channels: int, kernels: int, groups: int):
    for g in range(groups):
        yield (
            slice(g * channels // groups, (g + 1) * channels // groups),
            slice(g * kernels // groups, (g + 1) * kernels // groups),
        )


def conv2d_forward(x, w, b, stride: Pair, padding: Sides, dilation: Pair, groups: int) -> np.ndarray:
    out = conv2d_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y = np.zeros((x.shape[0], w.shape[0], *out), wide(x).dtype)
    taps = list(conv2d_taps(x.shape[2:], out, w.shape[2:], stride, padding, dilation))
    with np.errstate(all="ignore"):
        for c, k in conv2d_groups(x.shape[1], w.shape[0], groups):
            for (r, s), (oh, ow), (ih, iw) in taps:
                y[:, k, oh, ow] += np.einsum("nchw,kc->nkhw", wide(x[:, c, ih, iw]), wide(w[k, :, r, s]))
        return y if b is None else y + wide(b)[:, None, None]


def conv2d_grad_input(dy, w, input_size, stride: Pair, padding: Sides, dilation: Pair, groups: int):
    dx = np.zeros(input_size, wide(dy).dtype)
    taps = list(conv2d_taps(dx.shape[2:], dy.shape[2:], w.shape[2:], stride, padding, dilation))
    with np.errstate(all="ignore"):
        for c, k in conv2d_groups(dx.shape[1], w.shape[0], groups):
            for (r, s), (oh, ow), (ih, iw) in taps:
                dx[:, c, ih, iw] += np.einsum("nkhw,kc->nchw", wide(dy[:, k, oh, ow]), wide(w[k, :, r, s]))
    return dx


def conv2d_grad_weight(dy, x, weight_size, stride: Pair, padding: Sides, dilation: Pair, groups: int):
    dw = np.zeros(weight_size, wide(dy).dtype)
    taps = list(conv2d_taps(x.shape[2:], dy.shape[2:], dw.shape[2:], stride, padding, dilation))
    with np.errstate(all="ignore"):
        for c, k in conv2d_groups(x.shape[1], dw.shape[0], groups):
            for (r, s), (oh, ow), (ih, iw) in taps:
                dw[k, :, r, s] = np.einsum("nkhw,nchw->kc", wide(dy[:, k, oh, ow]), wide(x[:, c, ih, iw]))
    return dw


def conv2d_grad_bias(dy) -> np.ndarray:
    with np.errstate(all="ignore"):
        return wide(dy).sum(axis=(0, 2, 3))


# ---------------------------------------------------------------- max pooling


def max_pool2d_size(
    hw: Pair, kernel: Pair, stride: Pair, padding: Sides, dilation: Pair, ceil_mode: bool
) -> Pair:
    sizes = []
    for i in (0, 1):
        before, after = padding[2 * i], padding[2 * i + 1]
        slack = hw[i] + before + after - dilation[i] * (kernel[i] - 1) - 1
        size = (-(-slack // stride[i]) if ceil_mode else slack // stride[i]) + 1
        if ceil_mode and (size - 1) * stride[i] >= hw[i] + before:
            size -= 1  # the last window must start inside the image or its first padding
        sizes.append(size)
    return sizes[0], sizes[1]


def max_pool2d_forward(
    x, kernel: Pair, stride: Pair, padding: Sides, dilation: Pair, ceil_mode: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(y, indices): ties keep the first tap, any NaN gives the last NaN, -inf the first tap in the image."""
    H, W = x.shape[2:]
    out = max_pool2d_size((H, W), kernel, stride, padding, dilation, ceil_mode)
    starts = [np.arange(out[i]) * stride[i] - padding[2 * i] for i in (0, 1)]
    first = [
        np.where(a < 0, a % d, a) for a, d in zip(starts, dilation, strict=True)
    ]  # steps of d up to >= 0
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    y = np.full((*x.shape[:2], *out), lowest, x.dtype)
    indices = np.empty(y.shape, np.int64)
    indices[:] = first[0][:, None] * W + first[1]
    position = np.arange(H)[:, None] * W + np.arange(W)
    for _, (oh, ow), (ih, iw) in conv2d_taps((H, W), out, kernel, stride, padding, dilation):
        tap, best = x[:, :, ih, iw], y[:, :, oh, ow]
        wins = (tap > best) | (tap != tap)
        y[:, :, oh, ow] = np.where(wins, tap, best)
        indices[:, :, oh, ow] = np.where(wins, position[ih, iw], indices[:, :, oh, ow])
    return y, indices


def max_pool2d_grad_input(dy, indices, input_size) -> np.ndarray:
    """In dy's own type and in the order of the outputs, so that it is exact to the bit."""
    dx = np.zeros(input_size, dy.dtype)
    for plane in np.ndindex(*dy.shape[:2]):
        np.add.at(dx[plane].reshape(-1), indices[plane].reshape(-1), dy[plane].reshape(-1))
    return dx


# ---------------------------------------------------------------- average pooling


def _windows(size: int, outputs: int, kernel: int, stride: int, pad: int, pad_after: int, include_pad: bool):
    """Which pixels are in which window, (outputs, size) of 0 and 1, and how many pixels of each count."""
    start = np.arange(outputs)[:, None] * stride - pad
    pixel = np.arange(size)
    inside = ((pixel >= start) & (pixel < start + kernel)).astype(np.float64)
    reached = np.minimum(start[:, 0] + kernel, size + pad_after) - start[:, 0]
    return inside, reached.astype(np.float64) if include_pad else inside.sum(axis=1)


def _means(hw: Pair, kernel, stride, padding, ceil_mode, include_pad, divisor):
    """The matrices that sum rows and columns, and what to divide by."""
    out = max_pool2d_size(hw, kernel, stride, padding, (1, 1), ceil_mode)
    (down, rows), (across, cols) = (
        _windows(hw[i], out[i], kernel[i], stride[i], padding[2 * i], padding[2 * i + 1], include_pad)
        for i in (0, 1)
    )
    return down, across, rows[:, None] * cols if divisor is None else float(divisor)


def _between(left: np.ndarray, x: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ x @ right for matrices of 0 and 1, where 0 times infinity is 0."""
    with np.errstate(all="ignore"):
        picked = [wide(x)[:, :, row.astype(bool)].sum(axis=2) for row in left]
        rows = np.stack(picked, axis=2)
        return np.stack([rows[..., col.astype(bool)].sum(axis=3) for col in right.T], axis=3)


def avg_pool2d_forward(x, *options) -> np.ndarray:
    down, across, divisor = _means(x.shape[2:], *options)
    return _between(down, x, across.T) / divisor


def avg_pool2d_grad_input(dy, input_size, *options) -> np.ndarray:
    down, across, divisor = _means(input_size[2:], *options)
    return _between(down.T, wide(dy) / divisor, across)


# ---------------------------------------------------------------- relu


def relu_forward(x) -> np.ndarray:
    return np.where(x < 0, x.dtype.type(0), x)


def relu_grad_input(dy, y) -> np.ndarray:
    return np.where(y <= 0, dy.dtype.type(0), dy)


# ---------------------------------------------------------------- comparison


def assert_close(got: np.ndarray, want: np.ndarray, scale: np.ndarray, terms: int, what: str = "") -> None:
    """Each element within rounding error of `want`, a sum of `terms` products.

    The products' absolute values add up to `scale`. NaN and infinities must be exactly where the oracle
    has them. The budget grows with the root of the number of terms, as rounding errors do; a tap too
    many or too few is far outside it.
    """
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    finite = np.isfinite(want)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=f"{what}: NaN elsewhere")
    np.testing.assert_array_equal(got[~finite], want[~finite], err_msg=f"{what}: infinities differ")
    eps = np.finfo(got.dtype).eps
    budget = eps * (2 + np.sqrt(terms)) * scale[finite] + np.finfo(got.dtype).tiny
    error = np.abs(got[finite].astype(np.float64) - want[finite])
    worst = float(np.max(error / budget, initial=0.0))
    assert worst <= 1, f"{what}: error {worst:.3g} times the budget of a sum of {terms} products"


def assert_same_bits(got: np.ndarray, want: np.ndarray, what: str = "") -> None:
    assert got.dtype == want.dtype, f"{what}: dtype {got.dtype}, expected {want.dtype}"
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    if np.ascontiguousarray(got).tobytes() != np.ascontiguousarray(want).tobytes():
        np.testing.assert_array_equal(got, want, err_msg=what)
        raise AssertionError(f"{what}: equal values, but the sign of a zero or the bits of a NaN differ")
