"""Loss layers: each a thin Module around the function of the same name in functional/."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..functional.loss import reduction_of
from .module import Module


class _Loss(Module):
    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.reduction = reduction_of(size_average, reduce, reduction)


class MSELoss(_Loss):
    """The mean of (input - target)²; `reduction`: 'mean', 'sum' or 'none'. See functional.mse_loss.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.MSELoss()(rushlight.tensor([1., 2.]), rushlight.tensor([1., 4.]))
    tensor(2.)

    Source: torch.nn.MSELoss.
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """The mean of |input - target|; `reduction`: 'mean', 'sum' or 'none'. See functional.l1_loss.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.L1Loss()(rushlight.tensor([1., 2.]), rushlight.tensor([1., 4.]))
    tensor(1.)

    Source: torch.nn.L1Loss.
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.l1_loss(input, target, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Cross entropy of yes-or-no truths. See functional.binary_cross_entropy_with_logits.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.BCEWithLogitsLoss()(rushlight.zeros(4), rushlight.ones(4))
    tensor(0.6931)

    Source: torch.nn.BCEWithLogitsLoss.
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Any = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class NLLLoss(_Loss):
    """Minus the log-probability of the right class. See functional.nll_loss.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.NLLLoss()(rushlight.tensor([[-0.5, -1.0]]), rushlight.tensor([1]))
    tensor(1.)

    Source: torch.nn.NLLLoss.
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Any:
        return F.nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class CrossEntropyLoss(_Loss):
    """Cross entropy between scores and classes (or class probabilities). See functional.cross_entropy.

    >>> import rushlight
    >>> from rushlight import nn
    >>> nn.CrossEntropyLoss()(rushlight.zeros(1, 4), rushlight.tensor([2]))
    tensor(1.3863)

    Source: torch.nn.CrossEntropyLoss.
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
