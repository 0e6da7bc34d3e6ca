"""Serialization of objects to configs, and lookup of objects by name or config.

Users write `activation="relu"` and `optimizer="adam"`, and configs have classes by name. `lookup` finds or creates the
object of a name (or suggests similar names); `serialize` and `deserialize` convert between objects and the JSON form of
Keras's files. Names are looked up in tables only: see registry.py.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from minidl.core import budget, registry
from minidl.core.lambdas import NAME as NAMELESS
from minidl.core.lambdas import NamelessFunction, is_nameless
from minidl.core.naming import is_own, public_module, unknown

_shared: contextvars.ContextVar[_Shared | None] = contextvars.ContextVar("shared_objects", default=None)

_COSTS = {"layer": 5, "metric": 5, "optimizer": 5}  # units of the budget of a file; 1 for other objects


class ConfigError(TypeError, ValueError):
    """A config that cannot be deserialized: its class is unknown, or refuses the arguments."""


class _Shared:
    """Objects that occur in several places of one config."""

    def __init__(self) -> None:
        self.written: dict[int, tuple[Any, dict[str, Any]]] = {}  # id -> the object (to keep it alive), its config
        self.read: dict[Any, Any] = {}  # shared_object_id -> the object
        self.custom: list[tuple[str, Any]] = []  # the user's classes and functions in the config, by name


@contextlib.contextmanager
def shared_objects() -> Iterator[_Shared]:
    """Inside, an object that occurs in several places of a config gets a shared id, and is created once."""
    shared = _shared.get() or _Shared()
    token = _shared.set(shared)
    try:
        yield shared
    finally:
        _shared.reset(token)


def lookup(identifier: Any, table: Mapping[str, Any], kind: str, instance_of: type | None = None) -> Any:
    """Look up an object by name, config or class.

    Args:
        identifier: None (returned as it is), a name in the table, a config made by
            `serialize`, a class, or the object itself.
        table: names (and aliases) -> classes or functions.
        kind: the kind of the objects, for errors: "activation", "loss", ...
        instance_of: subclasses of this class are instantiated, without arguments.

    Raises:
        ValueError: an unknown name; the message suggests similar ones.
        TypeError: the identifier is neither a name nor callable.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier, table, kind)
    found = identifier
    if isinstance(identifier, str):
        table = {**table, **registry.known()}
        if identifier not in table:
            raise unknown(kind, identifier, table)
        found = registry.of_kind(table[identifier], identifier, kind)
    if isinstance(found, type) and instance_of is not None and issubclass(found, instance_of):
        budget.charge(_COSTS.get(kind, 1), "objects")
        return found()
    if callable(found) or (instance_of is not None and isinstance(found, instance_of)):
        return found
    article = "an" if kind[0] in "aeiou" else "a"
    raise TypeError(f"{identifier!r} is not {article} {kind}: give a name, a function or an object.")


