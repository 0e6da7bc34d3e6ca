"""Checks that every layer passes; use them for your own layers too.

>>> from minidl.layers import Dense
>>> check_layer(Dense, {"units": 3}, np.ones((4, 6), "float32"))

Each check is a function of a `LayerCase`, so that each can be a test; `LAYER_CHECKS` lists them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl import layers
from minidl.core import dtypes, host_arrays, host_plan
from minidl.core.symbolic import KerasTensor
from minidl.core.text import may_be_text
from minidl.core.typing import PyTree


@dataclasses.dataclass
class LayerCase:
    """A layer to check, with its arguments and inputs.

    Args:
        kind: the layer's class.
        arguments: arguments of the constructor; a function that returns them if a layer is among them.
        inputs: a batch of inputs. A tuple holds several arguments of the call; several inputs in one
            argument are a list or a dict.
        differs_in_training: whether outputs with `training=True` differ.
        any_batch: whether it takes batches of any size, and examples are independent of each other.
        has_gradient: whether the outputs are differentiable in the weights and inputs.
        known_shape: whether the shape of the output is known from that of the input.
        draws_in_inference: whether its seeds advance in inference too, as those of recurrent dropout do in Keras.
        trains_by_default: whether `training` defaults to True, as in layers that augment images.
    """

    kind: type[layers.Layer]
    arguments: dict[str, Any] | Callable[[], dict[str, Any]]
    inputs: Any
    differs_in_training: bool = False
    any_batch: bool = True
    has_gradient: bool = True
    known_shape: bool = True
    trains_by_default: bool = False
    draws_in_inference: bool = False

    def make(self, **more: Any) -> layers.Layer:
        """The unbuilt layer."""
        return self.kind(**self.made_arguments(), **more)

    def made_arguments(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return self.arguments() if callable(self.arguments) else self.arguments

    def make_built(self, **more: Any) -> layers.Layer:
        """The built layer."""
        layer = self.make(**more)
        self.call(layer, self.symbolic_inputs())
        return layer

    def call(self, layer: layers.Layer, inputs: PyTree, **kwargs: Any) -> PyTree:
        """Call the layer on inputs structured as those of the case."""
        return layer(*inputs, **kwargs) if isinstance(inputs, tuple) else layer(inputs, **kwargs)

    def symbolic_inputs(self) -> PyTree:
        """Symbolic tensors for the inputs, of unknown batch size."""
        fixed = None if self.any_batch else jax.tree.leaves(self.inputs)[0].shape[0]
        return jax.tree.map(lambda x: KerasTensor((fixed, *x.shape[1:]), _dtype(x)), self.inputs)

    def traceable(self, layer: Any, inputs: Any) -> Any:
        """Inputs as arguments of a compiled function: in the place of text, what the layer makes of it."""
        if not any(map(may_be_text, jax.tree.leaves(inputs))):
            return inputs
        return host_plan.plan(lambda given: self.call(layer, given), inputs)(inputs).settled()

    def pure(self, layer: layers.Layer, training: bool) -> Callable[..., Any]:
        """The layer as a function of its trainable variables, the rest of its state and its inputs."""

        def function(trainable: PyTree, rest: PyTree, inputs: PyTree) -> Any:
            inputs = host_plan.opened(inputs)
            args = inputs if isinstance(inputs, tuple) else (inputs,)
            return layer.stateless_call(trainable, rest, *args, training=training, return_losses=True)

        return function


def check_layer(
    kind: type[layers.Layer],
    arguments: dict[str, Any] | Callable[[], dict[str, Any]],
    inputs: PyTree,
    *,
    differs_in_training: bool = False,
    any_batch: bool = True,
    has_gradient: bool = True,
    known_shape: bool = True,
    trains_by_default: bool = False,
) -> None:
    """Run every check on a layer; the arguments are those of `LayerCase`.

    Raises:
        AssertionError: a check fails.
    """
    case = LayerCase(
        kind, arguments, inputs, differs_in_training, any_batch, has_gradient, known_shape, trains_by_default
    )
    for check in LAYER_CHECKS.values():
        check(case)


def symbolic_and_real_calls_agree(case: LayerCase) -> None:
    """A call on symbolic tensors has the shape and dtype of a call on arrays, and so has `compute_output_shape`."""
    if not case.known_shape:
        return
    layer = case.make()
    expected = case.call(layer, case.symbolic_inputs())
    real = case.call(layer, case.inputs)
    batch = jax.tree.leaves(case.inputs)[0].shape[0]
    filled = jax.tree.map(
        lambda t: (tuple(batch if s is None else s for s in t.shape[:1]) + t.shape[1:], t.dtype), expected
    )
    assert _spec(real) == filled, f"symbolic {filled}, real {_spec(real)}"
    if not isinstance(case.inputs, (tuple, list, dict)):
        shape = layer.compute_output_shape(case.inputs.shape)
        assert shape == jax.tree.map(lambda array: array.shape, real), f"compute_output_shape gives {shape}"


def config_makes_the_same_layer(case: LayerCase) -> None:
    """`get_config` survives JSON, and `from_config` makes a layer with the same config, weights' paths and outputs."""
    layer = case.make(name="mine")
    output = case.call(layer, case.inputs)
    config = json.loads(json.dumps(layer.get_config()))
    for name, value in case.made_arguments().items():
        if isinstance(value, (bool, int, float)):  # a size may be repeated for each axis
            written = jax.tree.leaves(config[name], is_leaf=lambda leaf: leaf is None)
            assert all(item == value for item in written), f"{name}={value} is {config[name]} in the config"
    again = case.kind.from_config(config)
    assert type(again) is case.kind and again.name == "mine"
    assert _unbuilt(json.loads(json.dumps(again.get_config()))) == _unbuilt(config)
    case.call(again, case.symbolic_inputs())
    assert [(w.name, w.shape) for w in again.trainable_weights] == [(w.name, w.shape) for w in layer.trainable_weights]
    again.set_weights(layer.get_weights())
    if not case.differs_in_training:
        _assert_close(case.call(again, case.inputs), output)


