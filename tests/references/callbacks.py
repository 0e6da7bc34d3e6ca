"""What callbacks decide, write and save, in which order they are called and with what, and how metrics are printed."""

from __future__ import annotations

import contextlib
import io
import pathlib
import re
import tempfile
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
PLATEAUS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "patience_2": {"patience": 2, "factor": 0.5},
    "max": {"patience": 1, "factor": 0.3, "mode": "max"},
    "min_delta": {"patience": 2, "min_delta": 0.15},
    "cooldown": {"patience": 1, "factor": 0.5, "cooldown": 2},
    "min_lr": {"patience": 1, "factor": 0.2, "min_lr": 0.01},
    "no_patience": {"patience": 0, "factor": 0.5},
}
SCHEDULES: dict[str, Any] = {
    "epoch": lambda epoch: 1.0 / (2.0 + epoch),
    "rate": lambda epoch, lr: lr if epoch < 3 else lr * 0.9,
    "optional": lambda epoch, lr=0.5: lr / 2,
    "numpy": lambda epoch, lr: np.float32(lr) * np.float32(0.7),
}
SAVES: dict[str, dict[str, Any]] = {
    "always": {},
    "best": {"save_best_only": True},
    "best_max": {"save_best_only": True, "mode": "max"},
    "threshold": {"save_best_only": True, "initial_value_threshold": 0.45},
    "batches": {"save_freq": 3},
    "best_of_batches": {"save_freq": 2, "save_best_only": True, "mode": "min"},
}


def cases(keras: Any) -> dict[str, Any]:
    """Run them."""
    return {
        **early_stopping(keras),
        **callback_list(keras),
        **printed_metrics(keras),
        **reduce_lr_on_plateau(keras),
        **learning_rate_scheduler(keras),
        **csv_logger(keras),
        **model_checkpoint(keras),
        **trained(keras),
        **several_optimizers(keras),
    }


class Model:
    """As much of a model as callbacks need; its weights are the number of the epoch."""

    def __init__(self) -> None:
        self.stop_training = False
        self.weights = [np.array(-1.0)]
        self.history: Any = None
        self.optimizer: Any = None
        self.metrics: list[Any] = []

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


def reduce_lr_on_plateau(keras: Any) -> dict[str, Any]:
    """The learning rate in the logs of each epoch and after it, and the counters, for each curve in turn."""
    results = {}
    for name, settings in PLATEAUS.items():
        reducer = keras.callbacks.ReduceLROnPlateau(**settings)  # one object for all curves
        results[f"plateau_{name}"] = [reduced(keras, reducer, curve) for curve in CURVES.values()]
    return results


def reduced(keras: Any, reducer: Any, curve: np.ndarray) -> list[list[float]]:
    """One training run."""
    model = Model()
    model.optimizer = keras.optimizers.SGD(0.1)
    reducer.set_model(model)
    reducer.on_train_begin()
    rows = []
    for epoch, value in enumerate(curve):
        logs = {"val_loss": float(value)}
        reducer.on_epoch_end(epoch, logs)
        after = float(model.optimizer.learning_rate)
        rows.append([logs["learning_rate"], after, reducer.wait, reducer.cooldown_counter, float(reducer.best)])
    return rows


def learning_rate_scheduler(keras: Any) -> dict[str, Any]:
    """The learning rate while an epoch runs, and in its logs."""
    results = {}
    for name, schedule in SCHEDULES.items():
        model = Model()
        model.optimizer = keras.optimizers.SGD(0.1)
        scheduler = keras.callbacks.LearningRateScheduler(schedule)
        scheduler.set_model(model)
        rows = []
        for epoch in range(6):
            logs = {"loss": 0.5}
            scheduler.on_epoch_begin(epoch)
            rate = float(model.optimizer.learning_rate)
            scheduler.on_epoch_end(epoch, logs)
            rows.append([rate, logs["learning_rate"]])
        results[f"schedule_{name}"] = rows
    return results


def csv_logger(keras: Any) -> dict[str, Any]:
    """The file after one run, and after a second with `append`; with the numbers that logs may hold."""
    first = [
        {"loss": 0.5 / (n + 1), "accuracy": 1e-7 * n, "arrays": np.array([0.5, 0.25]), "text": "a,b"} for n in (0, 1)
    ]
    validated = [{"loss": 0.25, "val_loss": 1e30}, {"loss": float("nan")}, {"loss": 0.125, "val_loss": 3.0}]
    texts = {}
    for name, logs, options in (
        ("plain", first, {}),
        ("validated", validated, {}),
        ("separator", validated, {"separator": ";"}),
    ):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "log.csv")
            for append in (False, True, False):
                logger = keras.callbacks.CSVLogger(str(path), append=append, **options)
                logger.on_train_begin()
                for epoch, numbers in enumerate(logs):
                    logger.on_epoch_end(epoch, dict(numbers))
                    texts[f"exact_csv_{name}_{append}_{epoch}"] = np.array(path.read_bytes().decode())
                logger.on_train_end()
    return texts


