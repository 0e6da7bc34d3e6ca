"""What the methods of a layer's class take: names of arguments, shapes by name, plain data for configs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from minidl.core import structures
from minidl.core.naming import is_own
from minidl.core.symbolic import KerasTensor
from minidl.core.typing import Shape


def of_method(method: Callable[..., Any]) -> list[inspect.Parameter]:
    """The named arguments of a method of a class, without self."""
    unnamed = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [p for p in inspect.signature(method).parameters.values() if p.name != "self" and p.kind not in unnamed]


def shapes_by_name(call: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The shapes of the arguments of a call that hold arrays, by their names."""
    given = {name: value for name, value in kwargs.items() if name != "training"}
    arguments = inspect.signature(call).bind_partial(*args, **given).arguments
    return {name: shapes_of(value) for name, value in arguments.items() if holds_arrays(value)}


def build_shapes(
    kind: str, wanted: Sequence[inspect.Parameter], given: Mapping[str, Any], parameters: Sequence[str]
) -> dict[str, Any]:
    """The arguments of a `build` that takes the shapes of several inputs.

    Args:
        kind: the name of the class, for errors.
        wanted: what `build` takes.
        given: name of an input -> its shape.
        parameters: the names that `call` takes.
    """
    _check_names(kind, [p.name for p in wanted], parameters)
    found = {p.name: given[name] for p in wanted if (name := p.name.removesuffix("_shape")) in given}
    if missing := [p.name for p in wanted if p.default is p.empty and p.name not in found]:
        inputs = [name.removesuffix("_shape") for name in missing]
        names = ", ".join(p.name.removesuffix("_shape") for p in wanted if p.default is p.empty)
        both = " Attention of a sequence to itself is layer(x, x)." if names == "query, value" else ""
        raise ValueError(
            f"{kind}: the inputs {inputs} are missing; this call has {list(given)}. Call it as layer({names}).{both}"
        )
    return found


def _check_names(kind: str, wanted: Sequence[str], parameters: Sequence[str]) -> None:
    """Refuse a build of several shapes whose arguments are not named after inputs of the call."""
    shapes = [f"{parameter}_shape" for parameter in parameters]
    if unknown := [name for name in wanted if name not in shapes]:
        raise ValueError(f"{kind}.build: {unknown} are not among {shapes}, the names of the shapes of call's inputs.")


def bound_arguments(build: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call of `build`, by their names."""
    names = list(inspect.signature(build).parameters)[1:]
    return {**dict(zip(names, args)), **kwargs}


@functools.cache
def training_argument(call: Any) -> tuple[bool, bool | None]:
    """Whether a `call` takes `training`, and its default."""
    argument = inspect.signature(call).parameters.get("training")
    if argument is None:
        return False, None
    return True, False if argument.default is argument.empty else argument.default


def first_input_shape(kwargs: dict[str, Any]) -> Shape | None:
    """The full shape that is given by input_shape=, input_dim=, batch_input_shape= or batch_size=."""
    batch = kwargs.pop("batch_size", None)
    full = kwargs.pop("batch_input_shape", kwargs.pop("batch_shape", None))
    shape = kwargs.pop("input_shape", None)
    dim = kwargs.pop("input_dim", None)
    if full is not None:
        return tuple(full)
    if shape is None and dim is not None:
        shape = (dim,)
    return None if shape is None else (batch, *((shape,) if isinstance(shape, int) else shape))


@functools.cache
def parameters_of(call: Any) -> tuple[str, ...]:
    """The names that a `call` takes, without self."""
    return tuple(inspect.signature(call).parameters)[1:]


def tensors(shape: Any, dtype: str) -> Any:
    """A symbolic tensor of a shape, or one of each in a structure of them."""
    if isinstance(shape, dict):
        return {name: tensors(item, dtype) for name, item in shape.items()}
    if shape is not None and any(isinstance(item, (list, tuple, dict)) for item in shape):
        return type(shape)(tensors(item, dtype) for item in shape)
    return None if shape is None else KerasTensor(shape, dtype)


def as_shape(value: Any) -> Any:
    """A shape that went through JSON: a list of sizes is a tuple again; lists and dicts of shapes stay."""
    if isinstance(value, dict):
        return {name: as_shape(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)) and any(isinstance(item, (list, tuple, dict)) for item in value):
        return [as_shape(item) for item in value]
    return tuple(value) if isinstance(value, (list, tuple)) else value


def shapes_of(value: Any) -> Any:
    """The shapes in a structure of arrays."""
    return structures.map(lambda leaf: tuple(leaf.shape), value)


def holds_arrays(value: Any) -> bool:
    """Whether a value is an array, or a structure of nothing but arrays."""
    leaves = jax.tree.leaves(value)
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def text_for(layer: Any, array: Any) -> Any:
    """An array of text, which layers and models that hold others pass on, and layers of the user's may handle.

    Raises:
        TypeError: it is for another layer.
    """
    if is_own(type(layer)) and not layer.takes_text and len(layer._flatten_layers()) == 1:
        raise TypeError(
            f"{type(layer).__name__} {layer.name!r} takes numbers, got text of shape {tuple(array.shape)}. Put a layer "
            "before it that makes numbers of text: TextVectorization, StringLookup or Hashing."
        )
    return array


def is_plain(value: Any) -> bool:
    """Whether JSON can hold a value as it is."""
    if isinstance(value, (list, tuple)):
        return all(is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


def with_own_arguments(layer: Any, config: dict[str, Any]) -> dict[str, Any]:
    """A config with the arguments that the class's own constructor was given, and what else it takes."""
    if is_own(type(layer).__init__):
        return config
    args, kwargs = layer._init_arguments
    signature = inspect.signature(type(layer).__init__)
    call = signature.bind(layer, *args, **kwargs)
    call.apply_defaults()
    kinds = {p.kind: name for name, p in signature.parameters.items()}
    own: dict[str, Any] = {}
    for name, value in list(call.arguments.items())[1:]:
        own.update(value if name == kinds.get(inspect.Parameter.VAR_KEYWORD) else {name: value})
    own = {name: value for name, value in own.items() if name not in config}
    odd = [name for name, value in own.items() if not is_plain(value)]
    if odd or own.pop(kinds.get(inspect.Parameter.VAR_POSITIONAL, ""), ()):
        raise NotImplementedError(
            f"{type(layer).__name__}: write get_config(), since the arguments {odd} are not plain data."
        )
    takes_any = inspect.Parameter.VAR_KEYWORD in kinds
    return {name: value for name, value in config.items() if takes_any or name in signature.parameters} | own
