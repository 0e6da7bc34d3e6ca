"""The steps of training, evaluation and prediction as pure functions of a model's state and a batch.

There are two implementations: minidl's own, and the one that calls what a user has written, in Keras's form. A step is
traced once for each shape of batch, for all models that are alike; what runs it over batches is in chunk.py and
step_programs.py.
"""

from __future__ import annotations

import abc
import contextvars
import inspect
from typing import Any, NamedTuple

import jax

from minidl import kernels
from minidl.core import array_metadata, host_plan, structures
from minidl.training.layout import Layout
from minidl.training.sharded import Shardings
from minidl.training.state import Changes, State, StepVariables, changes, held, like
from minidl.training.targets.functions import logs_and_state
from minidl.utils.batches import pack_x_y_sample_weight

Batch = tuple[Any, Any, Any]  # x, y, sample_weight: structures of arrays (batch, ...), or None
Logs = dict[str, Any]


class InUse(NamedTuple):
    """A model for which steps are traced or run."""

    model: Any  # built and compiled; for `predict` it need not be compiled
    variables: StepVariables
    layout: Layout
    shardings: Shardings

    def results(self, state: State) -> Logs:
        """Name -> value of the loss and the metrics in a state."""
        with self.variables.holding(state):
            results: Logs = self.model.get_metrics_result()
        return results


_in_use: contextvars.ContextVar[InUse] = contextvars.ContextVar("in_use")


def in_use() -> InUse:
    """The model for which a step is traced or run now."""
    return _in_use.get()


class using:  # noqa: N801 - a context manager, called for each chunk
    """Inside, steps are traced and run for a model and a platform."""

    def __init__(self, model: InUse, platform: str):
        self._model = model
        self._lowered = kernels.lowered_for(platform)

    def __enter__(self) -> None:
        self._lowered.__enter__()
        self._token = _in_use.set(self._model)

    def __exit__(self, *error: Any) -> None:
        _in_use.reset(self._token)
        self._lowered.__exit__(*error)


class Step(abc.ABC):
    """The three steps of the model that is in use. All structures are ordered (see structures.py)."""

    @property
    def model(self) -> Any:
        """The model."""
        return in_use().model

    @property
    def variables(self) -> StepVariables:
        """Its variables."""
        return in_use().variables

    @property
    def layout(self) -> Layout:
        """How the arrays of its state are carried."""
        return in_use().layout

    @property
    def shardings(self) -> Shardings:
        """Where the arrays of its state are."""
        return in_use().shardings

    @abc.abstractmethod
    def train(self, state: State, batch: Batch) -> tuple[State, Logs]:
        """The new state after forward pass, backward pass, update and metrics; and logs other than the metrics."""

    @abc.abstractmethod
    def test(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Changes, Logs]:
        """The new metrics, other changes (such as states of stateful layers), and logs other than the metrics."""

    @abc.abstractmethod
    def predict(self, weights: State, x: Any) -> tuple[Any, Changes]:
        """The outputs, and the changes of non-trainable variables."""


