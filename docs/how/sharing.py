"""Sharing of compiled programs

Compilation is most of a small job, and of every program that builds many models. So models that compute the same
share their compiled steps: ten models of a cross-validation are compiled once.
"""

import numpy as np

import minidl as keras
from minidl.core import inference
from minidl.core.structural_key import structural_key
from minidl.training import step_programs

x, y = np.ones((64, 5), "float32"), np.ones((64, 1), "float32")


def made(units=4, name=None, activation="relu"):
    model = keras.Sequential([keras.layers.Dense(units, activation=activation), keras.layers.Dense(1)], name=name)
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    return model


# %% The key
# `structural_key` describes a graph of objects: classes, settings, shapes of variables, and which object is in which
# place. Names, values of weights and seeds are not part of it.
#
# quote: minidl.core.structural_key.structural_key
print("other names:", structural_key(made(name="a")) == structural_key(made(name="b")))
print("other units:", structural_key(made(4)) == structural_key(made(5)))

# %% Functions of your own have no key
# They may read what cannot be seen from outside, so nothing is shared. Two models with a `lambda` are compiled twice.
print("a lambda:", structural_key(made(activation=lambda x: x)))

# %% Shared steps
# The programs are kept for the 32 keys that were used last.
#
# quote: minidl.core.shared_by_key.SharedByKey.get
first, second, third = made(), made(), made(5)
print("first and second:", first.compiled_steps._programs is second.compiled_steps._programs)
print("first and third:", first.compiled_steps._programs is third.compiled_steps._programs)

# %% Compiled once
# Counted by the number of programs for chunks of training that exist after ten more models.
step_programs.shared.clear()
models = [made() for _ in range(10)]
programs = {id(program) for model in models for program in model.compiled_steps._programs.chunks.values()}
print("models:", len(models), "- programs:", len(programs))

# %% Symbolic calls that are alike
# A layer that is called on a symbolic tensor is traced for the shape of its output. The same key makes one trace of all
# calls that are alike, so that a model of 50 equal blocks, or one that is built anew, takes little time.
#
# quote: minidl.core.inference.specs_once
inference._known.clear()
x = inputs = keras.Input((5,))
for _ in range(50):
    x = x + keras.layers.Dense(5)(x)
print("calls: 100 - traces:", len(inference._known))
