"""Executables on disk: a step that an earlier process has compiled is loaded, and neither traced nor compiled again.

JAX's own cache finds a program by its HLO, so that it must be traced and lowered first, which takes as long as reading
the executable a few times. Here it is found by what is known before: the structural key of the model, which describes
all that its steps depend on, the shapes of the arguments, and all that could make JAX or XLA compile something else.

JAX does not write such a program into its cache too. Where it finds one there, of a model without a key, it is not kept
here: JAX writes an executable that it has read without some of its functions, and running it fails.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
import pathlib
import pickle
import platform
import sys
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import jax
import jaxlib
import ml_dtypes
import numpy as np
import optax

from minidl import config
from minidl.core import processes
from minidl.core.structural_key import text_of
from minidl.core.tracebacks import warn
from minidl.saving.files import atomic_write

_DIGEST = 32  # bytes at the beginning of a file
_COMPILED, _READ = "/jax/core/compile/backend_compile_duration", "/jax/compilation_cache/cache_hits"  # events of JAX

_seen = threading.local()  # `events`: those of the thread's compilation


def are_kept(identity: Hashable) -> bool:
    """Whether executables of a program are kept: it has an identity, a folder is set, and there is a single device."""
    if identity is None or config.compilation_cache() is None or processes.are_many() or len(jax.local_devices()) > 1:
        return False
    return not (jax.config.jax_debug_nans or jax.config.jax_debug_infs)  # type: ignore[attr-defined]


def load(identity: Hashable, args: Sequence[Any]) -> Callable[..., Any] | None:
    """The executable of a program for arguments of these shapes; None if there is none.

    Args:
        identity: of the program, from structural keys.
        args: arrays, or their shapes and dtypes.
    """
    path = _path(identity, args) if are_kept(identity) else None
    if path is None:
        return None
    try:
        data = path.read_bytes()
        os.utime(path)  # it is used
    except FileNotFoundError:  # never written, or deleted by another process that needed the space
        return None
    if hashlib.blake2b(data[_DIGEST:], digest_size=_DIGEST).digest() != data[:_DIGEST]:
        return None  # cut off
    from jax.experimental import serialize_executable  # imports much

    try:
        return serialize_executable.deserialize_and_load(*pickle.loads(data[_DIGEST:]))  # the folder is private
    except (ValueError, jax.errors.JaxRuntimeError):  # of a processor that lacks what this one had
        return None


def compile_and_keep(lowered: Any, identity: Hashable, args: Sequence[Any]) -> None:
    """Compile a program, which JAX finds when it is called; and write its executable, where they are kept."""
    path = _path(identity, args) if are_kept(identity) else None
    if path is None:
        lowered.compile()
        return
    from jax._src import config as jax_config
    from jax.experimental import serialize_executable

    _listen()
    _seen.events = []
    with jax_config.persistent_cache_min_compile_time_secs(math.inf):  # or it writes the program, too
        compiled = lowered.compile()
    events = vars(_seen).pop("events")  # what the thread compiles later is not recorded
    if _COMPILED not in events or _READ in events:
        return
    try:
        data = pickle.dumps(serialize_executable.serialize(compiled))
    except (NotImplementedError, ValueError):  # a platform or a program for which JAX cannot
        return
    try:
        with atomic_write(path) as file:
            file.write(hashlib.blake2b(data, digest_size=_DIGEST).digest() + data)
    except OSError as error:  # the disk is full, or the folder was removed; the program itself does not need the file
        warn(f"A compiled program was not kept for later runs: {error}.")


@functools.cache
def _listen() -> None:
    """Record what JAX reports of each compilation, in the thread that compiles."""

    def record(event: str, *_: Any, **__: Any) -> None:
        if event in (_COMPILED, _READ) and hasattr(_seen, "events"):
            _seen.events.append(event)

    jax.monitoring.register_event_listener(record)
    jax.monitoring.register_event_duration_secs_listener(record)


def _path(identity: Hashable, args: Sequence[Any]) -> pathlib.Path | None:
    folder, text = config.compilation_cache(), text_of(identity)
    if folder is None or text is None:
        return None
    leaves, structure = jax.tree.flatten(args)
    shapes = [(getattr(leaf, "shape", ()), str(getattr(leaf, "dtype", type(leaf)))) for leaf in leaves]
    every = repr((text, str(structure), shapes, _installed(), _settings()))
    return folder / f"{hashlib.blake2b(every.encode(), digest_size=_DIGEST).hexdigest()}-cache"


@functools.cache
def _installed() -> tuple[Any, ...]:
    """What compiles and runs a program: the versions, minidl's files as they are, the processor."""
    files = sorted(_files(str(pathlib.Path(__file__).parents[1])))
    versions = [library.__version__ for library in (jax, jaxlib, ml_dtypes, np, optax)]
    device = jax.local_devices()[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processor = platform.machine(), platform.processor(), _features(), cores
    return sys.version, files, versions, device.platform, device.device_kind, device.client.platform_version, processor


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    """The modules in a folder: path, time of the last change, size."""
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _files(entry.path)
        elif entry.name.endswith(".py") and entry.is_file():  # editors mark open files by links to nowhere
            found = entry.stat()
            yield entry.path, found.st_mtime_ns, found.st_size


def _features() -> str:
    """The line of the first processor's features, on Linux."""
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _settings() -> list[Any]:
    """JAX's settings, and the variables of the environment that XLA reads."""
    names = [name for name in sorted(jax.config.values) if "cache" not in name]
    values = [(name, repr(getattr(jax.config, name, jax.config.values[name]))) for name in names]
    return [*values, *((name, value) for name, value in sorted(os.environ.items()) if "XLA" in name)]


@jax.jit
def _nothing() -> int:
    return 0


def context() -> Any:
    """An object that is another one where JAX would trace functions again, since its settings are others."""
    return _nothing.trace().jaxpr