class DefaultStep(Step):
    """Gradient descent on the compiled loss."""

    def train(self, state: State, batch: Batch) -> tuple[State, Logs]:
        model, variables = self.model, self.variables
        x, y, sample_weight = opened(batch)

        def loss_of(trainable: list[Any]) -> tuple[Any, tuple[Any, ...]]:
            weights = state._replace(trainable=self.layout.transpose_trainable(trainable))
            with variables.holding(self.shardings.gathered(weights)):
                y_pred = model(x, training=True)
                loss = self._loss(x, y, y_pred, sample_weight, training=True)
                model._clear_losses()
                metadata = list(map(array_metadata.of, jax.tree.leaves(y_pred)))
                new = held(variables.of.non_trainable), held(variables.of.metrics)
                return model.optimizer.scale_loss(loss), (loss, structures.ordered(y_pred), metadata, *new)

        gradients, (loss, y_pred, metadata, non_trainable, metrics) = jax.grad(loss_of, has_aux=True)(state.trainable)
        with variables.holding(state._replace(non_trainable=non_trainable, metrics=metrics)):
            y_pred = structures.plain(y_pred)
            array_metadata.annotate_all(jax.tree.leaves(y_pred), metadata)
            model.optimizer.apply(gradients, variables.of.trainable)
            logs = self._update_metrics(loss, x, y, y_pred, sample_weight)
            return self.shardings.kept(variables.held()), logs

    def test(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Changes, Logs]:
        model, variables = self.model, self.variables
        x, y, sample_weight = opened(batch)
        weights = self.shardings.gathered(weights)
        with variables.holding(weights._replace(metrics=metrics)):
            y_pred = model(x, training=False)
            loss = self._loss(x, y, y_pred, sample_weight, training=False)
            model._clear_losses()
            logs = self._update_metrics(loss, x, y, y_pred, sample_weight)
            new = changes(weights.non_trainable, held(variables.of.non_trainable))
            return held(variables.of.metrics), self.shardings.changes(new), logs

    def predict(self, weights: State, x: Any) -> tuple[Any, Changes]:
        weights = self.shardings.gathered(weights)
        with self.variables.holding(weights):
            y_pred = self.model(host_plan.opened(x), training=False)
            self.model._clear_losses()
            new = changes(weights.non_trainable, held(self.variables.of.non_trainable))
        return structures.ordered(y_pred), self.shardings.changes(new)

    def _loss(self, *batch: Any, training: bool) -> Any:
        """The model's loss; a user's `compute_loss` need not take `training`, which early Keras 3 did not have."""
        names = inspect.signature(self.model.compute_loss).parameters
        takes_it = "training" in names or any(given.kind is given.VAR_KEYWORD for given in names.values())
        return self.model.compute_loss(*batch, **({"training": training} if takes_it else {}))

    def _update_metrics(self, loss: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Logs:
        rows = jax.tree.leaves(x)[0].shape[0]
        self.model.objectives.loss_tracker.update_state(loss, sample_weight=rows)
        if "compute_metrics" in self.model.written_steps():
            return self.model.compute_metrics(x, y, y_pred, sample_weight)
        self.model.objectives.update_metrics(y, y_pred, sample_weight)
        return {}


class UserStep(Step):
    """A model's own `train_step`, `test_step` and `predict_step`, in the form that Keras documents for JAX."""

    def train(self, state: State, batch: Batch) -> tuple[State, Logs]:
        state = self.shardings.gathered(state)
        own = self.variables.without_outside(state)
        with self.variables.holding_outside(state):
            returned = self.model.train_step(tuple(own), pack_x_y_sample_weight(*opened(batch)))
            logs, new = logs_and_state(returned, self.model, "train_step", len(own))
            new = self.variables.with_outside(like(own, State(*new)))
        return self.shardings.kept(new), _as_logs(logs)

    def test(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Changes, Logs]:
        weights = self.shardings.gathered(weights)
        own = self.variables.without_outside(weights).non_trainable
        with self.variables.holding_outside(weights):
            data = pack_x_y_sample_weight(*opened(batch))
            returned = self.model.test_step((weights.trainable, own, metrics), data)
            logs, (_, non_trainable, new_metrics) = logs_and_state(returned, self.model, "test_step", 3)
            new = changes(weights.non_trainable, [*non_trainable, *held(self.variables.outside)])
        return like(metrics, new_metrics), self.shardings.changes(new), _as_logs(logs)

    def predict(self, weights: State, x: Any) -> tuple[Any, Changes]:
        weights = self.shardings.gathered(weights)
        state = weights.trainable, self.variables.without_outside(weights).non_trainable
        with self.variables.holding_outside(weights):
            y_pred, non_trainable = self.model.predict_step(state, pack_x_y_sample_weight(host_plan.opened(x)))
            new = changes(weights.non_trainable, [*non_trainable, *held(self.variables.outside)])
        return structures.ordered(y_pred), self.shardings.changes(new)


def opened(batch: Batch) -> Batch:
    """A batch in the structure in which it came; text is `HostArray`."""
    x, y, sample_weight = batch
    return host_plan.opened(x), structures.plain(y), structures.plain(sample_weight)


def _as_logs(logs: Any) -> Logs:
    """The logs of a user's step, which may return the loss alone."""
    return logs if isinstance(logs, dict) else {"loss": logs}
