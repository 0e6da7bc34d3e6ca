"""SGD: gradient descent, with momentum and Nesterov momentum."""

from __future__ import annotations

from typing import Any

import jax
import optax

from minidl.core.typing import Array, PyTree
from minidl.optimizers.base import Optimizer
from minidl.optimizers.options import LearningRate
from minidl.optimizers.slots import State, zeros_like


class SGD(Optimizer):
    """Stochastic gradient descent, with optional momentum.

    Without momentum: `weight -= learning_rate * gradient`. With momentum m:

        velocity = m * velocity - learning_rate * gradient
        weight += velocity                                      (plain)
        weight += m * velocity - learning_rate * gradient       (Nesterov)

    Args:
        learning_rate: default 0.01.
        momentum: from 0 to 1.
        nesterov: whether to use Nesterov momentum (Sutskever et al., 2013).
        **kwargs: see `Optimizer`.

    Raises:
        ValueError: momentum out of its range.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> SGD(learning_rate=0.5).apply([2.0], [weight])
    >>> float(weight)
    9.0
    """

    elementwise = True

    def __init__(
        self, learning_rate: LearningRate = 0.01, momentum: float = 0.0, nesterov: bool = False, **kwargs: Any
    ):
        super().__init__(learning_rate, **kwargs)
        if not 0 <= momentum <= 1:
            raise ValueError(f"SGD: momentum must be at least 0 and at most 1, got {momentum}.")
        self.momentum = momentum
        self.nesterov = nesterov

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return descend(self.momentum, self.nesterov)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


def descend(momentum: float = 0.0, nesterov: bool = False) -> optax.GradientTransformationExtraArgs:
    """The transformation of `SGD`. The velocity includes the learning rate, as in Keras; optax.trace's does not."""

    def init(params: PyTree) -> State:
        return {"momentum": zeros_like(params)} if momentum else {}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, **_: Any
    ) -> tuple[PyTree, State]:
        steps = jax.tree.map(lambda g: -(g * learning_rate.astype(g.dtype)), grads)
        if not momentum:
            return steps, state
        velocity = jax.tree.map(lambda v, s: v * momentum + s, state["momentum"], steps)
        updates = jax.tree.map(lambda v, s: v * momentum + s, velocity, steps) if nesterov else velocity
        return updates, {"momentum": velocity}

    return optax.GradientTransformationExtraArgs(init, update)
