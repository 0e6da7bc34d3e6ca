"""The compiled steps: every `jax.jit` of training is here.

A train step is a pure function of a model's state and a batch. One compiled function for
each shape of batch runs it over a chunk of batches, with the loss and the metrics accumulated in the
state that the loop carries, so Python is met once a chunk and never once a step.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl import notes
from minidl.symbolic import KerasTensor
from minidl.training.data import Chunk
from minidl.training.layout import Layout
from minidl.variables import Variable, bound

Batch = tuple[Any, Any, Any]  # x, y, sample_weight: structures of arrays (batch, ...), or None


class State(NamedTuple):
    """All that a step reads and changes, as lists of arrays, in the order of Keras's own train steps."""

    trainable: list[Any]
    non_trainable: list[Any]
    optimizer: list[Any]
    metrics: list[Any]


class Steps:
    """The steps of one model, for the variables and the objectives that it has now.

    `train_step`, `test_step` and `predict_step` are pure and can be used in a loop of your own;
    `train`, `test` and `predict` run chunks and keep the model's variables up to date.

    Args:
        model: a built and compiled model; for `predict` it need not be compiled.
    """

    def __init__(self, model: Any):
        self.model = model
        optimizer, metrics = model.optimizer, model.metrics
        if optimizer is not None:
            optimizer.build(model.trainable_variables)
        reported = [variable for metric in metrics for variable in metric.variables]
        kept = {id(variable) for variable in reported}
        self.variables = State(
            model.trainable_variables,
            [variable for variable in model.non_trainable_variables if id(variable) not in kept],
            optimizer.variables if optimizer is not None else [],
            reported,
        )
        self._made_for = _fingerprint(model)
        self._metrics = metrics
        self.seconds: dict[str, float] = {}  # for each mode, how long a step takes: the loop measures it
        self.log_names: list[str] = []
        self.layout = Layout(self.variables, optimizer)
        self.carried_step = jax.jit(self._carried_step)
        self.test_step = jax.jit(self._test_step)
        self.predict_step = jax.jit(self._predict_step)
        options = compiler_options()
        self._train_chunk = jax.jit(self._train_batches, donate_argnums=0, compiler_options=options)
        self._test_chunk = jax.jit(self._test_batches, donate_argnums=1, compiler_options=options)
        self._predict_chunk = jax.jit(self._predict_batches, compiler_options=options)

    def is_current(self) -> bool:
        """Whether the model still has the variables, optimizer and objectives that these steps were made for."""
        return self._made_for == _fingerprint(self.model)

    # One step, pure

    def train_step(self, state: State, batch: Batch) -> State:
        """One step of gradient descent, as a pure function: forward, backward, update, metrics."""
        return self.layout.turn(self.carried_step(self.layout.turn(state), batch))

    def _carried_step(self, state: State, batch: Batch) -> State:
        """The train step on arrays as the loop carries them."""
        model, variables, layout = self.model, self.variables, self.layout
        x, y, sample_weight = batch

        def loss_of(trainable: list[Any]) -> tuple[Any, tuple[Any, ...]]:
            weights = layout.turn_trainable(trainable)
            with bound(variables.trainable, weights), bound(variables.non_trainable, state.non_trainable):
                with bound(variables.optimizer, state.optimizer), notes.scope():
                    y_pred = model(x, training=True)
                    loss = model.compute_loss(x, y, y_pred, sample_weight, training=True)
                    model._clear_losses()
                    facts = notes.of(jax.tree.leaves(y_pred))
                    return model.optimizer.scale_loss(loss), (loss, y_pred, facts, _values(variables.non_trainable))

        gradients, (loss, y_pred, facts, non_trainable) = jax.grad(loss_of, has_aux=True)(state.trainable)
        with self._holding(state._replace(non_trainable=non_trainable)), notes.scope():
            notes.write_all(jax.tree.leaves(y_pred), facts)
            model.optimizer.apply(gradients, variables.trainable)
            self._update_metrics(loss, x, y, y_pred, sample_weight)
            return self._held()

    def _test_step(self, state: State, batch: Batch) -> State:
        """The forward pass, the loss and the metrics."""
        x, y, sample_weight = batch
        with self._holding(state), notes.scope():
            y_pred = self.model(x, training=False)
            loss = self.model.compute_loss(x, y, y_pred, sample_weight, training=False)
            self.model._clear_losses()
            self._update_metrics(loss, x, y, y_pred, sample_weight)
            return state._replace(metrics=_values(self.variables.metrics))

    def _predict_step(self, state: State, x: Any) -> Any:
        """The forward pass."""
        with self._holding(state):
            y_pred = self.model(x, training=False)
            self.model._clear_losses()
            return y_pred

    def _update_metrics(self, loss: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
        rows = jax.tree.leaves(x)[0].shape[0]
        self.model.objectives.loss_tracker.update_state(loss, sample_weight=rows)
        self.model.objectives.update_metrics(y, y_pred, sample_weight)

    # A chunk of steps, compiled once for each shape of batch

    def _train_batches(self, state: State, batches: Any, count: Any) -> tuple[State, Any]:
        def step(i: Any, state: State) -> State:
            return self.carried_step(state, _at(batches, i))

        state = self.layout.turn(lax.fori_loop(0, count, step, self.layout.turn(state)))
        return state, self._logs(state)

    def _test_batches(self, weights: State, metrics: list[Any], batches: Any, count: Any) -> tuple[list[Any], Any]:
        def step(i: Any, metrics: list[Any]) -> list[Any]:
            return self.test_step(weights._replace(metrics=metrics), _at(batches, i)).metrics

        metrics = lax.fori_loop(0, count, step, metrics)
        return metrics, self._logs(weights._replace(metrics=metrics))

    def _predict_batches(self, weights: State, batches: Any, count: Any) -> Any:
        """Outputs of shape (capacity, batch, ...), of which the first `count` are filled."""
        x, capacity = batches[0], jax.tree.leaves(batches)[0].shape[0]
        specs = jax.eval_shape(self.predict_step, weights, _at(x, 0))
        empty = jax.tree.map(lambda spec: jnp.zeros((capacity, *spec.shape), spec.dtype), specs)

        def step(i: Any, outputs: Any) -> Any:
            new = self.predict_step(weights, _at(x, i))
            return jax.tree.map(lambda output, value: output.at[i].set(value), outputs, new)

        return lax.fori_loop(0, count, step, empty)

    def _logs(self, state: State) -> Any:
        """The reported numbers, in one array so that they are read at once."""
        results = self.results(state)
        self.log_names = list(results)
        return jnp.stack([jnp.asarray(value, "float32") for value in results.values()])

    # From the model's variables and back

    def state(self) -> State:
        """What the variables hold now: where a loop of your own starts."""
        for variable in (variable for variables in self.variables for variable in variables):
            variable._lent = True
        return self._held()

    def put(self, state: State) -> None:
        """Let the variables hold a state: where a loop of your own ends."""
        for variables, values in zip(self.variables, state):
            _give(variables, values, lent=True)

    def reset_metrics(self) -> None:
        """Let every metric forget what it has seen."""
        for metric in self._metrics:
            metric.reset_state()

    def results(self, state: State) -> dict[str, Any]:
        """Name -> value of the loss and the metrics in a state, as a pure function of it."""
        with self._holding(state):
            return self.model.objectives.results()

    def train(self, chunk: Chunk) -> Any:
        """Train on a chunk. The model's variables hold the new state; returns the logs, on the device."""
        state = State(*map(_take, self.variables))
        with self._eagerly():
            state, logs = self._train_chunk(state, chunk.batches, chunk.num_batches)
        for variables, values in zip(self.variables, state):
            _give(variables, values, lent=False)
        return logs

    def test(self, chunk: Chunk) -> Any:
        """Evaluate a chunk. The metrics' variables hold the new state; returns the logs, on the device."""
        metrics = _take(self.variables.metrics)
        with self._eagerly():
            metrics, logs = self._test_chunk(self._weights(), metrics, chunk.batches, chunk.num_batches)
        _give(self.variables.metrics, metrics, lent=False)
        return logs

    def predict(self, chunk: Chunk) -> Any:
        """The outputs for a chunk, (capacity, batch, ...), on the device."""
        with self._eagerly():
            return self._predict_chunk(self._weights(), chunk.batches, chunk.num_batches)

    def read(self, logs: Any) -> dict[str, float]:
        """Logs from the device, as name -> number."""
        return dict(zip(self.log_names, np.asarray(jax.block_until_ready(logs)).tolist()))

    def _held(self) -> State:
        return State(*map(_values, self.variables))

    def _weights(self) -> State:
        return State(_values(self.variables.trainable), _values(self.variables.non_trainable), [], [])

    def _holding(self, state: State) -> contextlib.ExitStack:
        stack = contextlib.ExitStack()
        for variables, values in zip(self.variables, state):
            if values:
                stack.enter_context(bound(variables, values))
        return stack

    def _eagerly(self) -> contextlib.AbstractContextManager[Any]:
        return jax.disable_jit() if self.model.run_eagerly else contextlib.nullcontext()


@functools.cache
def compiler_options() -> dict[str, Any]:
    """Options of XLA's that make loops over small steps faster on the CPU; each is left out where XLA lacks it.

    Without region analysis the loop copies its weights at every step (2% of a small one); with the highest level of
    LLVM's optimizations the kernels of small arrays are slower than with the usual one (2%).
    """
    if jax.default_backend() != "cpu":
        return {}
    wanted = {"xla_cpu_copy_insertion_use_region_analysis": True, "xla_backend_optimization_level": 2}
    return {name: value for name, value in wanted.items() if _is_known(name, value)}


def _is_known(name: str, value: Any) -> bool:
    try:
        jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return False
    return True


def _fingerprint(model: Any) -> Any:
    trains = [id(variable) for variable in model.trainable_variables]
    variables, metrics = [id(variable) for variable in model.variables], [id(metric) for metric in model.metrics]
    optimizer = [] if model.optimizer is None else [id(variable) for variable in model.optimizer.variables]
    return trains, variables, metrics, optimizer, model.run_eagerly


def symbolic(x: Any) -> Any:
    """Symbolic tensors for a batch of which the size does not matter."""
    return jax.tree.map(lambda leaf: KerasTensor((None, *leaf.shape[1:]), leaf.dtype), x)


def _values(variables: list[Variable]) -> list[Any]:
    return [variable._value for variable in variables]


def _take(variables: list[Variable]) -> list[Any]:
    """Values for a call that reuses their memory: copies of those that somebody else may hold."""
    lent = [variable._value for variable in variables if variable._lent]
    copies = iter(jax.device_put(lent, may_alias=False) if lent else ())
    return [next(copies) if variable._lent else variable._value for variable in variables]


def _give(variables: list[Variable], values: list[Any], lent: bool) -> None:
    for variable, value in zip(variables, values):
        variable._value, variable._lent = value, lent


def _at(batches: Any, i: Any) -> Any:
    return jax.tree.map(lambda array: array[i], batches)
