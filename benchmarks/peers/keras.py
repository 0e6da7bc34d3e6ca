"""Keras at its defaults, on the backend that KERAS_BACKEND names."""

from __future__ import annotations

from types import SimpleNamespace

import keras

from benchmarks.peers import Clock, Result, keras_programs
from benchmarks.workloads import Workload


def mlp(work: Workload, clock: Clock) -> Result:
    """See `keras_programs.mlp`."""
    return keras_programs.mlp(keras, work, clock)


def cold(work: Workload, clock: Clock) -> Result:
    """See `keras_programs.cold`. `tf.keras` is Keras itself, without TensorFlow's own import where JAX computes."""
    return keras_programs.cold(SimpleNamespace(keras=keras), work, clock)
