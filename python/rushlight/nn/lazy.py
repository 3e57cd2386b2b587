"""LazyLinear, LazyConv2d, LazyBatchNorm2d: layers that learn from their first input how many channels come.

The first call gives the parameters their shapes and fills them, and makes the layer an ordinary one.
"""

from __future__ import annotations

from typing import Any

from ..functional._spelling import Ints
from ..size import Size
from .batchnorm import BatchNorm1d, BatchNorm2d, _BatchNorm
from .conv import Conv2d
from .linear import Linear
from .module import Module
from .uninitialized import Uninitialized, UninitializedBuffer, UninitializedParameter


class _Lazy(Module):
    """`_becomes`: the class after the first call; `_size`: the attribute that is 0 until then."""

    _becomes: type[Module]
    _size: str

    def has_uninitialized_params(self) -> bool:
        """Whether any parameter or buffer has no shape yet."""
        members = (*self._parameters.values(), *self._buffers.values())
        return any(isinstance(member, Uninitialized) for member in members)

    def initialize_parameters(self, input: Any) -> None:
        """Give every parameter and buffer its shape and its first values, from the shape of an input."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Draw fresh weights, once there are shapes."""
        if not self.has_uninitialized_params() and getattr(self, self._size) != 0:
            super().reset_parameters()  # type: ignore[misc]

    def forward(self, input: Any) -> Any:
        self.initialize_parameters(input)
        self.__class__ = self._becomes  # type: ignore[assignment]
        return self.forward(input)

    def _materialize(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Shapes for what has none; if any had none, first values for all."""
        members: dict[str, Any] = {**self._parameters, **self._buffers}
        waiting = self.has_uninitialized_params()
        for name, shape in shapes.items():
            if isinstance(members[name], Uninitialized):
                members[name].materialize(shape)
        if waiting:
            self.reset_parameters()

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any, **options: Any) -> None:
        for name, member in (*self._parameters.items(), *self._buffers.items()):
            given = state_dict.get(prefix + name)
            known = given is not None and not isinstance(given, Uninitialized)
            if isinstance(member, Uninitialized) and known:
                member.materialize(given.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest, **options)


class LazyLinear(_Lazy, Linear):
    """`Linear` that learns in_features from its first input.

    >>> import rushlight
    >>> from rushlight import nn
    >>> layer = nn.LazyLinear(3)
    >>> layer
    LazyLinear(in_features=0, out_features=3, bias=True)
    >>> _ = layer(rushlight.ones(1, 5))
    >>> layer
    Linear(in_features=5, out_features=3, bias=True)

    Source: torch.nn.LazyLinear.
    """

    _becomes = Linear
    _size = "in_features"
    weight: Any

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        Module.__init__(self)
        self.in_features = 0
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.register_parameter("bias", UninitializedParameter(device=device, dtype=dtype) if bias else None)

    def initialize_parameters(self, input: Any) -> None:
        self.in_features = input.shape[-1]
        shapes: dict[str, tuple[int, ...]] = {"weight": (self.out_features, self.in_features)}
        self._materialize({**shapes, "bias": (self.out_features,)} if self.bias is not None else shapes)


class LazyConv2d(_Lazy, Conv2d):
    """`Conv2d` that learns in_channels from its first input.

    >>> from rushlight import nn
    >>> nn.LazyConv2d(4, 3)
    LazyConv2d(0, 4, kernel_size=(3, 3), stride=(1, 1))

    Source: torch.nn.LazyConv2d.
    """

    _becomes = Conv2d
    _size = "in_channels"
    weight: Any

    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Any = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def initialize_parameters(self, input: Any) -> None:
        if input.ndim not in (3, 4):
            raise RuntimeError(
                "Expected 3D (unbatched) or 4D (batched) input to LazyConv2d, but got input of size: "
                f"{Size(input.shape)}"
            )
        self.in_channels = input.shape[-3]
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self._materialize(
            {"weight": shape, **({"bias": (self.out_channels,)} if self.bias is not None else {})}
        )


class _LazyBatchNorm(_Lazy, _BatchNorm):
    """Batch normalisation that learns num_features from its first input; `_becomes` says of what kind."""

    _size = "num_features"
    weight: Any

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        _BatchNorm.__init__(self, 0, eps, momentum, False, False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            self.bias = UninitializedParameter(device=device, dtype=dtype) if bias else None
        if track_running_stats:
            self._make_statistics(
                UninitializedBuffer(device=device, dtype=dtype),
                UninitializedBuffer(device=device, dtype=dtype),
            )

    def initialize_parameters(self, input: Any) -> None:
        self._check_input_dim(input)
        self.num_features = input.shape[1]
        names = [*self._parameters, "running_mean", "running_var"]
        members: dict[str, Any] = {**self._parameters, **self._buffers}
        self._materialize({name: (self.num_features,) for name in names if members[name] is not None})


class LazyBatchNorm1d(_LazyBatchNorm, BatchNorm1d):
    """`BatchNorm1d` that learns num_features from its first input.

    >>> from rushlight import nn
    >>> nn.LazyBatchNorm1d()
    LazyBatchNorm1d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)

    Source: torch.nn.LazyBatchNorm1d.
    """

    _becomes = BatchNorm1d


class LazyBatchNorm2d(_LazyBatchNorm, BatchNorm2d):
    """`BatchNorm2d` that learns num_features from its first input.

    >>> from rushlight import nn
    >>> nn.LazyBatchNorm2d()
    LazyBatchNorm2d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)

    Source: torch.nn.LazyBatchNorm2d.
    """

    _becomes = BatchNorm2d
