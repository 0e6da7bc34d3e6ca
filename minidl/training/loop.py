"""The loop: epochs, validation, and what callbacks are told.

The device always has its next chunk: a chunk is dispatched before the logs of the one before it are
read, and gathered while the one before it computes. Callbacks that want every batch get
it: then a chunk is one batch, and nothing is dispatched before they have answered.
"""

from __future__ import annotations

import time
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from minidl.core import sharing, structures
from minidl.training.data.array_data import ArrayData
from minidl.training.data.chunks import Chunk, Resumed
from minidl.training.data.streams import StreamData
from minidl.training.runs import Evaluation, Prediction, Training

Data = ArrayData | StreamData

_CHUNK_SECONDS = 0.05  # long enough to hide dispatch, short enough that progress moves
_FEW, _LONGEST = 16, 0.25  # of long steps: so many in a chunk, for at most so long; each chunk begins with new memory


def fit(
    model: Any,
    data: Data,
    validation: Data | None,
    callbacks: Any,
    epochs: int,
    validation_freq: Any = 1,
) -> None:
    """Train a built and compiled model.

    Args:
        model: the model; its variables hold the newest weights after every chunk.
        data: what to train on.
        validation: what to evaluate after epochs, or None.
        callbacks: a `CallbackList`.
        epochs: the number of the epoch to end before.
        validation_freq: validate every so many epochs, or after the epochs (counted from 1) in a list.
    """
    run = Training(model, data)
    model.stop_training = False
    logs: dict[str, float] = {}
    model.training_data = weakref.proxy(data)
    callbacks.on_train_begin()  # a callback that goes on with an earlier run sets model.initial_epoch
    try:
        with run.shield.installed(), sharing.trained(run.steps.flat()):
            for epoch in range(model.initial_epoch, epochs):
                if not data.resumed.batches and not data.has_more():
                    warnings.warn(
                        f"The data has ended: nothing is left for epoch {epoch + 1} of {epochs}. Training ends here. "
                        "Give something that can be iterated again, such as a PyDataset, or steps_per_epoch with a "
                        "generator that goes on.",
                        stacklevel=4,
                    )
                    break
                model.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                logs = _epoch(run, data, callbacks, is_last=epoch + 1 == epochs)
                if validation is not None and _is_due(epoch, validation_freq):
                    val_logs = evaluate(model, validation, callbacks, is_validation=True)
                    logs |= {f"val_{name}": value for name, value in val_logs.items()}
                callbacks.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
    finally:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    callbacks.on_train_end(logs)


def evaluate(model: Any, data: Data, callbacks: Any, is_validation: bool = False) -> dict[str, float]:
    """The loss and the metrics on data, by name.

    Args:
        model: the model.
        data: what to evaluate it on.
        callbacks: a `CallbackList`.
        is_validation: whether `fit` asks; then its own metrics have been read, and may show the results after it.
    """
    model.stop_evaluating = False
    callbacks.on_test_begin()
    with Evaluation(model) as run:
        logs = _epoch(run, data, callbacks)
        if is_validation or not sharing.are_trained(run.steps.variables.metrics):
            run.publish()
    callbacks.on_test_end(logs)
    return logs


def predict(model: Any, data: Data, callbacks: Any) -> Any:
    """The outputs for all rows of the data, as NumPy arrays."""
    model.stop_predicting = False
    callbacks.on_predict_begin()
    every_batch = callbacks.wants_batches("predict")
    outputs = Collected(data.num_rows)
    with Prediction(model) as run:
        execution = Execution(run.steps.per_execution)
        for chunk, result in _results(run, data, callbacks, execution):
            rows = _rows(result, chunk.num_batches)
            outputs.add(rows)
            execution.done += chunk.num_batches
            if every_batch:
                callbacks.on_predict_batch_end(execution.done - 1, {"outputs": rows})
            callbacks.on_progress("predict", execution.done, {})
            if model.stop_predicting:
                break
    callbacks.on_predict_end()
    return outputs.joined()


def _epoch(run: Training | Evaluation, data: Data, callbacks: Any, is_last: bool = True) -> dict[str, float]:
    """One pass over the data, of training or evaluation; the logs at its end. The last one prepares no other."""
    model, mode = run.model, run.mode
    every_batch = callbacks.wants_batches(mode)
    tell = callbacks.on_train_batch_end if mode == "train" else callbacks.on_test_batch_end
    execution = Execution(run.steps.per_execution)
    execution.done, logs = data.resumed
    stopped = execution.done and model.stop_training  # before the run that goes on was interrupted
    for chunk, result in () if stopped else _results(run, data, callbacks, execution, is_last):
        logs = result.read()
        execution.done += chunk.num_batches
        if every_batch and execution.is_complete:
            tell(execution.done - 1, logs)
        callbacks.on_progress(mode, execution.done, logs)
        if model.stop_training if mode == "train" else model.stop_evaluating:
            break
    data.resumed = Resumed()
    if every_batch and not execution.is_complete:  # what does not fill an execution ends as if it did, as in Keras
        tell(execution.done + execution.left() - 1, logs)
    return logs


