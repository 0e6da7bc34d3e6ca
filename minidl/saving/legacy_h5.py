"""Whole models in HDF5, the format that Keras had before `.keras`: paths that end in ".h5" or ".hdf5".

The config and how the model was compiled are texts beside the root. Under "model_weights" each layer that is directly
in the model has a group; "weight_names" beside it lists its arrays, trainable ones first, those of layers inside too.
Layers are told apart by their order, so a file fits any model with the same weights in the same order.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from minidl import layers
from minidl.core import deferred, registry, serialization
from minidl.core.budget import limited
from minidl.core.first_values import filled_later
from minidl.core.functional import of_one_moment
from minidl.core.lambdas import warn_if_lost
from minidl.core.variables import Variable
from minidl.layers.module import Module
from minidl.saving.archive import FORMAT, opened, parse, reading
from minidl.saving.checksum import append_checksum, checked_contents
from minidl.saving.errors import LoadError
from minidl.saving.files import atomic_write
from minidl.saving.hdf5 import H5Reader
from minidl.saving.older_config import current_compile_config, current_config, older_compile_config, older_config
from minidl.saving.tree import owners
from minidl.saving.weights import described, holds, rounds, variables_of

ENDINGS = (".h5", ".hdf5")
SLACK = 32 * 2**20  # bytes of variables that no file holds, such as those of metrics
_WEIGHTS, _OPTIMIZER, _TOP = "model_weights", "optimizer_weights", "top_level_model_weights"
_MOST_OF_A_LIST = 60_000  # bytes of an attribute, which the format limits to 64 KiB


def is_legacy(path: str) -> bool:
    """Whether a path is one of this format.

    >>> is_legacy("model.h5"), is_legacy("model.weights.h5")
    (True, False)
    """
    return path.endswith(ENDINGS) and not path.endswith(".weights.h5")


# Writing


def save_legacy(model: Any, path: str | os.PathLike[str], include_optimizer: bool = True) -> None:
    """Write a model, whole or not at all.

    Args:
        model: a model; one that is not built has no weights to write.
        path: where to; the file that was there stands until the new one is complete.
        include_optimizer: whether to write how it was compiled and the optimizer's state.

    Raises:
        ValueError: weights that are in no layer of `model.layers`.
    """
    with serialization.shared_objects():
        config = serialization.serialize(model)
    warn_if_lost(config, path)
    texts = {"keras_version": FORMAT, "backend": "jax", "model_config": json.dumps(older_config(config))}
    if include_optimizer and config.get("compile_config"):
        texts["training_config"] = json.dumps(older_compile_config(config["compile_config"]))
    with of_one_moment(variables_of(model)):
        groups = {name: [(weight.path, weight.numpy()) for weight in weights] for name, weights in _weights_of(model)}
        slots = model.optimizer.variables if include_optimizer and model.optimizer else []
        state = [(variable.path, variable.numpy()) for variable in slots]
    if lost := [owner.name for _, owner in owners(model) if hasattr(owner, "save_assets")]:
        warnings.warn(f"{path!r} has no place for the files of the layers {lost}: save as `.keras`.", stacklevel=4)
    with atomic_write(path) as file:
        with deferred.h5py.File(file, "w") as h5:
            h5.attrs.update(texts)
            weights = h5.create_group(_WEIGHTS)
            weights.attrs.update({"keras_version": FORMAT, "backend": "jax"})
            _write_list(weights, "layer_names", [layer.name for layer in model.layers])
            for name in sorted(groups):
                _write_arrays(weights.create_group(name), groups[name])
            if state:
                _write_arrays(h5.create_group(_OPTIMIZER), state)
        append_checksum(file)


def _weights_of(model: Any) -> list[tuple[str, list[Variable]]]:
    """The layers directly inside, and the model itself, with their weights in the order of files.

    Raises:
        ValueError: a weight that is in none of them, or two layers of one name.
    """
    found = [(layer.name, [*layer.trainable_weights, *layer.non_trainable_weights]) for layer in model.layers]
    found.append((_TOP, model._own_weights()))
    held = {id(weight) for _, weights in found for weight in weights}
    if lost := [weight.path for weight in model.weights if id(weight) not in held]:
        raise ValueError(f"{model.name!r}: no layer in `model.layers` has the weights {lost}: keep it in an attribute.")
    if len({name for name, _ in found}) < len(found):
        raise ValueError(
            f"{model.name!r} has several layers of one name among {[name for name, _ in found]}, and files of this "
            "kind tell layers apart by their names. Give each its own, or save as `.keras`."
        )
    return found


def _write_arrays(group: Any, arrays: Sequence[tuple[str, np.ndarray]]) -> None:
    """Write arrays under their paths, or under similar ones where two would be the same or inside one another."""
    taken: set[str] = set()
    written = []
    for path, array in arrays:
        name, count = path, 0
        while name in taken or any(parent in written for parent in _parents(name)):
            count += 1
            name = f"{path.replace('/', '_')}_{count}"
        taken |= {name, *_parents(name)}
        written.append(name)
        dataset = group.create_dataset(name, data=array)
        if array.dtype == ml_dtypes.bfloat16:
            dataset.attrs["dtype"] = "bfloat16"
    _write_list(group, "weight_names", written)


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _write_list(group: Any, name: str, texts: Sequence[str]) -> None:
    """Write a list of texts; a long one in parts, whose names end in 0, 1, ..."""
    data = np.array([text.encode() for text in texts], None if texts else "S1")
    if data.itemsize > _MOST_OF_A_LIST:
        raise ValueError(f"A name of {data.itemsize} bytes is too long for an HDF5 file.")
    parts = np.array_split(data, -(-data.nbytes // _MOST_OF_A_LIST) or 1)
    while any(part.nbytes > _MOST_OF_A_LIST for part in parts):
        parts = np.array_split(data, len(parts) + 1)
    for index, part in enumerate(parts):
        group.attrs[name if len(parts) == 1 else f"{name}{index}"] = part


# Reading


def load_legacy(
    path: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None, compile: bool = True
) -> Any:
    """The model in a file; see `load_model`."""
    with _opened(path) as (file, size), _bounds(size), registry.known_names(custom_objects):
        with serialization.shared_objects():
            loaded = layers.deserialize(current_config(_config(file, "model_config")))
        if not isinstance(loaded, Module) or not isinstance(getattr(loaded, "layers", None), list):
            raise LoadError(f"it holds no model, but {loaded!r}")
        model: Any = loaded
        if compile and "training_config" in file.attributes[""]:
            model.compile_from_config(current_compile_config(_config(file, "training_config")))
        weights = _fitting(model, file, _WEIGHTS)
        state = _fitting_state(model.optimizer, file) if model.compiled else []
        _set([*weights, *state], file)
    return model


def load_legacy_weights(
    model: Any, path: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False, skipped: Any = ()
) -> None:
    """Set the weights of a model, not its optimizer's state; see `load_weights`.

    The file may also hold weights alone, as `save_weights` of TensorFlow's Keras wrote them.
    """
    with _opened(path) as (file, _):
        root = "" if _has_list(file, "", "layer_names") else _WEIGHTS
        _set(_fitting(model, file, root, skip_mismatch, by_name, skipped), file)


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[H5Reader, int]]:
    """A file as a reader, and its size; inside is the gate of `reading`."""
    with opened(path) as file, reading(path):
        reader = H5Reader(checked_contents(file))
        yield reader, reader.size


def _config(file: H5Reader, name: str) -> Any:
    """The data in a text beside the root."""
    text = file.attributes[""].get(name)
    if not isinstance(text, str):
        hint = (
            ""
            if text or name in file.attributes[""]
            else ": it holds no whole model; weights alone, load_weights reads"
        )
        raise LoadError(f"its attribute {name!r} is no text{hint}")
    return parse(text)


def _list(file: H5Reader, group: str, name: str) -> list[str]:
    """The list of texts beside a group, which may be in parts."""
    if group not in file.attributes:
        raise LoadError(f"the group {group!r} is missing")
    attributes = file.attributes[group]
    parts = (
        [name] if name in attributes else [f"{name}{i}" for i in range(len(attributes)) if f"{name}{i}" in attributes]
    )
    found: list[str] = []
    for part in parts:
        texts = attributes[part]
        if not isinstance(texts, list):
            raise LoadError(f"the attribute {part!r} of {group!r} is no list of texts")
        found += texts
    if not parts:
        raise LoadError(f"the attribute {name!r} of {group!r} is missing")
    return found


def _has_list(file: H5Reader, group: str, name: str) -> bool:
    return not file.attributes[group].keys().isdisjoint({name, f"{name}0"})


def _arrays(file: H5Reader, group: str) -> list[str]:
    """The paths of the arrays that a group lists."""
    return [f"{group}/{name}" for name in _list(file, group, "weight_names")]


@contextlib.contextmanager
def _bounds(size: int) -> Iterator[None]:
    """Inside, what a file of a size asks for is bounded."""
    with limited(size), filled_later(size + SLACK):
        yield


# What of the file belongs to which weight

_Pair = tuple[str, Sequence[Variable], Sequence[str]]  # a layer's name, its weights, the paths of its arrays


def _fitting(
    model: Any, file: H5Reader, root: str, skip_mismatch: bool = False, by_name: bool = False, skipped: Any = ()
) -> list[tuple[Variable, str]]:
    """Each weight with the path of its array, when all have been compared.

    Raises:
        LoadError: arrays that are missing, further ones, or others than the model's, all named.
    """
    prefix = f"{root}/" if root else ""
    stored = {name: _arrays(file, prefix + name) for name in _list(file, root, "layer_names")}
    if prefix + _TOP in file.attributes:
        stored[_TOP] = _arrays(file, prefix + _TOP)
    own = _weights_of(model)
    if by_name:
        pairs: list[_Pair] = [(name, weights, stored[name]) for name, weights in own if name in stored]
    else:
        pairs = _by_order(model, own, stored)
    left = {id(weight) for owner in skipped if isinstance(owner, Module) for weight in owner.weights}
    pairs = [pair for pair in pairs if not any(id(weight) in left for weight in pair[1])]
    problems: list[str] = []
    fitting: list[tuple[Variable, str]] = []
    for name, weights, paths in pairs:
        if len(weights) != len(paths):
            problems += _missing(name, weights, paths)
            continue
        for weight, path in zip(weights, paths):
            problem = _difference(weight, path, file)
            problems += [problem] if problem else []
            fitting += [] if problem else [(weight, path)]
    if problems and not skip_mismatch:
        raise LoadError(f"The weights do not fit {model.name!r}, and none were loaded:\n  " + "\n  ".join(problems))
    if problems:
        warnings.warn(f"{model.name!r}: weights were left out:\n  " + "\n  ".join(problems), stacklevel=5)
    return fitting


def _by_order(model: Any, own: Sequence[tuple[str, list[Variable]]], stored: Mapping[str, list[str]]) -> list[_Pair]:
    """The layers that have weights beside those of the file that have arrays, in order."""
    ours = [(name, weights) for name, weights in own if weights and name != _TOP]
    theirs = [(name, paths) for name, paths in stored.items() if paths and name != _TOP]
    if len(ours) != len(theirs):
        raise LoadError(
            f"The weights do not fit {model.name!r}, and none were loaded: its {len(ours)} layers with weights are "
            f"{[name for name, _ in ours]}, the file has {len(theirs)}, {[name for name, _ in theirs]}. Layers that "
            "have the same names are loaded with by_name=True."
        )
    pairs: list[_Pair] = [(name, weights, paths) for (name, weights), (_, paths) in zip(ours, theirs)]
    return [*pairs, (_TOP, own[-1][1], stored.get(_TOP, []))]


def _missing(name: str, weights: Sequence[Variable], paths: Sequence[str]) -> Iterator[str]:
    """What there is more of than of the other, in a layer."""
    for weight in weights[len(paths) :]:
        kind = described(weight.shape, weight._value.dtype)
        yield f"{weight.path} {kind} is not in the file, which has {len(paths)} arrays for the layer {name!r}"
    for path in paths[len(weights) :]:
        yield f"{path} is in the file, not in the layer {name!r}, which has {len(weights)} weights"


def _difference(weight: Variable, path: str, file: H5Reader) -> str | None:
    """Why a weight cannot be set from the array at a path, if it cannot."""
    kind = described(weight.shape, weight._value.dtype)
    if path not in file.arrays:
        return f"{weight.path} {kind} is not in the file, at {path}"
    stored = file.arrays[path]
    if stored.shape == weight.shape and (holds(weight, stored.dtype) or rounds(weight, stored.dtype)):
        return None
    return f"{weight.path} is {kind} in the model and {described(stored.shape, stored.dtype)} in the file, at {path}"


def _fitting_state(optimizer: Any, file: H5Reader) -> list[tuple[Variable, str]]:
    """The optimizer's variables with the paths of their arrays; none, with a warning, if they are others."""
    if optimizer is None or _OPTIMIZER not in file.attributes:
        return []
    variables, paths = optimizer.variables, _arrays(file, _OPTIMIZER)
    pairs = list(zip(variables, paths))
    shapes = [file.arrays[path].shape for path in paths if path in file.arrays]
    if len(shapes) == len(paths) and optimizer.takes(shapes) and not any(_difference(*pair, file) for pair in pairs):
        return pairs
    warnings.warn(
        f"The state of the optimizer {optimizer.name!r} was not loaded: it has {len(variables)} variables, the file "
        f"{len(paths)}{', of other shapes' if len(variables) == len(paths) else ''}. It begins anew.",
        stacklevel=4,
    )
    return []


def _set(pairs: Sequence[tuple[Variable, str]], file: H5Reader) -> None:
    rounded = [
        f"{variable.path} from {file.arrays[path].dtype} to {variable._value.dtype}"
        for variable, path in pairs
        if rounds(variable, file.arrays[path].dtype)
    ]
    if rounded:
        warnings.warn("Weights were rounded: " + ", ".join(rounded), stacklevel=4)
    arrays = [file.read(path) for _, path in pairs]
    for (variable, _), array in zip(pairs, arrays):
        variable.assign(array)