def serialize(value: Any, module: str | None = None) -> Any:
    """The JSON form of a value inside a config.

    Plain data is unchanged; a function of minidl becomes its name; other functions, classes, and objects with
    `get_config` become {"module", "class_name", "config", "registered_name"}, Keras's form. Objects that were built
    or compiled also have "build_config" and "compile_config". A function without a name becomes a placeholder
    (lambdas.py): code is never saved.

    Raises:
        TypeError: any other value.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(serialize(v) for v in value)
    if isinstance(value, dict):
        is_done = {"module", "class_name", "config", "registered_name"} <= value.keys()  # serialized already
        return value if is_done else {k: serialize(v) for k, v in value.items()}
    if hasattr(value, "get_config") and not isinstance(value, type):
        return _serialize_object(value, module)
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__array__") and hasattr(value, "dtype"):
        kind = "__numpy__" if isinstance(value, np.ndarray) else "__tensor__"
        return _special(kind, value=np.asarray(value).tolist(), dtype=str(value.dtype))
    if isinstance(value, bytes):
        return _special("__bytes__", value=value.decode())
    if isinstance(value, slice):
        return _special(
            "__slice__", start=serialize(value.start), stop=serialize(value.stop), step=serialize(value.step)
        )
    if value is Ellipsis:
        return _special("__ellipsis__")
    if isinstance(value, Callable):  # type: ignore[arg-type]
        return value.__name__ if is_own(value) else _serialize_function(value)
    raise TypeError(f"{value!r} cannot be serialized: it has no get_config().")


def _serialize_object(value: Any, module: str | None) -> dict[str, Any]:
    shared = _shared.get()
    if shared is not None and id(value) in shared.written:
        first = shared.written[id(value)][1]
        first.setdefault("shared_object_id", 1 + sum("shared_object_id" in c for _, c in shared.written.values()))
        return {key: first[key] for key in first if key not in ("name", "inbound_nodes")}  # specific to a place
    own_module, class_name = getattr(value, "serialized_as", None) or (None, type(value).__name__)
    serialized = {
        "module": module or own_module or public_module(type(value)),
        "class_name": class_name,
        "config": serialize(value.get_config()),
        "registered_name": class_name if own_module else registry.registered_name(type(value)),
    }
    if is_own(type(value)) and not own_module:
        serialized["registered_name"] = None
    for part, method in (("build_config", "get_build_config"), ("compile_config", "get_compile_config")):
        config = getattr(value, method)() if hasattr(value, method) else None
        if config is not None:
            serialized[part] = serialize(config)
    if shared is not None:
        shared.written[id(value)] = value, serialized
        if not is_own(type(value)):
            shared.custom.append((serialized["registered_name"], type(value)))
    return serialized


def _special(kind: str, **config: Any) -> dict[str, Any]:
    """A value that JSON cannot represent, as a tagged dict."""
    return {"class_name": kind, "config": config}


def _deserialize_special(kind: str, config: Any) -> Any:
    if kind == "__lambda__":
        raise ValueError(
            "The config has a function as code, which is never executed, because it could do anything. "
            "Save the model with a function that has a name, and load it with that name in custom_objects."
        )
    if not isinstance(config, dict):
        raise TypeError(f"The config of {kind} must be a dict, got {config!r}.")
    if kind in ("__numpy__", "__tensor__"):
        return np.array(config["value"], _number_dtype(config["dtype"]))
    if kind == "__bytes__":
        return config["value"].encode()
    if kind == "__slice__":
        return slice(*(deserialize_any(config[part]) for part in ("start", "stop", "step")))
    if kind == "__ellipsis__":
        return Ellipsis
    raise ValueError(f"Unknown kind of value in a config: {kind}.")


def _number_dtype(name: Any) -> np.dtype:
    """The dtype of an array in a config. Strings, bytes and records are refused: their elements may have any size."""
    dtype = np.dtype(name)
    if dtype.kind in "SUMmO" or dtype.itemsize > 16:
        raise ValueError(f"The config has an array of dtype {str(name)[:80]!r}; expected a numeric dtype.")
    return dtype


def deserialize_any(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The value of a JSON form made by `serialize`: plain data with objects of any kind.

    Raises:
        ValueError: an unknown class.
    """
    if custom_objects:
        with registry.known_names(custom_objects):
            return deserialize_any(config)
    if isinstance(config, (list, tuple)):
        return [deserialize_any(item) for item in config]
    if not isinstance(config, dict):
        return config
    if "class_name" in config and "config" in config:
        return deserialize(config, {}, "object")
    return {key: deserialize_any(item) for key, item in config.items()}


def _serialize_function(value: Any) -> dict[str, Any]:
    """A user's function or class, by name."""
    name = registry.registered_name(value)
    if (shared := _shared.get()) is not None:
        shared.custom.append((name, value))
    if is_nameless(value) and name == value.__name__:
        return NamelessFunction(value)
    return {"module": value.__module__, "class_name": "function", "config": value.__name__, "registered_name": name}


