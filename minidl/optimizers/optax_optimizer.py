"""OptaxOptimizer: an optax transformation as a minidl optimizer."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from minidl.core.typing import Array
from minidl.core.variables import Variable
from minidl.optimizers.base import Optimizer


class OptaxOptimizer(Optimizer):
    """Wrap an optax transformation: `compile(optimizer=optax.adabelief(1e-3))`.

    The transformation has its own learning rate, clipping and other options. With
    `optax.inject_hyperparams` the hyperparameters are variables of this optimizer, and
    `learning_rate` reads and sets the one of that name.

    Args:
        transformation: an `optax.GradientTransformation`.
        name: default "optax_optimizer".
    """

    def __init__(self, transformation: optax.GradientTransformation, name: str | None = None):
        super().__init__(learning_rate=0.0, name=name)
        self._transformation = optax.with_extra_args_support(transformation)
        self._state: list[Variable] = []
        self._structure: Any = None
        self._key_impls: list[Any] = []  # for each leaf of the state, the implementation of its random key, or None

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return self._transformation

    def _build_slots(self) -> None:
        # One compiled call: eagerly, it would compile a program for each shape.
        state = jax.jit(self._transformation.init)([weight._value for weight in self._weights])
        leaves, self._structure = jax.tree.flatten_with_path(state)
        self._key_impls = [jax.random.key_impl(leaf) if _is_key(leaf) else None for _, leaf in leaves]
        self._state = [
            Variable(
                _without_key(leaf),
                trainable=False,
                name=jax.tree_util.keystr(path).strip("."),
                follows=self._weight_at(path),
            )
            for path, leaf in leaves
        ]

    def _weight_at(self, path: Any) -> Variable | None:
        """The weight that a leaf of the state may be of: the weights are a list, and so are their slots."""
        indices = [key.idx for key in path if isinstance(key, jax.tree_util.SequenceKey)]
        return self._weights[indices[-1]] if indices and indices[-1] < len(self._weights) else None

    def _update(self, grads: list[Any], indices: list[int]) -> None:
        if len(indices) != len(self._weights):
            raise ValueError(f"{self.name}.apply: an optax transformation needs a gradient for every weight, got None.")
        values = [weight._value for weight in self._weights]
        grads = [jnp.asarray(grads[indices.index(i)], value.dtype) for i, value in enumerate(values)]
        leaves = [
            slot._value if impl is None else jax.random.wrap_key_data(slot._value, impl=impl)
            for slot, impl in zip(self._state, self._key_impls)
        ]
        state = jax.tree.unflatten(self._structure, leaves)
        updates, state = self._transformation.update(grads, state, values)
        for slot, value in zip(self._state, jax.tree.leaves(state)):
            slot.assign(_without_key(value))
        for weight, value in zip(self._weights, optax.apply_updates(values, updates)):
            weight.assign(value)

    @property
    def learning_rate(self) -> Any:
        """The variable of an injected hyperparameter `learning_rate`.

        Raises:
            AttributeError: the transformation has none, or the optimizer is not built yet.
        """
        for slot in self._state:
            if slot.name.endswith("hyperparams['learning_rate']"):
                return slot
        if not self.built:
            raise AttributeError(
                f"{self.name}: build the optimizer (or train a step) to read or set its learning rate."
            )
        raise AttributeError(
            f"{self.name}: this optax transformation has no learning rate that can be read or set. "
            "Make it with optax.inject_hyperparams(optax.adam)(learning_rate=...)."
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.learning_rate.assign(value)

    @property
    def variables(self) -> list[Variable]:
        return [self._iterations, *self._state]

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("An optax transformation consists of functions, which have no config.")


def _is_key(leaf: Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _without_key(leaf: Array) -> Array:
    """The data of a random key, which a Variable can hold; other leaves unchanged."""
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf
