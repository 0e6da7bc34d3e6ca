"""Training by `fit`. It is written once and run by Keras and by minidl: only the import differs.

Everything a user would leave alone is left alone: verbose, jit_compile, steps_per_execution.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers import Clock, Result
from benchmarks.workload import Workload


def train(
    keras: Any, model: Any, work: Workload, clock: Clock, loss: str = "sparse_categorical_crossentropy"
) -> Result:
    """Compile a model and fit it."""
    x, y = work.data()
    model.compile(optimizer=keras.optimizers.Adam(work.learning_rate), loss=loss, metrics=["accuracy"])
    lap = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: clock.lap())
    clock.start()
    history = model.fit(x, y, batch_size=work.batch_size, epochs=work.epochs, callbacks=[lap]).history
    return {"loss": float(history["loss"][-1]), "accuracy": float(history["accuracy"][-1])}
