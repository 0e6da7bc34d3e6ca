"""Symbolic tensors: placeholders with a shape and a dtype, and the graph of calls on them.

`Input` creates them; a layer, an operator or a function of `minidl.ops` called on one returns another and records the
call as a `Node`. The nodes are the graph of a functional model, and models are built by calling them on symbolic
tensors.
"""

from __future__ import annotations

import functools
import itertools
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import array_metadata, dtypes, structures
from minidl.core.host_arrays import DTYPE, HostArray, HostCalls
from minidl.core.naming import auto_name
from minidl.core.tracebacks import filtered
from minidl.core.typing import DType, PyTree, Shape
from minidl.core.variables import Variable

# Concrete sizes that are tried for unknown ones. They have many divisors, for layers that split, pool or group an axis.
# The second pair is for layers that take only long inputs, such as a pooling of 1,024.
_STAND_INS = ((480, 960), (61440, 122880))
_NUMBER = r"(?<![\w.])\d{1,12}(?![\w.]*\w)"


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
    return Node(call, args, kwargs, infer(call, args, kwargs)).outputs


class KerasTensor:
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
        self.shape: Shape = tuple(shape)
        self.dtype = dtypes.canonical(dtype)
        self.name = name or auto_name("KerasTensor")
        self.producer = producer
        self._keras_mask = mask

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