def build_config_builds_the_same_weights(case: LayerCase) -> None:
    """`build_from_config` with the result of `get_build_config` creates the weights before any call."""
    layer = case.make_built(name="mine")
    again = case.kind.from_config(json.loads(json.dumps(layer.get_config())))
    again.build_from_config(json.loads(json.dumps(layer.get_build_config())))
    assert [(w.name, w.shape) for w in again.weights] == [(w.name, w.shape) for w in layer.weights]


def compiled_equals_eager(case: LayerCase) -> None:
    """`jax.jit` of `stateless_call` equals an eager call, in inference and in training."""
    for training in (False, True):
        layer = case.make_built()
        outputs, new, _ = jax.jit(case.pure(layer, training))(*_state(layer), case.traceable(layer, case.inputs))
        _assert_close(outputs, case.call(layer, case.inputs, training=training))
        assert len(new) == len(layer.non_trainable_variables)
        _assert_close(new, [variable.value for variable in layer.non_trainable_variables])


def training_differs_only_where_declared(case: LayerCase) -> None:
    """`training` defaults to False; inference changes no state; training differs only as the case declares."""
    layer = case.make_built()
    kept = [v for v in layer.variables if not (case.draws_in_inference and v.name == "seed_generator_state")]
    before = [variable.numpy() for variable in kept]
    inference = case.call(layer, case.inputs, training=False)
    assert all(np.array_equal(v, b) for v, b in zip(kept, before)), "inference changes the state"
    if not case.trains_by_default:
        assert _equal(case.call(layer, case.inputs), inference), "training does not default to False"
    training = case.call(layer, case.inputs, training=True)
    differs = not _equal(training, inference)
    assert differs == case.differs_in_training, f"training {'differs' if differs else 'is the same as inference'}"
    assert _spec(training) == _spec(inference)


