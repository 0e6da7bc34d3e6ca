"""LossScaleOptimizer: dynamic loss scaling around another optimizer, for float16 training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from minidl.core import serialization
from minidl.core.typing import ArrayLike
from minidl.core.variables import Variable
from minidl.optimizers.base import Optimizer
from minidl.optimizers.state import either
from minidl.optimizers.table import deserialize

# Arguments in configs of older versions of Keras, with the only values that are accepted.
_FORMER = {
    "dynamic": True,
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class LossScaleOptimizer(Optimizer):
    """Dynamic loss scaling, so that small gradients do not underflow in float16 (Micikevicius et al., 2018).

    The loss is multiplied by a scale, and the gradients are divided by it. A step whose gradients are not all
    finite is skipped and halves the scale; `dynamic_growth_steps` finite steps in a row double it.

    Args:
        inner_optimizer: the optimizer that updates the weights.
        initial_scale: the scale at the start; choose a high one, since it falls faster than it rises.
        dynamic_growth_steps: the number of finite steps in a row after which the scale is doubled.
        name: default "loss_scale_optimizer".
        **kwargs: only for configs of older Keras versions; pass the options of `Optimizer` to the inner optimizer.

    Raises:
        TypeError: the inner optimizer is not an `Optimizer`.
        ValueError: another argument.

    Example:
    >>> from minidl.optimizers.sgd import SGD
    >>> weight = Variable(10.0)
    >>> optimizer = LossScaleOptimizer(SGD(0.5), initial_scale=8.0)
    >>> optimizer.apply([16.0], [weight])
    >>> optimizer.apply([float("inf")])
    >>> float(weight), float(optimizer.dynamic_scale)
    (9.0, 4.0)
    """

    takes_any_argument = True

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ):
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeError(f"LossScaleOptimizer: inner_optimizer must be an Optimizer, got {inner_optimizer!r}.")
        if unknown := [key for key in kwargs if key not in _FORMER]:
            raise ValueError(f"LossScaleOptimizer: unknown arguments: `{'`, `'.join(unknown)}`.")
        for key, value in kwargs.items():
            if value != _FORMER[key]:
                advice = "for a fixed scale, set `loss_scale_factor`" if key == "dynamic" else f"set `{key}`"
                raise ValueError(f"LossScaleOptimizer: got {key}={value!r}; {advice} of the inner optimizer.")
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None  # the scale of this optimizer replaces it

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        self.inner_optimizer.build(variables)
        super().build(variables)
        self.step_counter = self.add_variable((), "zeros", "int32", name="step_counter")
        self.dynamic_scale = self.add_variable((), "zeros", "float32", name="dynamic_scale")
        self.dynamic_scale.assign(self.initial_scale)

    def extend(self, variables: Sequence[Variable]) -> None:
        self.inner_optimizer.extend(variables)
        self._weights = list(self.inner_optimizer._weights)

    def _build_slots(self) -> None:
        """The inner optimizer has the slots."""

    @property
    def variables(self) -> list[Variable]:
        return [*super().variables, *self.inner_optimizer.variables]

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> Any:
        """The number of updates of the weights."""
        return self.inner_optimizer.iterations

    def scale_loss(self, loss: ArrayLike) -> ArrayLike:
        return loss * (self.dynamic_scale.value if self.built else self.initial_scale)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        if len(grads) == 0:  # nothing to train
            return
        weights = self._checked_weights(grads, trainable_variables)
        scale, counter = self.dynamic_scale, self.step_counter

        def unscaled(grad: Any, weight: Variable) -> Any:
            return grad if grad is None or weight.overwrite_with_gradient else grad / scale.value

        def update() -> None:
            self.inner_optimizer.apply([unscaled(*pair) for pair in zip(grads, weights)], weights)
            is_due = counter.value == self.dynamic_growth_steps - 1
            scale.assign(jnp.where(is_due, 2 * scale.value, scale.value))
            counter.assign(jnp.where(is_due, 0, counter.value + 1))

        def skip() -> None:
            scale.assign(scale.value / 2)
            counter.assign(jnp.zeros_like(counter.value))

        finite = [jnp.all(jnp.isfinite(grad)) for grad in grads if grad is not None]
        either(jnp.all(jnp.array(finite)), update, skip, [*self._weights, *self.variables])

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": serialization.serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        inner = deserialize(config["inner_optimizer"], custom_objects)
        return cls(**{**config, "inner_optimizer": inner})
