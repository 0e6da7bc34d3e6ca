"""Kernels

A kernel is an array function with more than one implementation. The formula is in `reference.py`; a faster form for
a platform is in a file of its own. Layers call the function, and one place chooses the form by the platform that
the program is lowered for.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np

import minidl as keras
from minidl import kernels

# %% The formula
# What runs on a GPU or TPU, unless another form was measured to be faster.
#
# quote: minidl.kernels.reference.conv
x = jnp.asarray(np.random.normal(size=(8, 16, 16, 3)), "float32")
weights = jnp.asarray(np.random.normal(size=(3, 3, 3, 16)), "float32")


def primitives(function, *args):
    return sorted(
        {
            equation.primitive.name
            for jaxpr in kernels.jaxprs(jax.make_jaxpr(function)(*args))
            for equation in jaxpr.eqns
        }
    )


def conv(x, weights):
    return keras.ops.conv(x, weights, padding="same")


keras.config.set_kernels("reference")
expected = conv(x, weights)
print(primitives(conv, x, weights))

# %% A faster form
# On a CPU, XLA's convolution inside a loop is several times slower than outside of it. The form for the CPU computes
# this one, whose images have few channels, as one matrix product with patches of the image.
#
# quote: minidl.kernels.cpu.conv._conv
keras.config.set_kernels("auto")
with kernels.lowered_for("cpu"):
    print(primitives(conv, x, weights))
    difference = float(abs(jax.jit(conv)(x, weights) - expected).max())
print(f"differs by {difference:.3f}")

# %% The choice
# The setting and the platform are part of the keys of JAX's caches, so a program is traced again if another form is
# to run.
#
# quote: minidl.kernels.choice.platform
with kernels.lowered_for("gpu"):
    print("for a GPU:", primitives(conv, x, weights))


# %% What it gains
# A small convolutional network, trained with each setting. `python -m benchmarks.kernels` measures every kernel.
class Times(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self.start


images, labels = np.random.normal(size=(640, 28, 28, 1)).astype("float32"), np.zeros(640, "int32")
for setting in ("reference", "auto"):
    keras.config.set_kernels(setting)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    times = Times()
    model.fit(images, labels, epochs=2, verbose=0, callbacks=[times])
    print(f"{setting:10} {times.seconds / 20 * 1e3:.1f} ms for a step")
