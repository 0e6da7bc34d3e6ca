"""Variables and functional

Users hold objects with state: a layer has a kernel, a metric a running total. JAX compiles pure functions. One
mechanism connects the two: every object keeps all its changing state in `Variable`s, and `functional` makes a pure
function of any call that reads or changes them.
"""

import threading

import jax

import minidl as keras
from minidl.core.binding import is_binding
from minidl.core.functional import bound, functional

# %% A slot for an array
# A `Variable` is a named slot. Reading it gives its array, and `assign` puts another one into it.
total = keras.Variable(1.0, name="total")
total.assign_add(2.0)
print(total, total.value)

# %% Bound for one thread
# `bound` gives variables other values inside a block. The values are in an overlay that only this thread sees; the
# slot is not changed, and other threads go on reading it.
#
# quote: minidl.core.functional.bound
#
# quote: minidl.core.binding.lookup
seen = []
with bound([total], [10.0]):
    total.assign_add(1.0)
    other = threading.Thread(target=lambda: seen.append(float(total.value)))
    other.start()
    other.join()
    print("inside:", float(total.value), "- in another thread:", seen[0], "- binding:", is_binding())
print("after:", float(total.value))

# %% A pure function of a stateful call
# `functional(call, variables)` returns `pure(values, *args) -> (output, new_values)`. That is the whole mechanism.
#
# quote: minidl.core.functional.functional
layer = keras.layers.BatchNormalization()
layer.build((None, 3))
pure = functional(lambda x: layer(x, training=True), layer.variables)
values = [variable.value for variable in layer.variables]
output, new_values = jax.jit(pure)(values, jax.numpy.ones((4, 3)))
for variable, before, after in zip(layer.variables, values, new_values):
    print(f"{variable.name:16} {before} -> {after}")
print("the layer itself:", layer.moving_mean.value)

# %% Everything else follows
# `layer.stateless_call`, `metric.stateless_update_state` and `optimizer.stateless_apply` are `functional` of the
# methods without `stateless_`. Tracing a bound call puts tracers into the overlay, so that `jax.grad` and `jax.jit`
# see a pure function.
gradient = jax.grad(lambda values, x: pure(values, x)[0].sum())(values, jax.numpy.ones((4, 3)))
print("gradients:", [value.shape for value in gradient])
