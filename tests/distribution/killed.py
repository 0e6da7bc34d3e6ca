"""A training of several processes to be killed and started again: `python -m tests.distribution.killed FOLDER`."""

import json
import pathlib
import sys
import time

import numpy as np

import minidl as keras
from minidl import callbacks, distribution
from tests.distribution.training import data, digest, model

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    distribution.initialize()
    distribution.set_distribution(distribution.DataParallel(shard_weights=True))
    keras.utils.set_random_seed(1)
    trained, (x, y) = model(), data()
    print("training", flush=True)
    slowly = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: time.sleep(0.05))  # so that kills hit it
    history = trained.fit(
        x,
        y,
        epochs=60,
        verbose=0,
        validation_split=0.1,
        callbacks=[
            slowly,
            callbacks.EarlyStopping("val_loss", patience=100, restore_best_weights=True),
            callbacks.CSVLogger(folder / "log.csv"),
            callbacks.BackupAndRestore(folder / "backup"),
        ],
    )
    result = {
        "history": history.history,
        "state": digest(*trained.get_weights(), *(variable.numpy() for variable in trained.optimizer.variables)),
        "random": digest(np.random.get_state()[1]),
        "csv": (folder / "log.csv").read_text() if distribution.distribution().data_shard_id == 0 else None,
    }
    print(json.dumps(result), flush=True)
