"""Names: automatic names for objects, and objects for names.

Users write `activation="relu"` and `optimizer="adam"`, read `dense_1` in a
summary, and configs hold classes by name. The three directions are here:
`auto_name` makes names, `lookup` turns one into an object (or says which names
are near), and `serialize` / `deserialize` go between objects and the JSON form
that Keras's files use.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_counts: collections.Counter[str] = collections.Counter()
_added: contextvars.ContextVar[Mapping[str, Any] | None] = contextvars.ContextVar("custom_objects", default=None)


def snake_case(name: str) -> str:
    """`BatchNormalization` -> `batch_normalization`, as Keras names layers.

    >>> snake_case("Conv2DTranspose"), snake_case("RMSNormalization")
    ('conv2d_transpose', 'rms_normalization')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(class_name: str) -> str:
    """The next free automatic name of a class: dense, dense_1, dense_2, ..."""
    prefix = snake_case(class_name)
    count = _counts[prefix]
    _counts[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def reset_names() -> None:
    """Start the automatic names anew; `minidl.utils.clear_session` calls it."""
    _counts.clear()


def unknown(kind: str, name: Any, known: Any) -> ValueError:
    """The error for a name that is not known, with the names that are near."""
    names = sorted(map(str, known))
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(names)}."
    return ValueError(f"Unknown {kind} {name!r}. {hint}")


@contextlib.contextmanager
def known_names(objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Inside, `lookup` and `deserialize` know these names too, whatever they look for."""
    token = _added.set({**(_added.get() or {}), **(objects or {})})
    try:
        yield
    finally:
        _added.reset(token)


def lookup(identifier: Any, table: Mapping[str, Any], kind: str, instance_of: type | None = None) -> Any:
    """The object that an identifier stands for.

    Args:
        identifier: None (stays None), a name in the table, a config made by
            `serialize`, a class, or the object itself.
        table: names (and aliases) -> classes or functions.
        kind: what the table holds, for the error: "activation", "loss", ...
        instance_of: the class that classes of the table are made into instances of.
            A class found by name is called without arguments.

    Raises:
        ValueError: an unknown name; the message holds the near ones.
        TypeError: neither a name nor anything that can be called.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier, table, kind)
    found = identifier
    if isinstance(identifier, str):
        table = {**table, **(_added.get() or {})}
        if identifier not in table:
            raise unknown(kind, identifier, table)
        found = table[identifier]
    if isinstance(found, type) and instance_of is not None and issubclass(found, instance_of):
        return found()
    if callable(found) or (instance_of is not None and isinstance(found, instance_of)):
        return found
    article = "an" if kind[0] in "aeiou" else "a"
    raise TypeError(f"Cannot understand {identifier!r} as {article} {kind}: give a name, a function or an object.")


def serialize(value: Any, module: str | None = None) -> Any:
    """The JSON form of a value inside a config.

    Plain data stays itself, a function becomes its name, an object with
    `get_config` becomes {"module", "class_name", "config", "registered_name"}, the
    form that Keras writes.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(serialize(v) for v in value)
    if isinstance(value, dict):
        return {k: serialize(v) for k, v in value.items()}
    if hasattr(value, "get_config"):
        own_module, class_name = getattr(value, "serialized_as", None) or (None, type(value).__name__)
        serialized = {
            "module": module or own_module or public_module(type(value)),
            "class_name": class_name,
            "config": value.get_config(),
            "registered_name": None if is_own(type(value)) and own_module is None else class_name,
        }
        build_config = value.get_build_config() if hasattr(value, "get_build_config") else None
        return serialized if build_config is None else {**serialized, "build_config": build_config}
    if isinstance(value, Callable):  # type: ignore[arg-type]
        return value.__name__
    raise TypeError(f"Cannot write {value!r} into a config: it has no get_config().")


def deserialize(config: Any, table: Mapping[str, Any], kind: str) -> Any:
    """The object that `serialize` described, its class taken from the table and nowhere else."""
    if not isinstance(config, dict):
        return lookup(config, table, kind)
    if "class_name" not in config:
        raise ValueError(f"A config of a {kind} needs 'class_name' and 'config', got the keys {sorted(config)}.")
    table, name = {**table, **(_added.get() or {})}, config["class_name"]
    if name == "function":
        return lookup(config["config"], table, kind)
    if name not in table:
        raise unknown(kind, name, table)
    found: Any = table[name]
    return found.from_config(config.get("config") or {}) if hasattr(found, "from_config") else found


def is_own(cls: Any) -> bool:
    """Whether a class or function is minidl's own rather than a user's."""
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def public_module(cls: type) -> str:
    """Where Keras's files say that a class lives: "keras.layers" for anything in minidl.layers."""
    if not is_own(cls):
        return cls.__module__
    parts = cls.__module__.split(".")
    return "keras" if parts[1] in ("dtypes", "models") else "keras." + parts[1]