def _results(
    run: Training | Evaluation | Prediction, data: Data, callbacks: Any, execution: Execution, is_last: bool = True
) -> Iterator[tuple[Chunk, Any]]:
    """Each chunk of an epoch with what its step gave, one behind what is dispatched.

    The receiver counts the batches that it was given, in `execution`.
    """
    mode = run.mode
    begin = getattr(callbacks, f"on_{mode}_batch_begin")
    every_batch = callbacks.wants_batches(mode)
    run.refresh()
    pace = Pace(run.steps.seconds, mode, data.capacity)
    waiting = None
    epoch = data.epoch(anew=mode != "train")
    for chunk in epoch.chunks(execution.left if every_batch else pace.batches):
        if every_batch and execution.is_complete:
            begin(execution.done)
            run.refresh()
        dispatched = chunk, run(chunk)
        if every_batch:
            yield dispatched
            data.reuse(chunk)
            continue
        if waiting is not None:
            yield waiting
            pace.measured(waiting[0].num_batches)
            data.reuse(waiting[0])
        waiting = dispatched
    if not is_last:
        data.look_ahead()
    if waiting is not None:
        yield waiting
        pace.measured(waiting[0].num_batches)
        data.reuse(waiting[0])


class Execution:
    """Batches as batch callbacks see them: `steps_per_execution` at a time."""

    def __init__(self, size: int):
        self._size = size
        self.done = 0  # batches of this epoch

    @property
    def is_complete(self) -> bool:
        """Whether the next batch is the first of another one."""
        return self.done % self._size == 0

    def left(self) -> int:
        """How many batches it needs to be complete."""
        return self._size - self.done % self._size


class Pace:
    """How many batches the next chunk should hold: as many as take `_CHUNK_SECONDS`, of long steps somewhat more.

    Starts at one batch and grows, to a few and then at most fourfold at a time, from the shortest time
    per step seen. What it learns is kept for later epochs, of which the first chunk is a
    short one, since the device waits while it is gathered; of long steps that is soon done.
    """

    def __init__(self, seconds: dict[str, float], mode: str, capacity: int):
        self._seconds = seconds
        self._mode = mode
        self._largest = capacity // 4
        self._capacity = capacity
        self._last = time.perf_counter()

    def batches(self) -> int:
        """How many batches to take next."""
        seconds = self._seconds.get(self._mode)
        wanted = 1
        if seconds is not None:
            wanted = max(int(_CHUNK_SECONDS / seconds), min(_FEW, int(_LONGEST / seconds)))
        wanted, self._largest = min(wanted, max(_FEW, self._largest)), self._capacity
        return max(1, wanted)

    def measured(self, count: int) -> None:
        """Note that the results of `count` more batches have come."""
        now = time.perf_counter()
        per_step = max((now - self._last) / count, _CHUNK_SECONDS / (4 * count))
        self._seconds[self._mode] = min(per_step, self._seconds.get(self._mode, per_step))
        self._last = now


class Collected:
    """The rows of all chunks: written into arrays of the whole size where it is known, else joined at the end."""

    def __init__(self, num_rows: int | None):
        self._num_rows = num_rows
        self._count = 0
        self._arrays: list[np.ndarray] = []
        self._parts: list[list[np.ndarray]] = []
        self._structure: Any = None

    def add(self, structure: Any) -> None:
        """Take the rows of a chunk."""
        parts, self._structure = jax.tree.flatten(structures.ordered(structure))
        count = len(parts[0]) if parts else 0
        if self._num_rows is None:
            self._parts.append(parts)
        else:
            if not self._arrays:
                self._arrays = [np.empty((self._num_rows, *part.shape[1:]), part.dtype) for part in parts]
            for array, part in zip(self._arrays, parts):
                array[self._count : self._count + count] = part
        self._count += count

    def joined(self) -> Any:
        """All rows."""
        if self._num_rows is None:
            arrays = [np.concatenate(parts) for parts in zip(*self._parts)]
        else:
            arrays = [array[: self._count] for array in self._arrays]
        return structures.plain(jax.tree.unflatten(self._structure, arrays))


def _is_due(epoch: int, validation_freq: Any) -> bool:
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    return epoch + 1 in validation_freq


def _rows(outputs: Any, count: int) -> Any:
    """Outputs (capacity, batch, ...) -> the (rows, ...) of the batches that count, as NumPy arrays."""

    def rows(leaf: Any) -> np.ndarray:
        kept = np.asarray(jax.block_until_ready(leaf))[:count]  # else a failed allocation would end the process
        return kept.reshape(kept.shape[0] * kept.shape[1], *kept.shape[2:])

    return structures.map(rows, outputs)
