"""The training loop: epochs, validation, and calls of callbacks.

The device is never idle: a chunk is gathered while the previous one computes, and dispatched before the logs of the
previous one are read. If callbacks need every batch, a chunk is one batch, and the next one is dispatched after they
have returned.
"""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from minidl.callbacks import CallbackList
from minidl.core import sharing
from minidl.core.tracebacks import warn
from minidl.core.typing import PyTree
from minidl.training.compilation import Compilation
from minidl.training.data.adapt import Data
from minidl.training.data.chunks import Chunk
from minidl.training.data.collected import Collected, rows_of
from minidl.training.decisions import follow_first
from minidl.training.pace import Execution, Pace
from minidl.training.run_state import Position
from minidl.training.runs import Evaluation, Prediction, Run, Training
from minidl.training.sharded import placed


class Epoch(abc.ABC):
    """One pass over data, and its results so far.

    Args:
        run: the call that it is part of.
        data: the data.
        callbacks: a `CallbackList`.
        is_last: whether it is the last pass, so that no next one is to be prepared.
    """

    def __init__(self, run: Run, data: Data, callbacks: CallbackList, is_last: bool = True):
        self.run = run
        self.data = data
        self.callbacks = callbacks
        self.is_last = is_last
        self.execution = Execution(run.steps.per_execution)
        self.every_batch: bool = callbacks.wants_batches(run.mode)

    def begin_batch(self) -> None:
        """Call the batch hooks that are needed, and apply the changes that they make."""
        if self.every_batch and self.execution.is_complete:
            getattr(self.callbacks, f"on_{self.run.mode}_batch_begin")(self.execution.done)
            self.run.refresh()

    @abc.abstractmethod
    def finish(self, chunk: Chunk, result: Any) -> bool:
        """Process the result of a chunk. Returns whether the epoch ends here."""


class ReportedEpoch(Epoch):
    """A pass of training or evaluation: it has logs. `start` is where it begins, in the middle for a resumed one."""

    def __init__(self, run: Run, data: Data, callbacks: Any, is_last: bool = True, start: Position | None = None):
        super().__init__(run, data, callbacks, is_last)
        _, self.execution.done, self.logs = start or Position()
        self._tell = callbacks.on_train_batch_end if run.mode == "train" else callbacks.on_test_batch_end

    @property
    def is_stopped(self) -> bool:
        """Whether a callback has requested to stop."""
        return self.run.model.stop_training if self.run.mode == "train" else self.run.model.stop_evaluating

    def finish(self, chunk: Chunk, result: Any) -> bool:
        """Read the logs, and pass them to the callbacks."""
        self.logs = result.read()
        self.execution.done += chunk.num_batches
        if self.every_batch and self.execution.is_complete:
            self._tell(self.execution.done - 1, self.logs)
            if self.run.mode == "train":
                follow_first(self.run.model)
        self.callbacks.on_progress(self.run.mode, self.execution.done, self.logs)
        return self.is_stopped

    def ended(self) -> dict[str, float]:
        """The logs at the end; what does not fill an execution ends as if it did, as in Keras."""
        if self.every_batch and not self.execution.is_complete:
            self._tell(self.execution.done + self.execution.left() - 1, self.logs)
        return self.logs


class PredictedEpoch(Epoch):
    """A pass of prediction, which collects outputs."""

    def __init__(self, run: Run, data: Any, callbacks: CallbackList):
        super().__init__(run, data, callbacks)
        self.outputs = Collected(data.num_rows)

    def finish(self, chunk: Chunk, result: Any) -> bool:
        """Collect the rows."""
        rows = rows_of(result, chunk.num_batches)
        self.outputs.add(rows)
        self.execution.done += chunk.num_batches
        if self.every_batch:
            self.callbacks.on_predict_batch_end(self.execution.done - 1, {"outputs": rows})
        self.callbacks.on_progress("predict", self.execution.done, {})
        return self.run.model.stop_predicting


