"""The device of PyTorch's tensors. Traces are those of `torch.profiler`, in Chrome's format."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.device import chosen

_ON_CPU, _ON_GPU = {"cpu_op"}, {"kernel", "gpu_memset", "gpu_memcpy"}  # categories of events
_traces: list[profile] = []


def device() -> torch.device:
    """The device that is measured."""
    return torch.device("cuda" if chosen() == "gpu" else "cpu")


def kind() -> str:
    """The name of the device."""
    return torch.cuda.get_device_name() if chosen() == "gpu" else platform.machine()


def peak_memory() -> int | None:
    """The most bytes that tensors took at once; not known of a CPU."""
    return torch.cuda.max_memory_allocated() if chosen() == "gpu" else None


def start() -> None:
    """Start a trace."""
    _traces.append(profile(activities=[ProfilerActivity.CUDA if chosen() == "gpu" else ProfilerActivity.CPU]))
    _traces[-1].start()


def stop() -> list[tuple[float, float]]:
    """End it, and return when operations ran, in seconds."""
    trace = _traces.pop()
    trace.stop()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.json")
        trace.export_chrome_trace(path)
        with open(path) as file:
            return operations(json.load(file)["traceEvents"], _ON_GPU if chosen() == "gpu" else _ON_CPU)


def operations(events: Iterable[Mapping[str, Any]], categories: set[str]) -> list[tuple[float, float]]:
    """Those of some categories, except transfers. Chrome's times are in microseconds."""
    found = [one for one in events if one.get("cat") in categories and not _is_transfer(one["name"])]
    return [(1e-6 * one["ts"], 1e-6 * (one["ts"] + one["dur"])) for one in found]


def _is_transfer(name: str) -> bool:
    return name.startswith(("Memcpy HtoD", "Memcpy DtoH"))
