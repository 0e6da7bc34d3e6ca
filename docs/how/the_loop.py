"""The loop

From `Model.fit` to the compiled step, Python runs once per chunk. This page follows a call of `fit`.
"""

import pathlib
import traceback

import numpy as np

import minidl as keras

keras.utils.set_random_seed(1)
x, y = np.random.normal(size=(64_000, 20)).astype("float32"), np.zeros((64_000, 1), "float32")
model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
model.compile("adam", "mse")

# %% Chunks are dispatched one ahead
# JAX returns before the device has finished. So the loop dispatches a chunk, and then reads the logs of the one
# before, while the host gathers the next rows. Only where a callback wants every batch it waits for each.
#
# quote: minidl.training.loop.run_epoch


class Progress(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.steps = []

    def on_progress(self, mode, step, logs=None):
        self.steps.append(step)


progress = Progress()
model.fit(x, y, epochs=1, batch_size=32, verbose=0, callbacks=[progress])
sizes = np.diff([0, *progress.steps])
print(
    "batches:",
    sizes.sum(),
    "- the first chunk:",
    sizes[0],
    "- fewer chunks than batches:",
    len(sizes) < sizes.sum() / 10,
)

# %% The pace
# The first chunk is one batch, which compiles the step. Then chunks grow until each takes about 50 ms: long enough to
# hide the call, short enough for a smooth progress bar.
#
# quote: minidl.training.pace.Pace._wanted
print("never more than four times the chunk before:", all(b <= max(16, 4 * a) for a, b in zip(sizes, sizes[1:])))

# %% Epochs and callbacks
# `epochs` calls the hooks between passes, and yields each pass for the caller to run, so that a traceback leads from
# `fit` to the layer in few frames.
#
# quote: minidl.training.loop.epochs

# %% Changes take effect at the next chunk
# Before each pass, `run.refresh()` compares what the steps were made for with what the model is now. A changed
# learning rate is a variable, and nothing is compiled; a frozen layer needs other steps.
#
# quote: minidl.training.compiled_steps.CompiledSteps.renewed
steps = model.compiled_steps
model.optimizer.learning_rate = 0.1
print("another learning rate, the same steps:", model.compiled_steps is steps)
model.layers[0].trainable = False
print("a frozen layer, the same steps:", model.compiled_steps is steps)


# %% The frames
# What lies between `fit` and a layer's `call` while the step is traced, besides frames of JAX. The first one is the
# decorator that leaves these frames out of tracebacks.
class Watching(keras.layers.Layer):
    def call(self, inputs):
        self.frames = traceback.extract_stack()
        return inputs


model = keras.Sequential([Watching(), keras.layers.Dense(1)])
model.build((None, 20))
model.compile("adam", "mse")
model.fit(x, y, verbose=0)
package = pathlib.Path(keras.__file__).parent
for frame in model.layers[0].frames:
    if package in pathlib.Path(frame.filename).parents:
        print(f"{pathlib.Path(frame.filename).relative_to(package).as_posix()}: {frame.name}")
