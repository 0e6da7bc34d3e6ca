"""A bare JAX loop

A model is also a pure function, so that it can be used in any JAX program. `model.prepare(x, y)` gives the step
that `fit` runs, as a function of (state, batch); `stateless_call` gives the forward pass alone.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

import minidl as keras

keras.utils.set_random_seed(42)
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
x, y = jnp.asarray(x_train / 16, "float32"), jnp.asarray(y_train)

model = keras.Sequential(
    [
        keras.layers.Flatten(input_shape=(8, 8)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

# %% The step of fit, in a scan of your own
# The whole epoch is one compiled function, with the data on the device.
steps = model.prepare(x, y)


@jax.jit
def epoch(state, order):
    def step(state, rows):
        return steps.train_step(state, (x[rows], y[rows], None)), None

    return jax.lax.scan(step, state, order)[0]


state = steps.state()
for _ in range(20):
    order = np.random.permutation(len(x) // 32 * 32).reshape(-1, 32)
    state = epoch(state, order)
steps.put(state)  # back into the model
print(f"test accuracy: {model.evaluate(x_test / 16, y_test, verbose=0)[1]:.2f}")

# %% Everything by hand
# `stateless_call(trainable, non_trainable, x)` returns the outputs and the new non-trainable values. The rest is JAX
# and optax.
trainable = [v.value for v in model.trainable_variables]
non_trainable = [v.value for v in model.non_trainable_variables]
rule = optax.sgd(0.1)


def loss_of(trainable, x, y):
    probabilities, _ = model.stateless_call(trainable, non_trainable, x, training=True)
    return -jnp.mean(jnp.log(probabilities[jnp.arange(len(y)), y] + 1e-7))


@jax.jit
def step(trainable, slots, x, y):
    loss, gradients = jax.value_and_grad(loss_of)(trainable, x, y)
    updates, slots = rule.update(gradients, slots)
    return optax.apply_updates(trainable, updates), slots, loss


slots = rule.init(trainable)
print(f"before: {loss_of(trainable, x, y):.3f}")
for _ in range(50):
    trainable, slots, loss = step(trainable, slots, x, y)
print(f"after:  {loss:.3f}")

# %% Gradients for each example
# `jax.vmap` of the gradient, as for any pure function.
each = jax.vmap(jax.grad(loss_of), in_axes=(None, 0, 0))(trainable, x[:5, None], y[:5, None])
print("gradient of the first kernel, for each of 5 examples:", each[0].shape)
