"""Trainer: fit, evaluate and predict, as methods of a model.

Arguments are checked, data and callbacks prepared; then the loop (loop.py) runs the compiled steps. `train_step`,
`test_step`, `predict_step`, `compute_loss` and `compute_metrics` may be overridden, and are then compiled instead of
the default ones.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from types import MethodType
from typing import Any

import numpy as np

from minidl import config
from minidl.callbacks import Callback, CallbackList, History
from minidl.core import tracebacks
from minidl.core.arrays import as_arrays
from minidl.core.object_graph import Watch
from minidl.core.typing import PyTree
from minidl.layers.base import Layer
from minidl.training import loop
from minidl.training.data import nonfinite
from minidl.training.data.chunks import chunk_capacity, row_bytes
from minidl.training.data.one_batch import is_one
from minidl.training.data.splits import train_validation_split
from minidl.training.data.streams import is_stream
from minidl.training.on_batch import OnBatch, Results
from minidl.training.runs import Training
from minidl.training.targets import checks
from minidl.utils.batches import unpack_x_y_sample_weight

Callbacks = Callback | Sequence[Callback] | None
_OVERRIDABLE = ("train_step", "test_step", "predict_step", "compute_metrics")


class Trainer(OnBatch):
    """The training methods of models: see `Model`.

    Args:
        **kwargs: see `Layer`.
    """

    def __init__(self, **kwargs: Any):
        Layer.__init__(self, **kwargs)  # not super(): a model may have another layer class as a base too
        self.optimizer: Any = None
        self.objectives: Any = None
        self.loss: Any = None
        self.run_eagerly = False
        self.steps_per_execution: int | str = "auto"
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self._fitting = _Fitting()
        self._forget()

    @property
    def training_run(self) -> Training | None:
        """The current call of `fit`; None outside of one."""
        return self._fitting.run

    @training_run.setter
    def training_run(self, run: Training | None) -> None:
        self._fitting.run = run

    @property
    def history(self) -> Any:
        """The `History` of the last `fit`."""
        return self._fitting.history

    @history.setter
    def history(self, history: Any) -> None:
        self._fitting.history = history

    # Training and inference

    @tracebacks.filtered
    def fit(
        self,
        x: Any = None,
        y: PyTree = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: PyTree = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train the model for a number of epochs.

        Args:
            x: inputs, (examples, ...): an array, or a structure of arrays; or anything that yields batches (x, y) or
                (x, y, sample_weight): a generator, a `PyDataset`, a `tf.data.Dataset`, a torch or grain data loader.
            y: targets, (examples, ...).
            batch_size: examples per update, default 32.
            epochs: the epoch to stop before; with `initial_epoch=0`, the number of epochs.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line for each epoch.
            callbacks: a `Callback` or a list of them.
            validation_split: the fraction of rows, from the end, that are used for validation instead.
            validation_data: (x, y), (x, y, sample_weight), or batches, to evaluate after each epoch.
            shuffle: whether to shuffle the rows before each epoch; "batch" shuffles within batches only.
            class_weight: class -> weight of its examples.
            sample_weight: a weight for each example.
            initial_epoch: the number of the first epoch.
            steps_per_epoch: the number of batches per epoch, if not all; the next epoch continues from there.
            validation_steps: the number of batches of validation, if not all: the same in every epoch. Those of a
                generator are kept in memory.
            validation_batch_size: default: `batch_size`.
            validation_freq: the number of epochs between validations, or a list of epochs (counted from 1).

        Returns:
            The `History`: its `history` maps each name to one number per epoch.

        Raises:
            ValueError: the model is not compiled, or the data does not match it; nothing was trained.
        """
        checks.compiled(self, "fit")
        checks.at_least_0("fit", epochs=epochs, initial_epoch=initial_epoch)
        checks.positive("fit", batch_size=batch_size, validation_batch_size=validation_batch_size)
        checks.positive("fit", steps_per_epoch=steps_per_epoch, validation_steps=validation_steps)
        checks.schedule("fit", validation_freq, shuffle)
        epochs = min(epochs, config.max_epochs() or epochs)
        steps_per_epoch = _at_most(steps_per_epoch, config.max_steps_per_epoch())
        validation_steps = _at_most(validation_steps, config.max_steps_per_epoch())
        if validation_split and validation_data is None:
            checks.splittable(x)
            arrays = as_arrays(x, text=True), as_arrays(y), as_arrays(sample_weight)
            checks.arrays("fit", *arrays)
            (x, y, sample_weight), validation_data = train_validation_split(arrays, validation_split)
        with contextlib.ExitStack() as stack:
            options = batch_size, steps_per_epoch, class_weight, shuffle
            data, validation = stack.enter_context(self._data("fit", x, y, sample_weight, *options)), None
            if validation_data is not None:
                given = (validation_data, None, None) if is_stream(validation_data) else checks.triple(validation_data)
                size = validation_batch_size or batch_size
                validation = stack.enter_context(
                    self._data("fit: validation_data", given[0], given[1], given[2], size, validation_steps)
                )
            nonfinite.check("fit", self, data)
            if validation is not None:
                nonfinite.check("fit: validation_data", self, validation, trains=False)
            more = {"validation_steps": validation.num_batches} if validation is not None else {}
            callback_list = self._callbacks(callbacks, verbose, epochs, data.num_batches, add_history=True, **more)
            stack.callback(callback_list.close)
            stack.enter_context(self._fitting.lock)
            run = stack.enter_context(Training(self, data, initial_epoch))
            for epoch in loop.epochs(run, validation, callback_list, epochs, validation_freq):
                loop.run_epoch(epoch)
        return self.history

    @tracebacks.filtered
    def evaluate(
        self,
        x: Any = None,
        y: PyTree = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: PyTree = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Results:
        """Compute the loss and the metrics on data.

        Args:
            x: inputs, (examples, ...).
            y: targets, (examples, ...).
            batch_size: examples computed at once, default 32.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line.
            sample_weight: a weight for each example.
            steps: the number of batches, if not all.
            callbacks: a `Callback` or a list of them.
            return_dict: whether to return name -> number instead of a list.

        Returns:
            A number (the loss), or a list of the loss and the metrics, named by `metrics_names`.

        Raises:
            ValueError: the model is not compiled, or the data does not match it.
        """
        checks.compiled(self, "evaluate")
        checks.positive("evaluate", batch_size=batch_size, steps=steps)
        with self._data("evaluate", x, y, sample_weight, batch_size, steps) as data:
            with contextlib.closing(self._callbacks(callbacks, verbose, 1, data.num_batches)) as callback_list:
                logs = loop.evaluate(self, data, callback_list)
        return self._reported(logs, return_dict)

    @tracebacks.filtered
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
    ) -> np.ndarray:
        """Compute the outputs for inputs.

        Args:
            x: inputs, (examples, ...).
            batch_size: examples computed at once, default 32.
            verbose: 0 silent, 1 a progress bar, 2 a line. "auto": 1, or 0 for one batch that needs no compilation.
            steps: the number of batches, if not all.
            callbacks: a `Callback` or a list of them.

        Returns:
            A NumPy array (examples, ...), or a structure of them.
        """
        checks.positive("predict", batch_size=batch_size, steps=steps)
        if steps is None and callbacks is None and is_one(x, batch_size or 32):
            return self._predict_batch("predict", x, verbose)
        with self._data("predict", x, None, None, batch_size, steps) as data:
            outputs = row_bytes(self._output_spec(data.first[0]))  # a chunk has room for them, too
            data.capacity = min(data.capacity, chunk_capacity(outputs * data.batch_size, data.num_batches or 2))
            with contextlib.closing(self._callbacks(callbacks, verbose, 1, data.num_batches)) as callback_list:
                return loop.predict(self, data, callback_list)

    # The steps as pure functions. Each may be overridden, in the form that Keras documents for JAX.

    def train_step(self, state: PyTree, data: PyTree) -> tuple[dict[str, Any], Any]:
        """One step of training.

        Args:
            state: values of (trainable_variables, non_trainable_variables, optimizer.variables, metrics_variables).
            data: a batch: x, (x, y) or (x, y, sample_weight).

        Returns:
            (logs, new state): name -> number, and the values in the same order.
        """
        return self.compiled_steps.plain_train_step(state, unpack_x_y_sample_weight(data))

    def test_step(self, state: PyTree, data: PyTree) -> tuple[dict[str, Any], Any]:
        """One step of evaluation; state: values of (trainable_, non_trainable_ and metrics_variables)."""
        return self.compiled_steps.plain_test_step(state, unpack_x_y_sample_weight(data))

    def predict_step(self, state: PyTree, data: PyTree) -> tuple[Any, Any]:
        """The outputs for a batch; state: values of (trainable_variables, non_trainable_variables).

        Returns:
            (outputs, new values of the non_trainable_variables).
        """
        x, _, _ = unpack_x_y_sample_weight(data)
        return self.stateless_call(*state, x, training=False)

    def written_steps(self) -> set[str]:
        """The names of the steps that a subclass has overridden, or that were assigned to this model."""
        return {name for name in _OVERRIDABLE if getattr(self, name) != MethodType(getattr(Trainer, name), self)}

    # Inside

    def _callbacks(
        self, callbacks: Callbacks, verbose: Any, epochs: int, steps: int | None, add_history: bool = False, **more: Any
    ) -> CallbackList:
        params = {"verbose": verbose, "epochs": epochs, "steps": steps, **more}
        return CallbackList(callbacks, self, params, add_history=add_history, add_progbar=verbose != 0)


class _Fitting:
    """What each `fit` sets on its model, in one attribute: where others are set, the steps look for changes."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # serializes concurrent calls of fit
        self.run: Training | None = None
        self.history: Any = None
        self.inside: tuple[Watch | None, list[Any]] = None, []  # the metrics of layers, while nothing has changed


def _at_most(steps: int | None, limit: int | None) -> int | None:
    return limit if steps is None or (limit is not None and limit < steps) else steps
