"""Reproducibility

One seed gives one result: the same initial weights, order of the data, dropout and augmentation. The numbers are
those of Keras 3 on its JAX backend with the same seed.
"""

import numpy as np

import minidl as keras

x = np.random.default_rng(0).normal(size=(640, 20)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int32")


def trained():
    model = keras.Sequential(
        [
            keras.layers.Dense(16, activation="relu", input_shape=(20,)),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=3, verbose=0)
    return model.get_weights()


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other))


# %% One seed
# `set_random_seed` seeds Python's `random` and NumPy's global generator, from which initializers, dropout layers and
# the order of the data take their seeds.
keras.utils.set_random_seed(42)
first = trained()
keras.utils.set_random_seed(42)
second = trained()
print("same seed, same bits:", same(first, second))
print("without setting it again:", same(first, trained()))

# %% The numbers of Keras
# These are the first weights of a `Dense(3)` in Keras 3.15.1 with seed 42.
keras.utils.set_random_seed(42)
layer = keras.layers.Dense(3)
layer.build((None, 2))
print(np.asarray(layer.kernel.value).round(3))

# %% Seeds of single objects
# An initializer or layer with a `seed` draws the same numbers in every program. A `SeedGenerator` holds the state of
# a stream of draws as a variable, so that it is saved with the model.
print(np.asarray(keras.random.normal((3,), seed=1)).round(3))
seeds = keras.random.SeedGenerator(1)
print(
    "two draws differ:",
    not np.array_equal(keras.random.normal((3,), seed=seeds), keras.random.normal((3,), seed=seeds)),
)

# %% Where bits may differ
# On one kind of machine, the same program gives the same bits. Another processor, number of devices, version of XLA
# or form of a kernel may sum in another order. `config.set_kernels("reference")` selects the formulas everywhere.
keras.utils.set_random_seed(42)
keras.config.set_kernels("reference")
reference = trained()
keras.config.set_kernels("auto")
print(f"largest difference between kernels: {max(np.abs(a - b).max() for a, b in zip(first, reference)):.3f}")
