"""Performance and profiling

`fit` needs no setting to be fast: it runs many batches in one compiled call. This page shows what costs time, and
how to see it. [Benchmarks](../benchmarks.md) compare it with other libraries.
"""

import pathlib
import tempfile
import time

import jax
import numpy as np

import minidl as keras

keras.utils.set_random_seed(1)
x = np.random.normal(size=(20_000, 100)).astype("float32")
y = np.random.randint(0, 10, 20_000)


def classifier():
    model = keras.Sequential(
        [
            keras.layers.Dense(64, activation="relu", input_shape=(100,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% Compilation comes first
# The first epoch includes compilation, once for each shape of batch. So compare the second epoch.
class Times(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


times = Times()
classifier().fit(x, y, epochs=4, verbose=0, callbacks=[times])
print(f"first epoch {times.seconds[0]:.2f} s, then {min(times.seconds[1:]) / 625 * 1e6:.0f} us for a step")

# %% Compiled once
# Models of one structure share compiled steps, so a loop that builds models compiles the first one only.
for fold in range(3):
    start = time.perf_counter()
    classifier().fit(x[:2000], y[:2000], verbose=0)
    print(f"fold {fold}: {time.perf_counter() - start:.2f} s")

# %% Compiled programs on disk
# `enable_compilation_cache()` keeps them for the next run of the same program.
folder = pathlib.Path(tempfile.mkdtemp())
keras.config.enable_compilation_cache(folder)
classifier().predict(x[:100], verbose=0)
print("files in the cache:", any(folder.iterdir()))

# %% What makes fit return to Python
# `run_eagerly=True`, callbacks with batch hooks, and generators that are slower than the device. `prefetch` and
# `workers` read ahead. On small models a batch hook costs more than the step.
batch_hook = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
slower = Times()
classifier().fit(x, y, epochs=3, verbose=0, callbacks=[slower, batch_hook])
print(f"{min(slower.seconds) / 625 * 1e6:.0f} us for a step")

# %% What a step computes
# `model.prepare(x, y).train_step` is a function that JAX can lower, so XLA says what it costs.
model = classifier()
steps = model.prepare(x, y)
lowered = jax.jit(steps.train_step).lower(steps.state(), (x[:32], y[:32], None))
cost = lowered.compile().cost_analysis()
kernels = [w for w in model.weights if len(w.shape) == 2]
# 2 operations for each weight and row forward, 4 backward; but no gradient of the inputs
by_hand = 32 * (6 * sum(w.shape[0] * w.shape[1] for w in kernels) - 2 * 100 * 64)
print(f"{cost['flops'] / by_hand:.1f} times the operations of the products with weights")

# %% A profile
# `jax.profiler.trace` writes a profile of a `fit`, for TensorBoard or Perfetto.
with jax.profiler.trace(folder / "profile"):
    model.fit(x[:3200], y[:3200], verbose=0)
print("written:", sorted({path.suffix for path in (folder / "profile").rglob("*") if path.is_file()}))
