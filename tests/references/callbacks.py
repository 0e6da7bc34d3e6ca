"""When training stops early, in which order callbacks are called and with what, and how metrics are printed."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import jax.numpy as jnp
import numpy as np

CURVES = {
    "falling": np.linspace(1.0, 0.2, 12),
    "rising": np.linspace(0.2, 1.0, 12),
    "flat": np.full(12, 0.5),
    "valley": np.array([0.9, 0.7, 0.5, 0.4, 0.45, 0.5, 0.42, 0.6, 0.39, 0.7, 0.8, 0.9]),
    "noisy": np.random.RandomState(3).uniform(0.2, 1.0, 12),
    "nan": np.array([0.9, np.nan, 0.8, np.nan, np.nan, np.nan, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2]),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "patience_1": {"patience": 1},
    "patience_3": {"patience": 3},
    "max": {"patience": 2, "mode": "max"},
    "min": {"patience": 2, "mode": "min"},
    "min_delta": {"patience": 2, "min_delta": 0.15},
    "negative_min_delta": {"patience": 2, "min_delta": -0.15},
    "max_min_delta": {"patience": 2, "min_delta": 0.15, "mode": "max"},
    "baseline": {"patience": 3, "baseline": 0.45},
    "baseline_max": {"patience": 3, "baseline": 0.6, "mode": "max"},
    "restore": {"patience": 2, "restore_best_weights": True},
    "restore_long": {"patience": 20, "restore_best_weights": True},
    "restore_baseline": {"patience": 4, "baseline": 0.1, "restore_best_weights": True},
    "start_from_epoch": {"patience": 1, "start_from_epoch": 4, "restore_best_weights": True},
    "start_too_late": {"patience": 1, "start_from_epoch": 40, "restore_best_weights": True},
}


def cases(keras: Any) -> dict[str, Any]:
    """Run them."""
    return {**early_stopping(keras), **callback_list(keras), **printed_metrics(keras)}


class Model:
    """As much of a model as callbacks need; its weights are the number of the epoch."""

    def __init__(self) -> None:
        self.stop_training = False
        self.weights = [np.array(-1.0)]
        self.history: Any = None

    def get_weights(self) -> list[np.ndarray]:
        """Copies."""
        return [np.array(w) for w in self.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Take them."""
        self.weights = weights


def early_stopping(keras: Any) -> dict[str, Any]:
    """Epochs run, stopped_epoch, best, best_epoch, wait, and the weights in the end, for each curve in turn."""
    results = {}
    for name, settings in SETTINGS.items():
        stopper = keras.callbacks.EarlyStopping(monitor="val_loss", **settings)  # one object for all curves
        results[f"exact_early_stopping_{name}"] = [stop(stopper, curve) for curve in CURVES.values()]
    return results


def stop(stopper: Any, curve: np.ndarray) -> list[float]:
    """One training run."""
    model = Model()
    stopper.set_model(model)
    stopper.on_train_begin()
    epochs = 0
    for epoch, value in enumerate(curve):
        epochs += 1
        model.weights = [np.array(float(epoch))]
        stopper.on_epoch_end(epoch, {"loss": 0.0, "val_loss": float(value)})
        if model.stop_training:
            break
    stopper.on_train_end()
    best = -1.0 if stopper.best is None else stopper.best
    return [epochs, stopper.stopped_epoch, best, stopper.best_epoch, stopper.wait, float(model.weights[0])]