def model_checkpoint(keras: Any) -> dict[str, Any]:
    """The names of the files that are saved, in order, for each curve; epochs have four batches."""
    results = {}
    for name, settings in SAVES.items():
        for curve_name, curve in CURVES.items():
            field = "{batch:03d}" if "save_freq" in settings else "{val_loss:.2f}"
            monitor = "loss" if "save_freq" in settings else "val_loss"
            with tempfile.TemporaryDirectory() as folder:
                path = folder + "/inner/{epoch:02d}-" + field + ".keras"
                saver = keras.callbacks.ModelCheckpoint(path, monitor=monitor, **settings)
                results[f"exact_saved_{name}_{curve_name}"] = np.array(saved(saver, curve))
    return results


def saved(saver: Any, curve: np.ndarray) -> list[str]:
    """One training run. The first epoch ends before batches are compared, as Keras needs it."""
    model = Model()
    names: list[str] = []
    model.save = lambda path, overwrite=True: names.append(pathlib.Path(path).name)  # type: ignore[attr-defined]
    saver.set_model(model)
    saver.on_train_begin()
    for epoch, value in enumerate(curve):
        saver.on_epoch_begin(epoch)
        for batch in range(4 if epoch else 1):
            saver.on_train_batch_end(batch, {"loss": float(value) + (batch % 2) * 0.01})
        saver.on_epoch_end(epoch, {"loss": float(value), "val_loss": float(value)})
    return names or ["nothing"]


def trained(keras: Any) -> dict[str, Any]:
    """Callbacks that need a real model: two inputs, one output, eight rows."""
    results = {}
    for swap_on_epoch in (False, True):
        results.update(swap_ema(keras, swap_on_epoch))
    model = small_model(keras, keras.optimizers.SGD(1e6))
    with contextlib.redirect_stdout(io.StringIO()):
        history = model.fit(*data(), epochs=9, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    results["exact_epochs_until_nan"] = len(history.epoch)
    results.update(backup(keras))
    return results


def data() -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets."""
    x = np.linspace(-1, 1, 16, dtype="float32").reshape(8, 2)
    return x, np.sum(x**2, axis=-1, keepdims=True)


def small_model(keras: Any, optimizer: Any) -> Any:
    """Linear regression with given first weights."""
    model = keras.Sequential([keras.layers.Dense(1)])
    model.build((None, 2))
    model.set_weights([np.array([[0.5], [-0.25]], "float32"), np.array([0.1], "float32")])
    model.compile(optimizer, "mse")
    return model


def swap_ema(keras: Any, swap_on_epoch: bool) -> dict[str, Any]:
    """The weights that callbacks after this one see, the losses, and the weights in the end."""
    model = small_model(keras, keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8))
    seen: list[Any] = []

    class Watcher(keras.callbacks.Callback):
        def note(self) -> None:
            seen.append(np.concatenate([np.ravel(weight) for weight in self.model.get_weights()]))

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.note()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.note()

        def on_test_begin(self, logs: Any = None) -> None:
            self.note()

        def on_test_end(self, logs: Any = None) -> None:
            self.note()

    callbacks = [keras.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch), Watcher()]
    x, y = data()
    history = model.fit(x, y, 4, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=callbacks)
    name = f"swap_{swap_on_epoch}"
    losses = [history.history["loss"], history.history["val_loss"]]
    return {f"{name}_seen": seen, f"{name}_losses": losses, f"{name}_end": model.get_weights()[0]}


def backup(keras: Any) -> dict[str, Any]:
    """A run that is interrupted in its third epoch and started again: what it has learned in the end."""

    def interrupt(epoch: int, logs: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for callback in (keras.callbacks.LambdaCallback(on_epoch_begin=interrupt), keras.callbacks.Callback()):
            model = small_model(keras, keras.optimizers.SGD(0.1, momentum=0.9))
            keep = keras.callbacks.BackupAndRestore(folder + "/backup")
            with contextlib.suppress(KeyboardInterrupt):
                model.fit(*data(), 4, epochs=5, shuffle=False, verbose=0, callbacks=[keep, callback])
        results["exact_backup_left"] = pathlib.Path(folder, "backup").exists()
    results["exact_backup_iterations"] = int(model.optimizer.iterations)
    results["backup_weights"] = model.get_weights()[0]
    return results


def several_optimizers(keras: Any) -> dict[str, Any]:
    """The history of a fit in which kernel and bias have optimizers, and so learning rates, of their own."""
    x, y = data()
    results = {}
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    reducer = keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=100, factor=0.5, min_lr=0.04)
    swap = keras.callbacks.SwapEMAWeights()
    for name, callback in (("scheduler", scheduler), ("reducer", reducer), ("swap", swap)):
        chosen = keras.optimizers.OptimizerMap(
            keras.optimizers.SGD(0.1, name="rest"),
            {".*kernel": keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.8, name="kernels")},
        )
        model = small_model(keras, keras.optimizers.MultiOptimizer(chosen))
        fitted = {"epochs": 4, "batch_size": 4, "shuffle": False, "verbose": 0, "validation_data": (x, y)}
        history = model.fit(x, y, callbacks=[callback], **fitted).history
        results[f"exact_several_{name}_names"] = np.array(sorted(history))
        results[f"several_{name}"] = [history[key] for key in sorted(history)]
    return results
