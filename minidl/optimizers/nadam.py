"""Nadam: Adam with Nesterov momentum and a warmup of the momentum."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from minidl.core import dtypes
from minidl.core.typing import Array, PyTree
from minidl.optimizers import options
from minidl.optimizers.base import Optimizer
from minidl.optimizers.options import LearningRate
from minidl.optimizers.slots import State, as_single, zeros_like

WARMUP = 0.96  # base of the momentum's warmup: it rises from about beta_1 / 2 to beta_1


class Nadam(Optimizer):
    """Nadam (Dozat, 2016), with the paper's schedule of the momentum.

        u_t = beta_1 * (1 - 0.96^t / 2)
        m += (1 - beta_1) (gradient - m)
        v += (1 - beta_2) (gradient^2 - v)
        ahead = u_(t+1) * m / (1 - u_1 ... u_(t+1)) + (1 - u_t) * gradient / (1 - u_1 ... u_t)
        weight -= learning_rate * ahead / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Args:
        learning_rate: default 0.001.
        beta_1: the decay rate of m.
        beta_2: the decay rate of v.
        epsilon: see above; default 1e-7.
        **kwargs: see `Optimizer`.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> Nadam(learning_rate=0.1).apply([2.0], [weight])
    >>> round(float(weight), 4)
    9.8937
    """

    elementwise = True
    _slot_groups = (("momentum", "velocity"),)

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
        return scale_by_nadam(self.beta_1, self.beta_2, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


def scale_by_nadam(beta_1: float, beta_2: float, epsilon: float) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Nadam`. optax.nadam has no schedule of the momentum."""
    beta_1, beta_2 = as_single(beta_1), as_single(beta_2)

    def init(params: PyTree) -> State:
        dtype = params[0].dtype if params else dtypes.floatx()
        # u_product is u_1 ... u_t, one number for all weights.
        return {"momentum": zeros_like(params), "velocity": zeros_like(params), "u_product": np.ones((), dtype)}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, step: Array, **_: Any
    ) -> tuple[PyTree, State]:
        t = (step + 1).astype(learning_rate.dtype)
        current = beta_1 * (1 - 0.5 * jnp.power(WARMUP, t))
        following = beta_1 * (1 - 0.5 * jnp.power(WARMUP, t + 1))
        product = state["u_product"] * current.astype(state["u_product"].dtype)
        m = optax.tree.update_moment(grads, state["momentum"], beta_1, 1)
        v = optax.tree.update_moment(grads, state["velocity"], beta_2, 2)
        of_mean, of_gradient = following / (1 - product * following), (1 - current) / (1 - product)

        def change(m: Array, v: Array, g: Array) -> Array:
            ahead = of_mean.astype(m.dtype) * m + of_gradient.astype(m.dtype) * g
            return -learning_rate.astype(m.dtype) * ahead / (jnp.sqrt(v) + epsilon)

        updates = jax.tree.map(change, m, optax.tree.bias_correction(v, beta_2, step + 1), grads)
        return updates, {"momentum": m, "velocity": v, "u_product": product}

    return optax.GradientTransformationExtraArgs(init, update)
