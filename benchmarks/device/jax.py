"""The device of JAX's arrays. Traces are those of `jax.profiler`, in XLA's format."""

from __future__ import annotations

import glob
import os
import tempfile
from typing import Any

import jax

from benchmarks.device import chosen

_TRANSFERS = ("MemcpyH2D", "MemcpyD2H")
_folders: list[tempfile.TemporaryDirectory] = []


def kind() -> str:
    """The name of the device."""
    return jax.local_devices()[0].device_kind


def peak_memory() -> int | None:
    """The most bytes that arrays and temporaries took at once; not known of a CPU."""
    stats = jax.local_devices()[0].memory_stats()
    return int(stats["peak_bytes_in_use"]) if stats else None


def start() -> None:
    """Start a trace."""
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    _folders.append(tempfile.TemporaryDirectory())
    jax.profiler.start_trace(_folders[-1].name, profiler_options=options)


def stop() -> list[tuple[float, float]]:
    """End it, and return when operations ran, in seconds."""
    jax.profiler.stop_trace()
    with _folders.pop() as folder:
        (file,) = glob.glob(os.path.join(folder, "**", "*.xplane.pb"), recursive=True)
        return operations(jax.profiler.ProfileData.from_file(file).planes, on_gpu=chosen() == "gpu")


def operations(planes: Any, on_gpu: bool) -> list[tuple[float, float]]:
    """What the streams of the first GPU run, except transfers; or XLA's operations on the CPU."""
    lines = [(plane.name, line) for plane in planes for line in plane.lines]
    if on_gpu:
        streams = [line for name, line in lines if name == "/device:GPU:0" and line.name.startswith("Stream #")]
        events = [one for line in streams for one in line.events if not one.name.startswith(_TRANSFERS)]
    else:
        events = [one for _, line in lines for one in line.events if _is_of_xla(one)]
    return [(1e-9 * one.start_ns, 1e-9 * (one.start_ns + one.duration_ns)) for one in events]


def _is_of_xla(event: Any) -> bool:
    return any(key == "hlo_op" for key, _ in event.stats)
