"""OptimizerState: the variables of an optimizer, and the weights that it updates.

The update step is in base.py. The state between steps is here: created by `build`, listed in the order of Keras's
files, saved and loaded as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from minidl import initializers
from minidl.core.arguments import CheckedArguments
from minidl.core.functional import functional
from minidl.core.naming import is_own
from minidl.core.object_graph import Stamped, parts
from minidl.core.typing import Array, ArrayLike, DType, Identifier
from minidl.core.variables import Variable, name_scope
from minidl.optimizers import options
from minidl.optimizers.slots import Slots, variable_like, zeros_like

LAST_ITERATION = 2**31 - 2  # the count of steps is an int32, and so must be this plus one


class OptimizerState(CheckedArguments, Stamped):
    """The base class of `Optimizer`, which manages its variables.

    Args:
        name: the optimizer's name, with which the paths of its variables begin.
        learning_rate: a number, which becomes a variable, or a schedule.
    """

    _slot_groups: ClassVar[tuple[tuple[str, ...], ...]] = ()  # slots that `variables` interleaves

    def __init__(self, name: str, learning_rate: options.LearningRate):
        self.name = name
        self.built = False
        self.use_ema = False
        self.ema_overwrite_frequency: int | None = None
        self.gradient_accumulation_steps: int | None = None
        self._weights: list[Variable] = []
        self._averages: list[Variable] = []
        self._accumulators: list[Variable] = []
        self._slots = Slots({}, [])
        self._added: list[Variable] = []  # by add_variable
        with name_scope(name):
            self._iterations = Variable(0, dtype="int32", trainable=False, name="iteration")
            self._learning_rate = options.learning_rate(type(self).__name__, learning_rate)

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The transformation of the optimizer; see `Optimizer`."""
        raise NotImplementedError

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the state for the given weights; a second call does nothing.

        Raises:
            TypeError: a weight that is not a `Variable`.
            MemoryError: there is not enough memory.
        """
        if self.built:
            return
        for variable in variables:
            if not isinstance(variable, Variable):
                raise TypeError(
                    f"{self.name}.build: expected Variables, got a {type(variable).__name__}. To update arrays, build "
                    "the optimizer with Variables and call stateless_apply."
                )
        self._weights = list(variables)
        try:
            with name_scope(self.name):
                if self.use_ema:
                    self._averages = self._zeros_like_weights("average")
                if self.gradient_accumulation_steps:
                    self._accumulators = self._zeros_like_weights("gradient_accumulator")
                self._build_slots()
        except MemoryError as error:
            size = sum(variable.size for variable in variables)
            raise MemoryError(
                f"{self.name}: not enough memory for the optimizer's state, arrays of the size of the weights "
                f"({size:,} parameters). Try an optimizer with a smaller state, or a smaller model."
            ) from error
        self.built = True

    def extend(self, variables: Sequence[Variable]) -> None:
        """Create the state for additional weights, such as those of a layer that was unfrozen.

        The state of known weights is kept.

        Args:
            variables: all weights to train from now on.

        Raises:
            ValueError: a custom class with its own `build` or state, which cannot be extended.
        """
        known = {id(weight) for weight in self._weights}
        new = [weight for weight in variables if id(weight) not in known]
        if not new:
            return
        cls = type(self)
        if not is_own(cls.build) or cls._build_slots is not OptimizerState._build_slots or self._added:
            raise ValueError(
                f"{self.name}: the optimizer was built for {len(known)} weights, but {[weight.path for weight in new]} "
                "are now trainable too. Call compile() with a new optimizer after setting `trainable`."
            )
        wanted = {id(weight) for weight in variables}
        before, weights = self._slots, self._weights
        kept = [dict(zip(map(id, weights), made)) for made in (self._averages, self._accumulators)]
        self.built = False
        self.build([*variables, *(weight for weight in weights if id(weight) not in wanted)])
        self._slots.adopt(before)
        for made, old in zip((self._averages, self._accumulators), kept):
            made[:] = [old.get(id(weight), variable) for weight, variable in zip(self._weights, made)]

    def _build_slots(self) -> None:
        state = self.transformation().init([weight._value for weight in self._weights])
        self._slots = Slots(state, self._weights, self._slot_groups)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Identifier = "zeros",
        dtype: DType | None = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
        follows: Variable | None = None,
    ) -> Variable:
        """Create a variable of the optimizer; call it in `build`.

        Args:
            shape: the shape.
            initializer: a name, a function or an `Initializer`.
            dtype: default `floatx()`.
            aggregation: stored with the variable.
            layout: a `minidl.distribution.TensorLayout`; default: the same on every device.
            name: the name.
            follows: a weight whose layout it shares if it has its shape.
        """
        options = {"aggregation": aggregation, "name": name, "layout": layout, "follows": follows}
        with name_scope(self.name):
            variable = Variable(initializers.get(initializer), shape, dtype, trainable=False, **options)
        self._added.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Identifier = "zeros"
    ) -> Variable:
        """Create a variable of the shape and dtype of a weight."""
        path = reference_variable.path.replace("/", "_")
        dtype = reference_variable.dtype
        name = f"{path}_{name or 'var'}"
        return self.add_variable(reference_variable.shape, initializer, dtype, name=name, follows=reference_variable)

    def add_optimizer_variables(
        self,
        trainable_variables: Sequence[Variable],
        name: str | Sequence[str],
        initializer: Any = "zeros",
    ) -> list[Variable] | tuple[list[Variable], ...]:
        """Create a variable for each weight: a list of them, or a tuple of lists for several names."""
        if isinstance(name, str):
            return [self.add_variable_from_reference(weight, name, initializer) for weight in trainable_variables]
        each = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(name)
        if len(each) != len(name):
            raise ValueError(f"{self.name}: got {len(each)} initializers for the {len(name)} names {list(name)}.")
        by_weight = [
            [self.add_variable_from_reference(weight, *slot) for slot in zip(name, each)]
            for weight in trainable_variables
        ]
        return tuple([variables[i] for variables in by_weight] for i in range(len(name)))

    def assign(self, variable: Variable, value: ArrayLike) -> None:
        """Set a variable; for `update_step`."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: ArrayLike) -> None:
        """Add to a variable; for `update_step`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: ArrayLike) -> None:
        """Subtract from a variable; for `update_step`."""
        variable.assign_sub(value)

    @property
    def variables(self) -> list[Variable]:
        """The optimizer's variables, in the order of Keras's files."""
        return [
            *(*self._unbuilt_variables, *self._averages, *self._accumulators),
            *(*self._slots.variables, *self._added),
        ]

    @property
    def _unbuilt_variables(self) -> list[Variable]:
        """The variables that exist before the optimizer is built."""
        return [self._iterations, *([self._learning_rate] if isinstance(self._learning_rate, Variable) else [])]

    def companions(self) -> list[tuple[Variable, Variable]]:
        """(weight, variable) for each variable of the state that belongs to a single weight."""
        states = [self._averages, self._accumulators]
        return [pair for state in states for pair in zip(self._weights, state)] + self._slots.companions()

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of `variables`.

        Raises:
            ValueError: the optimizer is not built, or the number or a shape does not match.
        """
        if not self.built:
            raise ValueError(
                f"{self.name}.set_weights: the optimizer is not built, so it has no state to set. Build it, or train a "
                "step, first."
            )
        if len(weights) != len(self.variables):
            raise ValueError(f"{self.name}: got {len(weights)} arrays for {len(self.variables)} variables.")
        for variable, value in zip(self.variables, weights):
            variable.assign(value)

    def saved_parts(self) -> list[tuple[str, Any]]:
        """The attributes that may contain optimizers, with their names in files."""
        return parts(self, ("_weights", "_slots", "_averages", "_accumulators", "_added"))

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Store the values of `variables` in a dict: "0", "1", ... -> array."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def takes(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Whether arrays of these shapes can be loaded as its state, including a state saved before it was built."""
        return list(shapes) in ([v.shape for v in some] for some in (self.variables, self._unbuilt_variables))

    def load_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Set `variables` from the dict of `save_own_variables`, which may be of an optimizer that was not built.

        Raises:
            ValueError: the number or a shape does not match.
        """
        variables = self.variables if len(store) != len(self._unbuilt_variables) else self._unbuilt_variables
        if len(store) != len(variables):
            hint = "" if self.built else " First build the optimizer, or train a step."
            raise ValueError(f"{self.name}: got {len(store)} arrays for {len(variables)} variables.{hint}")
        for index, variable in enumerate(variables):
            variable.assign(store[str(index)])

    def _next_iteration(self) -> Any:
        """The count of steps after this one.

        It is at most `LAST_ITERATION`, after which it wraps around by one period of accumulation and averaging, so
        that these stay in phase, and schedules and bias corrections hardly change.
        """
        count = self._iterations.value
        period = self.gradient_accumulation_steps or 1
        if self.use_ema and self.ema_overwrite_frequency and period * self.ema_overwrite_frequency <= LAST_ITERATION:
            period *= self.ema_overwrite_frequency
        return count + jnp.where(count < LAST_ITERATION, 1, 1 - period)  # faster in a loop than a choice of two counts

    def _get_variable_index(self, weight: Variable) -> int:
        for index, known in enumerate(self._weights):
            if known is weight:
                return index
        raise ValueError(
            f"{self.name}: unknown variable {weight!r}. It updates the weights it was built for; make "
            "another optimizer for others."
        )

    def _zeros_like_weights(self, name: str) -> list[Variable]:
        zeros = zeros_like([weight._value for weight in self._weights])
        return [variable_like(weight, value, name) for weight, value in zip(self._weights, zeros)]


def either(
    condition: Array, if_true: Callable[[], None], if_false: Callable[[], None], variables: Sequence[Variable]
) -> None:
    """Call one of two functions that change variables, as branches of `jax.lax.cond`."""
    branches = [lambda values, f=f: functional(f, variables)(values)[1] for f in (if_true, if_false)]
    values = jax.lax.cond(condition, *branches, [variable._value for variable in variables])
    for variable, value in zip(variables, values):
        variable.assign(value)
