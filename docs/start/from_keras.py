"""From Keras or tf.keras in five minutes

A program written for Keras 3 or `tf.keras` runs after a change of its import. This page is such a program, and says
what else to know.

| was | becomes |
|---|---|
| `import keras` | `import minidl as keras` |
| `from keras import layers, ops` | `from minidl import layers, ops` |
| `import tensorflow as tf` | `import minidl as tf` |
| `from tensorflow import keras` | `from minidl import keras` |
| `from tensorflow.keras.layers import Dense` | `from minidl.layers import Dense` |
"""

import numpy as np

import minidl as tf  # was: import tensorflow as tf

tf.keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
labels = rng.integers(0, 10, 6000)
features = (rng.normal(size=(10, 100))[labels] + 2.5 * rng.normal(size=(6000, 100))).astype("float32")
x_train, y_train, x_test, y_test = features[:5000], labels[:5000], features[5000:], labels[5000:]

# fmt: off
model = tf.keras.models.Sequential([
    tf.keras.layers.Dense(64, activation='relu', input_shape=(100,)),
    tf.keras.layers.Dense(64, activation='relu'),
    tf.keras.layers.Dense(10, activation='softmax')
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(x_train, y_train, epochs=10, batch_size=32, verbose=0)
test_loss, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
# fmt: on
print(f"test accuracy: {test_accuracy:.2f}")

# %% What stays the same
# Names, arguments, defaults, files and numbers. With the same `set_random_seed`, minidl draws bitwise the initial
# weights of Keras 3 on its JAX backend, takes the data in the same order, and has the same losses, metrics and
# weights to 1e-5. The tests compare with saved numbers of Keras, and with Keras itself where it is installed.
# `.keras` and `.weights.h5` files are exchanged both ways, with the optimizer's state.

# %% Tensors are JAX arrays
# A layer returns a `jax.Array`. Arithmetic, `jax.numpy`, `np.asarray` and `minidl.ops` take it. There is no graph
# mode and no session.
output = model(x_test[:2])
print(type(output).__name__, output.shape, np.asarray(output).sum(axis=1).round(2))

# %% Functions of TensorFlow
# Names that minidl lacks raise an error that names an alternative.
for name in ("constant", "reduce_mean", "function"):
    try:
        getattr(tf, name)
    except AttributeError as error:
        print(error)

# %% tf.data
# `fit` takes a `tf.data.Dataset` where TensorFlow is installed. Without it, `tf.data.Dataset` is minidl's own, with
# the same methods on NumPy arrays.
data = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(5000).batch(32).prefetch(tf.data.AUTOTUNE)
history = model.fit(data, epochs=1, verbose=0)
print("logged:", sorted(history.history))

# %% Gradients
# `tf.GradientTape` is replaced by `jax.grad` of a pure function: see [a bare JAX loop](../guides/bare_loop.md). A
# `train_step` of your own has the form that Keras documents for JAX: see [its guide](../guides/own_train_step.md).

# %% What differs
# Wrong input is refused where Keras computes something else, and files never contain code. [The
# table](../differences.md) has each difference with its reason. [Published programs](../published_programs.md) that run
# after the change of the import are listed by name.
