"""Models and weights in Keras's files: `.keras`, folders, `.weights.h5` and `.weights.json`.

Whole models in `.h5` files are in legacy_h5.py.

Keras can load what is written here, and vice versa: the config names classes, and tree.py defines the paths of weights.
A config can only name minidl's own classes and those that the caller registered or passed, and the variables of a
loaded model can take no more memory than the file has data for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from minidl import layers
from minidl.core import serialization
from minidl.core.budget import limited
from minidl.core.first_values import filled_later
from minidl.core.lambdas import warn_if_lost
from minidl.core.tracebacks import filtered, warn
from minidl.layers.module import Module
from minidl.saving.archive import opened, parse, read_archive, reading, write_archive
from minidl.saving.assets import load_assets, write_assets
from minidl.saving.checksum import append_checksum, checked_contents
from minidl.saving.files import atomic_write
from minidl.saving.folder import folder_parts, folder_size, is_model_folder, write_folder
from minidl.saving.hdf5 import H5Reader, write_hdf5
from minidl.saving.legacy_h5 import ENDINGS, SLACK, is_legacy, load_legacy, load_legacy_weights, save_legacy
from minidl.saving.objects import check_safe_mode
from minidl.saving.shards import ENDING as SHARDED
from minidl.saving.shards import ShardReader, write_shards
from minidl.saving.weights import apply, collect


@filtered
def save_model(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
) -> None:
    """Save a model to a file: its config, its weights, the arguments of `compile`, and the optimizer's state.

    A `.keras` file also has the assets that layers write in `save_assets(folder)`, to read in `load_assets(folder)`.
    Custom functions are saved by name. Functions without a name, such as the `lambda` of a `Lambda` layer, are not
    saved; a warning lists the names under which to pass them in `custom_objects` when the model is loaded.

    An existing file is replaced once the new one is complete on the disk.

    Args:
        model: the model; if it is compiled, the arguments of `compile` are saved too.
        filepath: a path that ends in ".keras"; or in ".h5" or ".hdf5" for the legacy format, which has no input shapes
            with which Keras could build a subclassed model.
        overwrite: whether an existing file may be replaced.
        zipped: False to write the members of a `.keras` file into a folder, whose path must not end in ".keras"; an
            existing folder is replaced if it contains only a model.
        **kwargs: arguments of older versions of Keras: `include_optimizer`, whether to save the optimizer's state;
            `save_format`, which is ignored. Any other raises an error.

    Raises:
        ValueError: another ending of the path.
        FileExistsError: the file exists, with overwrite=False; with zipped=False, the path is a file or a folder with
            other files.
        NotImplementedError: a class with constructor arguments but no `get_config`.

    Example:
    >>> import tempfile, minidl
    >>> model = minidl.Sequential([layers.Input((2,)), layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, folder + "/model.keras")
    ...     load_model(folder + "/model.keras").count_params()
    3
    """
    filepath = os.fsdecode(filepath)
    include_optimizer = kwargs.pop("include_optimizer", True)
    is_known = filepath.endswith((".keras", *ENDINGS))
    if "save_format" in kwargs:
        message = "save_model: `save_format` is ignored; the ending of the path, .keras or .h5, selects the format."
        if not is_known:
            raise ValueError(message)
        warn(message)
        del kwargs["save_format"]
    if kwargs:
        raise ValueError(f"save_model: unknown arguments: {sorted(kwargs)}.")
    if zipped is False:
        if is_known:
            raise ValueError(
                f"save_model: with zipped=False the path is a folder, without .keras at its end; got {filepath!r}."
            )
    elif not is_known:
        raise ValueError(f"save_model: the path must end in .keras or .h5, got {filepath!r}.")
    path = _checked_path(filepath, "" if zipped is False else (".keras", *ENDINGS), overwrite)
    if is_legacy(path):
        return save_legacy(model, path, include_optimizer)
    if path.endswith(".weights.h5"):
        raise ValueError(f"{path!r} is the path of a weights file. Call save_weights, or use the ending .keras.")
    with serialization.shared_objects():
        config = serialization.serialize(model)
    warn_if_lost(config, path)
    weights = collect(model, () if include_optimizer else [model.optimizer])
    write = write_folder if zipped is False else write_archive
    write(path, config, lambda file: write_hdf5(file, *weights), lambda put: write_assets(model, put))


@filtered
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Load a model from a `.keras` or `.h5` file, or from a folder (`zipped=False`), written by minidl or Keras.

    Args:
        filepath: the path of the file.
        custom_objects: names -> your own classes and functions that the file names.
        compile: whether to compile the model as it was when saved, with the optimizer's state.
        safe_mode: only True is accepted: code in a file is never run.

    Raises:
        LoadError: the file is damaged or of another format, has unknown names, or would take more memory than its size
            allows. It is also a FileNotFoundError if the file does not exist, and a TypeError if a class could not be
            constructed from the data in the file.
        OSError: the file cannot be opened.
        ValueError: safe_mode=False.
    """
    check_safe_mode(safe_mode)
    filepath = os.fsdecode(filepath)
    if is_model_folder(filepath):
        parts = folder_parts(filepath)
        with reading(filepath), limited(folder_size(filepath)):
            return loaded(*parts, custom_objects, compile)
    path = _checked_path(filepath, (".keras", *ENDINGS))
    if is_legacy(path):
        return load_legacy(path, custom_objects, compile)
    if path.endswith(".weights.h5"):
        raise ValueError(f"{path!r} is a weights file, not a model. Construct the model, then call load_weights.")
    parts = read_archive(filepath)
    with reading(filepath), limited(os.path.getsize(filepath)):
        return loaded(*parts, custom_objects, compile)


def loaded(
    config: Any,
    weights: H5Reader,
    assets: Mapping[str, bytes],
    custom_objects: dict[str, Any] | None,
    compile: bool,
) -> Any:
    """The model of a config, with the weights of an HDF5 file, and the assets of its layers."""
    with filled_later(weights.size + SLACK):
        if isinstance(config, dict) and not compile:
            config = {name: value for name, value in config.items() if name != "compile_config"}
        model = _from_config(config, custom_objects)
        _build_optimizer(model)
        apply(model, weights)
        load_assets(model, assets)
    return model


@filtered
def save_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Sequence[Any] = (),
) -> None:
    """Save the weights of a model, and its optimizer's state, to a `.weights.h5` file, or to several.

    Args:
        model: a built model.
        filepath: a path that ends in ".weights.h5", or in ".weights.json" for several files.
        overwrite: whether an existing file may be replaced.
        max_shard_size: the maximum size of the arrays in a file in GB (2**30 bytes); default: a single file.
        objects_to_skip: layers, or the optimizer, to exclude with everything they contain.

    Raises:
        ValueError: another ending of the path; a model that is not built; an array larger than max_shard_size.
        FileExistsError: the file exists, with overwrite=False.
    """
    path = _checked_path(filepath, ".weights.h5" if max_shard_size is None else SHARDED, overwrite)
    _check_built(model, "save")
    groups, layer_names = collect(model, objects_to_skip)
    if max_shard_size is not None:
        return write_shards(path, groups, layer_names, max_shard_size * 2**30)
    with atomic_write(path) as file:
        write_hdf5(file, groups, layer_names)
        append_checksum(file)


