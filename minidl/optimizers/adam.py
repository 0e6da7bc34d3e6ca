"""Adam and AdamW: steps scaled by running means of the gradient and its square."""

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


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), in the form of the paper's section 2.

        m += (1 - beta_1) (gradient - m)
        v += (1 - beta_2) (gradient^2 - v)
        alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
        weight -= alpha * m / (sqrt(v) + epsilon)

    Epsilon is added outside the bias correction, as in Keras; optax adds it inside.

    Args:
        learning_rate: default 0.001.
        beta_1: the decay rate of m.
        beta_2: the decay rate of v.
        epsilon: see above; default 1e-7.
        amsgrad: whether to use the largest v so far in the last line (Reddi et al., 2018).
        **kwargs: see `Optimizer`.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> Adam(learning_rate=0.1).apply([2.0], [weight])
    >>> round(float(weight), 4)
    9.9
    """

    elementwise = True
    _slot_groups = (("momentum", "velocity"), ("velocity_hat",))

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        options.check_decays(type(self).__name__, beta_1=beta_1, beta_2=beta_2)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return scale_by_adam(self.beta_1, self.beta_2, self.epsilon, self.amsgrad)

    def get_config(self) -> dict[str, Any]:
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon, "amsgrad": self.amsgrad}
        return {**super().get_config(), **own}


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

        weight -= weight_decay * learning_rate * weight         (then Adam's update)

    Args:
        learning_rate: default 0.001.
        weight_decay: default 0.004.
        beta_1: see `Adam`.
        beta_2: see `Adam`.
        epsilon: see `Adam`.
        amsgrad: see `Adam`.
        **kwargs: see `Optimizer`.

    Raises:
        ValueError: weight_decay is None; use `Adam` instead.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> AdamW(learning_rate=0.1, weight_decay=0.1).apply([2.0], [weight])
    >>> round(float(weight), 4)
    9.8
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)
        if weight_decay is None:
            raise ValueError("AdamW: weight_decay must be a number, got None. Without weight decay, use Adam.")


def scale_by_adam(
    beta_1: float, beta_2: float, epsilon: float, amsgrad: bool = False
) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Adam`."""

    def init(params: PyTree) -> State:
        names = ("momentum", "velocity", "velocity_hat") if amsgrad else ("momentum", "velocity")
        return {name: zeros_like(params) for name in names}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, step: Array, **_: Any
    ) -> tuple[PyTree, State]:
        t = (step + 1).astype(learning_rate.dtype)
        alpha = learning_rate * jnp.sqrt(1 - jnp.power(beta_2, t)) / (1 - jnp.power(beta_1, t))
        m = jax.tree.map(lambda m, g: m + (g - m) * (1 - beta_1), state["momentum"], grads)
        v = jax.tree.map(lambda v, g: v + (jnp.square(g) - v) * (1 - beta_2), state["velocity"], grads)
        state = {"momentum": m, "velocity": v} | (
            {"velocity_hat": jax.tree.map(jnp.maximum, state["velocity_hat"], v)} if amsgrad else {}
        )
        scale = state["velocity_hat"] if amsgrad else v
        updates = jax.tree.map(lambda m, v: -(m * alpha.astype(m.dtype)) / (jnp.sqrt(v) + epsilon), m, scale)
        return updates, state

    return optax.GradientTransformationExtraArgs(init, update)
