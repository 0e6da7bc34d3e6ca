"""minidl at its defaults: the Keras programs with another import."""

from __future__ import annotations

import minidl
from benchmarks.peers import Clock, Result, keras_programs
from benchmarks.workloads import Workload


def mlp(work: Workload, clock: Clock) -> Result:
    """See `keras_programs.mlp`."""
    return keras_programs.mlp(minidl, work, clock)


def options(work: Workload, clock: Clock) -> Result:
    """Nothing added: see `keras_programs.mlp`."""
    return keras_programs.mlp(minidl, work, clock)


def cold(work: Workload, clock: Clock) -> Result:
    """See `keras_programs.cold`."""
    return keras_programs.cold(minidl, work, clock)
