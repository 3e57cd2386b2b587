"""Pictures of images, kernels, feature maps, windows at work, training and plans.

    from rushlight import viz
    viz.kernels(conv.weight).savefig("kernels.png")

Every function returns a matplotlib Figure (or `Steps`, an animation) that was made without pyplot: no window,
no global state, no screen needed; notebooks show it by themselves. Without matplotlib (the extra `viz`)
functions that show arrays return a `TextPicture` instead: print it. `import rushlight` imports none of this.
"""

from __future__ import annotations

from .charts import compare, plan, training_curve
from .mosaics import feature_maps, kernels, receptive_field, show_images
from .steps import Steps, conv_steps, pool_steps
from .text import TextPicture

__all__ = [
    "Steps",
    "TextPicture",
    "compare",
    "conv_steps",
    "feature_maps",
    "kernels",
    "plan",
    "pool_steps",
    "receptive_field",
    "show_images",
    "training_curve",
]
