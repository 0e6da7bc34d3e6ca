"""The compiled steps: every `jax.jit` of training is here.

A train step is a pure function of a model's state and a batch. One compiled function for
each shape of batch runs it over a chunk of batches, with the loss and the metrics accumulated in the
state that the loop carries, so Python is met once a chunk and never once a step.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl import kernels
from minidl.core import array_metadata, forks, sharing, structures
from minidl.core.binding import recorded
from minidl.core.functional import bound
from minidl.core.object_graph import without
from minidl.core.symbolic import KerasTensor
from minidl.core.variables import Variable
from minidl.training.data.chunks import Chunk
from minidl.training.fingerprint import Setting, Watch, changed, fingerprint
from minidl.training.layout import Layout
from minidl.training.programs import Program, is_same_program
from minidl.utils.batches import pack_x_y_sample_weight

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
        outside: variables that are not the model's, but read by the user's functions in its steps.
    """

    def __init__(self, model: Any, outside: Sequence[Variable] = ()):
        self.model = model
        self._outside = list(outside)
        optimizer, metrics = model.optimizer, model.metrics
        self._written = model.written_steps()  # names of methods that are the user's own
        if optimizer is not None and not optimizer.built:  # a user's own `build` may not be run twice
            optimizer.build(model.trainable_variables)
        elif optimizer is not None and "train_step" not in self._written:
            optimizer.extend(model.trainable_variables)
        reported = [variable for metric in metrics for variable in metric.variables]
        kept = {id(variable) for variable in reported}
        self.variables = State(
            model.trainable_variables,
            [*(v for v in model.non_trainable_variables if id(v) not in kept), *outside],
            optimizer.variables if optimizer is not None else [],
            reported,
        )
        self._made_for = fingerprint(model, with_keys=True)
        self._watch = Watch(self._made_for)
        self._settings = self._made_for.settings()
        self._irrelevant: set[Setting] = set()  # settings that no step reads
        self._traced: dict[str, Any] = {}  # mode -> what a step was first traced for, and what came of it
        self.seconds: dict[str, float] = {}  # for each mode, how long a step takes: the loop measures it
        given = model.steps_per_execution
        self.per_execution = given if isinstance(given, int) else 1  # batches between two calls of batch callbacks
        self._platform = kernels.platform(*_values(self.flat()[:1]))
        self.layout = Layout(self.variables, None if "train_step" in self._written else optimizer)
        self.carried_step = jax.jit(self._own_train_step if "train_step" in self._written else self._gradient_step)
        self._changing_test_step = jax.jit(
            self._own_test_step if "test_step" in self._written else self._evaluation_step
        )
        self._forward_step = jax.jit(self._forward)
        self._train_chunk = Program(self._train_batches, has_loop=True, donate_argnums=0)
        self._test_chunk = Program(self._test_batches, has_loop=True)
        self._predict_chunk = Program(self._predict_batches, has_loop=True)

    def renewed(self) -> Steps:
        """The steps for the model as it is now: these, unless something has changed that makes a difference to them."""
        if self._watch.is_unchanged():
            return self
        now = fingerprint(self.model)
        if now.structure != self._made_for.structure:
            return Steps(self.model, self._outside)
        if now.values != self._made_for.values:
            settings = fingerprint(self.model, with_keys=True).settings()
            different = changed(settings, self._settings) - self._irrelevant
            if different and not self._computes_as(new := Steps(self.model, self._outside)):
                return new
            self._irrelevant |= different
        self._made_for, self._watch = now, Watch(now)
        return self

    def _computes_as(self, new: Steps) -> bool:
        """Whether other steps trace to the same programs for all that these were traced for."""
        pairs = ((new._step(mode).trace(*args), traced) for mode, (args, traced) in self._traced.items())
        return bool(self._traced) and all(is_same_program(one.jaxpr, other.jaxpr) for one, other in pairs)

    def ready(self, mode: str, chunk: Chunk) -> Steps:
        """The steps for a chunk: these, or new ones if a function of the user's reads variables that these lack.

        A step is traced here, under a record of all variables that it reads without being given them.
        """
        program = {"train": self._train_chunk, "test": self._test_chunk, "predict": self._predict_chunk}[mode]
        if self.model.run_eagerly or not program.is_new(chunk.batches):
            return self
        batch = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape[1:], array.dtype), chunk.batches)
        weights, metrics = self._weights(), _values(self.variables.metrics)
        args = {
            "train": (self.layout.specs(self.held()), batch),
            "test": jax.tree.map(_spec, (weights, metrics, batch)),
            "predict": jax.tree.map(_spec, (weights, batch[0])),
        }[mode]
        with recorded() as touched, self._lowered():
            traced = self._step(mode).trace(*args)
        self._traced.setdefault(mode, (args, traced))
        settings = fingerprint(self.model, with_keys=True).settings()
        self._irrelevant |= changed(settings, self._settings)  # set by the trace: a count of calls, say
        outside = without(touched, self.flat())
        if not outside:
            return self
        self.model._steps = steps = Steps(self.model, [*self._outside, *outside])
        return steps.ready(mode, chunk)

    def _step(self, mode: str) -> Any:
        return {"train": self.carried_step, "test": self._changing_test_step, "predict": self._forward_step}[mode]

    # One step, pure

    def train_step(self, state: State, batch: Batch) -> State:
        """One step of gradient descent, as a pure function: forward, backward, update, metrics."""
        state, _ = self.carried_step(self.layout.transpose(state), structures.ordered(batch))
        return self.layout.transpose(state)

    def plain_train_step(self, state: Any, batch: Batch) -> tuple[Logs, tuple[Any, ...]]:
        """Minidl's own train step in Keras's form: for (trainable, non-trainable, optimizer, metrics) (logs, state)."""
        full = State(*map(list, state))
        full = full._replace(non_trainable=[*full.non_trainable, *_values(self._outside)])
        new, logs = self._gradient_step(full, batch)
        return logs or self.results(new), tuple(self._without_outside(new))

    def plain_test_step(self, state: Any, batch: Batch) -> tuple[Logs, tuple[Any, Any, Any]]:
        """Minidl's own test step in Keras's form: for (trainable, non-trainable, metrics) (logs, new state)."""
        trainable, non_trainable, metrics = map(list, state)
        weights = State(trainable, [*non_trainable, *_values(self._outside)], [], [])
        metrics, changes, logs = self._evaluation_step(weights, metrics, batch)
        new = with_changes(weights, changes)._replace(metrics=metrics)
        return logs or self.results(new), (trainable, self._without_outside(new).non_trainable, metrics)

    def _own_train_step(self, state: State, batch: Batch) -> tuple[State, Logs]:
        """The user's, which may give a loss alone in the place of logs."""
        own = self._without_outside(state)
        with self._holding_outside(state):
            logs, new = self.model.train_step(tuple(own), pack_x_y_sample_weight(*structures.plain(batch)))
            outside = _values(self._outside)
        new = _like(own, State(*new))
        return new._replace(non_trainable=[*new.non_trainable, *outside]), _as_logs(logs)

    def _gradient_step(self, state: State, batch: Batch) -> tuple[State, Logs]:
        """The train step on arrays as the loop carries them; logs if the user computes the metrics."""
        model, variables, layout = self.model, self.variables, self.layout
        x, y, sample_weight = structures.plain(batch)

        def loss_of(trainable: list[Any]) -> tuple[Any, tuple[Any, ...]]:
            weights = layout.transpose_trainable(trainable)
            with self._holding(state._replace(trainable=weights)):
                y_pred = model(x, training=True)
                loss = self._loss(x, y, y_pred, sample_weight, training=True)
                model._clear_losses()
                metadata = list(map(array_metadata.of, jax.tree.leaves(y_pred)))
                changed = _values(variables.non_trainable), _values(variables.metrics)
                return model.optimizer.scale_loss(loss), (loss, structures.ordered(y_pred), metadata, *changed)

        gradients, (loss, y_pred, metadata, non_trainable, metrics) = jax.grad(loss_of, has_aux=True)(state.trainable)
        with self._holding(state._replace(non_trainable=non_trainable, metrics=metrics)):
            y_pred = structures.plain(y_pred)
            array_metadata.annotate_all(jax.tree.leaves(y_pred), metadata)
            model.optimizer.apply(gradients, variables.trainable)
            logs = self._update_metrics(loss, x, y, y_pred, sample_weight)
            return self.held(), logs

    def test_step(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Logs]:
        """The forward pass, the loss and the metrics, as a pure function."""
        metrics, _, logs = self._changing_test_step(weights, metrics, structures.ordered(batch))
        return metrics, logs

    def _own_test_step(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Changes, Logs]:
        """The user's."""
        own = self._without_outside(weights).non_trainable
        with self._holding_outside(weights):
            data = pack_x_y_sample_weight(*structures.plain(batch))
            logs, new = self.model.test_step((weights.trainable, own, metrics), data)
            outside = _values(self._outside)
        changes = _changes(weights.non_trainable, [*new[1], *outside])
        return _like(metrics, new[2]), changes, _as_logs(logs)

    def _evaluation_step(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Changes, Logs]:
        """The test step, and what it changes beside the metrics: a stateful layer's states."""
        x, y, sample_weight = structures.plain(batch)
        with self._holding(weights._replace(metrics=metrics)):
            y_pred = self.model(x, training=False)
            loss = self._loss(x, y, y_pred, sample_weight, training=False)
            self.model._clear_losses()
            logs = self._update_metrics(loss, x, y, y_pred, sample_weight)
            new = _values(self.variables.non_trainable)
            return _values(self.variables.metrics), _changes(weights.non_trainable, new), logs

    def predict_step(self, weights: State, x: Any) -> Any:
        """The forward pass, as a pure function."""
        return structures.plain(self._forward_step(weights, structures.ordered(x))[0])

    def _forward(self, weights: State, x: Any) -> tuple[Any, Changes]:
        """The forward pass, and what it changes: layers that draw in inference too move their generators on."""
        if "predict_step" in self._written:
            state = weights.trainable, self._without_outside(weights).non_trainable
            with self._holding_outside(weights):
                y_pred, new = self.model.predict_step(state, pack_x_y_sample_weight(structures.plain(x)))
                new = [*new, *_values(self._outside)]
        else:
            with self._holding(weights):
                y_pred = self.model(structures.plain(x), training=False)
                self.model._clear_losses()
                new = _values(self.variables.non_trainable)
        return structures.ordered(y_pred), _changes(weights.non_trainable, new)

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

        state = self.layout.transpose(state)
        carry = state, self._no_logs("train_step", self.carried_step, state, _at(batches, 0))
        state, logs = lax.fori_loop(0, count, step, carry)
        state = self.layout.transpose(state)
        return state, self._reported(state, logs)

    def _test_batches(
        self, weights: State, metrics: list[Any], batches: Any, count: Any
    ) -> tuple[list[Any], Changes, Any]:
        def step(i: Any, carry: tuple[list[Any], Changes, Logs]) -> tuple[list[Any], Changes, Logs]:
            return self._changing_test_step(with_changes(weights, carry[1]), carry[0], _at(batches, i))

        _, changing, _ = jax.eval_shape(self._changing_test_step, weights, metrics, _at(batches, 0))
        changes = {index: weights.non_trainable[index] for index in changing}
        no_logs = self._no_logs("test_step", self._changing_test_step, weights, metrics, _at(batches, 0))
        metrics, changes, logs = lax.fori_loop(0, count, step, (metrics, changes, no_logs))
        return metrics, changes, self._reported(with_changes(weights, changes)._replace(metrics=metrics), logs)

    def _predict_batches(self, weights: State, batches: Any, count: Any) -> tuple[Any, Changes]:
        """Outputs of shape (capacity, batch, ...), of which the first `count` are filled, and what has changed."""
        x, capacity = batches[0], jax.tree.leaves(batches)[0].shape[0]
        specs, changing = jax.eval_shape(self._forward_step, weights, _at(x, 0))
        empty = jax.tree.map(lambda spec: jnp.zeros((capacity, *spec.shape), spec.dtype), specs)

        def step(i: Any, carry: tuple[Any, Changes]) -> tuple[Any, Changes]:
            outputs, changes = carry
            new, changes = self._forward_step(with_changes(weights, changes), _at(x, i))
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
        for variable in self.flat():
            sharing.borrow(variable)
        return self.held()

    def put(self, state: State) -> None:
        """Let the variables hold a state: where a loop of your own ends."""
        sharing.give(self.flat(), _joined(state), borrowed=True)

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
        variables = self.flat()
        values = sharing.take(variables, keep=self._train_chunk.will_compile)
        try:
            with self._lowered():
                state, logs = self._train_chunk(self._as_state(values), chunk.batches, chunk.num_batches)
        except BaseException:
            sharing.release(variables)
            raise
        sharing.give(variables, _joined(state))
        return logs

    def test(self, weights: State, metrics: list[Any], chunk: Chunk) -> tuple[list[Any], Changes, Any]:
        """Evaluate a chunk: the new metrics, the changes in the weights, and the logs, on the device."""
        forks.check()
        with self._eagerly(), self._lowered():
            return self._test_chunk(weights, metrics, chunk.batches, chunk.num_batches)

    def predict(self, weights: State, chunk: Chunk) -> tuple[Any, Changes]:
        """The outputs for a chunk, (capacity, batch, ...), on the device, and the changes in the weights."""
        forks.check()
        with self._eagerly(), self._lowered():
            outputs, changes = self._predict_chunk(weights, chunk.batches, chunk.num_batches)
            return structures.plain(outputs), changes

    def fresh_metrics(self) -> list[Any]:
        """The values of the metrics before anything is seen."""
        variables = self.variables.metrics
        with sharing.reading(variables) as values, bound(variables, values):
            self.model.reset_metrics()
            return _values(variables)

    def held(self) -> State:
        """What the variables hold, for a look at shapes, or while they are bound."""
        return State(*map(_values, self.variables))

    def flat(self) -> list[Variable]:
        """All variables of the state, in order."""
        return _joined(self.variables)

    def _as_state(self, values: list[Any]) -> State:
        ends = itertools.accumulate(map(len, self.variables))
        return State(*(values[end - len(part) : end] for end, part in zip(ends, self.variables)))

    def _weights(self) -> State:
        return State(_values(self.variables.trainable), _values(self.variables.non_trainable), [], [])

    def _without_outside(self, state: State) -> State:
        own = len(state.non_trainable) - len(self._outside)
        return state._replace(non_trainable=state.non_trainable[:own])

    def _holding_outside(self, state: State) -> contextlib.AbstractContextManager[None]:
        return bound(self._outside, state.non_trainable[len(state.non_trainable) - len(self._outside) :])

    def _holding(self, state: State) -> contextlib.AbstractContextManager[None]:
        """Bind the values of a state to the variables; those of an empty list stay as they are."""
        given = [variables for variables, values in zip(self.variables, state) if values]
        return bound([variable for variables in given for variable in variables], _joined(state))

    def _lowered(self) -> contextlib.AbstractContextManager[Any]:
        """Inside, functions are traced for the platform that the weights are on."""
        return kernels.lowered_for(self._platform)

    def _eagerly(self) -> contextlib.AbstractContextManager[Any]:
        return jax.disable_jit() if self.model.run_eagerly else contextlib.nullcontext()


