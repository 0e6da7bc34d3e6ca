"""The methods of models that train, evaluate and predict one batch."""

from __future__ import annotations

import contextlib
from typing import Any, TypeAlias

import jax
import numpy as np

from minidl.callbacks.progress_bar import ProgbarLogger
from minidl.core import dtypes, forks, placement, processes, sharing, structures, tracebacks, waiting
from minidl.core.typing import PyTree
from minidl.training.compilation import Compilation
from minidl.training.compiled_steps import CompiledSteps
from minidl.training.data import nonfinite, ranges
from minidl.training.data.chunks import Chunk
from minidl.training.data.one_batch import one, one_batch
from minidl.training.prepared import Prepared
from minidl.training.programs import Program
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
        kind = (x.shape, x.dtype, dtypes.floatx()) if type(x) is np.ndarray and not self.run_eagerly else None
        steps = self._steps
        if steps is not None and verbose in (0, "auto") and steps is self.compiled_steps and kind in steps.served:
            return _first(_outputs(steps, steps.served[kind], x))
        given = x
        x, _, _ = self._arrays(call, x)
        self._prepare(call, x)
        chunk = one_batch(x)
        with Prediction(self) as run:
            is_silent = verbose == 0 or not processes.is_first()
            outputs = _first(run.on_one(chunk)) if is_silent else _with_bar(run, chunk, verbose)
        is_unchecked = kind is not None and given is x and not ranges.known(self, x)
        if is_unchecked and placement.current() is None and not processes.are_many():
            run.steps.served[kind] = run.steps._program(run.mode, chunk)
        return outputs

    def _reported(self, logs: dict[str, float], return_dict: bool) -> Results:
        if return_dict:
            return logs
        named = [name for name in self.metrics_names if name in logs]
        values = [logs[name] for name in (*named, *sorted(logs.keys() - set(named)))]
        return values[0] if len(values) == 1 else values


def _outputs(steps: CompiledSteps, program: Program, x: np.ndarray) -> PyTree:
    """The outputs for an array like one before: what a server asks for again and again."""
    forks.check()
    trainable, non_trainable, _, _ = steps.variables
    with sharing.reading([*trainable, *non_trainable]) as values, steps._traced_for():
        weights = State(values[: len(trainable)], values[len(trainable) :], [], [])
        outputs, changes = program(weights, one(x), 1)
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
