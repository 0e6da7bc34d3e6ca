"""Muon: momentum made orthogonal for matrices, AdamW for all other weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import optax

from minidl.core.variables import Variable
from minidl.optimizers import options
from minidl.optimizers.adam import adapt
from minidl.optimizers.base import Optimizer
from minidl.optimizers.slots import State, zeros_like


class Muon(Optimizer):
    """Muon (Jordan et al., 2024).

    For weights with two axes:

        m = momentum * m + gradient
        g = gradient + momentum * m                         (or m itself, without Nesterov)
        weight -= learning_rate * rms_rate * sqrt(max(rows, columns)) * orthogonal(g)

    `orthogonal` gives the matrix with g's directions and singular values near 1, by `ns_steps` steps of a
    Newton-Schulz iteration; the factor before it is Moonlight's (Liu et al., 2025). Weights with another number of
    axes, embeddings and what `exclude_layers` names are updated as by `AdamW`. Name the output layer there.

    Args:
        learning_rate: default 0.001.
        adam_beta_1: see `Adam`.
        adam_beta_2: see `Adam`.
        adam_weight_decay: the weight decay of the weights that Adam updates.
        epsilon: see `Adam`.
        weight_decay: the weight decay of the weights that Muon updates.
        clipnorm: see `Optimizer`, like the arguments up to name.
        clipvalue: see `Optimizer`.
        global_clipnorm: see `Optimizer`.
        use_ema: see `Optimizer`.
        ema_momentum: see `Optimizer`.
        ema_overwrite_frequency: see `Optimizer`.
        loss_scale_factor: see `Optimizer`.
        gradient_accumulation_steps: see `Optimizer`.
        name: see `Optimizer`.
        exclude_layers: patterns; weights in whose path one is found are Adam's.
        exclude_embeddings: whether weights with "embedding" in their path are Adam's.
        muon_a: the first coefficient of the iteration `a x + b (x x^T) x + c (x x^T)^2 x`.
        muon_b: the second.
        muon_c: the third.
        adam_lr_ratio: the learning rate of Adam's weights, as a multiple of `learning_rate`.
        momentum: see above.
        ns_steps: how many steps the iteration takes.
        nesterov: whether to look ahead.
        rms_rate: see above; None leaves the factor out.

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
        learning_rate: Any = 0.001,
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
        is_adams = [self._is_adams(weight) for weight in self._weights]
        return orthogonalize_some(
            is_adams,
            adapt(self.adam_beta_1, self.adam_beta_2, self.epsilon),
            self.adam_lr_ratio,
            self.momentum,
            self.nesterov,
            self._orthogonal,
        )

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Nearly the nearest orthogonal matrix: steps of the Newton-Schulz iteration, on the wide form of a matrix."""
        turned = x.shape[0] > x.shape[1]
        y = x.T if turned else x
        y = y / (jnp.linalg.norm(y) + 1e-7)
        for _ in range(steps):
            square = y @ y.T
            y = self.muon_a * y + (self.muon_b * square + self.muon_c * square @ square) @ y
        return y.T if turned else y

    def lr_adjust(self, x: Any) -> Any:
        """An orthogonal matrix as long as Adam's updates are, whose root mean square is then `rms_rate`."""
        return x if self.rms_rate is None else x * (max(x.shape) ** 0.5 * self.rms_rate)

    def _orthogonal(self, x: Any) -> Any:
        return self.lr_adjust(self.zeropower_via_newtonschulz5(x, self.ns_steps))

    def _is_adams(self, weight: Variable) -> bool:
        is_embedding = self.exclude_embeddings and "embedding" in weight.path.lower()
        return weight.ndim != 2 or is_embedding or any(re.search(name, weight.path) for name in self.exclude_layers)

    def _decay_of(self, weight: Variable) -> float | None:
        if self._is_excluded_from_decay(weight):
            return None
        return self.adam_weight_decay if self._is_adams(weight) else self.weight_decay

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
    is_adams: Sequence[bool],
    adam: optax.GradientTransformationExtraArgs,
    adam_lr_ratio: float,
    momentum: float,
    nesterov: bool,
    orthogonal: Callable[[Any], Any],
) -> optax.GradientTransformationExtraArgs:
    """The transformation of `Muon`. A weight is Adam's if it has a velocity, which `init` decides by `is_adams`."""

    def init(params: Any) -> State:
        velocity = [zero if is_adam else None for zero, is_adam in zip(zeros_like(params), is_adams)]
        return {"momentum": zeros_like(params), "velocity": velocity}

    def update_one(g: Any, m: Any, v: Any, learning_rate: Any, step: Any) -> tuple[Any, Any, Any]:
        if v is not None:
            state = {"momentum": m, "velocity": v}
            change, state = adam.update(g, state, learning_rate=learning_rate * adam_lr_ratio, step=step)
            return change, state["momentum"], state["velocity"]
        m = momentum * m + g
        direction = orthogonal(g + momentum * m if nesterov else m)
        return -learning_rate.astype(g.dtype) * direction, m, None

    def update(
        grads: Any, state: State, params: Any = None, *, learning_rate: Any, step: Any, **_: Any
    ) -> tuple[Any, State]:
        turns = zip(grads, state["momentum"], state["velocity"])
        changes, m, v = map(list, zip(*(update_one(*turn, learning_rate, step) for turn in turns)))
        return changes, {"momentum": m, "velocity": v}

    return optax.GradientTransformationExtraArgs(init, update)
