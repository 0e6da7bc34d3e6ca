"""Lamb: Adam with steps proportional to the norm of each weight, for large batches."""

from __future__ import annotations

from typing import Any

import optax

from minidl.core.typing import Array, PyTree
from minidl.optimizers import options
from minidl.optimizers.base import Optimizer
from minidl.optimizers.options import LearningRate
from minidl.optimizers.slots import State, descend_by, zeros_like


class Lamb(Optimizer):
    """Lamb (You et al., 2020).

        m += (1 - beta_1) (gradient - m)
        v += (1 - beta_2) (gradient^2 - v)
        u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
        weight -= learning_rate * |weight| / |u| * u

    |.| is the Euclidean norm of the whole array; where either norm is 0, their ratio is 1.

    Args:
        learning_rate: default 0.001.
        beta_1: the decay rate of m.
        beta_2: the decay rate of v.
        epsilon: see above; default 1e-7.
        **kwargs: see `Optimizer`.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> Lamb(learning_rate=0.1).apply([2.0], [weight])
    >>> round(float(weight), 4)
    9.0
    """

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
        return scale_by_adam_and_trust_ratio(self.beta_1, self.beta_2, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


def scale_by_adam_and_trust_ratio(
    beta_1: float, beta_2: float, epsilon: float
) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Lamb`: optax's two parts, times the learning rate."""
    adam, trust_ratio = optax.scale_by_adam(beta_1, beta_2, epsilon), optax.scale_by_trust_ratio()

    def init(params: PyTree) -> State:
        return {"momentum": zeros_like(params), "velocity": zeros_like(params)}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, step: Array, **_: Any
    ) -> tuple[PyTree, State]:
        old = optax.ScaleByAdamState(step, state["momentum"], state["velocity"])
        directions, new = adam.update(grads, old)
        directions, _ = trust_ratio.update(directions, optax.EmptyState(), params)
        return descend_by(directions, learning_rate), {"momentum": new.mu, "velocity": new.nu}

    return optax.GradientTransformationExtraArgs(init, update)
