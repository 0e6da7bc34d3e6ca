"""Packages imported on use: optional ones, with an error that says how to install them, and those that draw."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import random
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def random_kept() -> Iterator[None]:
    """Python's random state as it was: packages such as rich draw from it when they are imported.

    The seeds of initializers and of dropout come from it, so that a first `summary()` would change the next layers.

    >>> random.seed(1)
    >>> with random_kept():
    ...     drawn = random.random()
    >>> random.random() == drawn
    True
    """
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def needed(module: str, user: str, install: str) -> Any:
    """A module of an optional package.

    Args:
        module: its name.
        user: the feature that needs it, for the error.
        install: the argument of pip install.

    Raises:
        ImportError: the package is not installed.

    >>> needed("json", "Saving", "json").dumps(1)
    '1'
    """
    try:
        with random_kept():
            return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{user} needs {module}. Install it: pip install '{install}'") from error


@functools.cache
def found(module: str) -> Any:
    """A module of an optional package, or None where it is not installed.

    >>> found("json").dumps(1), found("no_such_package")
    ('1', None)
    """
    if importlib.util.find_spec(module) is None:
        return None
    with random_kept():
        return importlib.import_module(module)
