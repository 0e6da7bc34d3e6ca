"""Ftrl: follow the regularized leader, an optimizer for sparse linear models."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from minidl.core.typing import Array, PyTree
from minidl.optimizers.base import Optimizer
from minidl.optimizers.options import LearningRate
from minidl.optimizers.slots import State, full_like, zeros_like


class Ftrl(Optimizer):
    """FTRL-Proximal (McMahan et al., 2013).

    Each step computes the weights from the accumulated gradients:

        g = gradient + 2 * l2_shrinkage * weight
        a_new = a + gradient^2
        z += g - (a_new^p - a^p) / learning_rate * weight                       (p = -learning_rate_power)
        weight = (clip(z, -l1, l1) - z) / (a_new^p / learning_rate + 2 * l2 + beta / learning_rate)

    With l1 above 0, weights with small |z| become exactly 0.

    Args:
        learning_rate: default 0.001.
        learning_rate_power: -p above, at most 0; 0 is a fixed learning rate.
        initial_accumulator_value: initial value of a, at least 0.
        l1_regularization_strength: l1 above, at least 0.
        l2_regularization_strength: l2 above, at least 0.
        l2_shrinkage_regularization_strength: l2_shrinkage above, at least 0.
        beta: see above.
        **kwargs: see `Optimizer`.

    Raises:
        ValueError: an argument out of its range.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(0.0)
    >>> Ftrl(learning_rate=0.1).apply([2.0], [weight])
    >>> round(float(weight), 4)
    -0.0988
    """

    elementwise = True
    _slot_groups = (("accumulator", "linear"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        if learning_rate_power > 0:
            raise ValueError(f"Ftrl: learning_rate_power must be at most 0, got {learning_rate_power}.")
        at_least_0 = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for name, value in at_least_0.items():
            if value < 0:
                raise ValueError(f"Ftrl: {name} must be at least 0, got {value}.")
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return follow_the_leader(
            -self.learning_rate_power,
            self.initial_accumulator_value,
            self.l1_regularization_strength,
            self.l2_regularization_strength,
            self.l2_shrinkage_regularization_strength,
            self.beta,
        )

    def get_config(self) -> dict[str, Any]:
        own = {
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
        return {**super().get_config(), **own}


def follow_the_leader(
    power: float, initial: float, l1: float, l2: float, l2_shrinkage: float, beta: float
) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Ftrl`; power is p in its formula."""

    def init(params: PyTree) -> State:
        return {"accumulator": full_like(params, initial), "linear": zeros_like(params)}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, **_: Any
    ) -> tuple[PyTree, State]:
        a = jax.tree.map(lambda a, g: a + jnp.square(g), state["accumulator"], grads)

        def linear(z: Array, old: Array, new: Array, g: Array, weight: Array) -> Array:
            sigma = (jnp.power(new, power) - jnp.power(old, power)) / learning_rate.astype(g.dtype)
            return z + g + 2 * l2_shrinkage * weight - sigma * weight

        def change(z: Array, a: Array, weight: Array) -> Array:
            rate = learning_rate.astype(z.dtype)
            leader = (jnp.clip(z, -l1, l1) - z) / (jnp.power(a, power) / rate + 2 * l2 + beta / rate)
            return leader - weight

        z = jax.tree.map(linear, state["linear"], state["accumulator"], a, grads, params)
        return jax.tree.map(change, z, a, params), {"accumulator": a, "linear": z}

    return optax.GradientTransformationExtraArgs(init, update)
