"""Many small images in one picture: batches, kernels, feature maps; and what an output looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import enable_grad, grad, unwrap, wrap
from .canvas import GREY, WARM, Array, array_of, draw_image, have_matplotlib, new_figure, style
from .text import render

MOST = 64  # images in one picture; the rest is named in its title


def show_images(
    images: Any, titles: Sequence[str] | None = None, columns: int | None = None, signed: bool | None = None
) -> Any:
    """A batch of images, side by side.

    images   (N, C, H, W) with C = 1 or 3, (N, H, W), (H, W), or a list of single images (H, W), (1, H, W),
             (3, H, W) or (H, W, 3); colours from 0 to 1, or to 255
    titles   one for each
    columns  how many in a row (None: about a square)
    signed   True: zero is white, red positive, blue negative; None: so if any number is negative

    Returns a Figure, or a TextPicture without matplotlib. Raises ValueError for other shapes, or too many or
    too few titles.

    >>> import numpy as np
    >>> from rushlight import viz
    >>> picture = viz.show_images(np.random.default_rng(0).random((6, 1, 8, 8)))
    """
    planes = [_as_image(image) for image in _split(images)]
    if titles is not None and len(titles) != len(planes):
        raise ValueError(f"show_images(): expected {len(planes)} titles, but got {len(titles)}")
    if signed is None:
        signed = any(bool((plane < 0).any()) for plane in planes)
    return _mosaic(planes, titles, columns, signed)


def kernels(weight: Any, columns: int | None = None) -> Any:
    """The kernels of a layer: red weights add, blue ones subtract, white ones do nothing.

    weight  (K, C, R, S), or a module with such a `weight`. With C = 1 one picture for each kernel; else one
            for each kernel and input channel, a row for a kernel

    Returns a Figure, or a TextPicture without matplotlib. Raises ValueError for other shapes.

    >>> from rushlight import nn, viz
    >>> picture = viz.kernels(nn.Conv2d(1, 8, 3))
    """
    array = array_of("weight", getattr(weight, "weight", weight))
    if array.ndim != 4:
        raise ValueError(
            f"kernels(): weight must have 4 dimensions (K, C, R, S), but has shape {array.shape}"
        )
    k, c = array.shape[:2]
    names = [f"{i}" if c == 1 else f"{i}, {j}" for i in range(k) for j in range(c)]
    planes = list(array.reshape(k * c, *array.shape[2:]))
    return _mosaic(planes, names, columns or (c if c > 1 else None), signed=True)


def feature_maps(x: Any, columns: int | None = None) -> Any:
    """The channels of one image's features, side by side.

    x  (C, H, W), or (1, C, H, W)

    Returns a Figure, or a TextPicture without matplotlib. Raises ValueError for other shapes.

    >>> import rushlight
    >>> from rushlight import nn, viz
    >>> picture = viz.feature_maps(nn.Conv2d(1, 8, 3)(rushlight.rand(1, 1, 16, 16)))
    """
    array = array_of("x", x)
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim != 3:
        raise ValueError(
            f"feature_maps(): x must be one image (C, H, W) or (1, C, H, W), but has shape {array.shape}"
        )
    names = [f"channel {i}" for i in range(len(array))]
    return _mosaic(list(array), names, columns, bool((array < 0).any()))


def receptive_field(module: Any, input_shape: Sequence[int], trials: int = 8) -> Any:
    """Which pixels the middle of a network's output looks at, and how much.

    The mean of the absolute gradients of the middle output with respect to the input, over random images (the
    effective receptive field of Luo et al., arXiv:1701.04128); the frame holds every pixel that counts.

    module       maps (1, C, H, W) to (1, K, OH, OW)
    input_shape  (C, H, W), or (1, C, H, W)
    trials       how many random images

    Returns a Figure, or a TextPicture without matplotlib. Its parameters' gradients are left as they were.

    >>> from rushlight import nn, viz
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
    >>> picture = viz.receptive_field(net, (1, 16, 16))
    """
    shape = tuple(input_shape)[-3:]
    if len(shape) != 3:
        raise ValueError(f"receptive_field(): input_shape must be (C, H, W), but is {tuple(input_shape)}")
    seen = _sensitivity(module, shape, trials)
    rows, cols = np.nonzero(seen.any(axis=1))[0], np.nonzero(seen.any(axis=0))[0]
    if not rows.size:
        raise ValueError("receptive_field(): the middle of the output depends on no pixel")
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(cols[0]), int(cols[-1])
    title = f"{bottom - top + 1} x {right - left + 1} of {shape[1]} x {shape[2]} pixels"
    if not have_matplotlib():
        return render([seen], [title])
    from matplotlib.patches import Rectangle

    with style():
        figure = new_figure(4, 4 * shape[1] / shape[2] + 0.4)
        axes = figure.subplots()
        draw_image(axes, seen, title, cmap="magma")
        frame = (left - 0.5, top - 0.5), right - left + 1, bottom - top + 1
        axes.add_patch(Rectangle(*frame, fill=False, edgecolor=WARM, linewidth=1.5))
    return figure


def _sensitivity(module: Any, shape: tuple[int, ...], trials: int) -> Array:
    rng = np.random.default_rng(0)
    total = np.zeros(shape[1:])
    with enable_grad():
        for _ in range(trials):
            x = wrap(rng.standard_normal((1, *shape), dtype=np.float32)).requires_grad_()
            y = module(x)
            if y.ndim != 4:
                raise ValueError(
                    f"receptive_field(): module must return (1, K, OH, OW), but returned {tuple(y.shape)}"
                )
            (gradient,) = grad(y[:, :, y.shape[2] // 2, y.shape[3] // 2].sum(), x)
            total += np.abs(unwrap(gradient)[0]).sum(axis=0)
    return total / trials


def _split(images: Any) -> list[Any]:
    if isinstance(images, (list, tuple)):
        return list(images)
    array = array_of("images", images)
    return [array] if array.ndim == 2 else list(array)


def _as_image(image: Any) -> Array:
    """(H, W), or (H, W, colours) from 0 to 1."""
    array = array_of("images", image)
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (3, 4):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 2:
        return array
    if array.ndim == 3 and array.shape[2] in (3, 4):
        return np.clip(array / 255 if array.max() > 1 else array, 0, 1)
    raise ValueError(
        "show_images(): each image must be (H, W), (1, H, W), (3, H, W) or (H, W, 3), "
        f"but one has shape {array.shape}"
    )


def _mosaic(planes: list[Array], titles: Sequence[str] | None, columns: int | None, signed: bool) -> Any:
    shown = planes[:MOST]
    if not have_matplotlib():
        return render(shown, titles)
    columns = min(columns or max(1, int(np.ceil(np.sqrt(len(shown) * 1.6)))), len(shown))
    rows = -(-len(shown) // columns)
    tall = shown[0].shape[0] / shown[0].shape[1]
    limit = max(float(np.abs(plane[np.isfinite(plane)]).max(initial=0)) for plane in shown) or 1.0
    one_scale: dict[str, Any] = {"vmin": -limit, "vmax": limit} if signed else {}
    with style():
        figure = new_figure(1.3 * columns, (1.3 * min(tall, 3) + (0.25 if titles else 0)) * rows + 0.2)
        for number, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
            if number >= len(shown):
                axes.axis("off")
                continue
            title = titles[number] if titles is not None else ""
            draw_image(axes, shown[number], title, signed, **one_scale)
        if len(planes) > MOST:
            figure.suptitle(f"the first {MOST} of {len(planes)}", color=GREY)
    return figure
