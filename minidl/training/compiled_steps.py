"""The compiled steps of one model: run on its variables, and made again when the model has changed."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import Any

import jax

from minidl import kernels
from minidl.core import collector, forks, sharing, structures
from minidl.core.binding import recorded
from minidl.core.functional import bound
from minidl.core.object_graph import Watch, without
from minidl.core.variables import Variable
from minidl.training.chunk import Reported
from minidl.training.data.chunks import Chunk
from minidl.training.fingerprint import Setting, changed, fingerprint
from minidl.training.layout import Layout
from minidl.training.programs import Program, is_same_program
from minidl.training.sharded import Shardings
from minidl.training.state import Changes, State, StepVariables, held
from minidl.training.step import Batch, DefaultStep, InUse, Logs, using
from minidl.training.step_programs import StepPrograms, key_of, shared


class CompiledSteps:
    """The steps of a model, for its current variables and objectives.

    `train_step`, `test_step` and `predict_step` are pure and can be used in a loop of your own;
    `train`, `test` and `predict` run chunks and update the model's variables.

    Args:
        model: a built and compiled model; for `predict` it need not be compiled.
        outside: variables outside of the model that the user's functions read in its steps.
    """

    def __init__(self, model: Any, outside: Sequence[Variable] = ()):
        self.model = model
        written, optimizer = model.written_steps(), model.optimizer
        if optimizer is not None and not optimizer.built:  # a user's `build` must not run twice
            optimizer.build(model.trainable_variables)
        elif optimizer is not None and "train_step" not in written:
            optimizer.extend(model.trainable_variables)
        self._variables = StepVariables(model, outside)
        self.variables = self._variables.of
        self.shardings = Shardings(model, self.variables)
        self.layout = Layout(self.variables, None if "train_step" in written or self.shardings.are_split else optimizer)
        self._in_use = InUse(model, self._variables, self.layout, self.shardings)
        is_alone = bool(outside or written) or self.shardings.distribution is not None
        self._key = None if is_alone else key_of(model)
        self._programs = shared.get(self._key, lambda: StepPrograms(written))
        self._kernels = kernels.mode()
        self._platform = kernels.platform(*held(self._variables.flat()[:1]))
        self._made_for = fingerprint(model)
        self._watch = Watch(self._made_for.places, self._made_for.variables)
        self._settings = self._made_for.settings()
        self._still_for: set[str] | None = None  # the modes for which all changes of the model made no difference
        self._irrelevant: set[Setting] = set()  # settings that no step reads
        self.seconds = self._programs.seconds
        given = model.steps_per_execution
        self.per_execution = given if isinstance(given, int) else 1  # batches between calls of batch hooks

    # Validity

    def renewed(self) -> CompiledSteps:
        """The steps for the current model: these, unless a change of the model affects them."""
        if self._watch.is_unchanged() and kernels.mode() == self._kernels and self.shardings.are_current():
            return self
        now = fingerprint(self.model)
        if now.structure != self._made_for.structure or not self.shardings.are_current():
            return CompiledSteps(self.model, self._variables.outside)
        is_set = now.values != self._made_for.values
        if is_set and (different := changed(now.settings(), self._settings) - self._irrelevant):
            if not self._computes_as(new := CompiledSteps(self.model, self._variables.outside)):
                return new
            self._irrelevant |= different
            self._still_for = set(self._programs.traced)
        elif self._key is not None and self._still_for is None and self._key != key_of(self.model):
            return CompiledSteps(self.model)  # a change that a fingerprint does not show
        self._made_for, self._watch = now, Watch(now.places, now.variables)
        return self

    def _computes_as(self, new: CompiledSteps) -> bool:
        """Whether other steps trace to the same programs for all that these were traced for."""
        with new._traced_for():
            known = self._programs.traced.items()
            pairs = ((new._programs.steps[mode].trace(*args), traced) for mode, (args, traced) in known)
            return bool(known) and all(is_same_program(one.jaxpr, other.jaxpr) for one, other in pairs)

    def untraced(self, mode: str, chunk: Chunk) -> Generator[tuple[Any, Any], None, CompiledSteps]:
        """Yield (step, arguments) to be traced before a chunk is run, if it has not been.

        The caller traces it, so that a traceback leads from `fit` to the layer; meanwhile all unbound variables that
        are read are recorded. If a user's function reads variables that these steps lack, the model gets new steps.

        Example: `for step, args in steps.untraced("train", chunk): step.trace(*args)`

        Returns:
            The steps that the chunk is for.
        """
        if self._key is not None and self._still_for is not None and mode not in self._still_for:
            self.model._steps = new = CompiledSteps(self.model)  # the programs of others may be for what was before
            return (yield from new.untraced(mode, chunk))
        program = self._program(mode, chunk)
        if self.model.run_eagerly or not program.is_new(chunk.batches):
            return self
        if self._key is not None and self._key != key_of(self.model):
            self.model._steps = new = CompiledSteps(self.model)
            return (yield from new.untraced(mode, chunk))
        batch = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape[1:], array.dtype), chunk.batches)
        weights, metrics = self._variables.weights(), held(self.variables.metrics)
        args = {
            "train": (self.layout.specs(self._variables.held()), batch),
            "test": jax.tree.map(_spec, (weights, metrics, batch)),
            "predict": jax.tree.map(_spec, (weights, batch[0])),
        }[mode]
        with self._traced_for(chunk):
            with recorded() as touched, collector.paused():
                yield self._programs.steps[mode], args
            program.learn(chunk.batches)
            step = self._programs.steps[mode]
            self._programs.traced.setdefault(mode, (args, step.trace(*args)))  # which is not traced again
        now = fingerprint(self.model).settings()
        self._irrelevant |= changed(now, self._settings)  # by tracing, such as a counter of calls
        if outside := without(touched, self._variables.flat()):
            self.model._steps = new = CompiledSteps(self.model, [*self._variables.outside, *outside])
            return (yield from new.untraced(mode, chunk))
        return self

    # Chunks

    def train(self, chunk: Chunk) -> Reported:
        """Train on a chunk. The new state is assigned to the model's variables; returns the logs, on the device."""
        forks.check()
        program = self._program("train", chunk)
        if self.model.run_eagerly:  # nothing is taken from the variables, so an interrupt may come at any time
            with jax.disable_jit(), self._traced_for(chunk):
                state, logs = program(self.state(), chunk.batches, chunk.num_batches)
            self.put(state)
            return logs
        variables = self._variables.flat()
        values = sharing.take(variables, keep=program.will_compile)
        try:
            with self._traced_for(chunk):
                state, logs = program(self._variables.as_state(values), chunk.batches, chunk.num_batches)
        except BaseException:
            sharing.release(variables)
            raise
        sharing.give(variables, state.flat())
        return logs

    def test(self, weights: State, metrics: list[Any], chunk: Chunk) -> tuple[list[Any], Changes, Reported]:
        """Evaluate a chunk: returns the new metrics, the changes of the weights, and the logs, on the device."""
        forks.check()
        with self.eagerly(), self._traced_for(chunk):
            return self._program("test", chunk)(weights, metrics, chunk.batches, chunk.num_batches)

    def predict(self, weights: State, chunk: Chunk) -> tuple[Any, Changes]:
        """The outputs for a chunk, (capacity, batch, ...), on the device, and the changes of the weights."""
        forks.check()
        with self.eagerly(), self._traced_for(chunk):
            outputs, changes = self._program("predict", chunk)(weights, chunk.batches[0], chunk.num_batches)
            return structures.plain(outputs), changes

    # Steps for a loop of the user's own

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

    def fresh_metrics(self) -> list[Any]:
        """The initial values of the metrics."""
        variables = self.variables.metrics
        with sharing.reading(variables) as values, bound(variables, values):
            self.model.reset_metrics()
            return self.shardings.metrics(held(variables))

    def flat(self) -> list[Variable]:
        """All variables of the state, in order."""
        return self._variables.flat()

    def _program(self, mode: str, chunk: Chunk) -> Program:
        return self._programs.of(mode, self.shardings.platform(chunk, self._platform), self.shardings.options(mode))

    def _traced_for(self, chunk: Chunk | None = None) -> using:
        """Inside, functions are traced for this model, the platform of its weights, and batches like those given."""
        return using(self._in_use, self._platform if chunk is None else self.shardings.platform(chunk, self._platform))

    def eagerly(self) -> contextlib.AbstractContextManager[Any]:
        """Inside, the steps run eagerly if the model has `run_eagerly`."""
        return jax.disable_jit() if self.model.run_eagerly else contextlib.nullcontext()


def _spec(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)
