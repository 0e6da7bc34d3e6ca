"""Cases of gradients: of a layer's weights and inputs through `stateless_call`, and of functions and losses."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np

from tests.fuzz import functions, layers, losses
from tests.fuzz.values import build, call, find

SMOOTH = """abs cos exp expm1 log1p sin sinh tanh sqrt square erf sigmoid sinc arctan negative reciprocal rsqrt
transpose ravel""".split()
REDUCTIONS = "amax max mean min prod std sum var logsumexp".split()
BINARY = "add arctan2 divide divide_no_nan hypot maximum minimum multiply power subtract logaddexp".split()


def _function(d):
    shape = [d.choice([1, 2, 3]) for _ in range(d.randint(1, 3))]
    kind = d.random()
    if kind < 0.3:
        names = [f"ops.{name}" for name in SMOOTH]
        names += [f"activations.{name}" for name in functions.ACTIVATIONS if name not in ("glu", "sparsemax")]
        return call(d.choice(names), d.array(shape, "float32", "normal", 0))
    if kind < 0.55:
        axis = d.choice([None, d.axis(len(shape))])
        return call(f"ops.{d.choice(REDUCTIONS)}", d.array(shape, "float32", "normal", 0), axis=axis)
    if kind < 0.75:
        return call(f"ops.{d.choice(BINARY)}", *(d.array(shape, "float32", "normal", 0) for _ in range(2)))
    names = d.choice([names for names, fills in losses.KINDS.items() if fills[0] != "labels"])
    name, fills = d.choice(names.split()), losses.KINDS[names]
    pair = losses.pair(d, fills, lists=0)
    arrays = [{**array, "dtype": "float32", "fill": fill} for array, fill in zip(pair, fills)]
    return call(f"losses.{losses.snake(name)}", *arrays)


def draw(d):
    if d.chance(0.4):
        return {"program": _function(d), "tolerance": 20.0}
    case = layers.draw(d)
    if case["layer"]["kwargs"].get("unroll"):  # then Keras ignores it
        case["layer"]["kwargs"].pop("zero_output_for_mask", None)
    left_out = ("dtype", "activity_regularizer")  # Keras's stateless_call has no losses of the layer's own activity
    case["layer"]["kwargs"] = {key: value for key, value in case["layer"]["kwargs"].items() if key not in left_out}
    if case["layer"]["call"] == "layers.ActivityRegularization":
        case["layer"] = call("layers.Activation", "tanh")
    return {**case, "tolerance": 50.0}


def _total(outputs):
    """Sum of all values, each with another factor."""
    floats = [x for x in jax.tree.leaves(outputs) if jnp.issubdtype(x.dtype, jnp.floating)]
    return sum(jnp.sum(jnp.cos(jnp.arange(x.size, dtype="float32")) * jnp.ravel(x)) for x in floats)


def _of_layer(library, case):
    layer = build(library, case["layer"])
    inputs, more = build(library, case["inputs"]), build(library, case["more"])
    more = {key: jnp.asarray(value) if key == "mask" else value for key, value in more.items()}
    layer(*inputs, **more)
    if "training" not in inspect.signature(layer.call).parameters:
        more.pop("training", None)  # Keras's stateless_call gives it to all layers
    state = [variable.value for variable in layer.non_trainable_variables]

    def total(weights, given):
        outputs, new, losses = layer.stateless_call(weights, state, *given, return_losses=True, **more)
        return _total(outputs) + sum(losses), new

    wrt = [variable.value for variable in layer.trainable_variables]
    given = jax.tree.map(jnp.asarray, inputs)
    if all(x.dtype == jnp.float32 for x in jax.tree.leaves(given)):
        return jax.jit(jax.grad(total, (0, 1), has_aux=True))(wrt, given)
    return jax.jit(jax.grad(lambda weights: total(weights, given), has_aux=True))(wrt)


def run(library, case):
    if "layer" in case:
        return _of_layer(library, case)
    function, options = find(library, case["program"]["call"]), case["program"]["kwargs"]
    args = [np.asarray(arg) for arg in build(library, case["program"]["args"])]
    return jax.jit(jax.grad(lambda args: _total(function(*args, **options))))(args)
