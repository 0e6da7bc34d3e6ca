"""Models and weights in Keras's files: `.keras`, folders, `.weights.h5` and `.weights.json`.

Whole models in `.h5` are in legacy_h5.py.

What is written here Keras opens, and what Keras wrote is opened here: the config names classes, the weights stand
where tree.py says. A loaded config can only name minidl's classes and what the caller registered or gave, and the
variables of a loaded model can take no more memory than the file holds numbers for.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from minidl import layers
from minidl.core import serialization
from minidl.core.budget import limited
from minidl.core.first_values import filled_later
from minidl.core.lambdas import warn_if_lost
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


def save_model(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
) -> None:
    """Write a model into a file: how it is made, its weights, how it was compiled, its optimizer's state.

    A `.keras` file also holds what layers write in a `save_assets(folder)` of their own, for `load_assets(folder)`.
    Functions of yours are written by their names. Of those without a name, such as the `lambda` of a `Lambda` layer,
    nothing is written, with a warning that says by which names to give them when the file is loaded.

    The file that was there before stands until the new one is complete on the disk.

    Args:
        model: a model; if it is compiled, that is saved as well.
        filepath: a path that ends in ".keras"; or in ".h5" or ".hdf5" for the older format, which keeps no shapes of
            a subclass that Keras could build it by.
        overwrite: whether there may be a file already.
        zipped: False to write what a `.keras` file holds into a folder, whose path does not end in ".keras"; a folder
            that holds nothing but a model is replaced.
        **kwargs: arguments of older versions of Keras: `include_optimizer`, whether to write the optimizer's state;
            `save_format`, which the ending of the path says. Others are refused.

    Raises:
        ValueError: another ending of the path.
        FileExistsError: with overwrite=False, if there is a file; where the folder of a model should be, a file or a
            folder with other files.
        NotImplementedError: a class that has arguments but no `get_config`.

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
        message = "The `save_format` argument is deprecated: the ending of the path, .keras or .h5, says it."
        if not is_known:
            raise ValueError(message)
        warnings.warn(message, stacklevel=2)
        del kwargs["save_format"]
    if kwargs:
        raise ValueError(f"save_model: The following argument(s) are not supported: {sorted(kwargs)}.")
    if zipped is False:
        if is_known:
            raise ValueError(
                f"With zipped=False the path is that of a folder and should not end in .keras: {filepath!r}."
            )
    elif not is_known:
        raise ValueError(
            f"Invalid filepath extension for saving a model: the path must end in .keras or .h5, got {filepath!r}."
        )
    path = _checked_path(filepath, "" if zipped is False else (".keras", *ENDINGS), overwrite)
    if is_legacy(path):
        return save_legacy(model, path, include_optimizer)
    if path.endswith(".weights.h5"):
        raise ValueError(f"{path!r} is the path of weights alone: call save_weights, or let it end in .keras.")
    with serialization.shared_objects():
        config = serialization.serialize(model)
    warn_if_lost(config, path)
    weights = collect(model, () if include_optimizer else [model.optimizer])
    write = write_folder if zipped is False else write_archive
    write(path, config, lambda file: write_hdf5(file, *weights), lambda put: write_assets(model, put))


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model in a `.keras` or `.h5` file, or in a folder (`zipped=False`), written by minidl or Keras.

    Args:
        filepath: the file.
        custom_objects: names -> classes and functions of your own that the file names.
        compile: whether to compile it as it was, with the optimizer's state.
        safe_mode: accepted as True. Code in a file is never run.

    Raises:
        LoadError: the file is damaged or another, names what is not known, or asks for more than it holds. It is a
            FileNotFoundError besides if there is no file, and a TypeError if a class could not be made of what the
            file holds for it.
        OSError: it cannot be opened.
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
        raise ValueError(f"File format not supported: {path!r} holds weights alone: make the model, then load_weights.")
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
    """The model of a config, with the weights of an HDF5 file, and files of its layers."""
    with filled_later(weights.size + SLACK):
        if isinstance(config, dict) and not compile:
            config = {name: value for name, value in config.items() if name != "compile_config"}
        model = _from_config(config, custom_objects)
        _build_optimizer(model)
        apply(model, weights)
        load_assets(model, assets)
    return model