@filtered
def load_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    by_name: bool = False,
    objects_to_skip: Sequence[Any] = (),
) -> None:
    """Load the weights of a model from a file of weights or of a whole model; after an error, none are changed.

    The optimizer's state is loaded too if the file has it, except from legacy ".h5" files.

    Args:
        model: a built model of the same structure as the saved one.
        filepath: a `.weights.h5`, `.weights.json`, `.keras` or `.h5` file, or the folder of a model.
        skip_mismatch: skip layers (in legacy ".h5" files: weights) that do not match, with a warning that lists them.
        by_name: match layers by name instead of by position; layers that are not in the file are left unchanged.
        objects_to_skip: layers, or the optimizer, to leave unchanged with everything they contain.

    Raises:
        LoadError: the file is damaged or of another format, or weights do not match; the message lists all that do
            not. It is also a FileNotFoundError if the file does not exist.
        OSError: the file cannot be opened.
    """
    path = os.fsdecode(filepath)
    is_folder = is_model_folder(path)
    if not is_folder:
        _checked_path(path, (".weights.h5", SHARDED, ".keras", *ENDINGS))
    _check_built(model, "load")
    if is_legacy(path):
        load_legacy_weights(model, path, skip_mismatch, by_name, objects_to_skip)
    elif is_folder:
        _, weights, _ = folder_parts(path)
        with reading(path):
            apply(model, weights, skip_mismatch, by_name, objects_to_skip)
    elif path.endswith(SHARDED):
        with reading(path):
            apply(model, ShardReader(path), skip_mismatch, by_name, objects_to_skip)
    elif path.endswith(".keras"):
        _, weights, _ = read_archive(path, with_config=False)
        with reading(filepath):
            apply(model, weights, skip_mismatch, by_name, objects_to_skip)
    else:
        with opened(path) as file, reading(filepath):
            apply(model, H5Reader(checked_contents(file)), skip_mismatch, by_name, objects_to_skip)


def to_json(model: Any, **kwargs: Any) -> str:
    """The config of a model, with the arguments of `compile` and without weights, as a JSON string.

    Args:
        model: the model.
        **kwargs: see `json.dumps`.
    """
    with serialization.shared_objects():
        return json.dumps(serialization.serialize(model), **kwargs)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """A new model from the JSON string of `to_json`, with new weights.

    Raises:
        LoadError: invalid JSON, or an unknown name.
    """
    with reading("model_from_json"), limited(len(json_string)):
        return _from_config(parse(json_string), custom_objects)


def _from_config(config: Any, custom_objects: dict[str, Any] | None) -> Any:
    with serialization.shared_objects():
        model = layers.deserialize(config, custom_objects)
    if not isinstance(model, Module):
        raise ValueError(f"expected a model, but the config is of {model!r}")
    return model


def _build_optimizer(model: Any) -> None:
    """Build the optimizer if a custom `compile_from_config` did not."""
    optimizer = getattr(model, "optimizer", None)  # a layer has none
    if optimizer is not None and model.built and not optimizer.built:
        optimizer.build(model.trainable_variables)


def _check_built(model: Any, what: str) -> None:
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built, so there are no weights to {what}. Build it, or call it on data, first."
        )


def _checked_path(path: Any, endings: str | tuple[str, ...], overwrite: bool = True) -> str:
    path = os.fsdecode(path)
    if not path.endswith(endings):
        wanted = endings if isinstance(endings, str) else " or ".join(endings)
        raise ValueError(f"Give a path that ends in {wanted}, got {path!r}.")
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path!r} exists, and overwrite=False.")
    return path
