"""Functions without a name (`lambda`), in configs.

Configs refer to functions by name; code is never saved, because loading it would mean running it. For a function
without a name, a config has a placeholder. In the process that made the config, the placeholder still holds the
function, so `from_config(get_config())` works. When loading a file, pass the function in `custom_objects`.
"""

from __future__ import annotations

import os
import types
from collections.abc import Iterator
from typing import Any

from minidl.core.tracebacks import warn

NAME = "<lambda>"  # Python's name of them, and the default key in `custom_objects`


class NamelessFunction(dict[str, Any]):
    """The placeholder in a config for a function without a name.

    Args:
        function: the function.
        name: its key in `custom_objects` when a file is loaded.

    >>> entry = NamelessFunction(lambda x: x + 1)
    >>> entry.function(2), entry["registered_name"]
    (3, '<lambda>')
    """

    def __init__(self, function: Any, name: str = NAME):
        super().__init__(module="builtins", class_name="function", config=NAME, registered_name=name)
        self.function = function

    def __reduce__(self) -> Any:
        return type(self), (self.function, self["registered_name"])


def is_nameless(value: Any) -> bool:
    """Whether a value is a lambda.

    >>> is_nameless(lambda x: x), is_nameless(is_nameless)
    (True, False)
    """
    return isinstance(value, types.FunctionType) and value.__name__ == NAME


def warn_if_lost(config: Any, path: str | os.PathLike[str]) -> None:
    """Warn about the functions of a config that a file does not contain, and say how to pass them when loading."""
    if lost := sorted({name for name, _ in functions_in(config)}):
        given = ", ".join(f"{name!r}: ..." for name in lost)
        warn(
            f"Functions without a name are not in {os.fspath(path)!r}, which holds no code: load it with "
            f"custom_objects={{{given}}}, or define them with `def` and pass them by their names."
        )


def functions_in(config: Any) -> Iterator[tuple[str, Any]]:
    """The functions without a name in a config, with their keys in `custom_objects`."""
    if isinstance(config, NamelessFunction):
        yield config["registered_name"], config.function
    elif isinstance(config, (dict, list, tuple)):
        for item in config.values() if isinstance(config, dict) else config:
            yield from functions_in(item)
