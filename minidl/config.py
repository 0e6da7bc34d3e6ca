"""Global settings, under Keras's names."""

from __future__ import annotations

import contextlib
import os
import pathlib
import stat

import jax

from minidl.core.dtypes import (
    dtype_policy,
    epsilon,
    floatx,
    set_dtype_policy,
    set_epsilon,
    set_floatx,
)
from minidl.core.messages import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from minidl.core.tracebacks import is_filtering
from minidl.kernels import mode as kernels
from minidl.kernels import set_kernels

__all__ = [
    "backend",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_compilation_cache",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_interactive_logging_enabled",
    "is_traceback_filtering_enabled",
    "kernels",
    "max_epochs",
    "max_steps_per_epoch",
    "set_dtype_policy",
    "set_kernels",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]

_DATA_FORMATS = ("channels_last", "channels_first")
_image_data_format = {"default": "channels_last"}

_compilation_cache: dict[str, pathlib.Path | None] = {"folder": None}
_limits: dict[str, int | None] = {"epochs": None, "steps_per_epoch": None}


def backend() -> str:
    """The name of the backend: always "jax"."""
    return "jax"


def image_data_format() -> str:
    """The default position of the channels of images: "channels_last", unless it was set otherwise.

    >>> image_data_format()
    'channels_last'
    """
    return _image_data_format["default"]


def set_image_data_format(data_format: str) -> None:
    """Set the position of the channels of images for layers and functions that are given no `data_format`.

    Args:
        data_format: "channels_last", (batch, rows, columns, channels); or "channels_first", (batch, channels, rows,
            columns). Layers take the value at their construction.

    Raises:
        ValueError: another value.

    >>> set_image_data_format("channels_last")
    """
    if str(data_format).lower() not in _DATA_FORMATS:
        raise ValueError(f"set_image_data_format: expected one of {', '.join(_DATA_FORMATS)}, got {data_format!r}.")
    _image_data_format["default"] = str(data_format).lower()


def enable_compilation_cache(path: str | os.PathLike[str] | None = None, max_bytes: int = 2 * 2**30) -> None:
    """Keep compiled programs in a folder, so that the next run of the same program does not compile them again.

    Keys are the programs, the versions of JAX and XLA and the kind of device, so a stale program is never used. On a
    single device, the steps of a model of which all is minidl's own are found by its structure, and not even traced:
    their keys have its settings, the shapes of the data, JAX's settings, the versions of the libraries, minidl's files
    and the features of the processor. A method that a program has exchanged in a class of minidl's is seen, a function
    in one of its modules is not.
    The folder holds machine code, so it is refused if other users can write to it or to a folder above it.

    Args:
        path: the folder, made if missing; default "minidl" in the user's cache folder.
        max_bytes: the largest size with which a run begins: those used longest ago are deleted until it is met.

    Raises:
        PermissionError: another user owns the folder or one above it, or can write to it.

    Example:
    >>> import tempfile
    >>> before = jax.config.jax_compilation_cache_dir
    >>> enable_compilation_cache(tempfile.mkdtemp())
    >>> jax.config.update("jax_compilation_cache_dir", before)
    """
    default = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "minidl")
    folder = pathlib.Path(path) if path is not None else default
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(folder)
    _delete_least_recent(folder, max_bytes)
    _compilation_cache["folder"] = folder
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def compilation_cache() -> pathlib.Path | None:
    """The folder that `enable_compilation_cache` was given, while JAX's settings are those that it has made."""
    folder = _compilation_cache["folder"]
    is_on = jax.config.jax_enable_compilation_cache  # type: ignore[attr-defined]
    is_this = str(folder) == jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    return folder if folder is not None and is_on and is_this and folder.is_dir() else None


def _delete_least_recent(folder: pathlib.Path, max_bytes: int) -> None:
    """Delete compiled programs, those used longest ago first, until the others fit."""
    programs = []
    for path in folder.glob("*-cache"):
        with contextlib.suppress(FileNotFoundError):  # another run may delete it
            programs.append((path, path.stat()))
    excess = sum(found.st_size for _, found in programs) - max_bytes
    for path, found in sorted(programs, key=lambda one: max(one[1].st_atime, one[1].st_mtime)):
        if excess <= 0:
            return
        path.unlink(missing_ok=True)  # another run may do the same
        excess -= found.st_size


def _check_private(folder: pathlib.Path) -> None:
    """Refuse a folder whose content users other than root can change or replace."""
    if not hasattr(os, "getuid"):  # Windows has no such modes
        return
    own = folder.resolve()
    for place in (own, *own.parents):
        found = place.stat()
        is_shared = found.st_mode & 0o022 and (place == own or not found.st_mode & stat.S_ISVTX)  # /tmp is sticky
        if found.st_uid not in (0, os.getuid()) or is_shared:
            raise PermissionError(
                f"The compilation cache {str(folder)!r} cannot be used: {str(place)!r} belongs to another user or is "
                f"writable by others (mode {stat.S_IMODE(found.st_mode):o}): run `chmod go-w`, or choose another."
            )


def max_epochs() -> int | None:
    """The maximum number of epochs of `fit`, whatever its arguments; None for no limit."""
    return _limits["epochs"]


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every `fit`, for a quick test of a program."""
    _limits["epochs"] = max_epochs


def max_steps_per_epoch() -> int | None:
    """The maximum number of batches per epoch; None for no limit."""
    return _limits["steps_per_epoch"]


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the batches of every epoch, for a quick test of a program."""
    _limits["steps_per_epoch"] = max_steps_per_epoch


def enable_traceback_filtering() -> None:
    """Leave the frames of minidl and JAX out of tracebacks, except the last one of minidl's (the default)."""
    jax.config.update("jax_traceback_filtering", "auto")


def disable_traceback_filtering() -> None:
    """Show all frames in tracebacks, those of minidl and JAX too.

    >>> disable_traceback_filtering()
    >>> is_traceback_filtering_enabled()
    False
    >>> enable_traceback_filtering()
    """
    jax.config.update("jax_traceback_filtering", "off")


def is_traceback_filtering_enabled() -> bool:
    """Whether frames of minidl and JAX are left out of tracebacks."""
    return is_filtering()
