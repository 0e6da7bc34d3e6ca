"""The compiled functions of steps, which models of one structure share: every `jax.jit` of training is here.

Ten models of a cross-validation are compiled once. Nothing in here keeps a model: what is traced is the model that is
in use (see step.py), and a model may use what was traced for another one where both have the same structural key.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from typing import Any

import jax

from minidl.core.shared_by_key import SharedByKey
from minidl.core.structural_key import structural_key
from minidl.layers.base import Layer
from minidl.metrics import Metric
from minidl.training import chunk, eager
from minidl.training.chunk import Reported
from minidl.training.programs import Program
from minidl.training.state import Changes, State
from minidl.training.step import DefaultStep, UserStep, in_use


class StepPrograms:
    """The steps of models that are alike, and the loops over a chunk that call them.

    Args:
        written: the names of the steps that the model's class has written itself.
        key: of these models; None where they are not shared.
    """

    def __init__(self, written: set[str], key: Hashable | None = None):
        self._key = key
        default, user = DefaultStep(), UserStep()
        self.steps = {
            "train": jax.jit(user.train if "train_step" in written else default.train),
            "test": jax.jit(user.test if "test_step" in written else default.test),
            "predict": jax.jit(user.predict if "predict_step" in written else default.predict),
        }
        self.chunks: dict[tuple[str, str, bool], Program] = {}  # see `of`
        self.traced: dict[str, Any] = {}  # mode -> what a step was first traced for, and what came of it
        self.seconds: dict[str, float] = {}  # for each mode, how long a step takes: the loop measures it

    def of(self, mode: str, platform: str, is_rare: bool, options: Mapping[str, Any]) -> Program:
        """The program for the chunks of a mode.

        Args:
            mode: "train", "test" or "predict".
            platform: what kernels compute for; another one where batches are split between devices.
            is_rare: whether they are the last, shorter batches of long passes.
            options: of `jax.jit`.
        """
        key = mode, platform, is_rare
        if key not in self.chunks:
            donated = {"donate_argnums": 0} if mode == "train" else {}
            identity = None if self._key is None else (self._key, *key)
            program = Program(getattr(self, f"_{mode}_chunk"), mode, is_rare, identity, **donated, **options)
            self.chunks.setdefault(key, program)  # two threads may have come here
        return self.chunks[key]

    def _train_chunk(self, state: State, batches: Any, count: Any) -> tuple[State, Reported]:
        now = in_use()
        state = now.layout.transpose(state)
        state, logs = _loops(count).train(self.steps["train"], state, batches, count)
        state = now.layout.transpose(state)
        return state, Reported.of(now.results(state), logs)

    def _test_chunk(
        self, weights: State, metrics: list[Any], batches: Any, count: Any
    ) -> tuple[list[Any], Changes, Reported]:
        now = in_use()
        metrics, changes, logs = _loops(count).test(self.steps["test"], weights, metrics, batches, count)
        state = weights.with_changes(changes)._replace(metrics=metrics)
        return metrics, changes, Reported.of(now.results(state), logs)

    def _predict_chunk(self, weights: State, x: Any, count: Any) -> tuple[Any, Changes]:
        return _loops(count).predict(self.steps["predict"], weights, x, count)


def _loops(count: Any) -> types.ModuleType:
    """The loops of a compiled function, whose arguments are traced, or those of one that runs as it is."""
    return chunk if isinstance(count, jax.core.Tracer) else eager


shared: SharedByKey[StepPrograms] = SharedByKey(limit=32)


def key_of(model: Any) -> Hashable | None:
    """The key of a model's steps; None where they cannot be shared."""
    inside = model._flatten_layers()
    key = structural_key([layer for layer in inside if layer is not model], model, named=(Metric,), numbered=(Layer,))
    if key is None:
        return None
    # Names that are read: of several inputs, which data in a dict is for, and of weights, which may not decay.
    graphs = [layer._graph for layer in inside if getattr(layer, "_graph", None) is not None]
    inputs = [tuple(tensor.name for tensor in graph.inputs) for graph in graphs if len(graph.inputs) > 1]
    weights = [variable.name for variable in model.trainable_variables]
    return key, tuple(inputs), tuple(weights)
