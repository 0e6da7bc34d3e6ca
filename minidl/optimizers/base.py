"""Optimizer: a configured optax transformation whose state is in variables.

A subclass names its arguments and gives one optax transformation, from gradients to the change of the
weights. What all optimizers share is here, in the order in which a step does it: undo loss
scaling, accumulate gradients, clip, transform, decay weights, average, apply constraints.

The transformation gets the learning rate and the step as extra arguments of `update`, so both
can change while training without compiling again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from minidl import dtypes
from minidl.names import auto_name, serialize
from minidl.variables import Variable, functional, name_scope

Slots = dict[str, list[Any]]  # the state of a transformation: for each name one array for each weight


class Optimizer:
    """The base of optimizers.

    Args:
        learning_rate: a number, or a function of the step (such as an optax schedule) or of nothing.
        weight_decay: w in `weight -= weight * w * learning_rate` before each update
            (decoupled, Loshchilov and Hutter, 2019).
        clipnorm: the largest norm of the gradient of each weight; larger ones are scaled down.
        clipvalue: the largest absolute value in a gradient; larger ones are cut.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: whether to keep an exponential moving average of the weights, which they are set
            to when training ends.
        ema_momentum: m in `average = m * average + (1 - m) * weight`.
        ema_overwrite_frequency: set the weights to their average every so many steps too.
        loss_scale_factor: what the loss is multiplied with, and the gradients divided by.
        gradient_accumulation_steps: update the weights every so many steps, with the mean gradient.
        name: default: the class's name in snake case.

    Raises:
        ValueError: more than one way of clipping, or an argument out of its range.
    """

    elementwise: ClassVar[bool] = False  # whether `transformation` treats every number of an array by itself
    _slot_groups: ClassVar[tuple[tuple[str, ...], ...]] = ()  # slots that `variables` lists by turns

    def __init__(
        self,
        learning_rate: Any,
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
        if sum(value is not None for value in clips.values()) > 1:
            raise ValueError(
                f"{type(self).__name__}: give only one of clipnorm, clipvalue, global_clipnorm; got {clips}."
            )
        if any(value is not None and not value >= 0 for value in clips.values()):
            raise ValueError(f"{type(self).__name__}: clip at a positive number, or leave it out; got {clips}.")
        if not 0 <= ema_momentum <= 1:
            raise ValueError(f"{type(self).__name__}: ema_momentum must be from 0 to 1, got {ema_momentum}.")
        if ema_overwrite_frequency is not None and (
            not isinstance(ema_overwrite_frequency, int) or ema_overwrite_frequency < 1
        ):
            raise ValueError(
                f"{type(self).__name__}: ema_overwrite_frequency must be an integer of at least 1, "
                f"got {ema_overwrite_frequency!r}."
            )
        if gradient_accumulation_steps is not None and gradient_accumulation_steps < 2:
            raise ValueError(
                f"{type(self).__name__}: gradient_accumulation_steps must be at least 2, got "
                f"{gradient_accumulation_steps}."
            )
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._weights: list[Variable] = []
        self._slots: dict[str, list[Variable]] = {}
        self._averages: list[Variable] = []
        self._accumulators: list[Variable] = []
        self._decayed: Callable[[Variable], bool] = lambda weight: True
        with name_scope(self.name):
            self._iterations = Variable(0, dtype="int32", trainable=False, name="iteration")
            self._learning_rate = self._checked_rate(learning_rate)

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation from gradients to the change of the weights.

        Its state is a dict of slots: name -> one array for each weight. Its `update` takes
        `learning_rate` and `step` (counted from 0) as extra arguments.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `transformation` method.")

    # The learning rate and the step

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a `Variable`, or the schedule's value at this step.

        Setting a number changes it at once, also while training, without compiling again.
        """
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        takes_step = bool(inspect.signature(self._learning_rate).parameters)
        return self._learning_rate(self._iterations.value) if takes_step else self._learning_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value):
            self._learning_rate = value
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(value)
        else:
            raise TypeError(
                f"{self.name}: its learning rate is a schedule, which a number cannot replace. "
                "Make the optimizer with a number to set it later."
            )

    @property
    def iterations(self) -> Any:
        """How often the weights were updated."""
        if self.gradient_accumulation_steps:
            return self._iterations.value // self.gradient_accumulation_steps
        return self._iterations

    # The state

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for the given weights; a second call does nothing.

        Raises:
            TypeError: weights that are not variables.
        """
        if self.built:
            return
        for variable in variables:
            if not isinstance(variable, Variable):
                raise TypeError(
                    f"{self.name}.build: expected the Variables to train, got a {type(variable).__name__}. For a pure "
                    "update of arrays, build it with Variables and call stateless_apply."
                )
        self._weights = list(variables)
        with name_scope(self.name):
            if self.use_ema:
                self._averages = self._zeros_like_weights("average")
            if self.gradient_accumulation_steps:
                self._accumulators = self._zeros_like_weights("gradient_accumulator")
            self._build_slots()
        self.built = True

    def _build_slots(self) -> None:
        state = self.transformation().init([weight._value for weight in self._weights])
        self._slots = {name: self._slot(name, values) for name, values in state.items()}

    @property
    def variables(self) -> list[Variable]:
        """The optimizer's variables, in the order of Keras's files."""
        rate = [self._learning_rate] if isinstance(self._learning_rate, Variable) else []
        return [self._iterations, *rate, *self._averages, *self._accumulators, *self._slot_variables()]

    def _slot_variables(self) -> list[Variable]:
        grouped = [group for group in self._slot_groups if set(group) <= set(self._slots)]
        single = [(name,) for name in self._slots if not any(name in group for group in grouped)]
        return [v for group in (*grouped, *single) for turn in zip(*(self._slots[n] for n in group)) for v in turn]

    def companions(self) -> list[tuple[Variable, Variable]]:
        """(weight, variable) for each variable of the state that has one number for each of a weight's."""
        states = [self._averages, self._accumulators, *self._slots.values()]
        return [(weight, variable) for state in states for weight, variable in zip(self._weights, state)]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of `variables`.

        Raises:
            ValueError: the optimizer is not built, or the number or a shape is wrong.
        """
        if not self.built:
            raise ValueError(f"{self.name}: build the optimizer (or train a step) before set_weights.")
        if len(weights) != len(self.variables):
            raise ValueError(f"{self.name}: got {len(weights)} arrays for {len(self.variables)} variables.")
        for variable, value in zip(self.variables, weights):
            variable.assign(value)

    # A step

    def scale_loss(self, loss: Any) -> Any:
        """The loss times `loss_scale_factor`; to be differentiated instead of the loss."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def apply_gradients(self, grads_and_vars: Any) -> Any:
        """Update weights, given (gradient, weight) pairs. Returns the number of updates."""
        grads, weights = zip(*grads_and_vars)
        self.apply(list(grads), list(weights))
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update weights.

        Args:
            grads: one gradient (or None) for each weight.
            trainable_variables: the weights; default: those the optimizer was built with.

        Raises:
            ValueError: not as many gradients as weights, a weight that the optimizer was not built
                with, or nothing but None.
        """
        if len(grads) == 0:  # nothing to train
            return
        weights = self._checked_weights(grads, trainable_variables)
        pairs = [(grad, weight) for grad, weight in zip(grads, weights) if grad is not None]
        if not pairs:
            raise ValueError(f"{self.name}.apply: no gradient was given for any weight.")
        indices = [self._index(weight) for _, weight in pairs]
        grads = [grad for grad, _ in pairs]
        if self.loss_scale_factor is not None:
            grads = [grad / self.loss_scale_factor for grad in grads]
        if self.gradient_accumulation_steps:
            self._accumulate(grads, indices)
        else:
            self._update(grads, indices)
        if self.use_ema:
            self._average()
        for _, weight in pairs:
            if weight.constraint is not None:
                weight.assign(weight.constraint(weight.value))
        self._iterations.assign_add(1)

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """`apply` as a pure function.

        Args:
            optimizer_variables: values of `self.variables`.
            grads: gradients.
            trainable_variables: values of the weights.

        Returns:
            (new weights, new optimizer variables).

        Raises:
            ValueError: the optimizer is not built, or the number of values is wrong.
        """
        if not self.built:
            raise ValueError(f"{self.name}: call build(trainable_variables) before stateless_apply.")
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
        """Leave weights out of weight decay: these, and those whose name contains one of the names.

        Raises:
            ValueError: the optimizer is already built.
        """
        if self.built:
            raise ValueError(f"{self.name}: call exclude_from_weight_decay before the optimizer is built.")
        excluded, parts = {id(v) for v in var_list or ()}, tuple(var_names or ())
        self._decayed = lambda weight: id(weight) not in excluded and not any(part in weight.name for part in parts)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """At the end of training: set the weights to their moving average, if one is kept."""
        if self.use_ema and self._averages:
            for weight in var_list:
                weight.assign(self._averages[self._index(weight)])

    def _update(self, grads: list[Any], indices: list[int]) -> None:
        weights = [self._weights[i] for i in indices]
        values = [weight._value for weight in weights]
        grads = self._clip([jnp.asarray(grad, value.dtype) for grad, value in zip(grads, values)])
        rate = jnp.asarray(_value(self.learning_rate), dtypes.floatx())
        updates = self._transform(grads, values, indices, rate)
        for weight, value, update in zip(weights, values, updates):
            if self.weight_decay and self._decayed(weight):
                value = value - value * self.weight_decay * rate.astype(value.dtype)
            weight.assign(value + update)

    def _transform(self, grads: list[Any], values: list[Any], indices: list[int], rate: Any) -> list[Any]:
        state = {name: [slots[i]._value for i in indices] for name, slots in self._slots.items()}
        step = self.iterations
        updates, state = self.transformation().update(grads, state, values, learning_rate=rate, step=_value(step))
        for name, new_values in state.items():
            for i, value in zip(indices, new_values):
                self._slots[name][i].assign(value)
        return updates

    def _clip(self, grads: list[Any]) -> list[Any]:
        if self.clipvalue:  # 0 stands for no clipping, as in Keras
            return optax.clip(self.clipvalue).update(grads, optax.EmptyState())[0]
        if self.global_clipnorm:
            return optax.clip_by_global_norm(self.global_clipnorm).update(grads, optax.EmptyState())[0]
        if self.clipnorm:
            clip = optax.clip_by_global_norm(self.clipnorm)
            return [clip.update([grad], optax.EmptyState())[0][0] for grad in grads]
        return grads

    def _accumulate(self, grads: list[Any], indices: list[int]) -> None:
        """Add gradients up; every so many steps, update with their mean. Both are pure branches of one `cond`."""
        steps = self.gradient_accumulation_steps or 1
        accumulators = [self._accumulators[i] for i in indices]
        variables = [*self._weights, *self.variables]

        def add() -> None:
            for accumulator, grad in zip(accumulators, grads):
                accumulator.assign_add(grad)

        def update() -> None:
            self._update([(grad + sum_.value) / steps for grad, sum_ in zip(grads, accumulators)], indices)
            for accumulator in accumulators:
                accumulator.assign(jnp.zeros_like(accumulator.value))

        due = (self._iterations.value + 1) % steps == 0
        values = [variable._value for variable in variables]
        branches = [lambda values, run=run: functional(run, variables)(values)[1] for run in (update, add)]
        for variable, value in zip(variables, jax.lax.cond(due, *branches, values)):
            variable.assign(value)

    def _average(self) -> None:
        """Move the averages towards the weights; the first step sets them."""
        iterations = _value(self.iterations)
        momentum = jnp.where(iterations == 0, 0.0, self.ema_momentum)
        for weight, average in zip(self._weights, self._averages):
            average.assign(momentum * average.value + (1 - momentum) * weight.value)
            if self.ema_overwrite_frequency is not None:
                due = (iterations + 1) % self.ema_overwrite_frequency == 0
                weight.assign(jnp.where(due, average.value, weight.value))

    # Configs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        rate = self._learning_rate
        return {
            "name": self.name,
            "learning_rate": float(rate) if isinstance(rate, Variable) else serialize(rate),
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
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The optimizer that `get_config` described, without its state."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    # Inside

    def _checked_rate(self, learning_rate: Any) -> Any:
        if callable(learning_rate):
            return learning_rate
        is_number = isinstance(learning_rate, (int, float, np.number, jax.Array, np.ndarray, Variable))
        if not is_number or isinstance(learning_rate, bool) or np.ndim(learning_rate) != 0:
            raise ValueError(
                f"{type(self).__name__}: learning_rate must be a number or a function of the step, got "
                f"{learning_rate!r}."
            )
        return Variable(float(learning_rate), dtype=dtypes.floatx(), trainable=False, name="learning_rate")

    def _checked_weights(self, grads: Sequence[Any], weights: Sequence[Variable] | None) -> list[Variable]:
        if weights is None:
            if not self.built:
                raise ValueError(f"{self.name}.apply: give the variables too, or call build(variables) first.")
            weights = self._weights
        elif not self.built:
            self.build(weights)
        if len(grads) != len(weights):
            raise ValueError(f"{self.name}.apply: got {len(grads)} gradients for {len(weights)} weights.")
        return list(weights)

    def _index(self, weight: Variable) -> int:
        for index, known in enumerate(self._weights):
            if known is weight:
                return index
        raise ValueError(
            f"{self.name}: unknown variable {weight!r}. An optimizer serves the weights it was built with: make a new "
            "one for other weights."
        )

    def _zeros_like_weights(self, name: str) -> list[Variable]:
        return self._slot(name, zeros_like([weight._value for weight in self._weights]))

    def _slot(self, name: str, values: Sequence[Any]) -> list[Variable]:
        paths = [weight.path.replace("/", "_") for weight in self._weights]
        return [Variable(v, trainable=False, name=f"{path}_{name}") for path, v in zip(paths, values)]


class OptaxOptimizer(Optimizer):
    """Any optax transformation, as it is: `compile(optimizer=optax.adabelief(1e-3))`.

    The learning rate, clipping and the rest are the transformation's own. With
    `optax.inject_hyperparams` the hyperparameters are variables of this optimizer, and
    `learning_rate` reads and sets the one of that name.

    Args:
        transformation: an `optax.GradientTransformation`.
        name: default "optax_optimizer".
    """

    def __init__(self, transformation: optax.GradientTransformation, name: str | None = None):
        super().__init__(learning_rate=0.0, name=name)
        self._given = optax.with_extra_args_support(transformation)
        self._structure: Any = None
        self._key_kinds: list[Any] = []  # for each leaf of the state, the kind of its random key, or None

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return self._given

    def _build_slots(self) -> None:
        # One compiled call: run op by op, it would compile a program for each shape.
        state = jax.jit(self._given.init)([weight._value for weight in self._weights])
        leaves, self._structure = jax.tree.flatten_with_path(state)
        self._key_kinds = [jax.random.key_impl(leaf) if _is_key(leaf) else None for _, leaf in leaves]
        self._slots = {
            "state": [
                Variable(_plain(leaf), trainable=False, name=jax.tree_util.keystr(path).strip("."))
                for path, leaf in leaves
            ]
        }

    def _update(self, grads: list[Any], indices: list[int]) -> None:
        if len(indices) != len(self._weights):
            raise ValueError(f"{self.name}.apply: an optax transformation needs a gradient for every weight.")
        values, slots = [weight._value for weight in self._weights], self._slots["state"]
        grads = [jnp.asarray(grads[indices.index(i)], value.dtype) for i, value in enumerate(values)]
        leaves = [
            slot._value if kind is None else jax.random.wrap_key_data(slot._value, impl=kind)
            for slot, kind in zip(slots, self._key_kinds)
        ]
        state = jax.tree.unflatten(self._structure, leaves)
        updates, state = self._given.update(grads, state, values)
        for slot, value in zip(slots, jax.tree.leaves(state)):
            slot.assign(_plain(value))
        for weight, value in zip(self._weights, optax.apply_updates(values, updates)):
            weight.assign(value)

    @property
    def learning_rate(self) -> Any:
        """The variable of an injected hyperparameter `learning_rate`.

        Raises:
            AttributeError: the transformation has none, or the optimizer is not built yet.
        """
        for slot in self._slots.get("state", ()):
            if slot.name.endswith("hyperparams['learning_rate']"):
                return slot
        if not self.built:
            raise AttributeError(
                f"{self.name}: build the optimizer (or train a step) to read or set its learning rate."
            )
        raise AttributeError(
            f"{self.name}: this optax transformation has no learning rate that can be read or set. "
            "Make it with optax.inject_hyperparams(optax.adam)(learning_rate=...)."
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.learning_rate.assign(value)

    @property
    def variables(self) -> list[Variable]:
        return [self._iterations, *self._slot_variables()]

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("An optax transformation is made of functions: it has no config.")


def _value(x: Any) -> Any:
    return x._value if isinstance(x, Variable) else x


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Any) -> Any:
    """A random key as the numbers it is made of, which a Variable can hold; other leaves as they are."""
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def zeros_like(params: Any) -> Any:
    """Zeros of the shapes of params, made on the host: nothing is compiled."""
    return jax.tree.map(lambda p: np.zeros(p.shape, p.dtype), params)
