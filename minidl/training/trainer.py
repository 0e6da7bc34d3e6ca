"""Trainer: fit, evaluate and predict, as methods of a model.

Here arguments are checked and data and callbacks made ready; then the loop (loop.py) runs the
compiled steps (step.py). `train_step`, `test_step`, `predict_step`, `compute_loss` and `compute_metrics` may be
overridden, and are then compiled in the place of minidl's own.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator, Sequence
from types import MethodType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl import config
from minidl.callbacks import CallbackList
from minidl.core import sharing, structures
from minidl.core.arrays import as_arrays, device_dtype
from minidl.core.binding import is_binding
from minidl.core.functional import functional
from minidl.core.symbolic import tensors_like
from minidl.layers.base import Layer
from minidl.layers.module import building
from minidl.training import loop
from minidl.training.compiled import Compiled
from minidl.training.compiled_steps import CompiledSteps
from minidl.training.data import nonfinite, ranges
from minidl.training.data.adapt import Data, adapt
from minidl.training.data.array_data import ArrayData
from minidl.training.data.chunks import Chunk
from minidl.training.data.splits import class_weights_to_sample_weights, train_validation_split
from minidl.training.data.streams import StreamData, is_stream
from minidl.training.runs import Evaluation, Prediction, Training
from minidl.training.targets import checks
from minidl.utils.batches import unpack_x_y_sample_weight

_OVERRIDABLE = ("train_step", "test_step", "predict_step", "compute_metrics")


class Trainer(Compiled):
    """What makes a layer a model: see `Model`.

    Args:
        **kwargs: see `Layer`.
    """

    _output_specs: dict[Any, Any]
    output_names: list[str] | None = None  # what the model calls its outputs, if it names them

    def __init__(self, **kwargs: Any):
        Layer.__init__(self, **kwargs)  # not super(): a model may have a layer with arguments of its own as a base too
        self.optimizer: Any = None
        self.objectives: Any = None
        self.loss: Any = None
        self.history: Any = None
        self.run_eagerly = False
        self.steps_per_execution: int | str = "auto"
        self.training_data: Any = None  # what fit trains on, while it does
        self.initial_epoch = 0  # where fit begins: a callback may move it when training begins
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self._training_lock = threading.RLock()  # two trainings of one model run one after the other
        self._forget()

    # Training and inference

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Train for a number of epochs.

        Args:
            x: inputs, (examples, ...): an array, or a structure of arrays; or anything that yields batches (x, y) or
                (x, y, sample_weight): a generator, a `PyDataset`, a `tf.data.Dataset`, a torch or grain data loader.
            y: targets, (examples, ...).
            batch_size: examples for each update, default 32.
            epochs: the number of the epoch to end before.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line for each epoch.
            callbacks: a `Callback` or a list of them.
            validation_split: the share of rows, taken from the end, to validate on instead.
            validation_data: (x, y), (x, y, sample_weight), or batches, to evaluate after each epoch.
            shuffle: whether each epoch has an order of its own; "batch" shuffles within batches only.
            class_weight: class -> weight of its examples.
            sample_weight: a weight for each example.
            initial_epoch: the number of the first epoch.
            steps_per_epoch: how many batches make an epoch, if not all; the next epoch goes on from there.
            validation_steps: how many batches to validate on, if not all: the same in every epoch. Those of a generator
                are kept in memory.
            validation_batch_size: default: `batch_size`.
            validation_freq: validate every so many epochs, or after the epochs in a list.

        Returns:
            The `History`: its `history` maps each name to one number for each epoch.

        Raises:
            ValueError: the model is not compiled, or the data does not go with it; nothing was trained.
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
            arrays = as_arrays(x), as_arrays(y), as_arrays(sample_weight)
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
            callback_list = self._callbacks(callbacks, verbose, epochs, data.num_batches, add_history=True)
            stack.callback(callback_list.close)
            self.initial_epoch = initial_epoch
            stack.enter_context(self._training_lock)
            run = stack.enter_context(Training(self, data))
            for epoch in loop.epochs(run, validation, callback_list, epochs, validation_freq):
                loop.run_epoch(epoch)
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on data.

        Args:
            x: inputs, (examples, ...).
            y: targets, (examples, ...).
            batch_size: examples computed at once, default 32.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line.
            sample_weight: a weight for each example.
            steps: how many batches, if not all.
            callbacks: a `Callback` or a list of them.
            return_dict: whether to return name -> number instead of a list.

        Returns:
            A number (the loss), or a list of the loss and the metrics, named by `metrics_names`.

        Raises:
            ValueError: the model is not compiled, or the data does not go with it.
        """
        checks.compiled(self, "evaluate")
        checks.positive("evaluate", batch_size=batch_size, steps=steps)
        with self._data("evaluate", x, y, sample_weight, batch_size, steps) as data:
            with contextlib.closing(self._callbacks(callbacks, verbose, 1, data.num_batches)) as callback_list:
                logs = loop.evaluate(self, data, callback_list)
        return self._reported(logs, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for inputs.

        Args:
            x: inputs, (examples, ...).
            batch_size: examples computed at once, default 32.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line.
            steps: how many batches, if not all.
            callbacks: a `Callback` or a list of them.

        Returns:
            A NumPy array (examples, ...), or a structure of them.
        """
        checks.positive("predict", batch_size=batch_size, steps=steps)
        with self._data("predict", x, None, None, batch_size, steps) as data:
            with contextlib.closing(self._callbacks(callbacks, verbose, 1, data.num_batches)) as callback_list:
                return loop.predict(self, data, callback_list)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One update on one batch. Returns the loss and the metrics, as `evaluate` does."""
        checks.compiled(self, "train_on_batch")
        x, y, sample_weight = as_arrays(x), as_arrays(y), as_arrays(sample_weight)
        checks.arrays("train_on_batch", x, y, sample_weight)
        if class_weight is not None:
            sample_weight = self._class_weights("train_on_batch", class_weight, x, y, sample_weight)
        self._prepare("train_on_batch", x, y, sample_weight)
        nonfinite.check_arrays("train_on_batch", self, (x, y, sample_weight), len(jax.tree.leaves(x)[0]))
        chunk = _one_batch(x, y, sample_weight)
        with self._training_lock:
            self.reset_metrics()
            run = Training(self, chunk)
            for step, args in run.untraced(chunk):
                step.trace(*args)
            logs = run(chunk).read()
        return self._reported(logs, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss and the metrics on one batch, as `evaluate` returns them."""
        checks.compiled(self, "test_on_batch")
        x, y, sample_weight = as_arrays(x), as_arrays(y), as_arrays(sample_weight)
        checks.arrays("test_on_batch", x, y, sample_weight)
        self._prepare("test_on_batch", x, y, sample_weight)
        with Evaluation(self) as run:
            chunk = _one_batch(x, y, sample_weight)
            for step, args in run.untraced(chunk):
                step.trace(*args)
            logs = run(chunk).read()
            if not sharing.are_trained(run.steps.variables.metrics):
                run.publish()
        return self._reported(logs, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        x = as_arrays(x)
        checks.arrays("predict_on_batch", x, None, None)
        self._prepare("predict_on_batch", x)
        with Prediction(self) as run:
            chunk = _one_batch(x, None, None)
            for step, args in run.untraced(chunk):
                step.trace(*args)
            outputs = run(chunk)
        return structures.map(lambda output: np.array(output[0]), jax.block_until_ready(outputs))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch: the compiled loss plus what layers and regularizers add. May be overridden.

        Raises:
            ValueError: there is neither a loss nor anything that layers add.
        """
        self._build_objectives(y, y_pred)
        loss = self.objectives.compute_loss(y, y_pred, sample_weight) if self.compiled else None
        terms = [*([] if loss is None else [loss]), *(term.astype("float32") for term in self.losses)]
        if not terms and not training:
            return jnp.zeros(())
        if not terms:
            raise ValueError("There is nothing to train: give compile() a loss, or call add_loss() in a layer.")
        return sum(terms[1:], terms[0])

    def stateless_compute_loss(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tuple[Any, tuple[list[Any], list[Any], list[Any]]]:
        """`compute_loss` as a pure function of the variables.

        What layers add with `add_loss` is not in it: `stateless_call` gives that with `return_losses=True`.

        Returns:
            (loss, (trainable, non-trainable, metrics values after it)).
        """
        groups = [self.trainable_variables, self.non_trainable_variables, self.metrics_variables]
        values = [*trainable_variables, *non_trainable_variables, *metrics_variables]
        pure = functional(self.compute_loss, [variable for group in groups for variable in group])
        loss, changed = pure(values, x, y, y_pred, sample_weight, training)
        rest = iter(changed)
        trainable, non_trainable, metrics = ([next(rest) for _ in group] for group in groups)
        return loss, (trainable, non_trainable, metrics)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Take a batch into the metrics. May be overridden.

        Returns:
            Name -> number: what is reported.
        """
        self._build_objectives(y, y_pred)
        self.objectives.update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    # The steps as pure functions. Each may be overridden, in the form that Keras documents for JAX.

    def train_step(self, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
        """One step of training.

        Args:
            state: values of (trainable_variables, non_trainable_variables, optimizer.variables, metrics_variables).
            data: a batch: x, (x, y) or (x, y, sample_weight).

        Returns:
            (logs, new state): name -> number, and the values in the same order.
        """
        return self.steps.plain_train_step(state, unpack_x_y_sample_weight(data))

    def test_step(self, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
        """One step of evaluation; state: values of (trainable_, non_trainable_ and metrics_variables)."""
        return self.steps.plain_test_step(state, unpack_x_y_sample_weight(data))

    def predict_step(self, state: Any, data: Any) -> tuple[Any, Any]:
        """The outputs for a batch; state: values of (trainable_variables, non_trainable_variables).

        Returns:
            (outputs, new values of the non_trainable_variables).
        """
        x, _, _ = unpack_x_y_sample_weight(data)
        return self.stateless_call(*state, x, training=False)

    def written_steps(self) -> set[str]:
        """The names of the steps that a subclass has overridden, or that were assigned to this model."""
        return {name for name in _OVERRIDABLE if getattr(self, name) != MethodType(getattr(Trainer, name), self)}

    # Metrics and steps

    @property
    def metrics(self) -> list[Any]:
        """The loss as a metric, the metrics of layers, and the compiled ones (once their kind is known)."""
        if self.objectives is None:
            return super().metrics
        return [self.objectives.loss_tracker, *super().metrics, *self.objectives.metrics]

    @property
    def metrics_names(self) -> list[str]:
        """What the numbers that `evaluate` returns are called, in their order."""
        return self.objectives.names if self.compiled else []

    def reset_metrics(self) -> None:
        """Let every metric forget what it has seen."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """Name -> value of the loss and the metrics so far."""
        compiled = {id(metric) for metric in self.objectives.reported}
        known = {id(metric) for metric in self.metrics}
        results = self.objectives.results() if compiled <= known else {}  # unless `metrics` is the user's own
        for metric in self.metrics:
            if id(metric) not in compiled or not results:
                value = metric.result()
                results |= value if isinstance(value, dict) else {metric.name: value}
        return results

    @property
    def steps(self) -> CompiledSteps:
        """The compiled steps for the variables that the model has now; made again when these change."""
        if self._steps is not None and is_binding():  # asked by a step that is being traced
            return self._steps
        with building:
            self._steps = CompiledSteps(self) if self._steps is None else self._steps.renewed()
            return self._steps

    def prepare(self, x: Any, y: Any = None, sample_weight: Any = None) -> CompiledSteps:
        """The model's steps as pure functions, for a JAX loop of your own.

        Builds what is not built yet, for data like the arrays given (any number of rows).

        Args:
            x: inputs, (examples, ...).
            y: targets, (examples, ...).
            sample_weight: a weight for each example, or None.

        Example:
        >>> from minidl.layers import Dense
        >>> from minidl.models import Sequential
        >>> model = Sequential([Dense(1)])
        >>> model.compile(optimizer="sgd", loss="mse")
        >>> x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
        >>> steps = model.prepare(x, y)
        >>> state = jax.lax.fori_loop(0, 999, lambda i, state: steps.train_step(state, (x, y, None)), steps.state())
        >>> steps.put(state)
        >>> model.predict(x, verbose=0).round(2)[0]
        array([1.], dtype=float32)
        """
        self._prepare("prepare", as_arrays(x), as_arrays(y), as_arrays(sample_weight))
        return self.steps

    # Inside

    @contextlib.contextmanager
    def _data(
        self,
        call: str,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int | None,
        steps: int | None,
        class_weight: dict[int, float] | None = None,
        shuffle: bool | str = False,
    ) -> Iterator[Data]:
        """Checked data, for a model that is then ready for it; closed in the end, also where a check fails."""
        weigh = None if class_weight is None else functools.partial(self._class_weights, call, class_weight)
        use = "validation" if call == "fit: validation_data" else "prediction" if call == "predict" else "training"
        if use == "training" and (not self.built or (self.compiled and not self.objectives.built)):
            use = "building"
        with contextlib.closing(adapt(call, x, y, sample_weight, batch_size, steps, shuffle, weigh, use)) as data:
            if call == "fit" and isinstance(data, ArrayData) and not self.objectives.built:
                if self.objectives.are_given or not self._is_built_inside():
                    data.orders.next()  # Keras draws an order to look at a first batch: later ones are then equal
            self._prepare(call, *data.first)
            if isinstance(data, StreamData):
                data.check = functools.partial(self._check_values, call)
            yield data

    def _class_weights(self, call: str, class_weight: dict[int, float], x: Any, y: Any, sample_weight: Any) -> Any:
        """The weight of each example, or of each of its steps, from those of the classes."""
        outputs = self._output_spec(x)
        checks.class_weight(call, class_weight, sample_weight, y, outputs)
        return class_weights_to_sample_weights(jax.tree.leaves(y)[0], class_weight, jax.tree.leaves(outputs)[0].ndim)

    def _build_objectives(self, y: Any, y_pred: Any) -> None:
        """Build losses and metrics for a loop of the user's own, which has not prepared them."""
        if self.compiled and not self.objectives.built:
            with jax.ensure_compile_time_eval():  # what metrics hold are values, also where the loop is traced
                self.objectives.build(y, y_pred, self.output_names)

    def _prepare(self, call: str, x: Any, y: Any = None, sample_weight: Any = None) -> None:
        """Build what is not built yet, and check the targets against the outputs."""
        with building:
            y_pred = self._output_spec(x)  # builds the model
        if self.compiled and not call.startswith("predict"):
            checks.has_targets(call, self.loss, y)
            with building:
                self.objectives.build(y, y_pred, self.output_names)
        self._check_values(call, x, y, sample_weight)
        if self.compiled and sample_weight is not None and self.compute_loss == MethodType(Trainer.compute_loss, self):
            rows = len(jax.tree.leaves(x)[0])
            self.objectives.check_weights(*(tensors_like(part, rows) for part in (y, y_pred, sample_weight)))

    def _check_values(self, call: str, x: Any, y: Any, sample_weight: Any) -> None:
        """Refuse targets that do not go with the outputs, and values that a layer or the loss cannot take."""
        y_pred = self._output_spec(x)
        ranges.check(call, self, x)
        if self.compiled and not call.startswith("predict"):
            checks.weights(call, sample_weight)
            checks.targets(call, self.objectives.loss, y, y_pred, self.output_names)

    def _output_spec(self, x: Any) -> Any:
        """The shapes of the outputs for inputs like x (symbolic tensors); builds the model if it is not built."""
        leaves, structure = jax.tree.flatten(x)
        key = structure, tuple((leaf.shape[1:], leaf.dtype) for leaf in leaves)
        if key not in self._output_specs:
            specs = [jax.ShapeDtypeStruct(leaf.shape, device_dtype(leaf)) for leaf in leaves]
            self._output_specs[key] = self.compute_output_spec(tensors_like(jax.tree.unflatten(structure, specs)))
        return self._output_specs[key]

    def _is_built_inside(self) -> bool:
        return all(layer.built for layer in self._flatten_layers())

    def _forget(self) -> None:
        """Forget what was derived from the layers and from compile()."""
        self._steps = None
        self._output_specs = {}

    def _callbacks(
        self, callbacks: Any, verbose: str | int, epochs: int, num_batches: int | None, add_history: bool = False
    ) -> CallbackList:
        params = {"verbose": verbose, "epochs": epochs, "steps": num_batches}
        return CallbackList(callbacks, self, params, add_history=add_history, add_progbar=verbose != 0)

    def _reported(self, logs: dict[str, float], return_dict: bool) -> Any:
        if return_dict:
            return logs
        named = [name for name in self.metrics_names if name in logs]
        values = [logs[name] for name in (*named, *sorted(logs.keys() - set(named)))]
        return values[0] if len(values) == 1 else values


def _at_most(steps: int | None, limit: int | None) -> int | None:
    return limit if steps is None or (limit is not None and limit < steps) else steps


def _one_batch(x: Any, y: Any, sample_weight: Any) -> Chunk:
    rows = len(jax.tree.leaves(x)[0])
    return next(ArrayData(x, y, sample_weight, batch_size=rows).epoch().chunks(lambda: 1))
