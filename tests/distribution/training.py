"""A training program for several processes: `python -m tests.distribution.training KIND` prints its numbers."""

import hashlib
import json
import pathlib
import sys

import jax
import numpy as np

import minidl as keras
from minidl import callbacks, distribution, layers


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(203, 20)).astype("float32"), rng.integers(0, 10, 203)


class Stream:
    """The rows of this process of each batch of 32."""

    def __init__(self, x, y):
        self.arrays = x, y
        self.size = 32 // jax.process_count()

    def __iter__(self):
        for start in range(self.size * jax.process_index(), len(self.arrays[0]), 32):
            yield tuple(array[start : start + self.size] for array in self.arrays)


def model(rate=0.001):
    made = keras.Sequential(
        [
            *(layers.Dense(64, activation="relu"), layers.Dense(128, activation="relu"), layers.Dropout(0.3)),
            layers.Dense(10, activation="softmax"),
        ]
    )
    made.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def chosen(kind):
    """The distribution of a kind; None for one device."""
    if kind == "one":
        return None
    if kind == "model":
        mesh = distribution.DeviceMesh((2, distribution.get_device_count() // 2), ["batch", "model"])
        layouts = distribution.LayoutMap(mesh)
        layouts[".*dense(_1)?/kernel"] = (None, "model")
        layouts[".*dense(_1)?/bias"] = ("model",)
        return distribution.ModelParallel(layout_map=layouts)
    return distribution.DataParallel(shard_weights=kind == "fsdp", auto_shard_dataset=kind != "own streams")


def numbers(kind, folder=None):
    """Train as a kind, and give what came of it."""
    x, y = data()
    trained = model()
    if kind == "own streams":
        history = trained.fit(Stream(x[:192], y[:192]), epochs=3, verbose=0)
    else:
        more = [] if folder is None else [callbacks.CSVLogger(folder / "log.csv")]
        history = trained.fit(x, y, batch_size=32, epochs=3, verbose=0, validation_split=0.1, callbacks=more)
    predicted, evaluated = trained.predict(x, verbose=0), trained.evaluate(x, y, verbose=0)
    if folder is not None:
        trained.save(folder / "model.keras")
        trained = keras.models.load_model(folder / "model.keras")
    weights = trained.get_weights()
    return {
        "history": history.history,
        "evaluated": evaluated,
        "digest": digest(*weights, *(variable.numpy() for variable in trained.optimizer.variables), predicted),
        "weights": [weight.ravel()[:50].tolist() for weight in weights],
        "predicted": predicted[::20].tolist(),
    }


if __name__ == "__main__":
    distribution.initialize()
    distribution.set_distribution(chosen(sys.argv[1]))
    keras.utils.set_random_seed(1)
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    print(json.dumps(numbers(sys.argv[1], folder)), flush=True)
