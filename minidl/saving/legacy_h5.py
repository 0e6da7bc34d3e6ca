"""Whole models in HDF5, the format that Keras had before `.keras`: paths that end in ".h5" or ".hdf5".

The config and the arguments of `compile` are JSON texts in attributes of the root. Under "model_weights" each layer of
`model.layers` has a group, whose attribute "weight_names" lists its arrays, trainable ones first, nested ones included.
Layers are matched by their order, so a file can be loaded into any model with the same weights in the same order.
"""

from __future__ import annotations

import contextlib
import json
import os
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
from minidl.core.tracebacks import warn
from minidl.core.variables import Variable
from minidl.layers.module import Module
from minidl.saving.archive import FORMAT, opened, parse, reading
from minidl.saving.checksum import append_checksum, checked_contents
from minidl.saving.errors import LoadError
from minidl.saving.files import atomic_write
from minidl.saving.hdf5 import H5Reader
from minidl.saving.matching import described, difference, report, state_matches, warn_of_rounding
from minidl.saving.older_config import current_compile_config, current_config, older_compile_config, older_config
from minidl.saving.tree import owners
from minidl.saving.weights import variables_of

ENDINGS = (".h5", ".hdf5")
SLACK = 32 * 2**20  # bytes for variables that files do not have, such as those of metrics
_WEIGHTS, _OPTIMIZER, _TOP = "model_weights", "optimizer_weights", "top_level_model_weights"
_MAX_ATTRIBUTE_SIZE = 60_000  # bytes; the format limits attributes to 64 KiB


def is_legacy(path: str) -> bool:
    """Whether the ending of a path is that of this format.

    >>> is_legacy("model.h5"), is_legacy("model.weights.h5")
    (True, False)
    """
    return path.endswith(ENDINGS) and not path.endswith(".weights.h5")


# Writing


