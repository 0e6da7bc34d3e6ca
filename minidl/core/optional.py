"""Optional packages: imported on use, with an error that says how to install them."""

from __future__ import annotations

import importlib
from typing import Any


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
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{user} needs {module}. Install it: pip install '{install}'") from error
