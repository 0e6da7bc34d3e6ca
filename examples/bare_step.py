"""A custom training loop in JAX with the train step of a model.

`model.prepare` returns the step that `fit` uses, as a pure function of (state, batch). Here a whole epoch is one
compiled scan, with the data on the device.
"""

import jax
import jax.numpy as jnp
import numpy as np

import minidl as keras

keras.utils.set_random_seed(42)
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()

model = keras.Sequential(
    [
        keras.layers.Rescaling(1 / 16, input_shape=(8, 8)),
        keras.layers.Flatten(),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

steps = model.prepare(x_train, y_train)
x, y = jnp.asarray(x_train), jnp.asarray(y_train)


@jax.jit
def epoch(state, order):
    """Train on batches of rows, with the indices `order` (steps, batch)."""

    def step(state, rows):
        return steps.train_step(state, (x[rows], y[rows], None)), None

    return jax.lax.scan(step, state, order)[0]


state = steps.state()
batches = len(x_train) // 32
for number in range(1, 31):
    order = np.random.permutation(len(x_train))[: batches * 32].reshape(batches, 32)
    state = epoch(state, order)
    if number % 10 == 0:
        so_far = {name: round(float(value), 4) for name, value in steps.results(state).items()}
        print(f"epoch {number}: {so_far} (means over all epochs so far)")

steps.put(state)  # back into the model
test_loss, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"Test accuracy: {test_accuracy:.2%}")
