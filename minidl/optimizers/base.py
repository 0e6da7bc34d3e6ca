"""Optimizer: a configured optax transformation whose state is stored in variables.

A subclass defines its arguments and one optax transformation, from gradients to updates of the weights; or, as in
Keras, an `update_step` that updates one weight. The base class has what all optimizers share, in the order of a step:
undo loss scaling, accumulate gradients, clip, decay weights, transform, average, apply constraints.

The transformation receives the learning rate and the step as extra arguments of `update`, so both can change during
training without recompilation.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import optax

from minidl.core import dtypes
from minidl.core.functional import functional
from minidl.core.naming import auto_name
from minidl.core.tracebacks import filtered, warn
from minidl.core.typing import ArrayLike
from minidl.core.variables import Variable
from minidl.optimizers import options, schedules
from minidl.optimizers.options import LearningRate
from minidl.optimizers.state import LAST_ITERATION, OptimizerState, either


class Optimizer(OptimizerState):
    """Base class of optimizers.

    A subclass defines either `transformation`, or `build` and `update_step`:

    >>> class Momentum(Optimizer):
    ...     def build(self, variables):
    ...         super().build(variables)
    ...         self.velocities = [self.add_variable_from_reference(v, name="velocity") for v in variables]
    ...
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         velocity = self.velocities[self._get_variable_index(variable)]
    ...         self.assign(velocity, 0.5 * velocity - learning_rate * gradient)
    ...         self.assign_add(variable, velocity)
    >>> weight = Variable(1.0)
    >>> optimizer = Momentum(learning_rate=0.25)
    >>> for _ in range(2):
    ...     optimizer.apply([1.0], [weight])
    >>> float(weight)
    0.375

    Args:
        learning_rate: a number, or a schedule (of `schedules` or optax, or any function of the step or of nothing).
        weight_decay: w in `weight -= weight * w * learning_rate` before each update
            (decoupled, Loshchilov and Hutter, 2019).
        clipnorm: the maximum norm of the gradient of each weight; larger ones are scaled down.
        clipvalue: the maximum absolute value of gradient elements; larger ones are clipped.
        global_clipnorm: the maximum norm of all gradients together.
        use_ema: whether to keep an exponential moving average of the weights, and set the weights to it when training
            ends.
        ema_momentum: m in `average = m * average + (1 - m) * weight`.
        ema_overwrite_frequency: the number of steps after which the weights are also set to their average.
        loss_scale_factor: the loss is multiplied, and the gradients are divided, by this factor.
        gradient_accumulation_steps: the number of steps per update of the weights with their mean gradient.
        name: default: the class name in snake case.

    Raises:
        ValueError: more than one kind of clipping, or an argument out of range.
    """

    elementwise: ClassVar[bool] = False  # whether `transformation` computes each array element independently

    @filtered
    def __init__(
        self,
        learning_rate: LearningRate,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ):
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        options.check(type(self).__name__, clips, ema_momentum, ema_overwrite_frequency, gradient_accumulation_steps)
        super().__init__(name or auto_name(type(self).__name__), learning_rate)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._not_decayed: tuple[list[Variable], list[str]] = [], []

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation from gradients to updates of the weights.

        Its state is a dict of slots: name -> one array for each weight (see slots.py). Its `update` takes
        `learning_rate` and `step` (counted from 0) as extra arguments. A class with `update_step` needs none.
        """
        if self._has_update_step():
            return optax.GradientTransformationExtraArgs(
                lambda params: {}, lambda grads, state, *_, **__: (grads, state)
            )
        raise NotImplementedError(f"{type(self).__name__}: define the method `transformation` or `update_step`.")

    def update_step(self, gradient: ArrayLike, variable: Variable, learning_rate: ArrayLike) -> None:
        """Update one weight, given its gradient; Keras's interface for custom optimizers."""
        gradient = jnp.asarray(_value(gradient), variable._value.dtype)
        rate = jnp.asarray(_value(learning_rate), dtypes.floatx())
        self._transform([gradient], [self._get_variable_index(variable)], rate)

    # The learning rate and the step

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a `Variable`, or the schedule's value at this step.

        Setting a number takes effect from the next step, also during training, without recompilation.
        """
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        takes_step = bool(inspect.signature(self._learning_rate).parameters)
        return self._learning_rate(self._iterations.value) if takes_step else self._learning_rate()

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        if callable(value):
            self._learning_rate = value
        elif isinstance(self._learning_rate, Variable):
            options.check_rate(self.name, value)
            self._learning_rate.assign(value)
        else:
            raise TypeError(
                f"{self.name}: the learning rate is a schedule, which a number cannot replace. Give another schedule, "
                "or construct the optimizer with a number."
            )

    @property
    def iterations(self) -> Any:
        """The number of updates of the weights."""
        if self.gradient_accumulation_steps:
            return self._iterations.value // self.gradient_accumulation_steps
        return self._iterations

    # A step

    def scale_loss(self, loss: ArrayLike) -> ArrayLike:
        """The loss times `loss_scale_factor`, to differentiate instead of the loss."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def apply_gradients(self, grads_and_vars: Iterable[tuple[ArrayLike | None, Variable]]) -> Variable:
        """Update weights, given (gradient, weight) pairs. Returns the number of steps."""
        grads, weights = zip(*grads_and_vars)
        self.apply(list(grads), list(weights))
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update weights.

        Args:
            grads: one gradient (or None) for each weight.
            trainable_variables: the weights; default: those that the optimizer was built with.

        Raises:
            ValueError: the number of gradients is not that of the weights, a weight that the optimizer was not built
                with, or all gradients are None.

        Warns:
            UserWarning: some gradients are None; those weights are not updated.
        """
        if len(grads) == 0:  # nothing to train
            return
        weights = self._checked_weights(grads, trainable_variables)
        pairs = [(grad, weight) for grad, weight in zip(grads, weights) if grad is not None]
        if not pairs:
            raise ValueError(f"{self.name}.apply: all gradients are None. Check that the loss depends on the weights.")
        self._warn_of_missing(grads, weights)
        pairs = self._overwrite_with_gradients(pairs)
        indices = [self._get_variable_index(weight) for _, weight in pairs]
        grads = [grad for grad, _ in pairs]
        if self.loss_scale_factor is not None:
            grads = [grad / self.loss_scale_factor for grad in grads]
        if self.gradient_accumulation_steps and pairs:
            self._accumulate(grads, indices)
        elif pairs:
            self._update(grads, indices)
        if self.use_ema:
            self._average()
        for _, weight in pairs:
            if weight.constraint is not None:
                weight.assign(weight.constraint(weight.value))
        self._iterations.assign(self._next_iteration())

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """`apply` as a pure function.

        Args:
            optimizer_variables: the values of `self.variables`.
            grads: the gradients.
            trainable_variables: the values of the weights.

        Returns:
            (new weights, new optimizer variables).

        Raises:
            ValueError: the optimizer is not built, or the number of values is wrong.
        """
        if not self.built:
            raise ValueError(f"{self.name}.stateless_apply: not built yet. Call build() with the weights first.")
        count, needed = len(self._weights), len(self.variables)
        if (len(trainable_variables), len(optimizer_variables)) != (count, needed):
            raise ValueError(
                f"{self.name}.stateless_apply: got {len(trainable_variables)} weights and {len(optimizer_variables)} "
                f"optimizer variables; it was built with {count} weights and has {needed} variables."
            )
        pure = functional(self.apply, [*self._weights, *self.variables])
        _, values = pure([*trainable_variables, *optimizer_variables], grads)
        return values[:count], values[count:]

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Exclude weights from weight decay.

        Args:
            var_list: the weights.
            var_names: regular expressions; weights whose name contains a match are excluded too.

        Raises:
            ValueError: the optimizer is already built.
        """
        if self.built:
            raise ValueError(f"{self.name}: exclude_from_weight_decay has no effect after build. Call it earlier.")
        self._not_decayed = list(var_list or ()), list(var_names or ())

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Set the weights to their moving average, with `use_ema`; called when training ends."""
        if self.use_ema and self._averages:
            for weight in var_list:
                weight.assign(self._averages[self._get_variable_index(weight)])

    def _overwrite_with_gradients(self, pairs: list[tuple[Any, Variable]]) -> list[tuple[Any, Variable]]:
        """Assign gradients to variables with `overwrite_with_gradient`; returns the other (gradient, weight) pairs.

        With gradient accumulation, the largest gradient since the last update is assigned.
        """
        for grad, weight in pairs:
            if not weight.overwrite_with_gradient:
                continue
            if self.gradient_accumulation_steps:
                largest = self._accumulators[self._get_variable_index(weight)]
                is_due = self._next_iteration() % self.gradient_accumulation_steps == 0
                grad = jnp.maximum(grad, largest.value)
                largest.assign(jnp.where(is_due, 0, grad))
                grad = jnp.where(is_due, grad, weight.value)
            weight.assign(grad)
        return [(grad, weight) for grad, weight in pairs if not weight.overwrite_with_gradient]

    def _update(self, grads: list[Any], indices: list[int]) -> None:
        weights = [self._weights[i] for i in indices]
        grads = [jnp.asarray(grad, weight._value.dtype) for grad, weight in zip(grads, weights)]
        grads = options.clip(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)
        rate = jnp.asarray(_value(self.learning_rate), dtypes.floatx())
        for weight in weights:
            if decay := self._decay_of(weight):
                value = weight._value
                weight.assign(value - value * decay * rate.astype(value.dtype))
        if self._has_update_step():
            for grad, weight in zip(grads, weights):
                self.update_step(grad, weight, rate)
        else:
            self._transform(grads, indices, rate)

    def _transform(self, grads: list[Any], indices: list[int], rate: Any) -> None:
        weights = [self._weights[i] for i in indices]
        updates, state = self.transformation().update(
            grads,
            self._slots.read(indices),
            [weight._value for weight in weights],
            learning_rate=rate,
            step=jnp.minimum(_value(self.iterations), LAST_ITERATION),
        )
        self._slots.write(indices, state)
        for weight, update in zip(weights, updates):
            weight.assign(weight._value + update)

    def _decay_of(self, weight: Variable) -> float | None:
        """The weight decay of a weight, or None."""
        return None if self._is_excluded_from_decay(weight) else self.weight_decay

    def _is_excluded_from_decay(self, weight: Variable) -> bool:
        variables, patterns = self._not_decayed
        return any(weight is v for v in variables) or any(re.search(p, weight.name) for p in patterns)

    def _accumulate(self, grads: list[Any], indices: list[int]) -> None:
        """Sum gradients; after `gradient_accumulation_steps`, update with their mean."""
        steps = self.gradient_accumulation_steps or 1
        accumulators = [self._accumulators[i] for i in indices]

        def add() -> None:
            for accumulator, grad in zip(accumulators, grads):
                accumulator.assign_add(grad)

        def update() -> None:
            self._update([(grad + sum_.value) / steps for grad, sum_ in zip(grads, accumulators)], indices)
            for accumulator in accumulators:
                accumulator.assign(jnp.zeros_like(accumulator.value))

        either(self._next_iteration() % steps == 0, update, add, [*self._weights, *self.variables])

    def _average(self) -> None:
        """Update the averages of the weights; the first step sets them to the weights."""
        iterations = _value(self.iterations)
        momentum = jnp.where(iterations == 0, 0.0, self.ema_momentum)
        for weight, average in zip(self._weights, self._averages):
            average.assign(momentum * average.value + (1 - momentum) * weight.value)
            if self.ema_overwrite_frequency is not None:
                is_due = (iterations.astype("uint32") + 1) % self.ema_overwrite_frequency == 0
                weight.assign(jnp.where(is_due, average.value, weight.value))

    # Configs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        rate = self._learning_rate
        return {
            "name": self.name,
            "learning_rate": float(rate) if isinstance(rate, Variable) else schedules.serialize(rate),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """A new optimizer from the config of `get_config`, without its state.

        Args:
            config: from `get_config`.
            custom_objects: name -> schedule or function, for custom learning rates.
        """
        rate = config.get("learning_rate")
        if isinstance(rate, (dict, str)):
            config = {**config, "learning_rate": schedules.deserialize(rate, custom_objects)}
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def _has_update_step(self) -> bool:
        return type(self).update_step is not Optimizer.update_step

    def _warn_of_missing(self, grads: Sequence[Any], weights: Sequence[Variable]) -> None:
        missing = [weight.path for grad, weight in zip(grads, weights) if grad is None]
        if missing:
            warn(
                f"{self.name}: the gradients of {', '.join(missing)} are None, so these weights are not updated. Check "
                "that the loss depends on them."
            )

    def _checked_weights(self, grads: Sequence[Any], weights: Sequence[Variable] | None) -> list[Variable]:
        if weights is None:
            if not self.built:
                raise ValueError(f"{self.name}.apply: pass trainable_variables too, or call build(variables) first.")
            weights = self._weights
        elif not self.built:
            self.build(weights)
        if len(grads) != len(weights):
            raise ValueError(f"{self.name}.apply: got {len(grads)} gradients for {len(weights)} weights.")
        return list(weights)


def _value(x: Any) -> Any:
    return x._value if isinstance(x, Variable) else x