def deserialize(
    config: Any, table: Mapping[str, Any], kind: str, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The object of a JSON form made by `serialize`; its class is looked up in the user's names and the table.

    Args:
        config: a dict, or a name.
        table: names -> classes or functions of minidl.
        kind: the kind of the objects, for errors.
        custom_objects: the user's names, which take precedence, also in nested configs.

    Raises:
        ValueError: an invalid config.
        ConfigError: an unknown class. Modules are never imported; their names only tell whether a class is one of
            minidl's own.
    """
    if custom_objects:
        with registry.known_names(custom_objects):
            return deserialize(config, table, kind)
    if not isinstance(config, dict):
        return lookup(config, table, kind)
    if isinstance(config, NamelessFunction):
        return config.function
    if "class_name" not in config:
        raise ValueError(f"A config of a {kind} needs 'class_name' and 'config', got the keys {sorted(config)}.")
    shared, number = _shared.get(), config.get("shared_object_id")
    if shared is not None and number in shared.read:
        budget.charge(_COSTS.get(kind, 1), "objects")
        return shared.read[number]
    if isinstance(config["class_name"], str) and config["class_name"].startswith("__"):
        return _deserialize_special(config["class_name"], config.get("config"))
    found = registry.of_kind(_find_class(config, table, kind), config["class_name"], kind)
    if config["class_name"] == "function" or not isinstance(found, type):
        return found
    if not hasattr(found, "from_config"):
        raise TypeError(f"The class {found.__name__} cannot be loaded as a {kind}: it has no from_config(). Write one.")
    inner = config.get("config") or {}
    if not isinstance(inner, dict):
        raise TypeError(f"The config of {config['class_name']} must be a dict of its arguments, got {inner!r}.")
    budget.charge(_COSTS.get(kind, 1), "objects")
    budget.check_name(inner.get("name"))
    made = found.from_config(inner)
    if config.get("build_config") and not getattr(made, "built", True):
        made.build_from_config(config["build_config"])
    if config.get("compile_config"):
        made.compile_from_config(config["compile_config"])
    if shared is not None and number is not None:
        shared.read[number] = made
    return made


def _find_class(config: Mapping[str, Any], table: Mapping[str, Any], kind: str) -> Any:
    is_function = config["class_name"] == "function"
    name = config.get("config") if is_function else config["class_name"]
    if not isinstance(name, str):
        raise TypeError(f"The name of a {kind} in a config must be a string, got {name!r}.")
    for key in (config.get("registered_name"), name):
        if (found := registry.custom(key)) is not None:
            return found
    if name == NAMELESS:
        name = config.get("registered_name") or name
        raise ValueError(
            f"The {kind} is a function without a name, which is not in the config: pass the function in "
            f"custom_objects={{{name!r}: ...}}."
        )
    module = str(config.get("module") or "keras").partition(".")[0]
    if module in ("keras", __name__.partition(".")[0]) or (is_function and module == "builtins"):
        if config.get("registered_name") not in (None, "", name, config["class_name"]):
            raise ConfigError(
                f"Unknown {kind} {config['registered_name']!r}, which is not the {name!r} of minidl: register it, or "
                "pass it in custom_objects."
            )
        family = str(config.get("module")).partition(".")[2]
        for names in (
            table,
            registry.families.get(family, {}),
            *registry.families.values(),
        ):  # a layer as an activation, for instance
            if name in names:
                return names[name]
        if is_function and (found := registry.registered_function(name)) is not None:
            return found
        raise ConfigError(*unknown(kind, name, {**table, **registry.known()}).args)
    raise ConfigError(
        f"Unknown {kind} {name!r} of {config['module']!r}, which is not part of minidl. If it is yours, pass it in "
        f"custom_objects={{{name!r}: ...}} or register it; names in configs are never imported."
    )


def deserialize_layer(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer of a JSON form made by `serialize`."""
    return deserialize(config, registry.families["layers"], "layer", custom_objects)