def _changes(old: list[Any], new: list[Any]) -> Changes:
    """Those of the new values that are not the old ones, by their index."""
    pairs = enumerate(zip(old, new, strict=True))
    return {index: _like(before, after) for index, (before, after) in pairs if after is not before}


def with_changes(weights: State, changes: Changes) -> State:
    """A state with the changes in its non-trainable values."""
    values = [changes.get(index, value) for index, value in enumerate(weights.non_trainable)]
    return weights._replace(non_trainable=values)


def _like(old: Any, new: Any) -> Any:
    """New values in the dtypes of the old ones, which a loop must carry unchanged."""
    return jax.tree.map(lambda before, after: jnp.asarray(after, before.dtype), old, new)


def symbolic(x: Any, rows: int | None = None) -> Any:
    """Symbolic tensors for arrays or tensors, with a batch of this size; None where it does not matter."""

    def tensor(leaf: Any) -> KerasTensor:
        mask = array_metadata.of(leaf).mask if isinstance(leaf, KerasTensor) else None
        return KerasTensor((rows, *leaf.shape[1:]), leaf.dtype, mask=None if mask is None else tensor(mask))

    return structures.map(tensor, x)


def _values(variables: list[Variable]) -> list[Any]:
    return [variable._value for variable in variables]


def _spec(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


def _joined(state: Any) -> list[Any]:
    return [*itertools.chain.from_iterable(state)]


def _as_logs(logs: Any) -> Logs:
    return logs if isinstance(logs, dict) else {"loss": logs}


def _at(batches: Any, i: Any) -> Any:
    return jax.tree.map(lambda array: array[i], batches)
