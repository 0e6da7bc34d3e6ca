"""Lion: steps of the learning rate's size, by the sign of an interpolated momentum."""

from __future__ import annotations

from typing import Any

import optax

from minidl.core.typing import Array, PyTree
from minidl.optimizers import options
from minidl.optimizers.base import Optimizer
from minidl.optimizers.options import LearningRate
from minidl.optimizers.slots import State, descend_by, zeros_like


class Lion(Optimizer):
    """Lion (Chen et al., 2023).

        weight -= learning_rate * sign(beta_1 * m + (1 - beta_1) * gradient)
        m = beta_2 * m + (1 - beta_2) * gradient

    Every element of a weight moves by the learning rate, so use a third to a tenth of Adam's.

    Args:
        learning_rate: default 0.001.
        beta_1: the share of m in a step, above 0 and at most 1.
        beta_2: the decay rate of m.
        **kwargs: see `Optimizer`.

    Raises:
        ValueError: beta_1 out of its range.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> Lion(learning_rate=0.5).apply([2.0], [weight])
    >>> float(weight)
    9.5
    """

    elementwise = True

    def __init__(self, learning_rate: LearningRate = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **kwargs: Any):
        super().__init__(learning_rate, **kwargs)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                f"Lion: beta_1 must be above 0 and at most 1, got {beta_1}: with 0 only the gradient's sign is used."
            )
        options.check_decays("Lion", beta_2=beta_2)
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return scale_by_sign(self.beta_1, self.beta_2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}


def scale_by_sign(beta_1: float, beta_2: float) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Lion`: optax's, times the learning rate."""
    scale = optax.scale_by_lion(beta_1, beta_2)

    def init(params: PyTree) -> State:
        return {"momentum": zeros_like(params)}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, step: Array, **_: Any
    ) -> tuple[PyTree, State]:
        signs, new = scale.update(grads, optax.ScaleByLionState(step, state["momentum"]))
        return descend_by(signs, learning_rate), {"momentum": new.mu}

    return optax.GradientTransformationExtraArgs(init, update)
