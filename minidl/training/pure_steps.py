"""The steps of a model as pure functions, for a loop of the user's own; `fit` does not use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl.core import sharing, structures
from minidl.training.layout import Layout
from minidl.training.state import State, StepVariables
from minidl.training.step import Batch, DefaultStep, InUse, Logs, using
from minidl.training.step_programs import StepPrograms


class PureSteps:
    """Steps from a state to a new state, and the state of the model's variables to begin and to end with.

    >>> import numpy as np, minidl as keras
    >>> model = keras.Sequential([keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    >>> steps = model.prepare(x, y)
    >>> state = steps.train_step(steps.state(), (x, y, None))
    >>> steps.put(state)
    """

    layout: Layout
    _in_use: InUse
    _programs: StepPrograms
    _variables: StepVariables
    _traced_for: Callable[..., using]

    def train_step(self, state: State, batch: Batch) -> State:
        """One step of gradient descent, as a pure function: forward, backward, update, metrics."""
        with self._traced_for():
            state, _ = self._programs.steps["train"](self.layout.transpose(state), structures.ordered(batch))
        return self.layout.transpose(state)

    def test_step(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Logs]:
        """The forward pass, the loss and the metrics, as a pure function."""
        with self._traced_for():
            metrics, _, logs = self._programs.steps["test"](weights, metrics, structures.ordered(batch))
        return metrics, logs

    def predict_step(self, weights: State, x: Any) -> Any:
        """The forward pass, as a pure function."""
        with self._traced_for():
            return structures.plain(self._programs.steps["predict"](weights, structures.ordered(x))[0])

    def state(self) -> State:
        """The current state, to start a custom loop from."""
        for variable in self._variables.flat():
            sharing.borrow(variable)
        return self._variables.held()

    def put(self, state: State) -> None:
        """Assign a state to the variables, at the end of a custom loop."""
        sharing.give(self._variables.flat(), state.flat(), borrowed=True)

    def results(self, state: State) -> Logs:
        """Name -> value of the loss and the metrics in a state, as a pure function of it."""
        return self._in_use.results(state)

    # The default steps in the form that Keras documents, for a user's step that calls them

    def plain_train_step(self, state: Any, batch: Batch) -> tuple[Logs, tuple[Any, ...]]:
        """The train step on (trainable, non-trainable, optimizer, metrics): (logs, new state)."""
        with self._traced_for():
            new, logs = DefaultStep().train(self._variables.with_outside(State(*map(list, state))), batch)
        return logs or self.results(new), tuple(self._variables.without_outside(new))

    def plain_test_step(self, state: Any, batch: Batch) -> tuple[Logs, tuple[Any, Any, Any]]:
        """The test step on (trainable, non-trainable, metrics): (logs, new state)."""
        trainable, non_trainable, metrics = map(list, state)
        weights = self._variables.with_outside(State(trainable, non_trainable, [], []))
        with self._traced_for():
            metrics, changes, logs = DefaultStep().test(weights, metrics, batch)
        new = weights.with_changes(changes)._replace(metrics=metrics)
        return logs or self.results(new), (trainable, self._variables.without_outside(new).non_trainable, metrics)
