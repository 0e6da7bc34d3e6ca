"""The Keras programs. They are written once and run by Keras and by minidl: only the import differs.

Everything a user would leave alone is left alone: verbose, jit_compile, steps_per_execution.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers import Clock, Result
from benchmarks.workloads import Workload


def mlp(keras: Any, work: Workload, clock: Clock) -> Result:
    """Train the small classifier."""
    x, y = work.data()
    model = keras.Sequential(
        [
            keras.Input((work.features,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(work.classes, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(work.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    lap = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: clock.lap())
    clock.start()
    history = model.fit(x, y, batch_size=work.batch_size, epochs=work.epochs, callbacks=[lap]).history
    return {"loss": float(history["loss"][-1]), "accuracy": float(history["accuracy"][-1])}


def cold(tf: Any, work: Workload, clock: Clock) -> Result:
    """The small job of a first tutorial, word for word; its time is that of the whole process."""
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
    model.fit(x_train, y_train, epochs=10, batch_size=32)
    test_loss, test_accuracy = model.evaluate(x_test, y_test)

    return {"loss": float(test_loss), "accuracy": float(test_accuracy)}
