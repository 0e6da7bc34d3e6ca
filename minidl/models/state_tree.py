"""State trees: the values of variables as nested dicts, by the parts of their paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minidl.core import naming
from minidl.core.variables import Variable


def nested(variables: Sequence[Variable], value_format: str = "backend_tensor") -> dict[str, Any]:
    """The values of variables, nested by the parts of their paths.

    Args:
        variables: variables with unique paths.
        value_format: "backend_tensor" for JAX arrays, "numpy_array" for NumPy arrays.

    Raises:
        ValueError: two variables with the same path, or an unknown format.

    >>> nested([Variable(1.0, name="bias")], "numpy_array")
    {'bias': array(1., dtype=float32)}
    """
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(f"value_format must be 'backend_tensor' or 'numpy_array', got {value_format!r}.")
    tree: dict[str, Any] = {}
    for path, variable in _by_path(variables).items():
        *scopes, name = path.split("/")
        place = tree
        for scope in scopes:
            place = place.setdefault(scope, {})
        place[name] = variable.numpy() if value_format == "numpy_array" else variable.value
    return tree


def set_nested(tree: Mapping[str, Any], variables: Mapping[str, Sequence[Variable]]) -> None:
    """Set variables to the values in a tree; variables that are not in it are unchanged.

    Args:
        tree: kind of variable -> values, as from `nested`.
        variables: kind of variable -> the model's variables.

    Raises:
        ValueError: an unknown kind or path, or a value of another shape; then nothing is set.
    """
    new: list[tuple[Variable, Any]] = []
    for kind, values in tree.items():
        if kind not in variables:
            raise naming.unknown("kind of variable in the state tree", kind, dict(variables))
        known = _by_path(variables[kind])
        for path, value in _flat(values):
            if path not in known:
                raise naming.unknown(f"path among the {kind}", path, known)
            if np.shape(value) != known[path].shape:
                raise ValueError(f"{path} has the shape {known[path].shape}, got a value of {np.shape(value)}.")
            new.append((known[path], value))
    for variable, value in new:
        variable.assign(value)


def _by_path(variables: Sequence[Variable]) -> dict[str, Variable]:
    found: dict[str, Variable] = {}
    for variable in variables:
        if variable.path in found:
            raise ValueError(
                f"Two variables of the model have the path {variable.path!r}. Give each layer a name= of its own."
            )
        found[variable.path] = variable
    return found


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    entries: list[tuple[str, Any]] = []
    for key, value in tree.items():
        entries += _flat(value, f"{prefix}{key}/") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return entries
