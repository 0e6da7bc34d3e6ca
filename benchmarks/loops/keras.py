"""Training by `fit`. The same code is run by Keras and by minidl: only the import differs.

Options have their defaults, as in most programs: verbose, jit_compile, steps_per_execution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.peers import Clock, Result
from benchmarks.workload import Workload


def train(
    keras: Any, model: Any, work: Workload, clock: Clock, loss: str = "sparse_categorical_crossentropy"
) -> Result:
    """Compile a model and fit it on the workload's arrays."""
    return fit(keras, model, work, clock, *work.data(), loss=loss, batch_size=work.batch_size)


def fit(
    keras: Any,
    model: Any,
    work: Workload,
    clock: Clock,
    *data: Any,
    loss: str = "sparse_categorical_crossentropy",
    metrics: Sequence[Any] = ("accuracy",),
    callbacks: Sequence[Any] = (),
    **given: Any,
) -> Result:
    """Compile a model and fit it on any data that `fit` takes, with further arguments."""
    model.compile(optimizer=keras.optimizers.Adam(work.learning_rate), loss=loss, metrics=list(metrics))
    lap = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: clock.lap())
    clock.start()
    history = model.fit(*data, epochs=work.epochs, callbacks=[*callbacks, lap], **given).history
    accuracy = float(history["accuracy"][-1]) if metrics else None
    return {"loss": float(history["loss"][-1]), "accuracy": accuracy}
