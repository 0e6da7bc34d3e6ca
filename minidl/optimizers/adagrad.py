"""Adagrad and Adadelta: gradients divided by the root of their accumulated squares."""

from __future__ import annotations

from typing import Any

import optax

from minidl.core.typing import Array, PyTree
from minidl.optimizers import options
from minidl.optimizers.base import Optimizer
from minidl.optimizers.options import LearningRate
from minidl.optimizers.slots import State, descend_by, full_like, zeros_like


class Adagrad(Optimizer):
    """Adagrad (Duchi et al., 2011): the larger the past gradients of a weight, the smaller its steps.

        a += gradient^2
        weight -= learning_rate * gradient / sqrt(a + epsilon)

    Args:
        learning_rate: default 0.001; the paper's examples work with about 1.
        initial_accumulator_value: initial value of a.
        epsilon: see above; default 1e-7.
        **kwargs: see `Optimizer`.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> Adagrad(learning_rate=0.1).apply([2.0], [weight])
    >>> round(float(weight), 4)
    9.9012
    """

    elementwise = True

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return scale_by_accumulator(self.initial_accumulator_value, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        own = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012): steps that have the unit of the weights.

        a = rho * a + (1 - rho) * gradient^2
        delta = gradient * sqrt(d + epsilon) / sqrt(a + epsilon)
        d = rho * d + (1 - rho) * delta^2
        weight -= learning_rate * delta

    Args:
        learning_rate: default 0.001; the paper's is 1.
        rho: the decay rate of a and d.
        epsilon: see above; default 1e-7.
        **kwargs: see `Optimizer`.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> Adadelta(learning_rate=1.0).apply([2.0], [weight])
    >>> round(float(weight), 4)
    9.9986
    """

    elementwise = True
    _slot_groups = (("accumulated_grad", "accumulated_delta_var"),)

    def __init__(self, learning_rate: LearningRate = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **kwargs: Any):
        super().__init__(learning_rate, **kwargs)
        options.check_decays(type(self).__name__, rho=rho)
        self.rho = rho
        self.epsilon = epsilon

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return scale_by_adadelta(self.rho, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


def scale_by_accumulator(initial: float, epsilon: float) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Adagrad`: optax's, times the learning rate."""
    scale = optax.scale_by_rss(initial, epsilon)

    def init(params: PyTree) -> State:
        return {"accumulator": full_like(params, initial)}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, **_: Any
    ) -> tuple[PyTree, State]:
        scaled, new = scale.update(grads, optax.ScaleByRssState(state["accumulator"]))
        return descend_by(scaled, learning_rate), {"accumulator": new.sum_of_squares}

    return optax.GradientTransformationExtraArgs(init, update)


def scale_by_adadelta(rho: float, epsilon: float) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Adadelta`: optax's, times the learning rate."""
    scale = optax.scale_by_adadelta(rho, epsilon)

    def init(params: PyTree) -> State:
        return {"accumulated_grad": zeros_like(params), "accumulated_delta_var": zeros_like(params)}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, **_: Any
    ) -> tuple[PyTree, State]:
        old = optax.ScaleByAdaDeltaState(state["accumulated_grad"], state["accumulated_delta_var"])
        scaled, new = scale.update(grads, old)
        return descend_by(scaled, learning_rate), {"accumulated_grad": new.e_g, "accumulated_delta_var": new.e_x}

    return optax.GradientTransformationExtraArgs(init, update)
