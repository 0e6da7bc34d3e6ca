"""The numbers of a table of layers: first weights, outputs, gradients, new state, losses, paths and configs."""

import inspect
import json

import jax
import jax.numpy as jnp
import numpy as np

from tests.references import COMPILE_FAST

# Keys of Keras's configs for what is not here, and for what a saved file adds to a config.
DROPPED = ("quantization_config", "build_config", "compile_config")


def numbers_of(keras, layers, seed=5):
    """What each layer of a table gives.

    Args:
        keras: the library.
        layers: name -> (make(keras), inputs) or (make(keras), inputs, arguments of the call). Inputs in a tuple are
            several arguments; several inputs in one argument are a list or a dict.
        seed: for the first weights and what is drawn.
    """
    numbers = {}
    for name, (make, inputs, *rest) in layers.items():
        keras.utils.set_random_seed(seed)
        keras.utils.clear_session(free_memory=False)
        found = one(keras, make(keras), inputs, rest[0] if rest else {})
        numbers |= {f"{'exact_' if key.startswith('weight') else ''}{name}/{key}": v for key, v in found.items()}
    return numbers


def one(keras, layer, inputs, arguments):
    """The numbers of one layer, from one compiled program."""
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    layer(*jax.tree.map(lambda x: keras.KerasTensor(x.shape, x.dtype), args), **arguments)  # builds it
    trainable = [variable.value for variable in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]
    leaves, structure = jax.tree.flatten(args)
    floats = {i: leaf for i, leaf in enumerate(leaves) if leaf.dtype.kind == "f"}

    def call(trainable, others, given, training):
        full = jax.tree.unflatten(structure, [given.get(i, leaf) for i, leaf in enumerate(leaves)])
        flag = {"training": training} if "training" in inspect.signature(layer.call).parameters else {}
        return layer.stateless_call(trainable, others, *full, return_losses=True, **arguments, **flag)

    def total(trainable, given, others):
        outputs, state, losses = call(trainable, others, given, True)
        return sum(map(measure, jax.tree.leaves(outputs))), (outputs, state, losses)

    def everything(trainable, others, given):
        inference = call(trainable, others, given, False)[0]
        gradients, training = jax.grad(total, (0, 1), has_aux=True)(trainable, given, others)
        return inference, gradients, training

    compiled = jax.jit(everything, compiler_options=COMPILE_FAST)
    inference, gradients, (outputs, state, losses) = compiled(trainable, others, floats)
    numbers = {f"weight{i}": as_plain(weight) for i, weight in enumerate(layer.get_weights())}
    gradients = jax.tree.map(lambda leaf: np.where(abs(as_plain(leaf)) < 1e-6, 0, as_plain(leaf)), gradients)  # noise
    for key, tree in [("output", inference), ("training", outputs), ("gradient", gradients), ("state", state)]:
        numbers |= {f"{key}{i}": as_plain(leaf) for i, leaf in enumerate(jax.tree.leaves(tree))}
    if layer.activity_regularizer is None:  # of which Keras's stateless_call leaves the penalty out
        numbers |= {f"loss{i}": loss for i, loss in enumerate(losses)}
    numbers["paths"] = np.array([variable.path for variable in layer.variables], "U")
    numbers["trainable"] = np.array([variable.path for variable in layer.trainable_variables], "U")
    numbers["config"] = np.array(json.dumps(without(layer.get_config()), sort_keys=True))
    return numbers


def measure(output):
    """A number that depends on every entry of an output in another way."""
    output = output.astype("float32")
    return jnp.sum(output * (output + jnp.cos(jnp.arange(output.size)).reshape(output.shape)))


def without(config):
    """A config without the keys of what is not here."""
    if isinstance(config, dict):
        return {key: without(value) for key, value in config.items() if key not in DROPPED}
    return [without(item) for item in config] if isinstance(config, (list, tuple)) else config


def as_plain(value):
    """NumPy files hold no bfloat16."""
    value = np.asarray(value)
    return value.astype("float32") if value.dtype.name == "bfloat16" else value
