"""Models in pickles, copies and messages between processes: as the bytes of a `.keras` file.

So a model is pickled at any time, whatever it has compiled, and what is in the pickle besides the file are the classes
and functions of the caller that it names: pickle keeps those by reference (cloudpickle and joblib also by value).
"""

from __future__ import annotations

import io
import pickle
import threading
from copy import deepcopy
from typing import Any

from minidl.core import serialization
from minidl.core.budget import limited
from minidl.core.lambdas import functions_in
from minidl.saving.archive import archive_bytes, reading, unpacked
from minidl.saving.assets import write_assets
from minidl.saving.errors import LoadError
from minidl.saving.hdf5 import to_bytes
from minidl.saving.keras_format import loaded
from minidl.saving.weights import collect


def reduced(model: Any) -> tuple[Any, tuple[bytes, dict[str, Any]]]:
    """What `__reduce__` returns for a model.

    Raises:
        PicklingError: two classes or functions of the caller's that have one name.
        NotImplementedError: a class that has arguments but no `get_config`.
    """
    with serialization.shared_objects() as shared:
        config = serialization.serialize(model)
    custom: dict[str, Any] = {}
    for name, value in [*shared.custom, *functions_in(config)]:
        if custom.setdefault(name, value) is not value:
            raise pickle.PicklingError(
                f"{model.name!r} uses {custom[name]!r} and {value!r}, both named {name!r}: rename one, "
                "or register it under another name."
            )
    data = archive_bytes(config, to_bytes(*collect(model)), lambda put: write_assets(model, put))
    return restored, (data, custom)


def copied(model: Any, memo: dict[int, Any]) -> Any:
    """A deep copy of a model: what its file holds, or attribute by attribute if its class cannot be made of a file.

    Args:
        model: what to copy.
        memo: of `copy.deepcopy`.
    """
    try:
        function, arguments = reduced(model)
        return function(*arguments)
    except (NotImplementedError, pickle.PicklingError, LoadError):
        copy = object.__new__(type(model))
        memo[id(model)] = copy
        memo[id(model._training_lock)] = threading.RLock()  # each model's own
        for compiled in (model._steps, model._compiled_call):  # for this model; the copy makes its own
            memo[id(compiled)] = None
        vars(copy).update(deepcopy(vars(model), memo))
        return copy


def restored(data: bytes, custom_objects: dict[str, Any]) -> Any:
    """The model in the bytes of a `.keras` file.

    Raises:
        LoadError: see `load_model`.
    """
    with reading("The pickle of a model"), limited(len(data)):
        return loaded(*unpacked(io.BytesIO(data)), custom_objects, True)
