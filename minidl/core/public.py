"""The public names of modules: what `dir()` and completion show, and the paths under `minidl.keras`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType


def public_modules(module: ModuleType) -> Iterator[ModuleType]:
    """The modules that a module lists in `__all__`, with those that they list.

    >>> import minidl
    >>> "minidl.optimizers.schedules" in [module.__name__ for module in public_modules(minidl)]
    True
    """
    for name in getattr(module, "__all__", ()):
        part = vars(module).get(name)  # not what is imported on demand
        if isinstance(part, ModuleType) and part.__name__ == f"{module.__name__}.{name}":
            yield part
            yield from public_modules(part)


def publish(module: ModuleType) -> None:
    """Let `dir()` show the public names of a module only, and import it as `minidl.keras...`, too.

    The public names are those of `__all__`, or else the functions and classes that are defined in it.
    """
    if not hasattr(module, "__all__"):
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
        module.__all__ = sorted(name for name in own if not name.startswith("_"))  # type: ignore[attr-defined]
    names = sorted(module.__all__)
    module.__dir__ = lambda: names  # type: ignore[attr-defined, method-assign]
    root, _, rest = module.__name__.partition(".")
    sys.modules[f"{root}.keras.{rest}"] = module
