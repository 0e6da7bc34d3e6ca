"""The machine: how fast it multiplies matrices, and how much memory it has free."""

from __future__ import annotations

import functools
import os
import pathlib
import time

import jax
import jax.numpy as jnp

_SECONDS = 0.005  # a product that takes so long shows the speed
_SIZES = (512, 1024, 2048, 4096, 8192)
_RUNS = 5


@functools.cache
def peak(device: jax.Device, dtype: str, precision: str | None = None, sizes: tuple[int, ...] = _SIZES) -> float:
    """The floating-point operations per second of a product of square matrices, the best of several runs."""
    multiply = jax.jit(functools.partial(jnp.matmul, precision=precision))
    best = 0.0
    for size in sizes:
        # of random numbers: those that are all alike are multiplied faster
        keys = jax.random.split(jax.random.key(0))
        x, y = (jax.device_put(jax.random.normal(key, (size, size), dtype), device) for key in keys)
        multiply(x, y).block_until_ready()
        seconds = []
        for _ in range(_RUNS):
            start = time.perf_counter()
            multiply(x, y).block_until_ready()
            seconds.append(time.perf_counter() - start)
        best = max(best, 2 * size**3 / min(seconds))
        if min(seconds) > _SECONDS:
            break
    return best


def free_memory(device: jax.Device) -> int | None:
    """The bytes that can be allocated on a device now: its own memory, or the host's. None where it is not known."""
    if stats := device.memory_stats():
        return int(stats["bytes_limit"] - stats["bytes_in_use"]) if "bytes_limit" in stats else None
    if device.platform != "cpu":
        return None
    known = [free for free in (_free_of_host(), _free_of_group()) if free is not None]
    return min(known, default=None)


def _free_of_host() -> int | None:
    file = pathlib.Path("/proc/meminfo")
    if file.exists():
        line = next((line for line in file.read_text().splitlines() if line.startswith("MemAvailable:")), None)
        return None if line is None else 1024 * int(line.split()[1])
    if "SC_AVPHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _free_of_group() -> int | None:
    """What a container's limit leaves; files that are cached do not count, as they are dropped when needed."""
    folder = pathlib.Path("/sys/fs/cgroup")
    try:
        most, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        stats = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:  # no limit, or another version of control groups
        return None
    return None if most == "max" else int(most) - int(used) + int(stats.get("inactive_file", 0))
