"""BatchNorm1d and BatchNorm2d: the layers around functional.batch_norm, with their running statistics."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..autograd.inplace import check, written
from ..ops.convert import tensor
from ..ops.creation import empty, ones, zeros
from .init import ones_, zeros_
from .module import Module
from .parameter import Parameter


class _BatchNorm(Module):
    _version = 2  # 1 had no num_batches_tracked

    bias: Parameter | None
    weight: Parameter | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            given = Parameter(empty((num_features,), device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, given)
        self._make_statistics(
            zeros((num_features,), device=device, dtype=dtype) if track_running_stats else None,
            ones((num_features,), device=device, dtype=dtype) if track_running_stats else None,
        )
        self.reset_parameters()

    def _make_statistics(self, mean: Any, var: Any) -> None:
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", var)
        self.register_buffer("num_batches_tracked", tensor(0) if mean is not None else None)

    def reset_running_stats(self) -> None:
        """Back to mean 0, variance 1, no batches seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weights 1, bias 0, and `reset_running_stats`."""
        self.reset_running_stats()
        if self.weight is not None:
            ones_(self.weight)
        if self.bias is not None:
            zeros_(self.bias)

    def _check_input_dim(self, input: Any) -> None:
        raise NotImplementedError

    def forward(self, input: Any) -> Any:
        self._check_input_dim(input)
        members, params = self._buffers, self._parameters
        mean, var = members["running_mean"], members["running_var"]
        momentum = 0.0 if self.momentum is None else self.momentum
        counter = members["num_batches_tracked"]
        if self.training and self.track_running_stats and counter is not None:
            check(counter)  # what add_(1) does, by the shortest way: layers run while caches are cold
            counter._data += 1
            written(counter)
            if self.momentum is None:  # the plain average of all batches
                momentum = 1.0 / float(counter)
        own = mean is None and var is None  # nothing tracked: the batch's own statistics always
        if self.training and not self.track_running_stats:
            mean = var = None
        return F.batch_norm(
            input, mean, var, params["weight"], params["bias"], self.training or own, momentum, self.eps
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any, **options: Any
    ) -> None:
        key = prefix + "num_batches_tracked"
        version = local_metadata.get("version")
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            state_dict[key] = tensor(0) if self.num_batches_tracked is None else self.num_batches_tracked
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest, **options)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors (N, C) or sequences (N, C, L). See functional.batch_norm.

    num_features         C
    eps                  keeps the root away from 0
    momentum             how fast the running statistics move; None: they are the average of all batches
    affine, bias         whether weight and bias are learned
    track_running_stats  whether there are running statistics, used in evaluation mode

    >>> from rushlight import nn
    >>> nn.BatchNorm1d(4)
    BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)

    Source: torch.nn.BatchNorm1d.
    """

    def _check_input_dim(self, input: Any) -> None:
        if input.ndim not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.ndim}D input)")


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W); arguments as BatchNorm1d's. See functional.batch_norm.

    >>> from rushlight import nn
    >>> nn.BatchNorm2d(4)
    BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)

    Source: torch.nn.BatchNorm2d.
    """

    def _check_input_dim(self, input: Any) -> None:
        if input.ndim != 4:
            raise ValueError(f"expected 4D input (got {input.ndim}D input)")
