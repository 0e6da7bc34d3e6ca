"""OptimizerState: the variables of an optimizer, and the weights that they are for.

What an optimizer does in a step is in base.py. Here is what it keeps between steps: made when it is built, listed in
the order of Keras's files, set and stored as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from minidl import initializers
from minidl.core.functional import functional
from minidl.core.naming import is_own
from minidl.core.object_graph import parts
from minidl.core.variables import Variable, name_scope
from minidl.optimizers import options
from minidl.optimizers.slots import Slots, variable_like, zeros_like

LAST_ITERATION = 2**31 - 2  # of the int32 count of steps: one more is still an int32


class OptimizerState:
    """The part of `Optimizer` that keeps its variables.

    Args:
        name: of the optimizer; the paths of its variables begin with it.
        learning_rate: a number, which becomes a variable, or a function.
    """

    _slot_groups: ClassVar[tuple[tuple[str, ...], ...]] = ()  # slots that `variables` lists by turns

    def __init__(self, name: str, learning_rate: Any):
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
        """The transformation whose state is kept; see `Optimizer`."""
        raise NotImplementedError

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for the given weights; a second call does nothing.

        Raises:
            TypeError: weights that are not variables.
            MemoryError: there is no room for it.
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
                f"{self.name}: there is no memory for its state, which has arrays of the size of the weights: "
                f"{size:,} parameters. An optimizer with fewer such arrays, or a smaller model, may fit."
            ) from error
        self.built = True

    def extend(self, variables: Sequence[Variable]) -> None:
        """Make the state for further weights, such as those of a part that is not frozen any more.

        Weights that it has a state for keep it.

        Args:
            variables: all weights that are trained from now on.

        Raises:
            ValueError: a class with a `build` or a state of its own, which only a new optimizer can do this for.
        """
        known = {id(weight) for weight in self._weights}
        further = [weight for weight in variables if id(weight) not in known]
        if not further:
            return
        cls = type(self)
        if not is_own(cls.build) or cls._build_slots is not OptimizerState._build_slots or self._added:
            raise ValueError(
                f"{self.name}: it was built for {len(known)} weights, and {[weight.path for weight in further]} are "
                "trained now too. Call compile() with a new optimizer after `trainable` is set."
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
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to the optimizer; to be called in `build`.

        Args:
            shape: its shape.
            initializer: a name or a function.
            dtype: default `floatx()`.
            aggregation: kept with the variable.
            layout: accepted, as in Keras; arrays are laid out by `jax.sharding`.
            name: its name.
        """
        with name_scope(self.name):
            variable = Variable(
                initializers.get(initializer), shape, dtype, trainable=False, aggregation=aggregation, name=name
            )
        self._added.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Make a variable of the shape and dtype of a weight."""
        path = reference_variable.path.replace("/", "_")
        dtype = reference_variable.dtype
        return self.add_variable(reference_variable.shape, initializer, dtype, name=f"{path}_{name or 'var'}")

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: str | Sequence[str], initializer: Any = "zeros"
    ) -> Any:
        """Make a variable for each weight: a list of them, or for several names a tuple of lists."""
        if isinstance(name, str):
            return [self.add_variable_from_reference(weight, name, initializer) for weight in trainable_variables]
        each = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(name)
        if len(each) != len(name):
            raise ValueError(f"{self.name}: got {len(each)} initializers for the {len(name)} names {list(name)}.")
        made = [
            [self.add_variable_from_reference(weight, *slot) for slot in zip(name, each)]
            for weight in trainable_variables
        ]
        return tuple([turn[i] for turn in made] for i in range(len(name)))

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a variable, in an `update_step`."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable, in an `update_step`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable, in an `update_step`."""
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
        """Those that are there before the optimizer is built."""
        return [self._iterations, *([self._learning_rate] if isinstance(self._learning_rate, Variable) else [])]

    def companions(self) -> list[tuple[Variable, Variable]]:
        """(weight, variable) for each variable of the state that has one number for each of a weight's."""
        states = [self._averages, self._accumulators]
        return [pair for state in states for pair in zip(self._weights, state)] + self._slots.companions()

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of `variables`.

        Raises:
            ValueError: the optimizer is not built, or the number or a shape is wrong.
        """
        if not self.built:
            raise ValueError(
                f"{self.name}: You are calling set_weights on an optimizer that has no variables yet: build it (or "
                "train a step) first."
            )
        if len(weights) != len(self.variables):
            raise ValueError(f"{self.name}: got {len(weights)} arrays for {len(self.variables)} variables.")
        for variable, value in zip(self.variables, weights):
            variable.assign(value)

    def saved_parts(self) -> list[tuple[str, Any]]:
        """What may hold optimizers inside, with the names that files give to it."""
        return parts(self, ("_weights", "_slots", "_averages", "_accumulators", "_added"))

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the values of `variables` into a dict: "0", "1", ... -> array."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def takes(self, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Whether arrays of these shapes are a state of this optimizer, perhaps from before it was built."""
        return list(shapes) in ([v.shape for v in some] for some in (self.variables, self._unbuilt_variables))

    def load_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Set `variables` from what `save_own_variables` stored, perhaps before the optimizer was built.

        Raises:
            ValueError: the number or a shape is wrong.
        """
        variables = self.variables if len(store) != len(self._unbuilt_variables) else self._unbuilt_variables
        if len(store) != len(variables):
            hint = "" if self.built else " First build the optimizer, or train a step."
            raise ValueError(f"{self.name}: got {len(store)} arrays for {len(variables)} variables.{hint}")
        for index, variable in enumerate(variables):
            variable.assign(store[str(index)])

    def _next_iteration(self) -> Any:
        """The count of steps after this one.

        The largest is `LAST_ITERATION`. From there it goes back by one period of accumulation and averages, so that
        these go on in their rhythm, and schedules and bias corrections stay where they are.
        """
        count = self._iterations.value
        period = self.gradient_accumulation_steps or 1
        if self.use_ema and self.ema_overwrite_frequency and period * self.ema_overwrite_frequency <= LAST_ITERATION:
            period *= self.ema_overwrite_frequency
        again = LAST_ITERATION + 1 - period + (count - LAST_ITERATION) % period
        return jnp.where(count < LAST_ITERATION, count + 1, again)

    def _get_variable_index(self, weight: Variable) -> int:
        for index, known in enumerate(self._weights):
            if known is weight:
                return index
        raise ValueError(
            f"{self.name}: unknown variable {weight!r}. An optimizer serves the weights it was built with: make a new "
            "one for other weights."
        )

    def _zeros_like_weights(self, name: str) -> list[Variable]:
        zeros = zeros_like([weight._value for weight in self._weights])
        return [variable_like(weight, value, name) for weight, value in zip(self._weights, zeros)]


def either(
    condition: Any, run: Callable[[], None], otherwise: Callable[[], None], variables: Sequence[Variable]
) -> None:
    """Run one of two functions that change variables: both are pure branches of one `jax.lax.cond`."""
    branches = [lambda values, f=f: functional(f, variables)(values)[1] for f in (run, otherwise)]
    values = jax.lax.cond(condition, *branches, [variable._value for variable in variables])
    for variable, value in zip(variables, values):
        variable.assign(value)
