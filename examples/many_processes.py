"""Train in two processes on this machine: `python examples/many_processes.py` starts them itself.

On two hosts, start the program on each with the address of process 0, as docs/many_devices.md shows.
"""

import os
import pathlib
import socket
import subprocess
import sys

import numpy as np

import minidl as keras
from minidl import distribution, layers


def train():
    """What runs in every process."""
    distribution.initialize()  # addresses from the environment
    distribution.set_distribution(distribution.DataParallel())
    keras.utils.set_random_seed(0)
    (x, y), _ = keras.datasets.digits.load_data()
    model = keras.Sequential(
        [
            *(layers.Input((64,)), layers.Rescaling(1 / 16)),
            *(layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(np.reshape(x, (len(x), 64)).astype("float32"), y, epochs=5, verbose=2)
    number, accuracy = os.environ["KERAS_DISTRIBUTION_PROCESS_ID"], history.history["accuracy"][-1]
    print(f"process {number} of {distribution.list_devices()}: accuracy {accuracy:.4f}", flush=True)


def main():
    """Start two processes, and end with their errors."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }
    program = str(pathlib.Path(__file__).resolve())
    started = [
        subprocess.Popen([sys.executable, program], env={**environment, "KERAS_DISTRIBUTION_PROCESS_ID": str(number)})
        for number in range(2)
    ]
    sys.exit(max(abs(process.wait()) for process in started))


if __name__ == "__main__":
    train() if "KERAS_DISTRIBUTION_PROCESS_ID" in os.environ else main()