def save_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Sequence[Any] = (),
) -> None:
    """Write the weights of a model, and its optimizer's state, into a `.weights.h5` file, or into several.

    Args:
        model: a model that is built.
        filepath: a path that ends in ".weights.h5", or for several files in ".weights.json".
        overwrite: whether there may be a file already.
        max_shard_size: GB (2**30 bytes) of arrays in a file, to write several; default: one file.
        objects_to_skip: layers, or the optimizer, to leave out with all that is inside.

    Raises:
        ValueError: another ending of the path; a model that is not built; an array larger than max_shard_size.
        FileExistsError: with overwrite=False, if there is a file.
    """
    path = _checked_path(filepath, ".weights.h5" if max_shard_size is None else SHARDED, overwrite)
    _check_built(model, "save")
    groups, layer_names = collect(model, objects_to_skip)
    if max_shard_size is not None:
        return write_shards(path, groups, layer_names, max_shard_size * 2**30)
    with atomic_write(path) as file:
        write_hdf5(file, groups, layer_names)
        append_checksum(file)


def load_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    by_name: bool = False,
    objects_to_skip: Sequence[Any] = (),
) -> None:
    """Set the weights of a model from a file that holds them or a whole model; all of them, or after an error none.

    The optimizer's state is set, too, from a file that has it and does not end in ".h5".

    Args:
        model: a model that is built and made like the one that was saved.
        filepath: a `.weights.h5`, `.weights.json`, `.keras` or `.h5` file, or the folder of a model.
        skip_mismatch: leave layers (in ".h5" files: weights) out that do not fit, with a warning that names them.
        by_name: look for each layer by its name instead of its place; layers that the file does not name stay.
        objects_to_skip: layers, or the optimizer, to leave as they are with all that is inside.

    Raises:
        LoadError: the file is damaged or another, or the weights do not fit; all that do not are named. If there is
            no file, it is a FileNotFoundError besides.
        OSError: it cannot be opened.
    """
    path = os.fsdecode(filepath)
    is_folder = is_model_folder(path)
    if not is_folder:
        _checked_path(path, (".weights.h5", SHARDED, ".keras", *ENDINGS))
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built, so it has no weights to set: call it on some data, or build it."
        )
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
    """How a model is made and compiled, without its weights, as a JSON text.

    Args:
        model: any model.
        **kwargs: see `json.dumps`.
    """
    with serialization.shared_objects():
        return json.dumps(serialization.serialize(model), **kwargs)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """A new model of what `to_json` wrote, with new weights.

    Raises:
        LoadError: no JSON, or a name that is not known.
    """
    with reading("model_from_json"), limited(len(json_string)):
        return _from_config(parse(json_string), custom_objects)


def _from_config(config: Any, custom_objects: dict[str, Any] | None) -> Any:
    with serialization.shared_objects():
        model = layers.deserialize(config, custom_objects)
    if not isinstance(model, Module):
        raise ValueError(f"it holds no model, but {model!r}")
    return model


def _build_optimizer(model: Any) -> None:
    """Make the variables of an optimizer that a `compile_from_config` of the caller's left without any."""
    optimizer = getattr(model, "optimizer", None)  # a layer has none
    if optimizer is not None and model.built and not optimizer.built:
        optimizer.build(model.trainable_variables)


def _check_built(model: Any, what: str) -> None:
    if not model.built:
        raise ValueError(
            f"{model.name!r} has not yet been built, so it has no weights to {what}: call it on some data, or build it."
        )


def _checked_path(path: Any, endings: str | tuple[str, ...], overwrite: bool = True) -> str:
    path = os.fsdecode(path)
    if not path.endswith(endings):
        wanted = endings if isinstance(endings, str) else " or ".join(endings)
        raise ValueError(f"File format not supported: the path must end in {wanted}, got {path!r}.")
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path!r} is there already, and overwrite=False.")
    return path
