"""Adamax: Adam with an exponentially weighted infinity norm in place of the mean square."""

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


class Adamax(Optimizer):
    """Adamax (Kingma and Ba, 2015, section 7.1).

        m += (1 - beta_1) (gradient - m)
        u = max(beta_2 * u, |gradient|)
        weight -= learning_rate / (1 - beta_1^t) * m / (u + epsilon)

    Args:
        learning_rate: default 0.001.
        beta_1: the decay rate of m.
        beta_2: the decay rate of u.
        epsilon: see above; default 1e-7.
        **kwargs: see `Optimizer`.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> Adamax(learning_rate=0.1).apply([2.0], [weight])
    >>> round(float(weight), 4)
    9.9
    """

    elementwise = True
    _slot_groups = (("momentum", "norm"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        options.check_decays(type(self).__name__, beta_1=beta_1, beta_2=beta_2)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return scale_by_infinity_norm(self.beta_1, self.beta_2, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


def scale_by_infinity_norm(beta_1: float, beta_2: float, epsilon: float) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Adamax`. Epsilon is added to u, as in Keras; optax adds it to the gradient."""

    def init(params: PyTree) -> State:
        return {"momentum": zeros_like(params), "norm": zeros_like(params)}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, step: Array, **_: Any
    ) -> tuple[PyTree, State]:
        m = optax.tree.update_moment(grads, state["momentum"], beta_1, 1)
        u = jax.tree.map(lambda u, g: jnp.maximum(beta_2 * u, jnp.abs(g)), state["norm"], grads)
        unbiased = optax.tree.bias_correction(m, beta_1, step + 1)
        updates = jax.tree.map(lambda m, u: -learning_rate.astype(m.dtype) * m / (u + epsilon), unbiased, u)
        return updates, {"momentum": m, "norm": u}

    return optax.GradientTransformationExtraArgs(init, update)
