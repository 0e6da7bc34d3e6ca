"""The chunk, and donation

Calling a compiled function costs some 50 microseconds of Python and dispatch, as much as a step of a small model.
So `fit` stacks batches into a chunk, `(K, batch, ...)`, and trains on it in one call.
"""

import jax
import numpy as np

import minidl as keras
from minidl.training import chunk as loops

keras.utils.set_random_seed(1)
x, y = np.random.normal(size=(320, 4)).astype("float32"), np.ones((320, 1), "float32")
model = keras.Sequential([keras.layers.Dense(3, activation="relu"), keras.layers.Dense(1)])
model.compile("sgd", "mse")
steps = model.prepare(x, y)

# %% The loop over a chunk
# The state is the carry of `lax.fori_loop`. The number of batches is an argument, so that a chunk which is not full
# runs the same program.
#
# quote: minidl.training.chunk.train
batches = x.reshape(10, 32, 4), y.reshape(10, 32, 1), None


def train_chunk(state, batches, count):
    step = lambda state, batch: (steps.train_step(state, batch), {})  # noqa: E731
    return loops.train(step, state, batches, count)[0]


compiled = jax.jit(train_chunk)
for count in (10, 3):
    state = compiled(steps.state(), batches, count)
    print(f"{count} batches:", {name: round(float(value), 3) for name, value in steps.results(state).items()})
print("programs that were compiled:", compiled._cache_size())

# %% One loop in the compiled program
# XLA sees one `while`, whose body is the step.
text = compiled.lower(steps.state(), batches, 10).as_text()
print("stablehlo.while:", text.count("stablehlo.while"))

# %% Donation
# `donate_argnums=0` lets XLA write the new state into the buffers of the old one, so that training holds one copy of
# weights and slots. The donated arrays are deleted.
donating = jax.jit(train_chunk, donate_argnums=0)
state = jax.tree.map(jax.numpy.copy, steps.state())
kernel = state.trainable[0]
memory = donating.lower(state, batches, 10).compile().memory_analysis()
new = donating(state, batches, 10)
print("the old kernel is deleted:", kernel.is_deleted())
print(
    f"of {memory.output_size_in_bytes} bytes of results, {memory.alias_size_in_bytes} are in buffers of the arguments"
)

# %% Arrays that users hold stay valid
# An array that was read from a variable is borrowed: `fit` copies it before its buffer is donated, once.
held = model.layers[0].kernel.value
model.fit(x, y, verbose=0)
print("can be read after fit:", not held.is_deleted(), held.shape)

# %% Where it is compiled
# Every `jax.jit` of training is in one class.
#
# quote: minidl.training.step_programs.StepPrograms
