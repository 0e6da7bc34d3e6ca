"""The pure step, and its jaxpr

`fit` trains with one pure function: (state, batch) -> (new state, logs). This page shows it, runs it, and shows
what JAX makes of it.
"""

import jax
import numpy as np

import minidl as keras
from minidl.training.step import DefaultStep

keras.utils.set_random_seed(1)
x, y = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")
model = keras.Sequential([keras.layers.Dense(3, activation="relu"), keras.layers.Dense(1)])
model.compile("sgd", "mse")
steps = model.prepare(x, y)  # builds the model, the loss and the metrics for this data

# %% The state
# Four lists of arrays: the values of all variables that a step may read or change.
#
# quote: minidl.training.state.State
for part, arrays in steps.state()._asdict().items():
    print(f"{part:14}", [array.shape for array in arrays])

# %% The step
# The values of the state are bound to the variables. Inside, the model, the loss and the optimizer are called as the
# objects that they are. The arrays that the variables have afterwards are the new state.
#
# quote: minidl.training.step.DefaultStep.train
state = steps.train_step(steps.state(), (x, y, None))
print({name: round(float(value), 3) for name, value in steps.results(state).items()})

# %% The jaxpr
# The program that JAX records when it traces the step: products, `max` for the ReLU, the backward pass, and the
# update by SGD. No object of minidl is in it.
jaxpr = jax.make_jaxpr(steps.train_step)(steps.state(), (x, y, None))


def primitives(jaxpr):
    for equation in jaxpr.eqns:
        inner = [value.jaxpr for value in equation.params.values() if hasattr(value, "jaxpr")]
        if inner:
            for one in inner:
                yield from primitives(one)
        else:
            yield equation.primitive.name


names = list(primitives(jaxpr.jaxpr))
for name in sorted(set(names)):
    print(f"{name:22} {names.count(name)}")

# %% The same by hand
# What the step computes for these two layers, in plain JAX. The weights agree.
kernel_1, bias_1, kernel_2, bias_2 = [weight.value for weight in model.weights]


def loss_of(weights):
    kernel_1, bias_1, kernel_2, bias_2 = weights
    hidden = jax.nn.relu(x @ kernel_1 + bias_1)
    return jax.numpy.mean((hidden @ kernel_2 + bias_2 - y) ** 2)


weights = [kernel_1, bias_1, kernel_2, bias_2]
by_hand = [weight - 0.01 * gradient for weight, gradient in zip(weights, jax.grad(loss_of)(weights))]
difference = max(float(abs(a - b).max()) for a, b in zip(by_hand, state.trainable))
print(f"largest difference: {difference:.6f}", "- the step's class:", DefaultStep.__name__)
