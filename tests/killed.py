"""A training program to be killed and started again: `python -m tests.killed FOLDER SAVE_FREQ`."""

import hashlib
import json
import pathlib
import random
import sys

import numpy as np

import minidl
from minidl import callbacks, layers, optimizers


def digest(*values):
    return hashlib.sha256(b"".join(np.asarray(value).tobytes() for value in values)).hexdigest()


def main(folder, save_freq):
    """Dropout, batch statistics, a schedule, a ragged tail, validation, and callbacks that remember."""
    minidl.utils.set_random_seed(5)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1003, 8)).astype("float32")
    y = rng.integers(0, 3, 1003)
    model = minidl.Sequential(
        [
            *(layers.Input((8,)), layers.Dense(16, activation="relu"), layers.BatchNormalization()),
            *(layers.Dropout(0.3), layers.Dense(3, activation="softmax")),
        ]
    )
    rate = optimizers.schedules.ExponentialDecay(0.01, 20, 0.99)
    model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    print("training", flush=True)
    history = model.fit(
        x,
        y,
        epochs=200,
        verbose=0,
        validation_split=0.2,
        callbacks=[
            callbacks.EarlyStopping("val_loss", patience=150, restore_best_weights=True),
            callbacks.ModelCheckpoint(folder / "{epoch}.keras", "val_loss", save_top_k=2),
            callbacks.CSVLogger(folder / "log.csv"),
            callbacks.BackupAndRestore(folder / "backup", save_freq if save_freq == "epoch" else int(save_freq)),
        ],
    )
    kept = sorted(path.name for path in folder.glob("*.keras"))
    best = [minidl.models.load_model(folder / name) for name in kept]
    result = {
        "history": history.history,
        "weights": digest(*model.get_weights()),
        "optimizer": digest(*(variable.numpy() for variable in model.optimizer.variables)),
        "random": [digest(np.random.get_state()[1]), random.random(), np.random.normal()],
        "csv": (folder / "log.csv").read_text(),
        "kept": [[name, digest(*model.get_weights())] for name, model in zip(kept, best, strict=True)],
        "left": sorted(path.name for path in folder.iterdir()),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
