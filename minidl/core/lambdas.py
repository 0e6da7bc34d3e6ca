"""Functions without a name (`lambda`), in configs.

A config names functions, and the reader has them: code is never written, for what reads code runs it. Of a function
without a name a config can only say that there is one. In the process that made the config, that entry still knows its
function, so `from_config(get_config())` works. Out of a file, the reader gives the function in `custom_objects`.
"""

from __future__ import annotations

import os
import types
import warnings
from collections.abc import Iterator
from typing import Any

NAME = "<lambda>"  # what Python calls them, and `custom_objects` where there is no other name


class NamelessFunction(dict[str, Any]):
    """The entry of a config for a function without a name.

    Args:
        function: the function.
        name: what the reader of a file calls it in `custom_objects`.

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
    """Whether a value is a function that was written as a lambda.

    >>> is_nameless(lambda x: x), is_nameless(is_nameless)
    (True, False)
    """
    return isinstance(value, types.FunctionType) and value.__name__ == NAME


def warn_if_lost(config: Any, path: str | os.PathLike[str]) -> None:
    """Say which functions of a config a file does not hold, and how to give them to who loads it."""
    if lost := sorted({name for name, _ in functions_in(config)}):
        given = ", ".join(f"{name!r}: ..." for name in lost)
        warnings.warn(
            f"Functions without a name are not in {os.fspath(path)!r}, which holds no code: load it with "
            f"custom_objects={{{given}}}, or write them with `def` and give them by their own names.",
            stacklevel=4,
        )


def functions_in(config: Any) -> Iterator[tuple[str, Any]]:
    """The functions without a name in a config, and by which names the reader of a file has to give them."""
    if isinstance(config, NamelessFunction):
        yield config["registered_name"], config.function
    elif isinstance(config, (dict, list, tuple)):
        for item in config.values() if isinstance(config, dict) else config:
            yield from functions_in(item)
