"""Symbolic tensors: placeholders with a shape and a dtype, and the graph of calls on them.

`Input` creates them; a layer, an operator or a function of `minidl.ops` called on one returns another and records the
call as a `Node`. The nodes are the graph of a functional model, and models are built by calling them on symbolic
tensors.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import array_metadata, dtypes, inference, structures
from minidl.core.inference import Spec
from minidl.core.naming import auto_name
from minidl.core.tracebacks import filtered
from minidl.core.typing import DType, PyTree
from minidl.core.variables import Variable


class Node:
    """One call in a graph: an operation, its arguments, and the symbolic tensors that it returned.

    Args:
        operation: a layer, a model or a `FunctionCall`.
        args: positional arguments, structures with symbolic tensors.
        kwargs: keyword arguments.
        outputs: the symbolic tensors of the result; their `producer` is set to this node.
    """

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: PyTree):
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        self.inputs = [leaf for leaf in jax.tree.leaves((args, kwargs)) if isinstance(leaf, KerasTensor)]
        for tensor in self.output_tensors:
            tensor.producer = self

    @property
    def output_tensors(self) -> list[KerasTensor]:
        """The symbolic tensors of the result, in order."""
        return jax.tree.leaves(self.outputs)

    def __repr__(self) -> str:
        return f"<Node {self.operation!r} on {self.inputs}>"


class FunctionCall:
    """A function of arrays as an operation of a graph, such as `ops.relu(x)` or `x + 1` on symbolic tensors.

    Args:
        function: arrays in, arrays out.
        function_name: the function's name.
        name: the name of the operation, default: the function's name, numbered from the second on.
    """

    def __init__(self, function: Callable[..., Any], function_name: str, name: str | None = None):
        self.function = function
        self.function_name = function_name
        self.name = name or auto_name(function_name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = structures.map(lambda leaf: leaf.value if isinstance(leaf, Variable) else leaf, (args, kwargs))
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<FunctionCall {self.name}>"


@filtered
def apply(function: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> PyTree:
    """Call a function on symbolic tensors; returns symbolic tensors and records the call."""
    return record(FunctionCall(function, name), args, kwargs)


def record(call: FunctionCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> PyTree:
    """The symbolic outputs of a call, recorded as a node."""
    return Node(call, args, kwargs, infer_once(call, args, kwargs)).outputs


def infer(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> PyTree:
    """The symbolic outputs of a call on symbolic tensors, with their masks."""
    return _tensors(inference.specs(call, args, kwargs))


def infer_once(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> PyTree:
    """The same for an operation of a graph, with one trace for all calls that are alike."""
    return _tensors(inference.specs_once(call, args, kwargs))


def _tensors(specs: PyTree) -> PyTree:
    tensors = structures.map(lambda spec: KerasTensor(spec.shape, spec.dtype), specs)
    for tensor, spec in zip(jax.tree.leaves(tensors), jax.tree.leaves(specs)):
        mask = spec._keras_mask
        tensor._keras_mask = None if mask is None else KerasTensor(mask.shape, mask.dtype)
    return tensors


class KerasTensor(Spec):
    """A symbolic tensor: a shape (None for unknown sizes, such as the batch) and a dtype, without values.

    Operators work as on arrays and return symbolic tensors.

    Args:
        shape: sizes, None where unknown.
        dtype: default `floatx()`.
        name: default "keras_tensor", "keras_tensor_1", ...
        producer: the call that returned it, or None.
        mask: the symbolic mask of a sequence, or None, kept as `_keras_mask`; see layers/masks.py.

    >>> x = KerasTensor((None, 3))
    >>> x.shape, (2 * x[:, :1] + 1).shape
    ((None, 3), (None, 1))
    """

    sparse = ragged = False  # only dense tensors are supported
    __array_priority__ = 100  # so that `numpy_array + tensor` calls __radd__

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: DType | None = None,
        name: str | None = None,
        producer: Node | None = None,
        mask: KerasTensor | None = None,
    ):
        super().__init__(shape, dtypes.canonical(dtype), mask)
        self.name = name or auto_name("KerasTensor")
        self.producer = producer

    @property
    def ndim(self) -> int:
        """The number of axes, the batch included."""
        return len(self.shape)

    def reshape(self, *newshape: Any) -> KerasTensor:
        """The same values in another shape; -1 for the size to be inferred."""
        shape = newshape[0] if len(newshape) == 1 and isinstance(newshape[0], (list, tuple)) else newshape
        return apply(jnp.reshape, "reshape", self, tuple(shape))

    def squeeze(self, axis: int | tuple[int, ...] | None = None) -> KerasTensor:
        """The same values without axes of size 1."""
        return apply(jnp.squeeze, "squeeze", self, axis)

    def __getitem__(self, key: Any) -> KerasTensor:
        return apply(operator.getitem, "get_item", self, key)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._without_values()

    @property
    def __jax_array__(self) -> Any:  # a property, since JAX asks whether there is one, and does not call it
        raise self._without_values()

    def _without_values(self) -> ValueError:
        return ValueError(
            f"{self!r} has no values: it is symbolic. Call the model on real arrays; to build a model, use layers and "
            "minidl.ops instead of functions of NumPy and JAX."
        )

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} has no truth value, it is symbolic. Use array operations in place of `if` and `while`."
        )

    def __iter__(self) -> Any:
        raise TypeError(f"{self!r} is symbolic and cannot be iterated over: index it instead.")

    def __len__(self) -> int:
        raise TypeError(f"{self!r} has no length: it is symbolic. See its shape.")

    __hash__ = object.__hash__


def _operator(function: Callable[..., Any], name: str, reflected: bool = False) -> Callable[..., Any]:
    def method(self: KerasTensor, *other: Any) -> Any:
        operands = (*other, self) if reflected else (self, *other)
        return apply(function, name, *operands)

    return method


_BINARY: list[tuple[str, Any, str]] = [
    ("add", jnp.add, "add"),
    ("sub", jnp.subtract, "subtract"),
    ("mul", jnp.multiply, "multiply"),
    ("matmul", jnp.matmul, "matmul"),
    ("truediv", jnp.true_divide, "divide"),
    ("floordiv", jnp.floor_divide, "floor_divide"),
    ("mod", jnp.mod, "mod"),
    ("pow", jnp.power, "power"),
    ("and", jnp.logical_and, "logical_and"),
    ("or", jnp.logical_or, "logical_or"),
    ("xor", jnp.logical_xor, "logical_xor"),
]
for _method, _function, _name in _BINARY:
    setattr(KerasTensor, f"__{_method}__", _operator(_function, _name))
    setattr(KerasTensor, f"__r{_method}__", _operator(_function, _name, reflected=True))
_OTHERS: list[tuple[str, Any, str]] = [
    ("ne", jnp.not_equal, "not_equal"),
    ("lt", jnp.less, "less"),
    ("le", jnp.less_equal, "less_equal"),
    ("gt", jnp.greater, "greater"),
    ("ge", jnp.greater_equal, "greater_equal"),
    ("neg", jnp.negative, "negative"),
    ("abs", jnp.abs, "absolute"),
    ("invert", jnp.logical_not, "logical_not"),
]
for _method, _function, _name in _OTHERS:
    setattr(KerasTensor, f"__{_method}__", _operator(_function, _name))


def is_keras_tensor(x: Any) -> bool:
    """Whether a value is a symbolic tensor.

    >>> is_keras_tensor(KerasTensor((2,))), is_keras_tensor(jnp.ones(2))
    (True, False)
    """
    return isinstance(x, KerasTensor)


def is_symbolic(tree: PyTree) -> bool:
    """Whether any leaf of a structure is a `KerasTensor`."""
    return any(isinstance(leaf, KerasTensor) for leaf in jax.tree.leaves(tree))


def tensors_like(x: PyTree, rows: int | None = None) -> PyTree:
    """Symbolic tensors with the shapes and dtypes of arrays or tensors, and the given batch size (None: unknown)."""

    def tensor(leaf: Any) -> KerasTensor:
        mask = array_metadata.of(leaf).mask if isinstance(leaf, KerasTensor) else None
        return KerasTensor((rows, *leaf.shape[1:]), leaf.dtype, mask=None if mask is None else tensor(mask))

    return structures.map(tensor, x)
