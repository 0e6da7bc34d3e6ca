"""Muon: orthogonalized momentum for matrices, AdamW for all other weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import optax

from minidl.core.typing import Array, PyTree
from minidl.core.variables import Variable
from minidl.optimizers import options
from minidl.optimizers.adam import scale_by_adam
from minidl.optimizers.base import Optimizer
from minidl.optimizers.options import LearningRate
from minidl.optimizers.slots import State, zeros_like


class Muon(Optimizer):
    """Muon (Jordan et al., 2024).

    For weights with two axes:

        m = momentum * m + gradient
        g = gradient + momentum * m                         (or m itself, without Nesterov)
        weight -= learning_rate * rms_rate * sqrt(max(rows, columns)) * orthogonal(g)

    `orthogonal(g)` has the singular vectors of g and singular values near 1, by `ns_steps` steps of a Newton-Schulz
    iteration; the factor before it is Moonlight's (Liu et al., 2025). Weights with another number of axes,
    embeddings, and weights that match `exclude_layers` (list the output layer there) are updated with `AdamW`.

    Args:
        learning_rate: default 0.001.
        adam_beta_1: see `Adam`.
        adam_beta_2: see `Adam`.
        adam_weight_decay: the weight decay of the weights that AdamW updates.
        epsilon: see `Adam`.
        weight_decay: the weight decay of the weights that Muon updates.
        clipnorm: see `Optimizer`.
        clipvalue: see `Optimizer`.
        global_clipnorm: see `Optimizer`.
        use_ema: see `Optimizer`.
        ema_momentum: see `Optimizer`.
        ema_overwrite_frequency: see `Optimizer`.
        loss_scale_factor: see `Optimizer`.
        gradient_accumulation_steps: see `Optimizer`.
        name: see `Optimizer`.
        exclude_layers: regular expressions; weights whose path contains a match are updated with AdamW.
        exclude_embeddings: whether weights with "embedding" in their path are updated with AdamW.
        muon_a: the first coefficient of the iteration `a x + b (x x^T) x + c (x x^T)^2 x`.
        muon_b: the second.
        muon_c: the third.
        adam_lr_ratio: the learning rate of AdamW, as a multiple of `learning_rate`.
        momentum: see above.
        ns_steps: the number of steps of the iteration.
        nesterov: whether to use Nesterov momentum.
        rms_rate: see above; None for a factor of 1.

    Example:
    >>> weight = Variable([[3.0, 0.0], [0.0, 3.0]])
    >>> optimizer = Muon(0.5, weight_decay=None, muon_a=1.5, muon_b=-0.5, muon_c=0.0, ns_steps=20, rms_rate=None)
    >>> optimizer.apply([jnp.array([[0.25, 0.0], [0.0, 0.125]])], [weight])
    >>> weight.numpy().round(3).tolist()
    [[2.5, 0.0], [0.0, 2.5]]
    """

    _slot_groups = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
    ):
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
        )
        options.check_decays(type(self).__name__, adam_beta_1=adam_beta_1, adam_beta_2=adam_beta_2, momentum=momentum)
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or ())
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        uses_adam = [self._uses_adam(weight) for weight in self._weights]
        return orthogonalize_some(
            uses_adam,
            scale_by_adam(self.adam_beta_1, self.adam_beta_2, self.epsilon),
            self.adam_lr_ratio,
            self.momentum,
            self.nesterov,
            self._orthogonal,
        )

    def zeropower_via_newtonschulz5(self, x: Array, steps: int) -> Array:
        """Approximately the nearest orthogonal matrix, by Newton-Schulz iteration on the matrix or its transpose."""
        is_tall = x.shape[0] > x.shape[1]
        y = x.T if is_tall else x
        y = y / (jnp.linalg.norm(y) + 1e-7)
        for _ in range(steps):
            square = y @ y.T
            y = self.muon_a * y + (self.muon_b * square + self.muon_c * square @ square) @ y
        return y.T if is_tall else y

    def lr_adjust(self, x: Array) -> Array:
        """An orthogonal matrix scaled to the root mean square `rms_rate`, which is typical of Adam's updates."""
        return x if self.rms_rate is None else x * (max(x.shape) ** 0.5 * self.rms_rate)

    def _orthogonal(self, x: Array) -> Array:
        return self.lr_adjust(self.zeropower_via_newtonschulz5(x, self.ns_steps))

    def _uses_adam(self, weight: Variable) -> bool:
        is_embedding = self.exclude_embeddings and "embedding" in weight.path.lower()
        return weight.ndim != 2 or is_embedding or any(re.search(name, weight.path) for name in self.exclude_layers)

    def _decay_of(self, weight: Variable) -> float | None:
        if self._is_excluded_from_decay(weight):
            return None
        return self.adam_weight_decay if self._uses_adam(weight) else self.weight_decay

    def get_config(self) -> dict[str, Any]:
        own = {
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "exclude_embeddings": self.exclude_embeddings,
            "adam_weight_decay": self.adam_weight_decay,
            "rms_rate": self.rms_rate,
        }
        return {**super().get_config(), **own}


def orthogonalize_some(
    uses_adam: Sequence[bool],
    adam: optax.GradientTransformationExtraArgs,
    adam_lr_ratio: float,
    momentum: float,
    nesterov: bool,
    orthogonal: Callable[[Array], Array],
) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Muon`. Weights with a velocity are updated with Adam; `init` makes it by `uses_adam`."""

    def init(params: PyTree) -> State:
        velocity = [zero if is_adam else None for zero, is_adam in zip(zeros_like(params), uses_adam)]
        return {"momentum": zeros_like(params), "velocity": velocity}

    def update_one(g: Array, m: Array, v: Array | None, rate: Array, step: Array) -> tuple[Array, Array, Array | None]:
        if v is not None:
            state = {"momentum": m, "velocity": v}
            change, state = adam.update(g, state, learning_rate=rate * adam_lr_ratio, step=step)
            return change, state["momentum"], state["velocity"]
        m = momentum * m + g
        direction = orthogonal(g + momentum * m if nesterov else m)
        return -rate.astype(g.dtype) * direction, m, None

    def update(
        grads: PyTree, state: State, params: PyTree = None, *, learning_rate: Array, step: Array, **_: Any
    ) -> tuple[PyTree, State]:
        weights = zip(grads, state["momentum"], state["velocity"])
        changes, m, v = map(list, zip(*(update_one(*weight, learning_rate, step) for weight in weights)))
        return changes, {"momentum": m, "velocity": v}

    return optax.GradientTransformationExtraArgs(init, update)
