"""The program that is profiled: the train step of one model, in the loop over a chunk in which `fit` runs it.

It is compiled for this model alone: the program that `fit` runs may be shared with models of the same structure, and
bears the names of the layers of the first.
"""

from __future__ import annotations

import contextlib
import functools
import statistics
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.interpreters.partial_eval import dce_jaxpr

from minidl import kernels
from minidl.core import collector, placement, sharing
from minidl.core.binding import recorded
from minidl.core.object_graph import without
from minidl.core.variables import Variable
from minidl.profiling import hlo, trace
from minidl.profiling.scopes import Scopes, marked
from minidl.training.compiled_steps import CompiledSteps
from minidl.training.data.chunks import Chunk, chunk_capacity
from minidl.training.sharded import placed
from minidl.training.state import State
from minidl.training.step_programs import StepPrograms

_BATCHES = 1000  # capacities of chunks are those for epochs of so many batches
_SECONDS = 0.05  # how long one measured run lasts
_MOST_SECONDS = 3.0  # that all runs last together, if the least number is not longer
_LEAST_RUNS, _RUNS = 3, 9
_AGREEMENT = 0.05
_MOST_EVENTS = 10_000


class StepProgram:
    """The compiled train step of a model.

    Args:
        model: built and compiled.
        data: what it would be trained on; the first batch is used.
        scopes: the layers of the model.

    Attributes:
        jaxpr: of one step, without operations whose results are not used.
        formulas: the same with the formulas of all kernels.
        compiled: the program for a chunk, `(state, batches, count) -> (state, logs)`.
        seconds: "trace", "lower" and "compile" -> how long it took (from a cache on disk, if that has the program).
    """

    def __init__(self, model: Any, data: Any, scopes: Scopes):
        self.chunk = placed(_repeated(next(data.epoch().chunks(lambda: 1))))
        self.steps: CompiledSteps = model.compiled_steps
        self.seconds: dict[str, float] = {}
        with marked(scopes), collector.paused():
            if outside := self._compile(model):  # variables that the user's functions read
                self.steps = CompiledSteps(model, outside)
                self._compile(model)

    def _compile(self, model: Any) -> list[Variable]:
        """Compile the step, unless it reads variables that the steps lack; returns these."""
        steps, chunk = self.steps, self.chunk
        programs = StepPrograms(model.written_steps())
        state = self._held()
        batch = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape[1:], array.dtype), chunk.batches)
        with steps._traced_for(chunk), _names_in_cache():
            with self._timed("trace"), recorded() as touched:
                traced = programs.steps["train"].trace(steps.layout.specs(state), batch).jaxpr.jaxpr
            if outside := without(touched, steps.flat()):
                return outside
            self.jaxpr = _needed(traced)
            with kernels.lowered_for("any"):
                self.formulas = _needed(programs.steps["train"].trace(steps.layout.specs(state), batch).jaxpr.jaxpr)
            options = kernels.compiler_options("train", kernels.needs_barriers(traced))
            options = {"compiler_options": options, **steps.shardings.options("train")}
            with self._timed("lower"):
                function = jax.jit(programs._train_chunk, donate_argnums=0, **options)
                lowered = function.trace(state, chunk.batches, chunk.num_batches).lower()
            with self._timed("compile"):
                self.compiled = lowered.compile()
        return []

    @contextlib.contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start

    def _held(self) -> State:
        """The values of the model's variables; they are read, for their shapes and to be copied."""
        return State(*([variable._value for variable in some] for some in self.steps.variables))

    def size_of(self, part: str) -> int:
        """The bytes of a part of the state: "trainable", "non_trainable", "optimizer" or "metrics", on one device."""
        return sum(nbytes(variable._value) for variable in getattr(self.steps.variables, part))

    def measure(self, text: hlo.Program) -> Measured:
        """Run the step on a copy of the model's state, in turn without and with tracing.

        Args:
            text: the text of the program.
        """
        containers, instructions = text.containers(), max(1, sum(times for _, times in text.executed()))
        with sharing.reading(self.steps.flat()) as values:
            runner = _Runner(self, placement.copies(values))
        runner.run(1)
        each = runner.run(1)
        count = min(self.chunk.num_batches, max(1, round(_SECONDS / each)), max(1, _MOST_EVENTS // instructions))
        begun, measured = time.perf_counter(), _Times(count)
        while not measured.are_enough(time.perf_counter() - begun):
            measured.plain.append(runner.run(count))
            events = trace.recorded(functools.partial(runner.run, count))
            measured.traced.append(trace.times(events, containers))
        return measured.result()


class Measured(NamedTuple):
    """The times of a step."""

    seconds: float  # the median of its runs
    instructions: dict[str, float]  # seconds of each; empty if the trace of this platform names none
    accounted: float  # what all add up to in the fastest traced run, as a fraction of the fastest one without tracing


class _Times:
    """The times of runs, in turn without and with tracing.

    Args:
        count: the number of steps in a run.
    """

    def __init__(self, count: int):
        self._count = count
        self.plain: list[float] = []  # seconds of a step
        self.traced: list[tuple[dict[str, float], dict[str, int]]] = []  # from `trace.times`

    def are_enough(self, seconds: float) -> bool:
        """Whether the fastest runs agree. On a busy machine that takes more runs, for some seconds at most."""
        runs = len(self.plain)
        if runs < _LEAST_RUNS or (runs < _RUNS and seconds < _MOST_SECONDS):
            return False
        return seconds > _MOST_SECONDS or abs(self.result().accounted - 1) < _AGREEMENT or not self.traced[0][0]

    def result(self) -> Measured:
        """What the runs say."""
        fastest, counts = min(self.traced, key=lambda timed: sum(timed[0].values()))
        total = min(self.plain) * self._count
        tracing = trace.overhead(fastest, counts, total)
        medians = {name: statistics.median(seconds.get(name, 0.0) for seconds, _ in self.traced) for name in counts}
        return Measured(
            statistics.median(self.plain),
            {name: max(0.0, value - tracing * counts[name]) / self._count for name, value in medians.items()},
            (sum(fastest.values()) - tracing * sum(counts.values())) / total,
        )


class _Runner:
    """Runs a program on a state of its own.

    Args:
        program: the program.
        values: the state, flat; it is donated.
    """

    def __init__(self, program: StepProgram, values: list[jax.Array]):
        rest = iter(values)
        self._state = State(*([next(rest) for _ in some] for some in program.steps.variables))
        self._batches = jax.device_put(program.chunk.batches)
        self._program = program.compiled

    def run(self, count: int) -> float:
        """Train on some batches; the seconds of one."""
        start = time.perf_counter()
        self._state, _ = self._program(self._state, self._batches, count)
        jax.block_until_ready(self._state)
        return (time.perf_counter() - start) / count


def _needed(jaxpr: Any) -> Any:
    """A jaxpr without the operations whose results are not used; XLA removes these as well."""
    needed, _ = dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return needed


def nbytes(array: Any) -> int:
    """The bytes of an array on one device."""
    return int(array.addressable_shards[0].data.nbytes if isinstance(array, jax.Array) else array.nbytes)


def _repeated(first: Chunk) -> Chunk:
    """A chunk of copies of one batch, as large as that of a long epoch."""
    batch = jax.tree.map(lambda array: np.asarray(array)[0], first.batches)
    capacity = chunk_capacity(sum(array.nbytes for array in jax.tree.leaves(batch)), _BATCHES)
    batches = jax.tree.map(lambda array: np.repeat(array[np.newaxis], capacity, axis=0), batch)
    return Chunk(batches, capacity, capacity * first.num_rows)


@contextlib.contextmanager
def _names_in_cache() -> Iterator[None]:
    """Inside, a cached program on disk is not used for another one that differs in the names of layers only."""
    name = "jax_compilation_cache_include_metadata_in_key"
    before = getattr(jax.config, name)
    jax.config.update(name, True)
    try:
        yield
    finally:
        jax.config.update(name, before)
