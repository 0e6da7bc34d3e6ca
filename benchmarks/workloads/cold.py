"""A whole small job, as the first tutorial of a library has it, measured from starting Python to its exit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from benchmarks.peers import CACHE, WITH, Clock, Result
from benchmarks.workloads.mlp import MLP


@dataclass(frozen=True)
class Cold(MLP):
    """The small classifier."""


WORKLOADS = (
    Cold(
        "cold",
        "a whole small job as a process: import, build, fit 10 epochs of 10,000 rows, evaluate; no caches",
        ("minidl", "minidl+cache", "keras-jax", "keras-tensorflow", "torch"),
        measure="process",
        rows=10_000,
        epochs=10,
    ),
)


def train(keras: Any, work: Cold, clock: Clock) -> Result:
    """The job, word for word. `tf.keras` is Keras itself, without TensorFlow's own import where JAX computes."""
    tf = SimpleNamespace(keras=keras)
    if os.environ.get(WITH) == "cache":
        keras.config.enable_compilation_cache(os.environ[CACHE])
    x_train, y_train = work.data("train")
    x_test, y_test = work.data("test")

    model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Dense(64, activation="relu", input_shape=(100,)),
            tf.keras.layers.Dense(64, activation="relu"),
            tf.keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=work.epochs, batch_size=32)
    test_loss, test_accuracy = model.evaluate(x_test, y_test)

    return {"loss": float(test_loss), "accuracy": float(test_accuracy)}
