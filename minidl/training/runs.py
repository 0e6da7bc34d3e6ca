"""Runs: the computations of one call of fit, evaluate or predict, chunk by chunk.

Training keeps its state in the model's variables, which have the newest finished weights after every chunk. Evaluation
has its own metrics state and reads the weights: any number of threads may evaluate and predict while another trains.
"""

from __future__ import annotations

import abc
import contextlib
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from minidl.core import sharing
from minidl.training.compiled_steps import CompiledSteps
from minidl.training.data.chunks import Chunk
from minidl.training.interrupts import Shield
from minidl.training.run_state import Position
from minidl.training.sharded import placed
from minidl.training.state import Changes, State


class Run(abc.ABC):
    """One call, and its compiled steps.

    Args:
        model: built, and compiled unless it predicts.
    """

    mode: str

    def __init__(self, model: Any):
        self.model = model
        self.steps: CompiledSteps = model.compiled_steps

    def refresh(self) -> None:  # noqa: B027, optional
        """Apply changes made by callbacks."""

    def untraced(self, chunk: Chunk) -> Iterator[tuple[Any, Any]]:
        """See `CompiledSteps.untraced`."""
        self.steps = yield from self.steps.untraced(self.mode, chunk)

    def on_one(self, chunk: Chunk, before_tracing: Callable[[], None] = lambda: None) -> Any:
        """The result of a single chunk, with tracing; in the loop over epochs the loop traces the steps."""
        chunk = placed(chunk)
        for step, args in self.untraced(chunk):
            before_tracing()
            step.trace(*args)
        return self.compute(chunk)

    @abc.abstractmethod
    def compute(self, chunk: Chunk) -> Any:
        """What comes of a chunk, on the device."""


class Training(Run):
    """A call of `fit`.

    Args:
        model: built and compiled.
        data: what it trains on; a model that is compiled again while it trains is prepared for it.
        epoch: the number of the first epoch.

    Attributes:
        start: where it starts; a callback that continues an earlier run sets it when training begins.
    """

    mode = "train"

    def __init__(self, model: Any, data: Any, epoch: int = 0):
        super().__init__(model)
        self.data = data
        self.start = Position(epoch)
        self._shield = Shield()
        self._under_way = contextlib.ExitStack()

    def __enter__(self) -> Training:
        self.model.stop_training = False
        self.model.training_run = weakref.proxy(self)
        return self

    def __exit__(self, *error: Any) -> None:
        self.end()
        self.model.training_run = None

    def begin(self) -> None:
        """Begin training: mark the weights as trained by this thread, and defer interrupts to safe points."""
        model = self.model
        self._under_way.callback(lambda: model.optimizer.finalize_variable_values(model.trainable_variables))
        self._under_way.enter_context(self._shield.installed())
        self._under_way.enter_context(sharing.trained(self.steps.flat()))

    def end(self) -> None:
        """End training: the optimizer finalizes the weights, for instance by their moving average."""
        self._under_way.close()

    def refresh(self) -> None:
        """Apply changes made by callbacks: frozen parts, another optimizer or loss."""
        if not self.model.objectives.built:
            self.model._prepare("fit", *self.data.first)
        self.steps = self.model.compiled_steps

    def compute(self, chunk: Chunk) -> Any:
        """Train on a chunk; its logs, on the device."""
        with self._shield:
            return self.steps.train(chunk)


class Inference(Run):
    """A call that reads the weights: a consistent snapshot, if another thread trains them.

    Changes that callbacks make during `evaluate` or `predict` have no effect on it.
    """

    def __init__(self, model: Any):
        super().__init__(model)
        self._pins = contextlib.ExitStack()
        self._weights: State | None = None
        self._is_fixed = False  # whether another thread trains them; then the snapshot is kept to the end

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._pins.close()

    def _read(self) -> State:
        trainable, non_trainable = self.steps.variables[:2]
        variables = [*trainable, *non_trainable]
        self._is_fixed |= sharing.are_trained_elsewhere(variables)
        if self._weights is None or not self._is_fixed:
            self._pins.close()
            values = self._pins.enter_context(sharing.reading(variables))
            self._weights = State(values[: len(trainable)], values[len(trainable) :], [], [])
        return self._weights

    def _keep(self, weights: State, changes: Changes) -> None:
        """Store the changes of non-trainable variables: states of stateful layers, seeds."""
        if not changes:
            return
        variables = [self.steps.variables.non_trainable[index] for index in changes]
        if self._is_fixed:
            self._weights = weights.with_changes(changes)
        else:
            sharing.give(variables, list(changes.values()))


class Evaluation(Inference):
    """A call of `evaluate`."""

    mode = "test"

    def __init__(self, model: Any):
        super().__init__(model)
        self._metrics = self.steps.fresh_metrics()

    def compute(self, chunk: Chunk) -> Any:
        """Evaluate a chunk; its logs, on the device."""
        weights = self._read()
        self._metrics, changes, logs = self.steps.test(weights, self._metrics, chunk)
        self._keep(weights, changes)
        return logs

    def publish(self) -> None:
        """Assign the results to the model's metrics. Some may be arrays that a user's `reset_state` has set."""
        sharing.give(self.steps.variables.metrics, self._metrics, borrowed=True)


class Prediction(Inference):
    """A call of `predict`."""

    mode = "predict"

    def compute(self, chunk: Chunk) -> Any:
        """The outputs for a chunk, (capacity, batch, ...), on the device."""
        weights = self._read()
        outputs, changes = self.steps.predict(weights, chunk)
        self._keep(weights, changes)
        return outputs
