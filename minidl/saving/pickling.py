"""Pickling and copying of models, as the bytes of a `.keras` file.

So a model can always be pickled, whatever it has compiled. Besides the file, the pickle contains the custom classes and
functions that the file names: pickle stores these by reference (cloudpickle and joblib also by value).
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
    """The result of `__reduce__` for a model.

    Raises:
        PicklingError: two custom classes or functions with the same name.
        NotImplementedError: a class with constructor arguments but no `get_config`.
    """
    with serialization.shared_objects() as shared:
        config = serialization.serialize(model)
    custom: dict[str, Any] = {}
    for name, value in [*shared.custom, *functions_in(config)]:
        if custom.setdefault(name, value) is not value:
            raise pickle.PicklingError(
                f"{model.name!r} uses {custom[name]!r} and {value!r}, both named {name!r}. Rename one, or "
                "register it under another name."
            )
    data = archive_bytes(config, to_bytes(*collect(model)), lambda put: write_assets(model, put))
    return restored, (data, custom)


def copied(model: Any, memo: dict[int, Any]) -> Any:
    """A deep copy of a model: through a file, or attribute by attribute if its class cannot be loaded from one.

    Args:
        model: the model.
        memo: the argument of `__deepcopy__`.
    """
    try:
        function, arguments = reduced(model)
        return function(*arguments)
    except (NotImplementedError, pickle.PicklingError, LoadError):
        copy = object.__new__(type(model))
        memo[id(model)] = copy
        memo[id(model._fitting.lock)] = threading.RLock()  # each model needs its own
        memo[id(model._fitting.inside)] = (None, [])  # what is derived from the parts is derived again
        memo[id(model._steps)] = None  # they belong to this model, as the compiled call does
        memo[id(model._compiled_call)] = type(model._compiled_call)(copy)
        vars(copy).update(deepcopy(vars(model), memo))
        return copy


def restored(data: bytes, custom_objects: dict[str, Any]) -> Any:
    """The model from the bytes of a `.keras` file.

    Raises:
        LoadError: see `load_model`.
    """
    with reading("The pickle of a model"), limited(len(data)):
        return loaded(*unpacked(io.BytesIO(data)), custom_objects, True)
