"""The identity of a run, for `BackupAndRestore`: all that determines its numbers and is not in the backup.

It is plain data, made when training begins, so that two can be compared and the differences reported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from minidl.callbacks.learning_rates import single_optimizers

_IGNORED = frozenset({"name", "trainable", "learning_rate", "registered_name", "module"})  # irrelevant
_SAMPLED = 64  # rows of each array that are hashed


def identity(model: Any) -> dict[str, Any]:
    """The data, the model, the loss and the optimizer of the run that `fit` begins."""
    return {
        "data": _of_data(model.training_run.data),
        "layers": [_described(layer) for layer in model._flatten_layers()],
        "loss": _plain(model.objectives.given["loss"]),
        "optimizer": _described(model.optimizer),
    }


def rates(model: Any) -> list[Any]:
    """The current learning rates: numbers, or the configs of schedules."""
    configs = [_config(single) for single in single_optimizers(model.optimizer)]
    return [_plain(config.get("learning_rate")) for config in configs]


def differences(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """The differences, as text: `batch_size was 8, is 20`.

    >>> list(differences({"batch_size": 8, "rows": [4, 2]}, {"batch_size": 20, "rows": [4, 3]}))
    ['batch_size was 8, is 20', 'rows[1] was 2, is 3']
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from differences(before.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, (one, other) in enumerate(zip(before, now)):
            yield from differences(one, other, f"{path}[{index}]")
    elif before != now:
        yield f"{path} was {_short(before)}, is {_short(now)}"


def is_same_data(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether two runs have the same data, so that a position in one is valid in the other."""
    return bool(before["data"] == now["data"])


def _of_data(data: Any) -> dict[str, Any]:
    if data.num_rows is None:  # a stream of batches, whose order may change
        source = type(data.source).__name__
        leaves = jax.tree.leaves(data.first)  # the sizes of other axes may differ between batches
        kinds = [f"{array.dtype} of rank {array.ndim}" for array in leaves]
        return {"kind": source, "batch_size": len(leaves[0]), "arrays": kinds, "steps_per_epoch": data.steps}
    return {
        "arrays": _shapes(data.arrays),
        "hash": _hash(data.arrays),
        "batch_size": data.batch_size,
        "steps_per_epoch": data.steps,
        "shuffle": data.shuffle,
    }


def _shapes(arrays: Any) -> list[Any]:
    return [f"{array.dtype}{list(array.shape)}" for array in jax.tree.leaves(arrays)]


def _hash(arrays: Any) -> str:
    """A hash of evenly spaced rows."""
    digest = hashlib.blake2b(digest_size=16)
    for array in jax.tree.leaves(arrays):
        rows = np.unique(np.linspace(0, len(array) - 1, _SAMPLED).astype(int))
        digest.update(np.ascontiguousarray(array[rows]).tobytes())
    return digest.hexdigest()


def _described(part: Any) -> dict[str, Any]:
    """The class of a layer or optimizer and its config; of a model the class alone, as its layers are listed too."""
    config = _config(part)
    return {"class": type(part).__name__, "settings": None if "layers" in config else _plain(config)}


def _config(part: Any) -> dict[str, Any]:
    """Its config; empty if it has none, as layers with functions of the user's own and optax transformations."""
    try:
        config: dict[str, Any] = part.get_config()
    except NotImplementedError:
        return {}
    return config


def _plain(value: Any) -> Any:
    """A config as plain data without names, which differ when a model is built twice in one program."""
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy":
            return value["config"]["name"]
        return {str(key): _plain(part) for key, part in value.items() if key not in _IGNORED}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        return [_shapes(value), _hash(np.atleast_1d(value))]
    if type(value).__module__ != "builtins" and hasattr(value, "get_config"):
        return [type(value).__name__, _plain(value.get_config())]
    return getattr(value, "__name__", type(value).__name__)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
