"""ScheduleFreeAdamW: AdamW with weight averaging in place of a learning rate schedule."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from minidl.core.typing import Array, PyTree
from minidl.optimizers import options
from minidl.optimizers.base import Optimizer
from minidl.optimizers.options import LearningRate
from minidl.optimizers.slots import State, as_single, zeros_like


class ScheduleFreeAdamW(Optimizer):
    """Schedule-free AdamW (Defazio et al., 2024).

    Gradients update z; x is the mean of all z so far; the weight y interpolates between the two:

        x = (y - (1 - beta_1) * z) / beta_1
        v += (1 - beta_2) (gradient^2 - v)
        z -= learning_rate * min(1, t / warmup_steps) * gradient / (sqrt(v / (1 - beta_2^t)) + epsilon)
        x += (z - x) / t
        y = beta_1 * x + (1 - beta_1) * z

    Args:
        learning_rate: default 0.0025.
        beta_1: the share of x in the weight.
        beta_2: the decay rate of v.
        epsilon: see above; default 1e-8.
        warmup_steps: the number of steps over which the learning rate rises from 0.
        **kwargs: see `Optimizer`.

    Example:
    >>> from minidl.core.variables import Variable
    >>> weight = Variable(10.0)
    >>> ScheduleFreeAdamW(learning_rate=0.1).apply([2.0], [weight])
    >>> round(float(weight), 4)
    9.9
    """

    elementwise = True
    _slot_groups = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        options.check_decays(type(self).__name__, beta_1=beta_1, beta_2=beta_2)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return scale_schedule_free(self.beta_1, self.beta_2, self.epsilon, self.warmup_steps)

    def get_config(self) -> dict[str, Any]:
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "warmup_steps": self.warmup_steps,
        }
        return {**super().get_config(), **own}


def scale_schedule_free(
    beta_1: float, beta_2: float, epsilon: float, warmup_steps: int
) -> optax.GradientTransformationExtraArgs:
    """The transformation of `ScheduleFreeAdamW`; "momentum" is z. optax.contrib's weights the mean differently."""
    beta_1, beta_2 = as_single(beta_1), as_single(beta_2)

    def init(params: PyTree) -> State:
        return {"momentum": jax.tree.map(np.array, params), "velocity": zeros_like(params)}

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, step: Array, **_: Any
    ) -> tuple[PyTree, State]:
        t = (step + 1).astype(learning_rate.dtype)
        rate = learning_rate * jnp.minimum(1, t / warmup_steps) if warmup_steps > 0 else learning_rate
        v = optax.tree.update_moment(grads, state["velocity"], beta_2, 2)
        unbiased = optax.tree.bias_correction(v, beta_2, step + 1)
        z = jax.tree.map(
            lambda z, g, v: z - rate.astype(g.dtype) * g / (jnp.sqrt(v) + epsilon), state["momentum"], grads, unbiased
        )

        def change(y: Array, old: Array, new: Array) -> Array:
            x = (y - (1 - beta_1) * old) / beta_1
            x = x + (new - x) / t.astype(x.dtype)
            return beta_1 * x + (1 - beta_1) * new - y

        return jax.tree.map(change, params, state["momentum"], z), {"momentum": z, "velocity": v}

    return optax.GradientTransformationExtraArgs(init, update)
