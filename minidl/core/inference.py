"""Abstract evaluation: the shapes and dtypes that calls on symbolic tensors return, found by tracing."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import itertools
import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import array_metadata, structures
from minidl.core.host_arrays import DTYPE, HostArray, HostCalls
from minidl.core.structural_key import structural_key
from minidl.core.typing import PyTree, Shape

# Concrete sizes that are tried for unknown ones. They have many divisors, for layers that split, pool or group an axis.
# The second pair is for layers that take only long inputs, such as a pooling of 1,024.
_STAND_INS = ((480, 960), (61440, 122880))
_NUMBER = r"(?<![\w.])\d{1,12}(?![\w.]*\w)"

_LIMIT = 4096  # calls that `specs_once` keeps, a few KB each
_known: dict[Hashable, PyTree] = {}  # the key of a call -> the specs of its outputs


class Spec:
    """An array without values: its shape (None for unknown sizes) and dtype, and the spec of its mask."""

    def __init__(self, shape: Sequence[int | None], dtype: str, mask: Spec | None = None):
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self._keras_mask: Any = mask


class _Layers:
    """The layers that are built while one call is traced for several stand-ins, and what each is called with."""

    def __init__(self) -> None:
        self.built: list[Any] = []
        self.shapes: dict[int, dict[int, Any]] = {}  # id of a layer -> stand-in -> shapes of its first call, by name
        self.stand_in = 0

    @contextlib.contextmanager
    def traced(self, stand_in: int) -> Iterator[None]:
        """Inside, the call is traced for a stand-in."""
        self.stand_in = stand_in
        token = _layers.set(self)
        try:
            yield
        finally:
            _layers.reset(token)

    def correct(self) -> None:
        """Tell the layers which sizes of the shapes that they were built for are stand-ins."""
        for layer in self.built:
            first, *others = self.shapes.get(id(layer), {}).values() or ({},)
            layer.correct_build_shapes(first, functools.reduce(_joined, others, first))


_layers: contextvars.ContextVar[_Layers | None] = contextvars.ContextVar("layers", default=None)


def note_build(layer: Any) -> None:
    """Record that a layer was built, if it is in such a trace."""
    if (layers := _layers.get()) is not None:
        layers.built.append(layer)


def note_call(layer: Any, shapes: Callable[[], dict[str, Any]]) -> None:
    """Record the shapes that a layer is called with, by the names of its inputs, if it is in such a trace."""
    if (layers := _layers.get()) is not None:
        layers.shapes.setdefault(id(layer), {}).setdefault(layers.stand_in, shapes())


def _joined(a: Any, b: Any) -> Any:
    """A structure of sizes, None where those of another differ; parts that the other has not stay as they are."""
    if isinstance(a, dict):
        return {key: _joined(value, b.get(key)) for key, value in a.items()}
    if isinstance(a, (list, tuple)):
        is_alike = isinstance(b, (list, tuple)) and len(a) == len(b)
        return type(a)(_joined(one, other) for one, other in zip(a, b)) if is_alike else a
    return a if a == b else None


def specs(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> PyTree:
    """The specs of the outputs of a call on specs, with their masks, by abstract evaluation.

    `jax.eval_shape` needs concrete sizes, so two different ones are tried for unknown sizes: output sizes that differ
    are unknown too. Calls that fail for the first pair may succeed for another.
    """
    leaves, structure = jax.tree.flatten(structures.ordered((args, kwargs)))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Spec)]
    text_outputs: set[int] = set()

    def run(text: dict[int, HostArray], arrays: list[Any], masks: list[Any]) -> Any:
        array_metadata.annotate_all(arrays, [array_metadata.ArrayMetadata(mask=mask) for mask in masks])
        if text:
            numbered = [array_metadata.annotate(x, input_index=i) for i, x in enumerate(arrays) if i not in text]
            arrays = [text[i] if i in text else numbered.pop(0) for i in range(len(arrays))]
        rest = iter(arrays)
        full = [next(rest) if isinstance(leaf, Spec) else leaf for leaf in leaves]
        inner_args, inner_kwargs = structures.plain(jax.tree.unflatten(structure, full))
        outputs = call(*inner_args, **inner_kwargs)
        outputs = structures.ordered(outputs)
        for number, output in enumerate(jax.tree.leaves(outputs)):
            if isinstance(output, HostArray):
                text_outputs.add(number)
        masks = [array_metadata.of(output).mask for output in jax.tree.leaves(outputs)]
        return jax.tree.map(_traceable, outputs), masks

    def shapes(size: int, known: dict[tuple[int, int], int] | None = None) -> Any:
        def fill(number: int, tensor: Spec | None) -> Any:
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
        with layers.traced(size) if unknown else contextlib.nullcontext():
            return jax.eval_shape(functools.partial(run, text), arrays, masks)

    def join(a: Any, b: Any) -> Spec:
        return Spec([m if m == n else None for m, n in zip(a.shape, b.shape)], a.dtype)

    unknown = [(number, axis) for number, x in enumerate(tensors) for axis, size in enumerate(x.shape) if size is None]
    layers = _Layers()
    if unknown:
        first, second = _first_that_fits(shapes, unknown)
        layers.correct()
    else:
        first = second = shapes(0)
    outputs, masks = jax.tree.map(join, first, second)
    for number, (output, mask) in enumerate(zip(jax.tree.leaves(outputs), masks)):
        output._keras_mask = mask
        output.dtype = DTYPE if number in text_outputs else output.dtype
    return structures.plain(outputs)


def specs_once(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> PyTree:
    """What `specs` returns, with one trace for all calls that are alike.

    What a trace finds is kept by the structural key of the operation and the shapes that it was called with: for the
    layers of a model that are alike, and for models that are built again.

    Args:
        call: an operation of a graph; a layer must be built, and the layers inside.
        args: positional arguments, structures with symbolic tensors.
        kwargs: keyword arguments.
    """
    key = structural_key(call, structures.map(_described, (args, kwargs)))
    if key is None:  # a user's function or class: what it does is not known from its attributes
        return specs(call, args, kwargs)
    if (found := _known.get(key)) is None:
        found = specs(call, args, kwargs)
        if len(_known) >= _LIMIT:
            _known.clear()
        _known[key] = found
    return found


def _described(leaf: Any) -> Any:
    """An argument as plain data: of a spec only the shape, the dtype and the mask matter."""
    return (leaf.shape, leaf.dtype, _described(leaf._keras_mask)) if isinstance(leaf, Spec) else leaf


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
