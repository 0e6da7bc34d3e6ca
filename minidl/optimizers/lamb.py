"""Lamb: Adam with steps in proportion to the size of each weight, for large batches."""

from __future__ import annotations

from typing import Any

import optax

from minidl.optimizers import options
from minidl.optimizers.base import Optimizer
from minidl.optimizers.slots import State, descend_by, zeros_like


class Lamb(Optimizer):
    """Lamb (You et al., 2020).

        m += (1 - beta_1) (gradient - m)
        v += (1 - beta_2) (gradient^2 - v)
        u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
        weight -= learning_rate * |weight| / |u| * u

    |.| is the Euclidean norm of the whole array; where one is 0, the quotient of norms is 1.

    Args:
        learning_rate: default 0.001.
        beta_1: the decay of m.
        beta_2: the decay of v.
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
        learning_rate: Any = 0.001,
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
        return adapt_in_proportion(self.beta_1, self.beta_2, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


def adapt_in_proportion(beta_1: float, beta_2: float, epsilon: float) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Lamb`: optax's two parts, with the learning rate."""
    adam, proportion = optax.scale_by_adam(beta_1, beta_2, epsilon), optax.scale_by_trust_ratio()

    def init(params: Any) -> State:
        return {"momentum": zeros_like(params), "velocity": zeros_like(params)}

    def update(
        grads: Any, state: State, params: Any = None, *, learning_rate: Any, step: Any, **_: Any
    ) -> tuple[Any, State]:
        old = optax.ScaleByAdamState(step, state["momentum"], state["velocity"])
        directions, new = adam.update(grads, old)
        directions, _ = proportion.update(directions, optax.EmptyState(), params)
        return descend_by(directions, learning_rate), {"momentum": new.mu, "velocity": new.nu}

    return optax.GradientTransformationExtraArgs(init, update)
