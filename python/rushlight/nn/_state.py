"""state_dict and load_state_dict: a module's values by dotted name, out and in, with torch's messages."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import dtypes
from ..autograd import TensorBase, no_grad, wrap
from ..ops.convert import check_device
from .uninitialized import Uninitialized

if TYPE_CHECKING:
    from .module import Module


class IncompatibleKeys(NamedTuple):
    """What load_state_dict found missing in, and unexpected in, the dictionary it was given."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    def __str__(self) -> str:
        return repr(self)


# ---- out -------------------------------------------------------------------------------------------------
def collect(module: Module, destination: Any, prefix: str, keep_vars: bool) -> Any:
    """The state of `module` and everything below it, added to `destination` (a new OrderedDict if None)."""
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = {"version": module._version}
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    return destination


def own_state(module: Module) -> list[tuple[str, Any]]:
    """(name, Tensor) of the module's own Parameters and persistent buffers, in the order they are saved."""
    transient = module._non_persistent_buffers_set
    members = itertools.chain(
        module._parameters.items(),
        ((name, buffer) for name, buffer in module._buffers.items() if name not in transient),
    )
    return [(name, member) for name, member in members if member is not None]


def save_own(module: Module, destination: Any, prefix: str, keep_vars: bool) -> None:
    for name, member in own_state(module):
        destination[prefix + name] = member if keep_vars else member.detach()


# ---- in --------------------------------------------------------------------------------------------------
def load(module: Module, state_dict: Any, strict: bool, assign: bool) -> IncompatibleKeys:
    """Give `module` and everything below it the values of `state_dict`; all problems are told at once."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    metadata = getattr(state_dict, "_metadata", None)
    missing: list[str] = []
    unexpected: list[str] = []
    errors: list[str] = []
    state = OrderedDict(state_dict)

    def visit(target: Module, local_state: Any, prefix: str) -> None:
        local_metadata = {} if metadata is None else dict(metadata.get(prefix[:-1], {}))
        if assign:
            local_metadata["assign_to_params_buffers"] = True
        target._load_from_state_dict(local_state, prefix, local_metadata, True, missing, unexpected, errors)
        for name, child in target._modules.items():
            if child is not None:
                inner = f"{prefix}{name}."
                visit(
                    child, {key: value for key, value in local_state.items() if key.startswith(inner)}, inner
                )

    visit(module, state, "")
    if strict:
        if unexpected:
            errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
        if missing:
            errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
    if errors:
        listed = "\n\t".join(errors)
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{listed}")
    return IncompatibleKeys(missing, unexpected)


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def load_own(
    module: Module,
    state_dict: Any,
    prefix: str,
    local_metadata: Any,
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    errors: list[str],
) -> None:
    """The module's own Parameters and buffers; the lists gather what is wrong."""
    own = dict(own_state(module))
    for name, member in own.items():
        key = prefix + name
        if key in state_dict:
            error = _load_one(
                module,
                name,
                member,
                key,
                state_dict[key],
                bool(local_metadata.get("assign_to_params_buffers", False)),
            )
            if error:
                errors.append(error)
        elif strict:
            missing.append(key)
    if strict:
        for key in state_dict:
            if key.startswith(prefix):
                first, *deeper = key[len(prefix) :].split(".", 1)
                known = first in module._modules if deeper else first in own
                if not known:
                    unexpected.append(key)


def _load_one(module: Module, name: str, member: Any, key: str, value: Any, assign: bool) -> str | None:
    """Copy one value; returns what is wrong, or None."""
    if isinstance(value, np.ndarray):
        value = wrap(value)
    if not isinstance(value, TensorBase):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
            f"checkpoint but received {type(value)}"
        )
    given: Any = value
    if isinstance(member, Uninitialized) and isinstance(given, Uninitialized):
        return None  # nothing to copy yet
    if member.ndim == 0 and given.ndim == 1 and given.numel() == 1:
        given = given[0]  # torch before 0.4 had no 0-dimensional tensors
    if given.shape != member.shape:
        return (
            f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
            f"the shape in current model is {member.shape}."
        )
    with no_grad():
        if not assign:
            member.copy_(given)
        elif name in module._parameters:
            kept = given if isinstance(given, type(member)) else type(member)(given, member.requires_grad)
            module._parameters[name] = kept
        else:
            module._buffers[name] = given
    return None


# ---- Module.to -------------------------------------------------------------------------------------------
def target_dtype(device: Any = None, dtype: Any = None, *rest: Any, **options: Any) -> Any:
    """The dtype that the arguments of `Module.to` ask for, or None; checks device and types."""
    if isinstance(device, TensorBase):
        device, dtype = None, dtypes.of(device._data.dtype)
    elif isinstance(device, dtypes.dtype):
        device, dtype = None, device
    check_device(device)
    if dtype is None:
        return None
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"to() expects a dtype such as torch.float64, but got {type(dtype).__name__}")
    if not dtype.is_floating_point:
        raise TypeError(
            f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
        )
    return dtype