def gradients_are_finite(case: LayerCase) -> None:
    """The gradients of the weights and the float inputs are finite, and those of the weights are not all 0."""
    if not case.has_gradient:
        return
    layer = case.make_built()
    trainable, rest = _state(layer)
    leaves, structure = jax.tree.flatten(case.inputs)
    floats = [i for i, leaf in enumerate(leaves) if dtypes.is_float(leaf.dtype)]

    def total(trainable: PyTree, given: Any) -> Any:
        inputs = jax.tree.unflatten(structure, [given.get(i, leaf) for i, leaf in enumerate(leaves)])
        outputs, _, losses = case.pure(layer, training=True)(trainable, rest, inputs)
        squares = [jnp.sum(jnp.square(leaf.astype("float32"))) for leaf in jax.tree.leaves(outputs)]
        return sum(squares) + sum(losses)

    gradients = jax.jit(jax.grad(total, (0, 1)))(trainable, {i: leaves[i] for i in floats})
    assert all(np.isfinite(gradient).all() for gradient in jax.tree.leaves(gradients)), "a gradient is not finite"
    assert not trainable or any(np.any(gradient) for gradient in gradients[0]), "no weight has a gradient"


def mixed_precision_computes_in_bfloat16(case: LayerCase) -> None:
    """With `dtype="mixed_bfloat16"` float outputs are bfloat16, and float weights float32."""
    if callable(case.arguments):
        return  # nested layers have their own policies
    layer = case.make(dtype="mixed_bfloat16")
    inputs = jax.tree.map(lambda x: x.astype("float32") if dtypes.is_float(x.dtype) else x, case.inputs)
    case.call(layer, case.symbolic_inputs())
    outputs = jax.eval_shape(case.pure(layer, training=True), *_state(layer), case.traceable(layer, inputs))[0]
    assert all(leaf.dtype == "bfloat16" for leaf in jax.tree.leaves(outputs) if dtypes.is_float(leaf.dtype))
    assert all(weight.dtype == "float32" for weight in layer.weights if dtypes.is_float(weight.dtype))


def examples_do_not_depend_on_the_batch(case: LayerCase) -> None:
    """A slice of the batch gives that slice of the outputs, and an empty batch an empty output."""
    if not case.any_batch:
        return
    layer = case.make_built()
    whole = case.call(layer, case.inputs, training=False)
    first = case.call(layer, jax.tree.map(lambda x: x[:1], case.inputs), training=False)
    _assert_close(first, jax.tree.map(lambda x: x[:1], whole))
    if case.known_shape:
        nothing = case.traceable(layer, jax.tree.map(lambda x: x[:0], case.inputs))
        empty = jax.eval_shape(lambda x: case.call(layer, host_plan.opened(x)), nothing)
        assert _spec(empty) == jax.tree.map(lambda x: ((0, *x.shape[1:]), str(x.dtype)), whole)


LAYER_CHECKS: dict[str, Callable[[LayerCase], None]] = {
    check.__name__: check
    for check in (
        symbolic_and_real_calls_agree,
        config_makes_the_same_layer,
        build_config_builds_the_same_weights,
        compiled_equals_eager,
        training_differs_only_where_declared,
        gradients_are_finite,
        mixed_precision_computes_in_bfloat16,
        examples_do_not_depend_on_the_batch,
    )
}


def _dtype(array: Any) -> Any:
    return host_arrays.DTYPE if may_be_text(array) else array.dtype


def _unbuilt(config: Any) -> Any:
    """A config without the build configs of nested layers."""
    if isinstance(config, dict):
        return {key: _unbuilt(value) for key, value in config.items() if key != "build_config"}
    return [_unbuilt(item) for item in config] if isinstance(config, list) else config


def _spec(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: (tuple(leaf.shape), str(leaf.dtype)), tree)


def _state(layer: layers.Layer) -> tuple[list[Any], list[Any]]:
    return [v.value for v in layer.trainable_variables], [v.value for v in layer.non_trainable_variables]


def _equal(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))


def _assert_close(got: Any, want: Any) -> None:
    def check(one: Any, other: Any) -> None:
        largest = np.max(np.abs(np.asarray(other, "float64")), initial=0)
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=max(1e-6, 2e-5 * largest))

    jax.tree.map(check, got, want)
