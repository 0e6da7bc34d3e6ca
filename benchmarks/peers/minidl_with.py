"""minidl with one thing more that users add to `fit`, which may cost a little at each epoch but not at each step."""

from __future__ import annotations

import os
from typing import Any

import minidl
from benchmarks.peers import Clock, Result
from benchmarks.workloads import Workload

WITH = "MINIDL_WITH"  # the variable of the process that says what


def options(work: Workload, clock: Clock) -> Result:
    """Train the small classifier of `keras_programs.mlp` with an epoch callback more, a validation set, ..."""
    x, y = work.data("train")
    model = minidl.Sequential(
        [
            minidl.Input((work.features,)),
            minidl.layers.Dense(64, activation="relu"),
            minidl.layers.Dense(64, activation="relu"),
            minidl.layers.Dense(work.classes, activation="softmax"),
        ]
    )
    rate: Any = work.learning_rate
    given: dict[str, Any] = {}
    callbacks: list[Any] = []
    match os.environ.get(WITH):
        case None:
            pass
        case "callback":
            callbacks.append(minidl.callbacks.EarlyStopping(monitor="loss", patience=100))
        case "validation":
            given["validation_data"] = work.data("test")
        case "class weights":
            given["class_weight"] = {label: 1.0 for label in range(work.classes)}
        case "schedule":
            rate = minidl.optimizers.schedules.ExponentialDecay(rate, decay_steps=work.steps, decay_rate=1.0)
        case other:
            raise ValueError(f"unknown: {other}")
    model.compile(minidl.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    if "validation_data" in given:  # a lap is the epoch's training without its validation
        end = {"on_epoch_begin": lambda epoch, logs: clock.start(), "on_test_begin": lambda logs: clock.lap()}
    else:
        end = {"on_epoch_end": lambda epoch, logs: clock.lap()}
    clock.start()
    lap = minidl.callbacks.LambdaCallback(**end)
    history = model.fit(x, y, work.batch_size, work.epochs, callbacks=[*callbacks, lap], **given).history
    return {"loss": float(history["loss"][-1]), "accuracy": float(history["accuracy"][-1])}
