"""Compare the weights of a model with the arrays of a file, before any is set: the checks that all formats share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes
from minidl.core.tracebacks import warn
from minidl.core.typing import DType
from minidl.core.variables import Variable
from minidl.optimizers.state import OptimizerState
from minidl.saving.errors import LoadError
from minidl.saving.hdf5 import Declared


def difference(weight: Variable, path: str, arrays: Mapping[str, Declared]) -> str | None:
    """Why a weight cannot be set from the array at a path of a file; None if it can."""
    own = described(weight.shape, weight._value.dtype)
    if path not in arrays:
        return f"{weight.path} {own} is not in the file, at {path}"
    stored = arrays[path]
    if stored.shape == weight.shape and (holds(weight, stored.dtype) or rounds(weight, stored.dtype)):
        return None
    return f"{weight.path} is {own} in the model and {described(stored.shape, stored.dtype)} in the file, at {path}"


def report(model_name: str, problems: Sequence[str], skip_mismatch: bool) -> None:
    """Raise an error with all differences, or warn of them with `skip_mismatch`.

    Raises:
        LoadError: there are differences, and `skip_mismatch` is false.
    """
    if problems and not skip_mismatch:
        raise LoadError(f"The weights do not match {model_name!r}, and none were loaded:\n  " + "\n  ".join(problems))
    if problems:
        warn(f"{model_name!r}: weights were skipped:\n  " + "\n  ".join(problems))


def state_matches(optimizer: OptimizerState, paths: Sequence[str], arrays: Mapping[str, Declared]) -> bool:
    """Whether the arrays at these paths are a state of the optimizer; a warning if they are not."""
    shapes = [arrays[path].shape for path in paths if path in arrays]
    if len(shapes) == len(paths) and optimizer.takes(shapes):
        if not any(difference(variable, path, arrays) for variable, path in zip(optimizer.variables, paths)):
            return True
    count = len(optimizer.variables)
    warn(
        f"The state of the optimizer {optimizer.name!r} was not loaded: it has {count} variables, the file has "
        f"{len(paths)}{', of other shapes or dtypes' if count == len(paths) else ''}. It keeps its initial state."
    )
    return False


def warn_of_rounding(pairs: Iterable[tuple[Variable, str]], arrays: Mapping[str, Declared]) -> None:
    """Warn of variables that lose precision when they are set from the arrays at these paths."""
    rounded = [
        f"{variable.path} from {arrays[path].dtype} to {variable._value.dtype}"
        for variable, path in pairs
        if rounds(variable, arrays[path].dtype)
    ]
    if rounded:
        warn("Weights were rounded: " + ", ".join(rounded))


def rounds(weight: Variable, stored: np.dtype) -> bool:
    """Whether floats of another dtype must be rounded to be assigned to a weight."""
    own = np.dtype(weight._value.dtype)
    return dtypes.is_float(own) and dtypes.is_float(stored) and not holds(weight, stored)


def holds(weight: Variable, stored: np.dtype) -> bool:
    """Whether a weight can represent values of a dtype exactly; integers of any width count, as JAX has no int64."""
    own = np.dtype(weight._value.dtype)
    if own == stored or (own.kind in "iu" and stored.kind in "iu"):
        return True
    return dtypes.is_float(own) and dtypes.is_float(stored) and jnp.promote_types(own, stored) == own


def described(shape: tuple[int, ...], dtype: DType) -> str:
    """An array in an error message: float32(3, 2)."""
    return f"{np.dtype(dtype).name}{shape}"