def callback_list(keras: Any) -> dict[str, Any]:
    """Every call that two callbacks get in a fit of two epochs with validation, an evaluate and a predict."""
    calls: list[str] = []

    class Recorder(keras.callbacks.Callback):
        def __init__(self, name: str):
            super().__init__()
            self.name = name

        def note(self, hook: str, *args: Any) -> None:
            logs = args[-1]
            types = ",".join(f"{key}={value}:{type(value).__name__}" for key, value in (logs or {}).items())
            calls.append(f"{self.name} {hook} {args[:-1]} {types}")
            if isinstance(logs, dict):
                logs[self.name] = 1.0

    class Modern(Recorder):
        pass

    for hook in [f"on_{mode}_{when}" for mode in ("train", "test", "predict") for when in ("begin", "end")]:
        setattr(Modern, hook, lambda self, logs=None, hook=hook: self.note(hook, logs))
    for hook in ("on_epoch_begin", "on_epoch_end"):
        setattr(Modern, hook, lambda self, epoch, logs=None, hook=hook: self.note(hook, epoch, logs))
    for hook in [f"on_{mode}_batch_{when}" for mode in ("train", "test", "predict") for when in ("begin", "end")]:
        setattr(Modern, hook, lambda self, batch, logs=None, hook=hook: self.note(hook, batch, logs))

    class Old(Recorder):
        def on_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.note("on_batch_begin", batch, logs)

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.note("on_batch_end", batch, logs)

    printer = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: calls.append(f"function {epoch} {list(logs)}"),
        on_predict_end=lambda logs: calls.append("function predict"),
    )
    model = Model()
    given = [Modern("modern"), Old("old"), printer]
    callbacks = keras.callbacks.CallbackList(given, add_history=True, model=model, epochs=2, steps=2, verbose=0)
    run(callbacks)
    history = model.history
    assert isinstance(history, keras.callbacks.History)
    return {
        "exact_calls": np.array(calls),
        "exact_history_names": np.array(list(history.history)),
        "exact_history": np.array(list(history.history.values())),
        "exact_history_epoch": np.array(history.epoch),
        "exact_params": np.array([f"{key}={history.params[key]}" for key in ("epochs", "steps", "verbose")]),
    }


def run(callbacks: Any) -> None:
    """A fit of two epochs of two batches with validation, then an evaluate and a predict."""
    callbacks.on_train_begin()
    logs: dict[str, Any] = {}
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in range(2):
            callbacks.on_train_batch_begin(batch)
            callbacks.on_train_batch_end(batch, {"loss": jnp.float32(0.5 / (batch + 1)), "accuracy": 1})
        evaluate(callbacks)
        logs = {"loss": np.float32(0.25), "accuracy": 0.75, "val_loss": jnp.float32(2.0) ** -epoch, "val_accuracy": 0.5}
        callbacks.on_epoch_end(epoch, logs)
    callbacks.on_train_end(logs)
    evaluate(callbacks)
    callbacks.on_predict_begin()
    callbacks.on_predict_batch_begin(0)
    callbacks.on_predict_batch_end(0, {"outputs": np.array([[0.5, 0.25]])})
    callbacks.on_predict_end()


def evaluate(callbacks: Any) -> None:
    """One batch of it."""
    callbacks.on_test_begin()
    callbacks.on_test_batch_begin(0)
    callbacks.on_test_batch_end(0, {"loss": 0.5, "nested": {"inner": 2}})
    callbacks.on_test_end({"loss": 0.5})


def printed_metrics(keras: Any) -> dict[str, Any]:
    """The epochs' headings and the metrics, as printed with verbose=2."""
    values = [
        0.0,
        1.0,
        0.98765,
        0.5,
        1e-3,
        1.00001e-3,
        9.9999e-4,
        1.234e-7,
        12345.678,
        3e12,
        float("nan"),
        float("inf"),
    ]
    bar = keras.callbacks.ProgbarLogger()
    callbacks = keras.callbacks.CallbackList([bar], model=Model(), epochs=2, steps=2, verbose=2)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        callbacks.on_train_begin()
        for epoch in range(2):
            callbacks.on_epoch_begin(epoch)
            for batch in range(2):
                callbacks.on_train_batch_end(batch, {"loss": 0.5})
            logs = {"loss": 0.25, **{f"m{n:02}": value for n, value in enumerate(values)}, "z": np.array([0.5, 0.25])}
            callbacks.on_epoch_end(epoch, logs)
    lines = [re.sub(r" - \S+ - +\S+/step", "", line) for line in printed.getvalue().splitlines()]
    return {"exact_printed": np.array(lines)}
