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
# `enable_compilation_cache()` keeps them for the next run of the same program: `python -m benchmarks cold` measures how
# much it saves. The steps of a model whose layers, losses and metrics are minidl's own are found without being traced
# again; those of other models are traced, and JAX finds what it has compiled of them. It is off unless a program asks
# for it, for three reasons. The settings are JAX's and hold for all that the process compiles, not only for models. The
# files are machine code: a folder that others can write to would run their code, so it must be private, and not every
# home folder is. And within a process nothing is compiled twice.
folder = pathlib.Path(tempfile.mkdtemp())
keras.config.enable_compilation_cache(folder)
classifier().predict(x[:100], verbose=0)
print("files in the cache:", any(folder.iterdir()))

# %% One row at a time
# A server predicts few rows per call. `predict(rows)` and `model(rows)` run one compiled call, without a progress bar
# unless `verbose=1` asks for one, and without checks where rows of this shape and dtype have been predicted before.
# What is left is mostly JAX's own dispatch: on a CPU it hands each call to another thread, which may have to wake up.
# A process that only predicts, with small models, saves that by
# `jax.config.update("jax_cpu_enable_async_dispatch", False)` before JAX computes anything. Training wants it on: `fit`
# prepares the next batches while the device computes.
model, row = classifier(), x[:1]
for name, call in (("predict", lambda: model.predict(row, verbose=0)), ("model(row)", lambda: np.asarray(model(row)))):
    call()
    seconds = []
    for _ in range(200):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    print(f"{name}: {np.median(seconds) * 1e6:.0f} us")

# %% What makes fit return to Python
# `run_eagerly=True`, callbacks with batch hooks, and generators that are slower than the device. `prefetch` and
# `workers` read ahead. On small models a batch hook costs more than the step.
batch_hook = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
slower = Times()
classifier().fit(x, y, epochs=3, verbose=0, callbacks=[slower, batch_hook])
print(f"{min(slower.seconds) / 625 * 1e6:.0f} us for a step")

# %% What a step is made of
# `profile` compiles the train step, runs it on a copy of the model's state, and measures it by layer. FLOPs are counted
# in the traced step; bytes are what the compiled operations read and write; shares of the time are from a trace.
keras.utils.clear_session()
model = classifier()
profile = keras.profile(model, x, y, batch_size=32)
print(profile)

# %% By hand
# A product with weights takes 2 operations for each weight and row forward, and 4 backward: half of them for the
# gradient of the weights, half for that of the inputs, which the first layer does not need.
for name, inputs, units, times in (("dense", 100, 64, 4), ("dense_1", 64, 64, 6), ("dense_2", 64, 10, 6)):
    print(name, profile.layer(name).product_flops, times * 32 * inputs * units)

# %% Will it fit?
# The memory is known when the step is compiled, before anything is trained. If it does not fit, nothing is run.
for batch_size in (32, 20_000):
    memory = keras.profile(model, x, y, batch_size).memory
    print(f"batch {batch_size}: {memory.temporaries / 1e6:.1f} MB of temporaries, fits: {memory.fits}")

# %% The program of a layer
# `jaxpr` has the operations of a layer as JAX traced them, forward and backward, and `hlo` what XLA compiled of them.
print(profile.jaxpr("dense_2"))
print("HLO that names the layer:", "dense_2" in profile.hlo("dense_2"))

# %% A trace
# `jax.profiler.trace` writes a trace of a `fit`, for TensorBoard or Perfetto. The operations bear the names of layers.
with jax.profiler.trace(folder / "profile"):
    model.fit(x[:3200], y[:3200], verbose=0)
print("written:", sorted({path.suffix for path in (folder / "profile").rglob("*") if path.is_file()}))