def save_legacy(model: Any, path: str | os.PathLike[str], include_optimizer: bool = True) -> None:
    """Write a model, atomically.

    Args:
        model: the model; if it is not built, it is written without weights.
        path: the path; an existing file is replaced once the new one is complete.
        include_optimizer: whether to write the arguments of `compile` and the optimizer's state.

    Raises:
        ValueError: a weight that no layer of `model.layers` has.
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
        warn(f"{path!r} cannot contain the assets of the layers {lost}. Save the model as `.keras`.")
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
    """The names of the layers of a model, and of the model itself, with their weights in the order of files.

    Raises:
        ValueError: a weight that none of them has, or two layers of the same name.
    """
    found = [(layer.name, [*layer.trainable_weights, *layer.non_trainable_weights]) for layer in model.layers]
    found.append((_TOP, model._own_weights()))
    held = {id(weight) for _, weights in found for weight in weights}
    if lost := [weight.path for weight in model.weights if id(weight) not in held]:
        raise ValueError(
            f"{model.name!r}: no layer in `model.layers` has the weights {lost}. Store it in an attribute."
        )
    if len({name for name, _ in found}) < len(found):
        raise ValueError(
            f"{model.name!r} has several layers of the same name among {[name for name, _ in found]}, but .h5 files "
            "identify layers by their names. Rename the layers, or save the model as `.keras`."
        )
    return found


def _write_arrays(group: Any, arrays: Sequence[tuple[str, np.ndarray]]) -> None:
    """Write arrays under their paths, or under unique variants where a path is taken or is a group already."""
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
    """Write a list of strings; a long one as several attributes, whose names end in 0, 1, ..."""
    data = np.array([text.encode() for text in texts], None if texts else "S1")
    if data.itemsize > _MAX_ATTRIBUTE_SIZE:
        raise ValueError(f"A name of {data.itemsize} bytes is too long for an HDF5 file.")
    parts = np.array_split(data, -(-data.nbytes // _MAX_ATTRIBUTE_SIZE) or 1)
    while any(part.nbytes > _MAX_ATTRIBUTE_SIZE for part in parts):
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
            raise LoadError(f"expected a model, but the config is of {loaded!r}")
        model: Any = loaded
        if compile and "training_config" in file.attributes[""]:
            model.compile_from_config(current_compile_config(_config(file, "training_config")))
        weights = _matching(model, file, _WEIGHTS)
        state = _matching_state(model.optimizer, file) if model.compiled else []
        _assign([*weights, *state], file)
    return model


def load_legacy_weights(
    model: Any,
    path: str | os.PathLike[str],
    skip_mismatch: bool = False,
    by_name: bool = False,
    skipped: Sequence[Any] = (),
) -> None:
    """Set the weights of a model, not its optimizer's state; see `load_weights`.

    The file may also be one of weights only, written by `save_weights` of TensorFlow's Keras.
    """
    with _opened(path) as (file, _):
        root = "" if _has_list(file, "", "layer_names") else _WEIGHTS
        _assign(_matching(model, file, root, skip_mismatch, by_name, skipped), file)


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[H5Reader, int]]:
    """A reader of the file, and its size; errors inside the block become `LoadError`s."""
    with opened(path) as file, reading(path):
        reader = H5Reader(checked_contents(file))
        yield reader, reader.size


def _config(file: H5Reader, name: str) -> Any:
    """The data of a JSON attribute of the root."""
    text = file.attributes[""].get(name)
    if not isinstance(text, str):
        hint = "" if name in file.attributes[""] else ": it is not a whole model; to load weights, use load_weights"
        raise LoadError(f"its attribute {name!r} is not a string{hint}")
    return parse(text)


def _list(file: H5Reader, group: str, name: str) -> list[str]:
    """A list of strings in an attribute of a group, or in several attributes."""
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
            raise LoadError(f"the attribute {part!r} of {group!r} is not a list of strings")
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
    """Inside the block, the memory that a file may request is bounded by its size."""
    with limited(size), filled_later(size + SLACK):
        yield


# Matching weights with arrays

_Pair = tuple[Variable, str]  # a variable, and the path of its array
_LayerPair = tuple[str, Sequence[Variable], Sequence[str]]  # a layer's name, its weights, the paths of its arrays


def _matching(
    model: Any,
    file: H5Reader,
    root: str,
    skip_mismatch: bool = False,
    by_name: bool = False,
    skipped: Sequence[Any] = (),
) -> list[_Pair]:
    """Each weight with the path of its array, after all have been compared.

    Raises:
        LoadError: missing, unexpected or mismatched arrays; the message lists all of them.
    """
    prefix = f"{root}/" if root else ""
    stored = {name: _arrays(file, prefix + name) for name in _list(file, root, "layer_names")}
    if prefix + _TOP in file.attributes:
        stored[_TOP] = _arrays(file, prefix + _TOP)
    own = _weights_of(model)
    if by_name:
        layer_pairs: list[_LayerPair] = [(name, weights, stored[name]) for name, weights in own if name in stored]
    else:
        layer_pairs = _by_order(model, own, stored)
    excluded = {id(weight) for owner in skipped if isinstance(owner, Module) for weight in owner.weights}
    layer_pairs = [pair for pair in layer_pairs if not any(id(weight) in excluded for weight in pair[1])]
    problems: list[str] = []
    matching: list[_Pair] = []
    for name, weights, paths in layer_pairs:
        if len(weights) != len(paths):
            problems += _unpaired(name, weights, paths)
            continue
        for pair in zip(weights, paths):
            if problem := difference(*pair, file.arrays):
                problems.append(problem)
            else:
                matching.append(pair)
    report(model.name, problems, skip_mismatch)
    return matching


def _by_order(
    model: Any, own: Sequence[tuple[str, list[Variable]]], stored: Mapping[str, list[str]]
) -> list[_LayerPair]:
    """The layers with weights, paired in order with the layers of the file that have arrays."""
    ours = [(name, weights) for name, weights in own if weights and name != _TOP]
    theirs = [(name, paths) for name, paths in stored.items() if paths and name != _TOP]
    if len(ours) != len(theirs):
        raise LoadError(
            f"The weights do not match {model.name!r}, and none were loaded: its {len(ours)} layers with weights are "
            f"{[name for name, _ in ours]}, the file has {len(theirs)}: {[name for name, _ in theirs]}. To load the "
            "layers with the same names, pass by_name=True."
        )
    pairs: list[_LayerPair] = [(name, weights, paths) for (name, weights), (_, paths) in zip(ours, theirs)]
    return [*pairs, (_TOP, own[-1][1], stored.get(_TOP, []))]


def _unpaired(name: str, weights: Sequence[Variable], paths: Sequence[str]) -> Iterator[str]:
    """The weights of a layer without an array, or the arrays without a weight."""
    for weight in weights[len(paths) :]:
        kind = described(weight.shape, weight._value.dtype)
        yield f"{weight.path} {kind} is not in the file, which has {len(paths)} arrays for the layer {name!r}"
    for path in paths[len(weights) :]:
        yield f"{path} is in the file, not in the layer {name!r}, which has {len(weights)} weights"


def _matching_state(optimizer: Any, file: H5Reader) -> list[_Pair]:
    """The optimizer's variables with the paths of their arrays; none, with a warning, if the file has another state."""
    if optimizer is None or _OPTIMIZER not in file.attributes:
        return []
    paths = _arrays(file, _OPTIMIZER)
    is_match = state_matches(optimizer, paths, file.arrays)
    return list(zip(optimizer.variables, paths)) if is_match else []


def _assign(pairs: Sequence[_Pair], file: H5Reader) -> None:
    warn_of_rounding(pairs, file.arrays)
    arrays = [file.read(path) for _, path in pairs]  # all are read before any is set
    for (variable, _), array in zip(pairs, arrays):
        variable.assign(array)
