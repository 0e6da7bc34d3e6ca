"""Layers, metrics and losses of your own

A part of your own is a class with a few methods. It works everywhere that minidl's own do: in any model, compiled,
saved, with gradients.
"""

import tempfile

import jax
import numpy as np

import minidl as keras
from minidl import ops, testing

keras.utils.set_random_seed(1)


# %% A layer
# The constructor stores the arguments, `build` creates the weights for the shape of the first input, and `call`
# computes. `get_config` returns the arguments, so that models can be saved and cloned.
@keras.saving.register_keras_serializable("guides")
class Scale(keras.layers.Layer):
    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        self.scale = self.add_weight(
            shape=input_shape[-1:], initializer=keras.initializers.Constant(self.start), name="scale"
        )

    def call(self, inputs, training=False):
        return inputs * self.scale

    def get_config(self):
        return {**super().get_config(), "start": self.start}


layer = Scale(2.0)
print(layer(np.ones((1, 3), "float32")), [weight.path for weight in layer.weights])

# %% Checked as minidl's own
# `minidl.testing.check_layer` runs the checks that every layer of minidl passes: shapes, dtypes, configs, saved
# files, compiled equals eager, finite gradients.
testing.check_layer(Scale, {"start": 2.0}, np.ones((2, 3), "float32"))
for check in testing.LAYER_CHECKS:
    print("passed:", check)


# %% A loss
# A function of (y_true, y_pred) that returns a number for each example. As a class it also has a name, a reduction
# and weights.
def pinball(y_true, y_pred, quantile=0.9):
    error = y_true - y_pred
    return ops.mean(ops.maximum(quantile * error, (quantile - 1) * error), axis=-1)


# %% A metric
# Its state is in variables, created in the constructor; `update_state` adds a batch, `result` computes the value so
# far.
class ShareBelow(keras.metrics.Metric):
    def __init__(self, name="share_below", **kwargs):
        super().__init__(name=name, **kwargs)
        self.below = self.add_weight(shape=(), initializer="zeros", name="below")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.below.assign_add(ops.sum(ops.cast(y_true < y_pred, "float32")))
        self.count.assign_add(ops.cast(ops.size(y_true), "float32"))

    def result(self):
        return self.below / self.count


# %% In a model
# The model predicts the 0.9 quantile of noise, so about 90% of the values are below its prediction.
x = np.random.normal(size=(2048, 4)).astype("float32")
y = np.random.normal(size=(2048, 1)).astype("float32")
model = keras.Sequential([Scale(), keras.layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.02), loss=pinball, metrics=[ShareBelow()])
logs = model.fit(x, y, epochs=20, verbose=0).history
print(f"below the predicted quantile: {logs['share_below'][-1]:.1f}")

# %% Saved and loaded
# The class is found by its registered name, or in `custom_objects`.
with tempfile.TemporaryDirectory() as folder:
    model.save(f"{folder}/model.keras")
    loaded = keras.models.load_model(
        f"{folder}/model.keras", custom_objects={"pinball": pinball, "ShareBelow": ShareBelow}
    )
print("same predictions:", np.array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0)))

# %% Looking inside
# In a compiled step `print` and `breakpoint` show tracers. `jax.debug.print` and `jax.debug.breakpoint` show values,
# and with `jax_debug_nans` an error names the operation and the layer that gave a NaN; the weights of the chunks before
# are kept. With `compile(run_eagerly=True)` every operation runs on its own: slow, but `print` and pdb show values.


class Root(keras.layers.Layer):
    def call(self, inputs):
        return ops.sqrt(inputs)


model = keras.Sequential([Root(), keras.layers.Dense(1)])
model.compile("adam", "mse")
with jax.debug_nans(True):
    try:
        model.fit(x, y, verbose=0)
    except FloatingPointError as error:
        print(error, *error.__notes__, sep="\n")
