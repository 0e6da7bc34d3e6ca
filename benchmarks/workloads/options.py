"""minidl with one more option of `fit`, which may cost a little per epoch but not per step."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from benchmarks.peers import WITH, Clock, Result
from benchmarks.workloads import mlp
from benchmarks.workloads.mlp import MLP


@dataclass(frozen=True)
class Options(MLP):
    """The small classifier."""


WORKLOADS = (
    Options(
        "options",
        "the small classifier on minidl, with what users add to fit",
        ("minidl", "minidl+callback", "minidl+validation", "minidl+class weights", "minidl+schedule"),
        rows=19_200,
        epochs=20,
    ),
)


def train(keras: Any, work: Options, clock: Clock) -> Result:
    """Train the classifier with an epoch callback, a validation set, ..., or without any option."""
    x, y = work.data("train")
    rate: Any = work.learning_rate
    given: dict[str, Any] = {}
    callbacks: list[Any] = []
    match os.environ.get(WITH):
        case None:
            pass
        case "callback":
            callbacks.append(keras.callbacks.EarlyStopping(monitor="loss", patience=100))
        case "validation":
            given["validation_data"] = work.data("test")
        case "class weights":
            given["class_weight"] = {label: 1.0 for label in range(work.classes)}
        case "schedule":
            rate = keras.optimizers.schedules.ExponentialDecay(rate, decay_steps=work.steps, decay_rate=1.0)
        case other:
            raise ValueError(f"unknown: {other}")
    model = mlp.model(keras, work)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    if "validation_data" in given:  # a lap is the epoch's training without its validation
        end = {"on_epoch_begin": lambda epoch, logs: clock.start(), "on_test_begin": lambda logs: clock.lap()}
    else:
        end = {"on_epoch_end": lambda epoch, logs: clock.lap()}
    clock.start()
    lap = keras.callbacks.LambdaCallback(**end)
    history = model.fit(x, y, work.batch_size, work.epochs, callbacks=[*callbacks, lap], **given).history
    return {"loss": float(history["loss"][-1]), "accuracy": float(history["accuracy"][-1])}
