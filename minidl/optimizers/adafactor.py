"""Adafactor: adaptive step sizes whose second moments are factored into a row and a column for each matrix."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from minidl.core.typing import Array, PyTree
from minidl.optimizers.base import Optimizer
from minidl.optimizers.options import LearningRate
from minidl.optimizers.slots import State, zeros_like


class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern, 2018).

    For an array with two or more axes, second moments are kept for rows and columns only:

            beta_2 = 1 - t^beta_2_decay
            r = beta_2 * r + (1 - beta_2) * mean(gradient^2 + epsilon_1, last axis)
            c = beta_2 * c + (1 - beta_2) * mean(gradient^2 + epsilon_1, last axis but one)
            v = r * c / mean(r, last axis)                      (fewer axes: a running mean of the squares)
            u = gradient / sqrt(v)
            rate = max(epsilon_2, rms(weight)) * min(learning_rate, 1 / sqrt(t))
            weight -= rate * u / max(1, rms(u) / clip_threshold)

    Args:
            learning_rate: default 0.001.
            beta_2_decay: see above.
            epsilon_1: see above.
    epsilon_2: lower bound of rms(weight) in the rate.
            clip_threshold: see above.
            relative_step: accepted; as in Keras, the rate is at most 1 / sqrt(t) either way.
            **kwargs: see `Optimizer`.

    Example:
        >>> from minidl.core.variables import Variable
        >>> weight = Variable([[10.0, 10.0]])
        >>> Adafactor(learning_rate=0.1).apply([jnp.array([[2.0, 2.0]])], [weight])
        >>> weight.numpy().round(4).tolist()
        [[9.0, 9.0]]
    """

    _slot_groups = (("r", "c", "velocity"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return scale_by_factored_moments(self.beta_2_decay, self.epsilon_1, self.epsilon_2, self.clip_threshold)

    def get_config(self) -> dict[str, Any]:
        own = {
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }
        return {**super().get_config(), **own}


def scale_by_factored_moments(
    beta_2_decay: float, epsilon_1: float, epsilon_2: float, clip_threshold: float
) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Adafactor`. optax's counts steps and bounds the size of weights differently."""

    def init(params: PyTree) -> State:
        return {
            "r": [_zeros_of_mean(p, -1) for p in params],
            "c": [_zeros_of_mean(p, -2) for p in params],
            "velocity": zeros_like(params),
        }

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, step: Array, **_: Any
    ) -> tuple[PyTree, State]:
        t = (step + 1).astype(learning_rate.dtype)
        beta_2 = 1 - jnp.power(t, beta_2_decay)

        def mean_squares(g: Array, r: Array, c: Array, v: Array) -> tuple[Array, Array, Array]:
            beta = beta_2.astype(g.dtype)
            squares = jnp.square(g) + epsilon_1
            if g.ndim < 2:
                return r, c, beta * v + (1 - beta) * squares
            r = beta * r + (1 - beta) * jnp.mean(squares, axis=-1)
            c = beta * c + (1 - beta) * jnp.mean(squares, axis=-2)
            return r, c, (r / jnp.mean(r, axis=-1, keepdims=True))[..., None] * c[..., None, :]

        def change(g: Array, v: Array, weight: Array) -> Array:
            u = g / jnp.sqrt(v)
            u = u / jnp.maximum(1, _rms(u) / clip_threshold)
            rate = jnp.minimum(learning_rate, 1 / jnp.sqrt(t)).astype(g.dtype)
            return -jnp.maximum(epsilon_2, _rms(weight)) * rate * u

        new = list(map(mean_squares, grads, state["r"], state["c"], state["velocity"]))
        r, c, v = map(list, zip(*new))
        return jax.tree.map(change, grads, v, params), {"r": r, "c": c, "velocity": v}

    return optax.GradientTransformationExtraArgs(init, update)


def _zeros_of_mean(param: Array, axis: int) -> np.ndarray:
    """Zeros of the shape of a mean over an axis; a placeholder for fewer than two axes, as in Keras's files."""
    if param.ndim < 2:
        return np.zeros((), "int32")
    return np.zeros(np.delete(param.shape, axis), param.dtype)


def _rms(x: Array) -> Array:
    return jnp.sqrt(jnp.mean(jnp.square(x)))
