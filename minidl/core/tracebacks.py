"""Errors and warnings as a user reads them: the frames of the user's program, and where in the model they occurred.

A traceback through `fit` has dozens of frames of minidl and JAX. Public methods leave out all but the user's, and the
last one of minidl's; a note names the layer, the model, and what the layer was called on.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import traceback
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import jax

from minidl.core.arguments import explained

F = TypeVar("F", bound=Callable[..., Any])

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = sysconfig.get_path("stdlib") + os.sep
_LIBRARIES = tuple(f"{os.sep}site-packages{os.sep}{name}{os.sep}" for name in ("jax", "jaxlib", "optax", "numpy"))
_LAYER = "Raised in "
_OF_JAX = "--------------------\nFor simplicity, JAX has removed"
_WITHOUT_VALUES = (
    jax.errors.TracerBoolConversionError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.ConcretizationTypeError,
)


def filtered(function: F) -> F:
    """Decorator of a public function: its errors have the user's frames and the last one of minidl's.

    A misspelt argument of the function itself is explained.

    >>> @filtered
    ... def fit(epochs=1): pass
    >>> fit(epoch=2)
    Traceback (most recent call last):
        ...
    TypeError: fit: unknown argument 'epoch'. Did you mean 'epochs'?
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            clean(error, functools.partial(explained, function, kwargs))
            raise

    return cast(F, call)


def clean(error: BaseException, explain: Callable[[], str | None] | None = None) -> None:
    """Leave the frames of the user and the last one of minidl's in an error's traceback, and no note of JAX's.

    Args:
        error: the error, in the `except` clause of a public function, which ends with a bare `raise`.
        explain: returns a better message for an error that is raised by the call itself.
    """
    raised_by_call = error.__traceback__ is not None and error.__traceback__.tb_next is None
    if explain is not None and raised_by_call and isinstance(error, TypeError) and (message := explain()):
        error.args = (message,)
    if isinstance(error, _WITHOUT_VALUES) and error.args:
        error.args = (_without_values(str(error)),)
    if not is_filtering():
        return
    if notes := getattr(error, "__notes__", None):
        notes[:] = [note for note in notes if not note.startswith(_OF_JAX)]
    if _is_internal(error.__cause__) and _is_internal(error.__context__):
        error.__cause__ = error.__context__ = None
    error.__traceback__ = _filtered(error.__traceback__)


def is_filtering() -> bool:
    """Whether frames of minidl and JAX are left out of tracebacks."""
    return bool(jax.config.jax_traceback_filtering != "off")  # type: ignore[attr-defined]


def add_layer(error: BaseException, layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Add to an error's note the layer in whose call or `build` it was raised, or one that contains that layer.

    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> error = ValueError("too large")
    >>> add_layer(error, SimpleNamespace(name="inner"), [np.ones((2, 3))], {})
    >>> add_layer(error, SimpleNamespace(name="outer"), [], {})
    >>> error.__notes__
    ["Raised in SimpleNamespace 'inner', given float64 (2, 3), in SimpleNamespace 'outer'."]
    """
    who = f"{type(layer).__name__} {layer.name!r}"
    notes = getattr(error, "__notes__", [])
    for number, note in enumerate(notes):
        if note.startswith(_LAYER):
            if not (note.startswith(f"{_LAYER}{who},") or note.endswith(f" {who}.")):
                notes[number] = f"{note[:-1]}, in {who}."
            return
    given = [*map(described, args), *(f"{name}={described(value)}" for name, value in kwargs.items())]
    error.add_note(f"{_LAYER}{who}, given {', '.join(given)}.")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user's program that led to this call."""
    frame: types.FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and not _is_users(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level if frame is not None else 2)


def described(value: Any) -> str:
    """A short text for an argument: the dtype and the shape of an array, and of each in a list. No addresses.

    >>> described([jax.numpy.ones((2, 3)), None, "a", described])
    "[float32 (2, 3), None, 'a', the function described]"
    """
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        shape = tuple(value.shape) if isinstance(value.shape, tuple) else value.shape  # TensorFlow's may be unknown
        return f"{value.dtype} {shape}"
    if isinstance(value, (list, tuple)) and not all(isinstance(item, (int, type(None))) for item in value):
        inside = ", ".join(map(described, value[:4])) + (", ..." if len(value) > 4 else "")
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {described(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return f"the {'class' if isinstance(value, type) else 'function'} {value.__name__}"
    return repr(value) if isinstance(value, (int, float, str, tuple, type(None))) else f"a {type(value).__name__}"


def _without_values(message: str) -> str:
    first = message.partition("\n")[0]
    if "keras.ops" in first:
        return first
    return (
        f"{first.rstrip('.')}. While a model is traced, arrays have shapes and no values: use keras.ops.where or "
        "keras.ops.cond in place of `if`, and keras.ops in place of NumPy; or compile the model with run_eagerly=True, "
        "and define compute_output_shape in the layer, which is traced for its shapes otherwise."
    )


@functools.cache
def _is_users(filename: str) -> bool:
    """Whether a file is neither minidl's, nor of JAX and its like, nor of Python itself."""
    if filename.startswith((_OWN, "<frozen")) or any(library in filename for library in _LIBRARIES):
        return False
    return not filename.startswith(_STANDARD) or "site-packages" in filename


def _filtered(given: types.TracebackType | None) -> types.TracebackType | None:
    entries, shown = [], None
    while given is not None:
        entries.append(given)
        given = given.tb_next
    for entry in reversed(entries):
        name = entry.tb_frame.f_code.co_filename
        if _is_users(name) or (shown is None and name.startswith(_OWN) and name != __file__):
            shown = types.TracebackType(shown, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return shown


def _is_internal(error: BaseException | None) -> bool:
    """Whether an error that another one replaced was raised without any frame of the user's.

    One without frames is not: it has the text of a traceback in another process.
    """
    if error is None:
        return True
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and not any(_is_users(frame.f_code.co_filename) for frame in frames)
