"""Mixed precision

With the policy `mixed_bfloat16` layers compute in bfloat16 and keep their weights in float32. On a GPU or TPU this
is faster and takes less memory; on a CPU it is usually slower.
"""

import numpy as np

import minidl as keras

keras.utils.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()


def classifier():
    model = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 16, input_shape=(8, 8)),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax", dtype="float32"),  # the output and the loss in float32
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# %% The policy
# It is set for all layers that are made after it, or for one layer by `dtype=`.
keras.mixed_precision.set_global_policy("mixed_bfloat16")
model = classifier()
hidden = model.layers[2]
print("computes in", hidden.compute_dtype, "- weights in", hidden.variable_dtype)
print("output of the hidden layer:", hidden(np.ones((1, 64))).dtype, "- of the model:", model(x_test[:1]).dtype)
model.fit(x_train, y_train, epochs=10, verbose=0)
print(f"test accuracy: {model.evaluate(x_test, y_test, verbose=0)[1]:.2f}")

# %% float16 needs a scaled loss
# float16 has gradients below its smallest number. With `mixed_float16`, `compile` wraps the optimizer in a
# `LossScaleOptimizer`, which scales the loss, skips steps whose gradients are not finite, and adapts the scale.
keras.mixed_precision.set_global_policy("mixed_float16")
model = classifier()
print(type(model.optimizer).__name__)
model.fit(x_train, y_train, epochs=3, verbose=0)
print("the scale:", int(model.optimizer.dynamic_scale))
keras.mixed_precision.set_global_policy("float32")

# %% Which numbers differ
# Sums, normalizations, losses and metrics are computed in float32 in any policy.
norm = keras.layers.LayerNormalization(dtype="mixed_bfloat16")
x = 1000 + np.arange(8.0, dtype="float32")[None]
print(np.asarray(norm(x), "float32").round(1))
