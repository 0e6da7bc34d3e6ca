"""The methods of models that train, evaluate and predict one batch."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Hashable
from typing import Any, TypeAlias

import jax
import numpy as np

from minidl.callbacks.progress_bar import ProgbarLogger
from minidl.core import dtypes, forks, placement, processes, sharing, structures, tracebacks, waiting
from minidl.core.arrays import is_wide, within_device
from minidl.core.typing import PyTree
from minidl.training.compilation import Compilation
from minidl.training.compiled_steps import CompiledSteps
from minidl.training.data import nonfinite, ranges
from minidl.training.data.chunks import Chunk
from minidl.training.data.one_batch import one, one_batch
from minidl.training.prepared import Prepared
from minidl.training.programs import Program, signature
from minidl.training.runs import Evaluation, Prediction, Training
from minidl.training.state import State
from minidl.training.targets import checks

Results: TypeAlias = Any  # the loss, a number; or a list or dict of the loss and the metrics


class OnBatch(Prepared):
    """The part of `Trainer` that needs no loop."""

    @tracebacks.filtered
    def train_on_batch(
        self,
        x: PyTree,
        y: PyTree = None,
        sample_weight: PyTree = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Results:
        """One update on one batch. Returns the loss and the metrics, as `evaluate` does."""
        checks.compiled(self, "train_on_batch")
        x, y, sample_weight = self._arrays("train_on_batch", x, y, sample_weight)
        if class_weight is not None:
            sample_weight = self._class_weights("train_on_batch", class_weight, x, y, sample_weight)
        self._prepare("train_on_batch", x, y, sample_weight)
        nonfinite.check_arrays("train_on_batch", self, (x, y, sample_weight), len(jax.tree.leaves(x)[0]))
        chunk = one_batch(x, y, sample_weight)
        with self._fitting.lock:
            self.reset_metrics()
            logs = waiting.awake(Training(self, chunk).on_one(chunk)).read()
        return self._reported(logs, return_dict)

    @tracebacks.filtered
    def test_on_batch(
        self, x: PyTree, y: PyTree = None, sample_weight: PyTree = None, return_dict: bool = False
    ) -> Results:
        """The loss and the metrics on one batch, as `evaluate` returns them."""
        checks.compiled(self, "test_on_batch")
        x, y, sample_weight = self._arrays("test_on_batch", x, y, sample_weight)
        self._prepare("test_on_batch", x, y, sample_weight)
        with Evaluation(self) as run:
            logs = waiting.awake(run.on_one(one_batch(x, y, sample_weight))).read()
            if not sharing.are_trained(run.steps.variables.metrics):
                run.publish()
        return self._reported(logs, return_dict)

    @tracebacks.filtered
    def predict_on_batch(self, x: PyTree) -> np.ndarray:
        """The outputs for one batch, as NumPy arrays."""
        return self._predict_batch("predict_on_batch", x, verbose=0)

    def _predict_batch(self, call: str, x: PyTree, verbose: str | int) -> PyTree:
        """The outputs for one batch, without a loop."""
        if type(x) is not np.ndarray:
            x = placement.whole(x) if isinstance(x, jax.Array) else structures.ordered(x)
        kind = None if self.run_eagerly else _kind(x)
        steps = self._steps
        if steps is not None and verbose in (0, "auto") and steps is self.compiled_steps and kind in steps.served:
            program, depends_on_values = steps.served[kind]
            if not depends_on_values or self._takes_values(call, x):
                return _first(_outputs(steps, program, x))
        given = x
        x, _, _ = self._arrays(call, x)
        self._prepare(call, x)
        chunk = one_batch(x)
        with Prediction(self) as run:
            is_silent = verbose == 0 or not processes.is_first()
            outputs = _first(run.on_one(chunk)) if is_silent else _with_bar(run, chunk, verbose)
        is_alone = placement.current() is None and not processes.are_many()
        if is_alone and kind is not None and _are_same(given, x):
            depends_on_values = bool(ranges.known(self, x)) or any(map(is_wide, jax.tree.leaves(x)))
            run.steps.served[kind] = run.steps._program(run.mode, chunk), depends_on_values
        return outputs

    def _takes_values(self, call: str, x: PyTree) -> bool:
        """Whether the values of arrays need no other dtype; refuses those that no dtype or a layer cannot take."""
        ranges.check(call, self, x)
        return all(within_device(leaf) is leaf for leaf in jax.tree.leaves(x))

    def _reported(self, logs: dict[str, float], return_dict: bool) -> Results:
        if return_dict:
            return logs
        named = [name for name in self.metrics_names if name in logs]
        values = [logs[name] for name in (*named, *sorted(logs.keys() - set(named)))]
        return values[0] if len(values) == 1 else values


def _kind(x: PyTree) -> Hashable:
    """What decides how arrays of NumPy are checked and computed, except for their values; None for other inputs."""
    if type(x) is np.ndarray:
        return x.shape, x.dtype, dtypes.floatx()
    if not all(type(leaf) is np.ndarray for leaf in jax.tree.leaves(x)):
        return None
    return signature(x), dtypes.floatx()


def _are_same(x: PyTree, other: PyTree) -> bool:
    """Whether two structures have the same arrays."""
    is_like = jax.tree.structure(x) == jax.tree.structure(other)  # type: ignore[operator]
    return is_like and all(map(operator.is_, jax.tree.leaves(x), jax.tree.leaves(other)))


def _outputs(steps: CompiledSteps, program: Program, x: PyTree) -> PyTree:
    """The outputs for arrays like those before: what a server asks for again and again."""
    forks.check()
    trainable, non_trainable, _, _ = steps.variables
    with sharing.reading([*trainable, *non_trainable]) as values, steps._traced_for():
        weights = State(values[: len(trainable)], values[len(trainable) :], [], [])
        batch = one(x) if type(x) is np.ndarray else jax.tree.map(one, x)
        outputs, changes = program(weights, batch, 1)
    if changes and not sharing.are_trained_elsewhere(non_trainable):
        sharing.give([non_trainable[index] for index in changes], list(changes.values()))
    return structures.plain(outputs)


def _first(outputs: PyTree) -> PyTree:
    """Outputs (1, batch, ...) as NumPy arrays (batch, ...); waits for them."""
    return structures.map(lambda output: np.array(placement.whole(output)[0]), waiting.awake(outputs))


def _with_bar(run: Prediction, chunk: Chunk, verbose: str | int) -> PyTree:
    """The outputs for a chunk; "auto" shows a bar only where it compiles, since there is nothing else to see."""
    with contextlib.closing(ProgbarLogger()) as bar:
        bar.set_params({"verbose": verbose, "steps": 1})
        if verbose != "auto":
            bar.on_predict_begin()
        with Compilation(bar, run.mode) as compilation:

            def begin() -> None:
                bar.on_predict_begin()
                compilation.begin()

            outputs = _first(run.on_one(chunk, begin))
        bar.on_progress(run.mode, 1)
        bar.on_predict_end()
    return outputs
