"""The compiled steps of one model, and what keeps them fitting it: every `jax.jit` of training is here."""

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
from minidl.training.sharded import Shardings
from minidl.training.state import Changes, State, StepVariables, held
from minidl.training.step import Batch, DefaultStep, Logs, UserStep


class CompiledSteps:
    """The steps of one model, for the variables and the objectives that it has now.

    `train_step`, `test_step` and `predict_step` are pure and can be used in a loop of your own;
    `train`, `test` and `predict` run chunks and keep the model's variables up to date.

    Args:
        model: a built and compiled model; for `predict` it need not be compiled.
        outside: variables that are not the model's, but read by the user's functions in its steps.
    """

    def __init__(self, model: Any, outside: Sequence[Variable] = ()):
        self.model = model
        written, optimizer = model.written_steps(), model.optimizer
        if optimizer is not None and not optimizer.built:  # a user's own `build` may not be run twice
            optimizer.build(model.trainable_variables)
        elif optimizer is not None and "train_step" not in written:
            optimizer.extend(model.trainable_variables)
        self._variables = StepVariables(model, outside)
        self.variables = self._variables.of
        self.shardings = Shardings(model, self.variables)
        self.layout = Layout(self.variables, None if "train_step" in written or self.shardings.are_split else optimizer)
        self._default = DefaultStep(model, self._variables, self.shardings, self.layout)
        user = UserStep(model, self._variables, self.shardings)
        self._steps = {
            "train": jax.jit(user.train if "train_step" in written else self._default.train),
            "test": jax.jit(user.test if "test_step" in written else self._default.test),
            "predict": jax.jit(user.predict if "predict_step" in written else self._default.predict),
        }
        self._programs: dict[tuple[str, str], Program] = {}  # by mode, and by the platform that kernels compute for
        self._kernels = kernels.mode()
        self._platform = kernels.platform(*held(self._variables.flat()[:1]))
        self._made_for = fingerprint(model)
        self._watch = Watch(self._made_for.places, self._made_for.variables)
        self._settings = self._made_for.settings()
        self._irrelevant: set[Setting] = set()  # settings that no step reads
        self._traced: dict[str, Any] = {}  # mode -> what a step was first traced for, and what came of it
        self.seconds: dict[str, float] = {}  # for each mode, how long a step takes: the loop measures it
        given = model.steps_per_execution
        self.per_execution = given if isinstance(given, int) else 1  # batches between two calls of batch callbacks

    # Whether they still fit the model

    def renewed(self) -> CompiledSteps:
        """The steps for the model as it is now: these, unless something has changed that makes a difference to them."""
        if self._watch.is_unchanged() and kernels.mode() == self._kernels and self.shardings.are_current():
            return self
        now = fingerprint(self.model)
        if now.structure != self._made_for.structure or not self.shardings.are_current():
            return CompiledSteps(self.model, self._variables.outside)
        if now.values != self._made_for.values:
            different = changed(now.settings(), self._settings) - self._irrelevant
            if different and not self._computes_as(new := CompiledSteps(self.model, self._variables.outside)):
                return new
            self._irrelevant |= different
        self._made_for, self._watch = now, Watch(now.places, now.variables)
        return self

    def _computes_as(self, new: CompiledSteps) -> bool:
        """Whether other steps trace to the same programs for all that these were traced for."""
        with self._lowered():
            pairs = ((new._steps[mode].trace(*args), traced) for mode, (args, traced) in self._traced.items())
            return bool(self._traced) and all(is_same_program(one.jaxpr, other.jaxpr) for one, other in pairs)

    def untraced(self, mode: str, chunk: Chunk) -> Generator[tuple[Any, Any], None, CompiledSteps]:
        """The step that has to be traced before a chunk is run, with the arguments for it; nothing if none has.

        It is traced by whoever asks, so that a traceback leads from `fit` to the layer, under a record of all variables
        that it reads without being given them. If a function of the user's reads some that these steps lack, the model
        has other steps afterwards.

        Example: `for step, args in steps.untraced("train", chunk): step.trace(*args)`

        Returns:
            The steps that the chunk is for.
        """
        if self.model.run_eagerly or not (program := self._program(mode, chunk)).is_new(chunk.batches):
            return self
        batch = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape[1:], array.dtype), chunk.batches)
        weights, metrics = self._variables.weights(), held(self.variables.metrics)
        args = {
            "train": (self.layout.specs(self._variables.held()), batch),
            "test": jax.tree.map(_spec, (weights, metrics, batch)),
            "predict": jax.tree.map(_spec, (weights, batch[0])),
        }[mode]
        with self._lowered(chunk):
            with recorded() as touched, collector.paused():
                yield self._steps[mode], args
            program.learn(chunk.batches)
            self._traced.setdefault(mode, (args, self._steps[mode].trace(*args)))  # which is not traced again
        self._irrelevant |= changed(
            fingerprint(self.model).settings(), self._settings
        )  # set by the trace: a count of calls, say
        if outside := without(touched, self._variables.flat()):
            self.model._steps = new = CompiledSteps(self.model, [*self._variables.outside, *outside])
            return (yield from new.untraced(mode, chunk))
        return self

    # Chunks

    def train(self, chunk: Chunk) -> Reported:
        """Train on a chunk. The model's variables hold the new state; returns the logs, on the device."""
        forks.check()
        program = self._program("train", chunk)
        if self.model.run_eagerly:  # nothing is taken from the variables, so an interrupt may come at any time
            with jax.disable_jit():
                state, logs = program(self.state(), chunk.batches, chunk.num_batches)
            self.put(state)
            return logs
        variables = self._variables.flat()
        values = sharing.take(variables, keep=program.will_compile)
        try:
            with self._lowered(chunk):
                state, logs = program(self._variables.as_state(values), chunk.batches, chunk.num_batches)
        except BaseException:
            sharing.release(variables)
            raise
        sharing.give(variables, state.flat())
        return logs

    def test(self, weights: State, metrics: list[Any], chunk: Chunk) -> tuple[list[Any], Changes, Reported]:
        """Evaluate a chunk: the new metrics, the changes in the weights, and the logs, on the device."""
        forks.check()
        with self.eagerly(), self._lowered(chunk):
            return self._program("test", chunk)(weights, metrics, chunk.batches, chunk.num_batches)

    def predict(self, weights: State, chunk: Chunk) -> tuple[Any, Changes]:
        """The outputs for a chunk, (capacity, batch, ...), on the device, and the changes in the weights."""
        forks.check()
        with self.eagerly(), self._lowered(chunk):
            outputs, changes = self._program("predict", chunk)(weights, chunk.batches[0], chunk.num_batches)
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

    # Steps for a loop of the user's own

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
        """What the variables hold now: where a loop of your own starts."""
        for variable in self._variables.flat():
            sharing.borrow(variable)
        return self._variables.held()

    def put(self, state: State) -> None:
        """Let the variables hold a state: where a loop of your own ends."""
        sharing.give(self._variables.flat(), state.flat(), borrowed=True)

    def results(self, state: State) -> Logs:
        """Name -> value of the loss and the metrics in a state, as a pure function of it."""
        with self._variables.holding(state):
            return self.model.get_metrics_result()

    # Minidl's own steps in the form that Keras documents, for a user's step that calls them

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
        """The values of the metrics before anything is seen."""
        variables = self.variables.metrics
        with sharing.reading(variables) as values, bound(variables, values):
            self.model.reset_metrics()
            return self.shardings.metrics(held(variables))

    def flat(self) -> list[Variable]:
        """All variables of the state, in order."""
        return self._variables.flat()

    def _program(self, mode: str, chunk: Chunk) -> Program:
        """What computes a chunk: another one where its batches are split between devices than where they are not."""
        key = mode, self.shardings.platform(chunk, self._platform)
        if key not in self._programs:
            function = getattr(self, f"_{mode}_chunk")
            options = {"donate_argnums": 0} if mode == "train" else {}
            self._programs[key] = Program(function, has_loop=True, **options, **self.shardings.options(mode))
        return self._programs[key]

    def _lowered(self, chunk: Chunk | None = None) -> contextlib.AbstractContextManager[Any]:
        """Inside, functions are traced for the platform that the weights are on, and for batches like those given."""
        return kernels.lowered_for(self._platform if chunk is None else self.shardings.platform(chunk, self._platform))

    def eagerly(self) -> contextlib.AbstractContextManager[Any]:
        """Inside, the steps run operation by operation if the model is to."""
        return jax.disable_jit() if self.model.run_eagerly else contextlib.nullcontext()


def _spec(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)
