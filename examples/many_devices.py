"""Train on 8 devices: virtual ones where there are no others. `python examples/many_devices.py`.

Data parallel, then with the weights split too; the numbers are those of one device.
"""

import os

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")

import numpy as np

import minidl as keras
from minidl import distribution, layers


def train():
    """The same program, whatever the distribution."""
    keras.utils.set_random_seed(0)
    (x, y), _ = keras.datasets.digits.load_data()
    model = keras.Sequential(
        [
            *(layers.Input((64,)), layers.Rescaling(1 / 16), layers.Dense(512, activation="relu")),
            *(layers.Dropout(0.2), layers.Dense(10, activation="softmax")),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = np.reshape(x, (len(x), 64)).astype("float32")
    history = model.fit(x, y, batch_size=64, epochs=5, verbose=0)
    return model, history.history["accuracy"][-1]


def main():
    """Compare."""
    print("devices:", ", ".join(distribution.list_devices()))
    _, accuracy = train()
    print(f"one device: accuracy {accuracy:.4f}")
    for name, shard_weights in (("data parallel", False), ("weights split too", True)):
        with distribution.DataParallel(shard_weights=shard_weights).scope():
            model, accuracy = train()
            kernel = model.layers[1].kernel.value
            shard = kernel.sharding.shard_shape(kernel.shape)
            print(f"{name}: accuracy {accuracy:.4f}; of the kernel {kernel.shape} each device holds {shard}")


if __name__ == "__main__":
    main()