def infer(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> PyTree:
    """The symbolic outputs of a call on symbolic tensors, with their masks, by abstract evaluation.

    `jax.eval_shape` needs concrete sizes, so two different ones are tried for unknown sizes: output sizes that differ
    are unknown too. Calls that fail for the first pair may succeed for another.
    """
    leaves, structure = jax.tree.flatten(structures.ordered((args, kwargs)))
    tensors = [leaf for leaf in leaves if isinstance(leaf, KerasTensor)]
    text_outputs: set[int] = set()

    def run(text: dict[int, HostArray], arrays: list[Any], masks: list[Any]) -> Any:
        array_metadata.annotate_all(arrays, [array_metadata.ArrayMetadata(mask=mask) for mask in masks])
        if text:
            numbered = [array_metadata.annotate(x, input_index=i) for i, x in enumerate(arrays) if i not in text]
            arrays = [text[i] if i in text else numbered.pop(0) for i in range(len(arrays))]
        rest = iter(arrays)
        full = [next(rest) if isinstance(leaf, KerasTensor) else leaf for leaf in leaves]
        inner_args, inner_kwargs = structures.plain(jax.tree.unflatten(structure, full))
        outputs = call(*inner_args, **inner_kwargs)
        outputs = structures.ordered(outputs)
        for number, output in enumerate(jax.tree.leaves(outputs)):
            if isinstance(output, HostArray):
                text_outputs.add(number)
        masks = [array_metadata.of(output).mask for output in jax.tree.leaves(outputs)]
        return jax.tree.map(_traceable, outputs), masks

    def shapes(size: int, known: dict[tuple[int, int], int] | None = None) -> Any:
        def fill(number: int, tensor: KerasTensor | None) -> Any:
            if tensor is None:
                return None
            sizes = [(known or {}).get((number, axis), size) if s is None else s for axis, s in enumerate(tensor.shape)]
            return sizes if tensor.dtype == DTYPE else jax.ShapeDtypeStruct(sizes, tensor.dtype)

        filled = [fill(number, tensor) for number, tensor in enumerate(tensors)]
        calls = HostCalls(unknown=size)
        text = {
            i: HostArray(tuple(sizes), ("input", i), calls) for i, sizes in enumerate(filled) if isinstance(sizes, list)
        }
        arrays = [None if i in text else array for i, array in enumerate(filled)]
        masks = [fill(number, tensor._keras_mask) for number, tensor in enumerate(tensors)]
        return jax.eval_shape(functools.partial(run, text), arrays, masks)

    def join(a: Any, b: Any) -> KerasTensor:
        return KerasTensor([m if m == n else None for m, n in zip(a.shape, b.shape)], a.dtype)

    unknown = [(number, axis) for number, x in enumerate(tensors) for axis, size in enumerate(x.shape) if size is None]
    if unknown:
        first, second = _first_that_fits(shapes, unknown)
    else:
        first = second = shapes(0)
    outputs, masks = jax.tree.map(join, first, second)
    for number, (output, mask) in enumerate(zip(jax.tree.leaves(outputs), masks)):
        output._keras_mask = mask
        output.dtype = DTYPE if number in text_outputs else output.dtype
    return structures.plain(outputs)


def _traceable(output: Any) -> Any:
    return jnp.zeros(output.shape, bool) if isinstance(output, HostArray) else output


def _first_that_fits(shapes: Callable[..., Any], unknown: list[tuple[int, int]]) -> tuple[Any, Any]:
    """The results of a call for two sizes in place of the unknown ones, or twice that for the only valid size.

    If only one size is valid, as for a reshape to a fixed number of rows, the error has its number. An error that is
    the same for both pairs has another cause.

    Args:
        shapes: function that returns the results for a size, and for known sizes of some axes.
        unknown: (number of the tensor, axis) of each unknown size.
    """
    errors: list[tuple[int, Exception]] = []
    for sizes in _STAND_INS:
        size = sizes[0]
        try:
            first = shapes(size)
            size = sizes[1]
            return first, shapes(size)
        except Exception as raised:
            errors.append((size, raised))
            if not isinstance(raised, (TypeError, ValueError)):
                break
    size, error = errors[0]
    is_of_shapes = len(errors) > 1 and str(error) != str(errors[1][1])
    for fitting in _sizes_named(str(error)) if is_of_shapes else []:
        try:
            outputs = shapes(fitting)
        except (TypeError, ValueError):
            continue
        return _where_one_is_known(shapes, unknown, fitting) or (outputs, outputs)
    _name_unknown(error, size, *errors[1:])
    raise error


def _where_one_is_known(
    shapes: Callable[..., Any], unknown: list[tuple[int, int]], size: int
) -> tuple[Any, Any] | None:
    """The results if only one unknown axis must have this size, as in (None, 5) @ (None, None); otherwise None."""
    for axis in unknown if len(unknown) > 1 else []:
        try:
            return shapes(_STAND_INS[0][0], {axis: size}), shapes(_STAND_INS[0][1], {axis: size})
        except (TypeError, ValueError):
            continue
    return None


def _sizes_named(message: str) -> list[int]:
    """Up to four candidate sizes, from the numbers in an error about shapes."""
    first = _STAND_INS[0][0]
    numbers = [int(number) for number in re.findall(r"(?<![\w.])\d{1,9}(?![\w.])", message)]
    elements = [int(number) for number in re.findall(r"\(size (\d+)\)", message)]  # of JAX's reshape: before and after
    fitting = [first * elements[1] // elements[0]] if len(elements) == 2 and elements[0] else []
    return [size for size in dict.fromkeys(fitting + numbers) if size not in (0, first)][:4]


def _name_unknown(error: Exception, size: int, other: tuple[int, Exception] | None = None) -> None:
    """Replace sizes that were tried for unknown ones in the text of an error, and in its notes.

    A number that differs between the errors for two sizes depends on the unknown one: "None", "6*None", "None-2".
    """
    larger, second = other or (size, error)
    notes, other_notes = (getattr(e, "__notes__", []) for e in (error, second))
    notes[:] = [_named(*texts, size, larger) for texts in itertools.zip_longest(notes, other_notes[: len(notes)])]
    if error.args and isinstance(error.args[0], str):
        error.args = (_named(error.args[0], str(second), size, larger), *error.args[1:])


def _named(text: str, other: str | None, size: int, larger: int) -> str:
    """A text in which the numbers that depend on a size are written with None in its place."""
    numbers, others = re.findall(_NUMBER, text), re.findall(_NUMBER, other or "")
    if len(numbers) != len(others) or larger == size:
        return re.sub(_NUMBER, lambda found: "None" if int(found[0]) == size else found[0], text)
    rest = iter([(int(one), int(two)) for one, two in zip(numbers, others)])

    def written(found: re.Match[str]) -> str:
        one, two = next(rest)
        factor, remainder = divmod(two - one, larger - size)
        if one == two:
            return found[0]
        if remainder or factor <= 0:
            return "?"
        offset = one - factor * size
        return ("None" if factor == 1 else f"{factor}*None") + (f"{offset:+d}" if offset else "")

    return re.sub(_NUMBER, written, text)
