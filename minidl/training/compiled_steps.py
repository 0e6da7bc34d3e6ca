"""The compiled steps of a model, and whether they are still valid for it: every `jax.jit` of training is here."""

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
from minidl.training import chunk as loops
from minidl.training.chunk import Reported
from minidl.training.data.chunks import Chunk
from minidl.training.fingerprint import Setting, changed, fingerprint
from minidl.training.layout import Layout
from minidl.training.programs import Program, is_same_program
from minidl.training.state import Changes, State, StepVariables, held
from minidl.training.step import Batch, DefaultStep, Logs, UserStep


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
        self.layout = Layout(self.variables, None if "train_step" in written else optimizer)
        self._default = DefaultStep(model, self._variables, self.layout)
        user = UserStep(model, self._variables)
        self._steps = {
            "train": jax.jit(user.train if "train_step" in written else self._default.train),
            "test": jax.jit(user.test if "test_step" in written else self._default.test),
            "predict": jax.jit(user.predict if "predict_step" in written else self._default.predict),
        }
        self._programs = {
            "train": Program(self._train_chunk, has_loop=True, donate_argnums=0),
            "test": Program(self._test_chunk, has_loop=True),
            "predict": Program(self._predict_chunk, has_loop=True),
        }
        self._kernels = kernels.mode()
        self._platform = kernels.platform(*held(self._variables.flat()[:1]))
        self._made_for = fingerprint(model)
        self._watch = Watch(self._made_for.places, self._made_for.variables)
        self._settings = self._made_for.settings()
        self._irrelevant: set[Setting] = set()  # settings that do not affect any step
        self._traced: dict[str, Any] = {}  # mode -> (arguments, result) of the first trace of the step
        self.seconds: dict[str, float] = {}  # mode -> the time of a step, measured by the loop
        given = model.steps_per_execution
        self.per_execution = given if isinstance(given, int) else 1  # batches between calls of batch hooks

    # Validity

    def renewed(self) -> CompiledSteps:
        """The steps for the current model: these, unless a change of the model affects them."""
        if self._watch.is_unchanged() and kernels.mode() == self._kernels:
            return self
        now = fingerprint(self.model)
        if now.structure != self._made_for.structure:
            return CompiledSteps(self.model, self._variables.outside)
        if now.values != self._made_for.values:
            different = changed(now.settings(), self._settings) - self._irrelevant
            if different and not self._computes_as(new := CompiledSteps(self.model, self._variables.outside)):
                return new
            self._irrelevant |= different
        self._made_for, self._watch = now, Watch(now.places, now.variables)
        return self

    def _computes_as(self, new: CompiledSteps) -> bool:
        """Whether new steps trace to the same programs for all arguments that these were traced for."""
        with self._lowered():
            pairs = ((new._steps[mode].trace(*args), traced) for mode, (args, traced) in self._traced.items())
            return bool(self._traced) and all(is_same_program(one.jaxpr, other.jaxpr) for one, other in pairs)

    def untraced(self, mode: str, chunk: Chunk) -> Generator[tuple[Any, Any], None, CompiledSteps]:
        """Yield (step, arguments) to be traced before a chunk is run, if it has not been.

        The caller traces it, so that a traceback leads from `fit` to the layer; meanwhile all unbound variables that
        are read are recorded. If a user's function reads variables that these steps lack, the model gets new steps.

        Example: `for step, args in steps.untraced("train", chunk): step.trace(*args)`

        Returns:
            The steps that the chunk is for.
        """
        if self.model.run_eagerly or not self._programs[mode].is_new(chunk.batches):
            return self
        batch = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape[1:], array.dtype), chunk.batches)
        weights, metrics = self._variables.weights(), held(self.variables.metrics)
        args = {
            "train": (self.layout.specs(self._variables.held()), batch),
            "test": jax.tree.map(_spec, (weights, metrics, batch)),
            "predict": jax.tree.map(_spec, (weights, batch[0])),
        }[mode]
        with self._lowered():
            with recorded() as touched, collector.paused():
                yield self._steps[mode], args
            self._programs[mode].learn(chunk.batches)
            self._traced.setdefault(mode, (args, self._steps[mode].trace(*args)))  # cached by JAX
        self._irrelevant |= changed(
            fingerprint(self.model).settings(), self._settings
        )  # changed by tracing, such as a counter of calls
        if outside := without(touched, self._variables.flat()):
            self.model._steps = new = CompiledSteps(self.model, [*self._variables.outside, *outside])
            return (yield from new.untraced(mode, chunk))
        return self

    # Chunks

    def train(self, chunk: Chunk) -> Reported:
        """Train on a chunk. The new state is assigned to the model's variables; returns the logs, on the device."""
        forks.check()
        program = self._programs["train"]
        if self.model.run_eagerly:  # nothing is donated, so an interrupt is safe at any time
            with jax.disable_jit():
                state, logs = program(self.state(), chunk.batches, chunk.num_batches)
            self.put(state)
            return logs
        variables = self._variables.flat()
        values = sharing.take(variables, keep=program.will_compile)
        try:
            with self._lowered():
                state, logs = program(self._variables.as_state(values), chunk.batches, chunk.num_batches)
        except BaseException:
            sharing.release(variables)
            raise
        sharing.give(variables, state.flat())
        return logs

    def test(self, weights: State, metrics: list[Any], chunk: Chunk) -> tuple[list[Any], Changes, Reported]:
        """Evaluate a chunk: returns the new metrics, the changes of the weights, and the logs, on the device."""
        forks.check()
        with self.eagerly(), self._lowered():
            return self._programs["test"](weights, metrics, chunk.batches, chunk.num_batches)

    def predict(self, weights: State, chunk: Chunk) -> tuple[Any, Changes]:
        """The outputs for a chunk, (capacity, batch, ...), on the device, and the changes of the weights."""
        forks.check()
        with self.eagerly(), self._lowered():
            outputs, changes = self._programs["predict"](weights, chunk.batches[0], chunk.num_batches)
            return structures.plain(outputs), changes

    def _train_chunk(self, state: State, batches: Any, count: Any) -> tuple[State, Reported]:
        is_eager, state = self.model.run_eagerly, self.layout.transpose(state)
        state, logs = loops.train(self._steps["train"], state, batches, count, is_eager)
        state = self.layout.transpose(state)
        return state, Reported.of(self.results(state), logs)

    def _test_chunk(
        self, weights: State, metrics: list[Any], batches: Any, count: Any
    ) -> tuple[list[Any], Changes, Reported]:
        is_eager = self.model.run_eagerly
        metrics, changes, logs = loops.test(self._steps["test"], weights, metrics, batches, count, is_eager)
        state = weights.with_changes(changes)._replace(metrics=metrics)
        return metrics, changes, Reported.of(self.results(state), logs)

    def _predict_chunk(self, weights: State, x: Any, count: Any) -> tuple[Any, Changes]:
        return loops.predict(self._steps["predict"], weights, x, count)

    # Steps for custom training loops

    def train_step(self, state: State, batch: Batch) -> State:
        """One step of gradient descent, as a pure function: forward, backward, update, metrics."""
        state, _ = self._steps["train"](self.layout.transpose(state), structures.ordered(batch))
        return self.layout.transpose(state)

    def test_step(self, weights: State, metrics: list[Any], batch: Batch) -> tuple[list[Any], Logs]:
        """The forward pass, the loss and the metrics, as a pure function."""
        metrics, _, logs = self._steps["test"](weights, metrics, structures.ordered(batch))
        return metrics, logs

    def predict_step(self, weights: State, x: Any) -> Any:
        """The forward pass, as a pure function."""
        return structures.plain(self._steps["predict"](weights, structures.ordered(x))[0])

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
        with self._variables.holding(state):
            return self.model.get_metrics_result()

    # The default steps in the form that Keras documents, for a user's step that calls them

    def plain_train_step(self, state: Any, batch: Batch) -> tuple[Logs, tuple[Any, ...]]:
        """The train step on (trainable, non-trainable, optimizer, metrics): (logs, new state)."""
        new, logs = self._default.train(self._variables.with_outside(State(*map(list, state))), batch)
        return logs or self.results(new), tuple(self._variables.without_outside(new))

    def plain_test_step(self, state: Any, batch: Batch) -> tuple[Logs, tuple[Any, Any, Any]]:
        """The test step on (trainable, non-trainable, metrics): (logs, new state)."""
        trainable, non_trainable, metrics = map(list, state)
        weights = self._variables.with_outside(State(trainable, non_trainable, [], []))
        metrics, changes, logs = self._default.test(weights, metrics, batch)
        new = weights.with_changes(changes)._replace(metrics=metrics)
        return logs or self.results(new), (trainable, self._variables.without_outside(new).non_trainable, metrics)

    def fresh_metrics(self) -> list[Any]:
        """The initial values of the metrics."""
        variables = self.variables.metrics
        with sharing.reading(variables) as values, bound(variables, values):
            self.model.reset_metrics()
            return held(variables)

    def flat(self) -> list[Variable]:
        """All variables of the state, in order."""
        return self._variables.flat()

    def _lowered(self) -> contextlib.AbstractContextManager[Any]:
        """Inside, functions are traced for the platform of the weights."""
        return kernels.lowered_for(self._platform)

    def eagerly(self) -> contextlib.AbstractContextManager[Any]:
        """Inside, the steps run eagerly if the model has `run_eagerly`."""
        return jax.disable_jit() if self.model.run_eagerly else contextlib.nullcontext()


def _spec(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)
