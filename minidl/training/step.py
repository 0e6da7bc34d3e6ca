"""The compiled steps: every `jax.jit` of training is here.

A train step is a pure function of a model's state and a batch. One compiled function for
each shape of batch runs it over a chunk of batches, with the loss and the metrics accumulated in the
state that the loop carries, so Python is met once a chunk and never once a step.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl import forks, notes
from minidl.layers.convolution.base import Convolution
from minidl.layers.regularization import Dropout
from minidl.symbolic import KerasTensor
from minidl.training.data import Chunk
from minidl.training.fingerprint import fingerprint
from minidl.training.interrupts import Shield
from minidl.training.layout import Layout
from minidl.utils.batches import pack_x_y_sample_weight
from minidl.variables import Variable, bound

Batch = tuple[Any, Any, Any]  # x, y, sample_weight: structures of arrays (batch, ...), or None
Logs = dict[str, Any]
Changes = dict[int, Any]  # new values of non-trainable variables, by their index


class State(NamedTuple):
    """All that a step reads and changes, as lists of arrays, in the order of Keras's own train steps."""

    trainable: list[Any]
    non_trainable: list[Any]
    optimizer: list[Any]
    metrics: list[Any]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Reported:
    """What a chunk reports, on the device: scalars in one array, so that they are read at once, and arrays by name."""

    scalars: Any
    arrays: Logs
    names: tuple[str, ...] = dataclasses.field(metadata={"static": True})  # of the scalars

    def read(self) -> Logs:
        """Name -> number (or array, for a metric of several), from the device."""
        scalars, arrays = jax.block_until_ready((self.scalars, self.arrays))
        return {**dict(zip(self.names, np.asarray(scalars).tolist())), **jax.tree.map(np.asarray, arrays)}


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
        if optimizer is not None and not optimizer.built:  # a user's own `build` may not be run twice
            optimizer.build(model.trainable_variables)
        reported = [variable for metric in metrics for variable in metric.variables]
        kept = {id(variable) for variable in reported}
        self.variables = State(
            model.trainable_variables,
            [variable for variable in model.non_trainable_variables if id(variable) not in kept],
            optimizer.variables if optimizer is not None else [],
            reported,
        )
        self._made_for = fingerprint(model)
        self.seconds: dict[str, float] = {}  # for each mode, how long a step takes: the loop measures it
        self.shield = Shield()
        given = model.steps_per_execution
        self.per_execution = given if isinstance(given, int) else 1  # batches between two calls of batch callbacks
        self._written = model.written_steps()  # names of methods that are the user's own
        self.layout = Layout(self.variables, None if "train_step" in self._written else optimizer)
        self.carried_step = jax.jit(self._own_train_step if "train_step" in self._written else self._gradient_step)
        self._changing_test_step = jax.jit(
            self._own_test_step if "test_step" in self._written else self._evaluation_step
        )
        self._forward_step = jax.jit(self._forward)
        options = compiler_options(any(isinstance(layer, (Convolution, Dropout)) for layer in model._flatten_layers()))
        self._train_chunk = jax.jit(self._train_batches, donate_argnums=0, compiler_options=options)
        self._test_chunk = jax.jit(self._test_batches, donate_argnums=1, compiler_options=options)
        self._predict_chunk = jax.jit(self._predict_batches, compiler_options=options)

    def is_current(self) -> bool:
        """Whether the model still has the variables, optimizer and objectives that these steps were made for."""
        return self._made_for == fingerprint(self.model)

    # One step, pure

    def train_step(self, state: State, batch: Batch) -> State:
        """One step of gradient descent, as a pure function: forward, backward, update, metrics."""
        state, _ = self.carried_step(self.layout.turn(state), batch)
        return self.layout.turn(state)

    def plain_train_step(self, state: Any, batch: Batch) -> tuple[Logs, tuple[Any, ...]]:
        """Minidl's own train step in Keras's form: for (trainable, non-trainable, optimizer, metrics) (logs, state)."""
        new, logs = self._gradient_step(State(*map(list, state)), batch)
        return logs or self.results(new), tuple(new)

    def plain_test_step(self, state: Any, batch: Batch) -> tuple[Logs, tuple[Any, Any, Any]]:
        """Minidl's own test step in Keras's form: for (trainable, non-trainable, metrics) (logs, new state)."""
        trainable, non_trainable, metrics = map(list, state)
        weights = State(trainable, non_trainable, [], [])
        metrics, changes, logs = self._evaluation_step(weights, metrics, batch)
        new = _changed(weights, changes)._replace(metrics=metrics)
        return logs or self.results(new), (trainable, new.non_trainable, metrics)

    def _own_train_step(self, state: State, batch: Batch) -> tuple[State, Logs]:
        """The user's."""
        logs, new = self.model.train_step(tuple(state), pack_x_y_sample_weight(*batch))
        return _like(state, State(*new)), logs

    def _gradient_step(self, state: State, batch: Batch) -> tuple[State, Logs]:
        """The train step on arrays as the loop carries them; logs if the user computes the metrics."""
        model, variables, layout = self.model, self.variables, self.layout
        x, y, sample_weight = batch

        def loss_of(trainable: list[Any]) -> tuple[Any, tuple[Any, ...]]:
            weights = layout.turn_trainable(trainable)
            with self._holding(state._replace(trainable=weights)):
                y_pred = model(x, training=True)
                loss = self._loss(x, y, y_pred, sample_weight, training=True)
                model._clear_losses()
                facts = notes.of(jax.tree.leaves(y_pred))
                changed = _values(variables.non_trainable), _values(variables.metrics)
                return model.optimizer.scale_loss(loss), (loss, y_pred, facts, *changed)

        gradients, (loss, y_pred, facts, non_trainable, metrics) = jax.grad(loss_of, has_aux=True)(state.trainable)
        with self._holding(state._replace(non_trainable=non_trainable, metrics=metrics)):
            notes.write_all(jax.tree.leaves(y_pred), facts)
            model.optimizer.apply(gradients, variables.trainable)
            logs = self._update_metrics(loss, x, y, y_pred, sample_weight)
            return self._held(), logs

    def test_step(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Logs]:
        """The forward pass, the loss and the metrics, as a pure function."""
        metrics, _, logs = self._changing_test_step(weights, metrics, batch)
        return metrics, logs

    def _own_test_step(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Changes, Logs]:
        """The user's."""
        state = weights.trainable, weights.non_trainable, metrics
        logs, new = self.model.test_step(state, pack_x_y_sample_weight(*batch))
        return _like(metrics, new[2]), _changes(weights.non_trainable, new[1]), logs

    def _evaluation_step(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Changes, Logs]:
        """The test step, and what it changes beside the metrics: a stateful layer's states."""
        x, y, sample_weight = batch
        with self._holding(weights._replace(metrics=metrics)):
            y_pred = self.model(x, training=False)
            loss = self._loss(x, y, y_pred, sample_weight, training=False)
            self.model._clear_losses()
            logs = self._update_metrics(loss, x, y, y_pred, sample_weight)
            new = _values(self.variables.non_trainable)
            return _values(self.variables.metrics), _changes(weights.non_trainable, new), logs

    def predict_step(self, weights: State, x: Any) -> Any:
        """The forward pass, as a pure function."""
        return self._forward_step(weights, x)[0]

    def _forward(self, weights: State, x: Any) -> tuple[Any, Changes]:
        """The forward pass, and what it changes: layers that draw in inference too move their generators on."""
        if "predict_step" in self._written:
            state = weights.trainable, weights.non_trainable
            y_pred, new = self.model.predict_step(state, pack_x_y_sample_weight(x))
        else:
            with self._holding(weights):
                y_pred = self.model(x, training=False)
                self.model._clear_losses()
                new = _values(self.variables.non_trainable)
        return y_pred, _changes(weights.non_trainable, new)

    def _loss(self, *batch: Any, training: bool) -> Any:
        """The model's loss; a user's own `compute_loss` need not name `training`, which early Keras 3 did not have."""
        names = inspect.signature(self.model.compute_loss).parameters
        takes_it = "training" in names or any(given.kind is given.VAR_KEYWORD for given in names.values())
        return self.model.compute_loss(*batch, **({"training": training} if takes_it else {}))

    def _update_metrics(self, loss: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Logs:
        rows = jax.tree.leaves(x)[0].shape[0]
        self.model.objectives.loss_tracker.update_state(loss, sample_weight=rows)
        if "compute_metrics" in self._written:
            return self.model.compute_metrics(x, y, y_pred, sample_weight)
        self.model.objectives.update_metrics(y, y_pred, sample_weight)
        return {}

    # A chunk of steps, compiled once for each shape of batch

    def _train_batches(self, state: State, batches: Any, count: Any) -> tuple[State, Any]:
        def step(i: Any, carry: tuple[State, Logs]) -> tuple[State, Logs]:
            return self.carried_step(carry[0], _at(batches, i))

        state = self.layout.turn(state)
        carry = state, self._no_logs("train_step", self.carried_step, state, _at(batches, 0))
        state, logs = lax.fori_loop(0, count, step, carry)
        state = self.layout.turn(state)
        return state, self._reported(state, logs)

    def _test_batches(
        self, weights: State, metrics: list[Any], batches: Any, count: Any
    ) -> tuple[list[Any], Changes, Any]:
        def step(i: Any, carry: tuple[list[Any], Changes, Logs]) -> tuple[list[Any], Changes, Logs]:
            return self._changing_test_step(_changed(weights, carry[1]), carry[0], _at(batches, i))

        _, changing, _ = jax.eval_shape(self._changing_test_step, weights, metrics, _at(batches, 0))
        changes = {index: weights.non_trainable[index] for index in changing}
        no_logs = self._no_logs("test_step", self._changing_test_step, weights, metrics, _at(batches, 0))
        metrics, changes, logs = lax.fori_loop(0, count, step, (metrics, changes, no_logs))
        return metrics, changes, self._reported(_changed(weights, changes)._replace(metrics=metrics), logs)

    def _predict_batches(self, weights: State, batches: Any, count: Any) -> tuple[Any, Changes]:
        """Outputs of shape (capacity, batch, ...), of which the first `count` are filled, and what has changed."""
        x, capacity = batches[0], jax.tree.leaves(batches)[0].shape[0]
        specs, changing = jax.eval_shape(self._forward_step, weights, _at(x, 0))
        empty = jax.tree.map(lambda spec: jnp.zeros((capacity, *spec.shape), spec.dtype), specs)

        def step(i: Any, carry: tuple[Any, Changes]) -> tuple[Any, Changes]:
            outputs, changes = carry
            new, changes = self._forward_step(_changed(weights, changes), _at(x, i))
            return jax.tree.map(lambda output, value: output.at[i].set(value), outputs, new), changes

        return lax.fori_loop(0, count, step, (empty, {index: weights.non_trainable[index] for index in changing}))

    def _no_logs(self, name: str, step: Any, *args: Any) -> Logs:
        """What a loop carries as logs before its first step: nothing, unless the step or the metrics are the user's."""
        if self.model.run_eagerly or not {name, "compute_metrics"} & self._written:
            return {}
        return jax.tree.map(lambda spec: jnp.zeros(spec.shape, spec.dtype), jax.eval_shape(step, *args)[-1])

    def _reported(self, state: State, logs: Logs) -> Reported:
        """The numbers to report.

        They are the results of the metrics; or what the user's own step gave last, if that has other names.
        """
        results = self.results(state)
        reported = logs if logs and logs.keys() != results.keys() else results
        scalars = {name: value for name, value in reported.items() if jnp.shape(value) == ()}
        stacked = jnp.stack([jnp.asarray(value, "float32") for value in scalars.values()]) if scalars else jnp.zeros(0)
        arrays = {name: value for name, value in reported.items() if name not in scalars}
        return Reported(stacked, arrays, tuple(scalars))

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

    def results(self, state: State) -> dict[str, Any]:
        """Name -> value of the loss and the metrics in a state, as a pure function of it."""
        with self._holding(state):
            return self.model.get_metrics_result()

    def train(self, chunk: Chunk) -> Any:
        """Train on a chunk. The model's variables hold the new state; returns the logs, on the device."""
        forks.check()
        if self.model.run_eagerly:  # nothing is taken from the variables, so an interrupt may come at any time
            with jax.disable_jit():
                state, logs = self._train_chunk(self.state(), chunk.batches, chunk.num_batches)
            self.put(state)
            return logs
        with self.shield:
            state, logs = self._train_chunk(State(*map(_take, self.variables)), chunk.batches, chunk.num_batches)
            for variables, values in zip(self.variables, state):
                _give(variables, values, lent=False)
        return logs

    def test(self, chunk: Chunk) -> Any:
        """Evaluate a chunk. The metrics' variables hold the new state; returns the logs, on the device."""
        forks.check()
        metrics = _take(self.variables.metrics)
        with self._eagerly():
            metrics, changes, logs = self._test_chunk(self._weights(), metrics, chunk.batches, chunk.num_batches)
        _give(self.variables.metrics, metrics, lent=False)
        self._give_changes(changes)
        return logs

    def predict(self, chunk: Chunk) -> Any:
        """The outputs for a chunk, (capacity, batch, ...), on the device. Variables that it changes hold new values."""
        forks.check()
        with self._eagerly():
            outputs, changes = self._predict_chunk(self._weights(), chunk.batches, chunk.num_batches)
        self._give_changes(changes)
        return outputs

    def _give_changes(self, changes: Changes) -> None:
        _give([self.variables.non_trainable[index] for index in changes], list(changes.values()), lent=False)

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
def compiler_options(keeps_barriers: bool = False) -> dict[str, Any]:
    """Options of XLA's that make loops over small steps faster on the CPU; each is left out where XLA lacks it.

    Without region analysis the loop copies its weights at every step (2% of a small one); with the highest level of
    LLVM's optimizations the kernels of small arrays are slower than with the usual one (2%).

    Args:
        keeps_barriers: whether operations on the two sides of a `lax.optimization_barrier` stay apart, as
            convolve.py and dropout need it; XLA drops the barriers before it fuses operations (else a small step is
            2% slower).
    """
    if jax.default_backend() != "cpu":
        return {}
    wanted: dict[str, Any] = {"xla_cpu_copy_insertion_use_region_analysis": True, "xla_backend_optimization_level": 2}
    if keeps_barriers:  # a tiny loop that becomes one function may hold none: XLA could not compile it
        wanted["xla_disable_hlo_passes"] = "cse_barrier_expander,small-while-loop-hoisting"
    if _are_known(wanted):  # asked first, since each question compiles
        return wanted
    return {name: value for name, value in wanted.items() if _are_known({name: value})}


def _are_known(options: dict[str, Any]) -> bool:
    """Whether XLA has all of the options."""
    try:
        jax.jit(lambda: 0, compiler_options=options).lower().compile()
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return False
    return True


def _changes(old: list[Any], new: list[Any]) -> Changes:
    """Those of the new values that are not the old ones, by their index."""
    pairs = enumerate(zip(old, new, strict=True))
    return {index: _like(before, after) for index, (before, after) in pairs if after is not before}


def _changed(weights: State, changes: Changes) -> State:
    values = [changes.get(index, value) for index, value in enumerate(weights.non_trainable)]
    return weights._replace(non_trainable=values)


def _like(old: Any, new: Any) -> Any:
    """New values in the dtypes of the old ones, which a loop must carry unchanged."""
    return jax.tree.map(lambda before, after: jnp.asarray(after, before.dtype), old, new)


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
