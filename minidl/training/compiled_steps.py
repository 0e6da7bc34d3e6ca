"""The compiled steps of one model: run on its variables, and made again when the model has changed."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Hashable, Sequence
from typing import Any

import jax

from minidl import kernels
from minidl.core import collector, forks, sharing, structures
from minidl.core.binding import recorded
from minidl.core.functional import bound
from minidl.core.object_graph import Watch, without
from minidl.core.variables import Variable
from minidl.layers.module import building
from minidl.training.chunk import Reported
from minidl.training.data.chunks import Chunk
from minidl.training.fingerprint import Setting, changed, fingerprint
from minidl.training.jaxprs import is_same_program
from minidl.training.layout import Layout
from minidl.training.programs import Program
from minidl.training.pure_steps import PureSteps
from minidl.training.sharded import Shardings
from minidl.training.state import Changes, State, StepVariables, held
from minidl.training.step import InUse, using
from minidl.training.step_programs import StepPrograms, key_of, shared


class CompiledSteps(PureSteps):
    """The steps of a model, for its current variables and objectives.

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
        self._programs = shared.get(self._key, lambda: StepPrograms(written, self._key))
        self._kernels = kernels.mode()
        self._platform = kernels.platform(*held(self._variables.flat()[:1]))
        self._made_for = fingerprint(model)
        self._settings = self._made_for.settings()
        self._still_for: set[str] | None = None  # the modes for which all changes of the model made no difference
        self._irrelevant: set[Setting] = set()  # settings that no step reads
        # What predicts arrays whose shapes and dtypes have been checked; whether their values are to be checked, too.
        self.served: dict[Hashable, tuple[Program, bool]] = {}
        self.seconds = self._programs.seconds
        given = model.steps_per_execution
        self.per_execution = given if isinstance(given, int) else 1  # batches between calls of batch hooks

    # Validity

    def use(self) -> CompiledSteps:
        """Make these the steps of the model. Changes of the model from now on are seen."""
        with building:  # no other thread meets steps without their watch
            self.model._steps = self
            self._watch = Watch(self._made_for.places, self._made_for.variables)
        return self

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
            self.served.clear()  # `predict` may not be among them
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
            new = CompiledSteps(self.model).use()  # the programs of others may be for what was before
            return (yield from new.untraced(mode, chunk))
        program = self._program(mode, chunk)
        if self.model.run_eagerly or not program.is_new(chunk.batches):
            return self
        if self._key is not None and self._key != key_of(self.model):
            return (yield from CompiledSteps(self.model).use().untraced(mode, chunk))
        step, args = self._programs.steps[mode], self._arguments(mode, chunk.batches)
        with self._traced_for(chunk):
            if program.load(chunk.batches, *self._arguments(mode, chunk.batches, of_chunk=True)):
                return self
            with recorded() as touched, collector.paused():
                yield step, args
                if chunk.tail is not None:
                    yield step, self._arguments(mode, chunk.tail.batches)
            program.learn(chunk.batches)
            self._programs.traced.setdefault(mode, (args, step.trace(*args)))  # which is not traced again
            if chunk.tail is not None and (last := self._program(mode, chunk.tail)).is_new(chunk.tail.batches):
                last.compile_ahead(chunk.tail.batches, *self._arguments(mode, chunk.tail.batches, of_chunk=True))
        now = fingerprint(self.model).settings()
        self._irrelevant |= changed(now, self._settings)  # by tracing, such as a counter of calls
        if outside := without(touched, self._variables.flat()):
            new = CompiledSteps(self.model, [*self._variables.outside, *outside]).use()
            return (yield from new.untraced(mode, chunk))
        return self

    def _arguments(self, mode: str, batches: Any, of_chunk: bool = False) -> tuple[Any, ...]:
        """The shapes and dtypes of the arguments of a step on one of the batches, or of the loop over all of them."""
        state, given = self._variables.held(), jax.tree.map(_spec, batches)
        if not of_chunk:
            given = jax.tree.map(lambda spec: jax.ShapeDtypeStruct(spec.shape[1:], spec.dtype), given)
            state = self.layout.specs(state) if mode == "train" else state
        state = jax.tree.map(_spec, state)
        weights = state._replace(optimizer=[], metrics=[])
        args = {"train": (state, given), "test": (weights, state.metrics, given), "predict": (weights, given[0])}[mode]
        return (*args, jax.tree.leaves(batches)[0].shape[0]) if of_chunk else args

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
        platform, options = self.shardings.platform(chunk, self._platform), self.shardings.options(mode)
        return self._programs.of(mode, platform, chunk.is_rare, options)

    def _traced_for(self, chunk: Chunk | None = None) -> using:
        """Inside, functions are traced for this model, the platform of its weights, and batches like those given."""
        return using(self._in_use, self._platform if chunk is None else self.shardings.platform(chunk, self._platform))

    def eagerly(self) -> contextlib.AbstractContextManager[Any]:
        """Inside, the steps run eagerly if the model has `run_eagerly`."""
        return jax.disable_jit() if self.model.run_eagerly else contextlib.nullcontext()


def _spec(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)