def run_epoch(epoch: Epoch) -> None:
    """Run a pass. Unless callbacks need every batch, a chunk is processed after the next one is dispatched."""
    run, data, execution = epoch.run, epoch.data, epoch.execution
    run.refresh()
    pace = Pace(run.steps.seconds, run.mode, data.capacity)
    dispatched: deque[tuple[Chunk, Any]] = deque()

    def is_stopped(waiting: int) -> bool:
        """Process dispatched chunks, except for the newest `waiting` ones."""
        while len(dispatched) > waiting:
            chunk, result = dispatched.popleft()
            if epoch.finish(chunk, result):
                return True
            if not epoch.every_batch:
                pace.measured(chunk.num_batches)
            data.reuse(chunk)
        return False

    passed = data.epoch(restart=run.mode != "train", is_resumed=execution.done > 0)
    for chunk in passed.chunks(execution.left if epoch.every_batch else pace.batches, execution.done):
        epoch.begin_batch()
        given = placed(chunk)
        before = execution.done + sum(chunk.num_batches for chunk, _ in dispatched)
        with Compilation(epoch.callbacks, run.mode, before) as compilation:
            for step, args in run.untraced(given):  # here, so that a traceback leads from `fit` to the layer
                compilation.begin()
                step.trace(*args)
            result = run.compute(given)
        dispatched.append((chunk, result))
        if is_stopped(waiting=0 if epoch.every_batch else 1):
            return
    if not epoch.is_last:
        data.look_ahead()
    is_stopped(waiting=0)


def epochs(run: Training, validation: Data | None, callbacks: Any, end: int, validation_freq: Any) -> Iterator[Epoch]:
    """The epochs of training, each to be run by the caller, with validation and callbacks in between.

    Args:
        run: the training.
        validation: the data to evaluate after epochs, or None.
        callbacks: a `CallbackList`.
        end: the epoch to stop before.
        validation_freq: the number of epochs between validations, or a list of epochs (counted from 1).
    """
    model, data = run.model, run.data
    logs: dict[str, float] = {}
    callbacks.on_train_begin()  # a callback that continues an earlier run sets `run.start`
    run.begin()
    for number in range(run.start.epoch, end):
        start = run.start if number == run.start.epoch else Position(number)
        if not start.batches and not data.has_more():
            warn(
                f"The data has ended: nothing is left for epoch {number + 1} of {end}. Training ends here. Give "
                "something that can be iterated again, such as a PyDataset, or steps_per_epoch with a generator that "
                "goes on."
            )
            break
        model.reset_metrics()
        callbacks.on_epoch_begin(number)
        follow_first(model)
        epoch = ReportedEpoch(run, data, callbacks, is_last=number + 1 == end, start=start)
        if not (start.batches and epoch.is_stopped):  # else it was, before the interruption
            yield epoch
        logs = epoch.ended()
        if validation is not None and _is_due(number, validation_freq):
            val_logs = evaluate(model, validation, callbacks, is_validation=True)
            logs |= {f"val_{name}": value for name, value in val_logs.items()}
        callbacks.on_epoch_end(number, logs)
        follow_first(model)
        if model.stop_training:
            break
    run.end()
    callbacks.on_train_end(logs)


def evaluate(model: Any, data: Data, callbacks: CallbackList, is_validation: bool = False) -> dict[str, float]:
    """The loss and the metrics on data, by name.

    Args:
        model: the model.
        data: the data to evaluate on.
        callbacks: a `CallbackList`.
        is_validation: whether `fit` calls it; then the training metrics have been read and may be replaced.
    """
    model.stop_evaluating = False
    callbacks.on_test_begin()
    with Evaluation(model) as run:
        epoch = ReportedEpoch(run, data, callbacks)
        run_epoch(epoch)
        logs = epoch.ended()
        if is_validation or not sharing.are_trained(run.steps.variables.metrics):
            run.publish()
    callbacks.on_test_end(logs)
    return logs


def predict(model: Any, data: Data, callbacks: CallbackList) -> PyTree:
    """The outputs for all rows of the data, as NumPy arrays."""
    model.stop_predicting = False
    callbacks.on_predict_begin()
    with Prediction(model) as run:
        epoch = PredictedEpoch(run, data, callbacks)
        run_epoch(epoch)
    callbacks.on_predict_end()
    return epoch.outputs.joined()


def _is_due(epoch: int, validation_freq: int | Sequence[int]) -> bool:
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    return epoch + 1 in validation_freq
