"""RMSprop: gradients divided by the root of a running mean of their squares."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from minidl.core.typing import Array, PyTree
from minidl.optimizers import options
from minidl.optimizers.base import Optimizer
from minidl.optimizers.options import LearningRate
from minidl.optimizers.slots import State, zeros_like


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012).

        v = rho * v + (1 - rho) * gradient^2
        step = learning_rate * gradient / sqrt(v + epsilon)
        weight -= step                                  (or, with momentum: m = momentum * m + step; weight -= m)

    With `centered`, the square of a running mean of the gradient is subtracted from v (Graves, 2013).

    Args:
        learning_rate: default 0.001.
        rho: the decay rate of v.
        momentum: see above.
        epsilon: see above; default 1e-7.
        centered: see above.
        **kwargs: see `Optimizer`.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> RMSprop(learning_rate=0.1).apply([2.0], [weight])
    >>> round(float(weight), 4)
    9.6838
    """

    elementwise = True

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        options.check_decays(type(self).__name__, rho=rho, momentum=momentum)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return scale_by_rms(self.rho, self.momentum, self.epsilon, self.centered)

    def get_config(self) -> dict[str, Any]:
        own = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}
        return {**super().get_config(), **own}


def scale_by_rms(
    rho: float, momentum: float = 0.0, epsilon: float = 1e-7, centered: bool = False
) -> optax.GradientTransformationExtraArgs:
    """The transformation of `RMSprop`."""

    def init(params: PyTree) -> State:
        is_used = {"velocity": True, "momentum": momentum > 0, "average_gradient": centered}
        return {name: zeros_like(params) for name, used in is_used.items() if used}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, **_: Any
    ) -> tuple[PyTree, State]:
        size = jax.tree.map(lambda v, g: rho * v + (1 - rho) * jnp.square(g), state["velocity"], grads)
        new = {"velocity": size}
        if centered:
            mean = jax.tree.map(lambda a, g: rho * a + (1 - rho) * g, state["average_gradient"], grads)
            size = jax.tree.map(lambda v, a: v - jnp.square(a), size, mean)
            new["average_gradient"] = mean
        steps = jax.tree.map(lambda g, v: learning_rate.astype(g.dtype) * g / jnp.sqrt(v + epsilon), grads, size)
        if momentum > 0:
            steps = jax.tree.map(lambda m, s: momentum * m + s, state["momentum"], steps)
            new["momentum"] = steps
        return jax.tree.map(jnp.negative, steps), {name: new[name] for name in state}

    return optax.GradientTransformationExtraArgs(init, update)
