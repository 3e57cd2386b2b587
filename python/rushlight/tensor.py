"""`Tensor`: an ndarray and its place in the graph.

Here are its properties and what makes it a Python object (len, bool, format, NumPy's protocols). Its
arithmetic and functions are those of ops/, which ops/methods.py lists under their method names; the fields
themselves are declared in autograd/graph.py.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import dtypes, printing
from .autograd import entry, hooks, recording
from .autograd.graph import Node, Port, TensorBase
from .autograd.recording import edge_of, unwrap, version_number, wrap
from .autograd.sharing import handed_out
from .ops import convert, creation, joining, rearrange
from .ops._common import flag, normal_dim
from .ops.methods import Methods
from .size import CPU, Size, device

NOT_LEAF = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
    "a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
)
GRAD_OF_NON_LEAF = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
    "won't be populated during autograd.backward(). If you indeed want the .grad field to be populated for "
    "a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by "
    "mistake, make sure you access the leaf Tensor instead."
)


class Tensor(Methods):
    """An n-dimensional array that can remember how it was computed, and so be differentiated.

    Made by `rushlight.tensor`, `zeros`, `from_numpy` ... or by operations on other Tensors. `Tensor(2, 3)` is
    uninitialised memory of that size, `Tensor([1, 2])` float32 data, as in torch.

    >>> import rushlight
    >>> w = rushlight.tensor([1., 2.], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> w.grad
    tensor([2., 4.])
    """

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Tensor:
        if len(args) == 1 and isinstance(args[0], TensorBase):
            data = args[0]._data
        elif len(args) == 1 and not hasattr(args[0], "__index__"):
            data = convert.tensor(args[0], dtype=dtypes.of(dtypes.default()))._data
        else:
            data = np.empty(creation.size_args("Tensor", args) if args else (0,), dtypes.default())
        return cls._make_subclass(cls, wrap(data))

    @staticmethod
    def _make_subclass(cls: Any, data: Any, require_grad: bool = False) -> Any:
        """A Tensor of class `cls` on the same memory as `data`, without its history. For subclasses."""
        made = object.__new__(cls)
        for name in ("_node", "_grad", "_writes", "_view", "_hooks"):
            setattr(made, name, None)
        made._data = handed_out(data._data)
        made._wanted = False
        if require_grad:
            made.requires_grad = True
        return made

    # ---- what it is

    @property
    def shape(self) -> Size:
        return Size(self._data.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one dimension."""
        if dim is None:
            return Size(self._data.shape)
        return self._data.shape[normal_dim(dim, self._data.ndim)]

    @property
    def ndim(self) -> int:
        return self._data.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self._data.size

    ndimension, nelement = dim, numel

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.of(self._data.dtype)

    @property
    def device(self) -> device:
        return CPU

    is_cuda = is_sparse = is_quantized = is_meta = is_mps = False

    @property
    def itemsize(self) -> int:
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        return self._data.nbytes

    def element_size(self) -> int:
        """Bytes per element."""
        return self._data.itemsize

    def stride(self, dim: int | None = None) -> Any:
        """Steps between neighbours along each dimension (or `dim`), in elements."""
        steps = tuple([step // self._data.itemsize for step in self._data.strides])
        return steps if dim is None else steps[dim]

    def data_ptr(self) -> int:
        """The address of the first element."""
        return int(self._data.__array_interface__["data"][0])

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in row-major order without gaps."""
        return self._data.flags.c_contiguous

    def is_floating_point(self) -> bool:
        """Whether the dtype is a floating one."""
        return self._data.dtype.kind == "f"

    def is_complex(self) -> bool:
        """False: there are no complex Tensors."""
        return False

    def get_device(self) -> int:
        """-1: the CPU."""
        return -1

    def cpu(self) -> Tensor:
        """The Tensor itself."""
        return self

    def cuda(self, *args: Any, **kwargs: Any) -> Tensor:
        """RuntimeError: there is only the CPU."""
        device("cuda")
        raise AssertionError  # not reached: the line above raises

    # ---- its place in the graph

    @property
    def requires_grad(self) -> bool:
        return edge_of(self) is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not self.is_leaf:
            raise RuntimeError(NOT_LEAF.partition(" If")[0] if wanted else NOT_LEAF)
        if wanted and self._data.dtype.kind != "f":
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        self._wanted = bool(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients (or no longer); returns the Tensor itself."""
        flag("requires_grad_", "requires_grad", requires_grad)
        if not self.is_leaf:
            if not requires_grad:
                raise RuntimeError(NOT_LEAF)
        elif requires_grad and self._data.dtype.kind != "f":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        else:
            self._wanted = bool(requires_grad)
        return self

    @property
    def grad_fn(self) -> Node | None:
        """The node of the operation that made it; None for a leaf."""
        edge = edge_of(self)
        if edge is self:
            return None
        return edge.node if isinstance(edge, Port) else edge

    @property
    def is_leaf(self) -> bool:
        return self.grad_fn is None

    @property
    def output_nr(self) -> int:
        edge = edge_of(self)
        return edge.index if isinstance(edge, Port) else 0

    @property
    def grad(self) -> Tensor | None:
        """What `backward` has added up here, or None."""
        if self._grad is None and not self.is_leaf and not hooks.retains_grad(self):
            warnings.warn(GRAD_OF_NON_LEAF, UserWarning, stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, TensorBase):
                raise TypeError(
                    "assigned grad expected to be a Tensor or None but got grad of type "
                    + type(value).__name__
                )
            if value._data.shape != self._data.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value._data.shape)}' to a tensor of "
                    f"size '{list(self._data.shape)}'. Please ensure that the gradient and the tensor "
                    "are the same size"
                )
            if value._data.dtype != self._data.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{value.dtype}' to a tensor of dtype "
                    f"'{self.dtype}'; convert it first, e.g. with .to(tensor.dtype)"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory outside the graph; unlike with `detach`, `backward` notices no writes."""
        return wrap(handed_out(self._data))

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, TensorBase):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._data = value._data

    @property
    def _version(self) -> int:
        return version_number(self)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add d self / d leaf to the `.grad` of every leaf that this Tensor was computed from (or of
        `inputs`).

        gradient  weights of the elements, in this Tensor's shape; may be left out for one element
        """
        entry.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def register_hook(self, hook: Callable[[Tensor], Any]) -> hooks.RemovableHandle:
        """Let `hook` see, and replace if it returns something, the gradient of this Tensor."""
        return hooks.register_hook(self, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of a Tensor that is not a leaf in `.grad`."""
        hooks.retain_grad(self)

    @property
    def retains_grad(self) -> bool:
        return hooks.retains_grad(self)

    def detach_(self) -> Tensor:
        """Forget the history, in place."""
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._node = None
        self._wanted = False
        return self

    # ---- Python's protocols

    def item(self) -> Any:
        """The only element, as a Python number. RuntimeError if there is not exactly one."""
        if self._data.size != 1:
            raise RuntimeError(f"a Tensor with {self._data.size} elements cannot be converted to Scalar")
        return self._data.item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers (one number for a 0-dim Tensor)."""
        return self._data.tolist()

    def _scalar(self) -> Any:
        if self._data.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        if self.requires_grad:
            warnings.warn(
                "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
                "Consider using tensor.detach() first.",
                UserWarning,
                stacklevel=3,
            )
        return self._data.item()

    def __float__(self) -> float:
        return float(self._scalar())

    def __int__(self) -> int:
        return int(self._scalar())

    def __index__(self) -> int:
        if self._data.size != 1 or self._data.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._data.item())

    def __bool__(self) -> bool:
        if self._data.size == 1:
            return bool(self._data.item())
        raise RuntimeError(
            f"Boolean value of Tensor with {'more than one' if self._data.size else 'no'} "
            f"value{'' if self._data.size else 's'} is ambiguous"
        )

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(joining.unbind(self, 0))

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (TensorBase, int, float)):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return bool((self._data == unwrap(element)).any())

    def __reversed__(self) -> Tensor:
        return rearrange.flip(self, tuple(range(self._data.ndim))) if self._data.ndim else self

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return printing.tensor_text(self)

    def __format__(self, spec: str) -> str:
        if self._data.ndim == 0 and type(self) is Tensor:
            return format(self._data.item(), spec)
        return object.__format__(self, spec)

    def __dir__(self) -> list[str]:
        return [
            name for name in object.__dir__(self) if name not in TensorBase.__slots__ or name == "__dict__"
        ]

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment."
            )
        if id(self) not in memo:
            made = Tensor._make_subclass(type(self), wrap(self._data.copy()))
            memo[id(self)] = made
            made._wanted = self._wanted
            made._grad = copy.deepcopy(self._grad, memo)
            made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return memo[id(self)]

    def __copy__(self) -> Tensor:
        made = Tensor._make_subclass(type(self), self)
        made._wanted, made._node = self._wanted, self._node
        made.__dict__.update(self.__dict__)
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (type(self), self._data, self.requires_grad, self.__dict__)


def _rebuild(kind: type[Tensor], data: Any, requires_grad: bool, attributes: dict[str, Any]) -> Tensor:
    """What a pickle calls."""
    made = Tensor._make_subclass(kind, wrap(data), requires_grad)
    made.__dict__.update(attributes)
    return made


recording.TENSOR = Tensor
