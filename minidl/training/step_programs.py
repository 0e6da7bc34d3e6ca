"""The compiled functions of steps, which models of one structure share: every `jax.jit` of training is here.

Ten models of a cross-validation are compiled once. Nothing in here keeps a model: what is traced is the model that is
in use (see step.py), and a model may use what was traced for another one where both have the same structural key.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import jax

from minidl import config
from minidl.core.structural_key import structural_key
from minidl.metrics import Metric
from minidl.training import chunk as loops
from minidl.training.chunk import Reported
from minidl.training.programs import Program
from minidl.training.state import Changes, State
from minidl.training.step import DefaultStep, UserStep, in_use

_KEPT = 32  # structures whose programs are kept when no model uses them


class StepPrograms:
    """The steps of models that are alike, and the loops over a chunk that call them.

    Args:
        written: the names of the steps that the model's class has written itself.
    """

    def __init__(self, written: set[str]):
        default, user = DefaultStep(), UserStep()
        self.steps = {
            "train": jax.jit(user.train if "train_step" in written else default.train),
            "test": jax.jit(user.test if "test_step" in written else default.test),
            "predict": jax.jit(user.predict if "predict_step" in written else default.predict),
        }
        self.chunks = {
            "train": Program(self._train_chunk, has_loop=True, donate_argnums=0),
            "test": Program(self._test_chunk, has_loop=True),
            "predict": Program(self._predict_chunk, has_loop=True),
        }
        self.traced: dict[str, Any] = {}  # mode -> what a step was first traced for, and what came of it
        self.seconds: dict[str, float] = {}  # for each mode, how long a step takes: the loop measures it

    def _train_chunk(self, state: State, batches: Any, count: Any) -> tuple[State, Reported]:
        now = in_use()
        state = now.layout.transpose(state)
        state, logs = loops.train(self.steps["train"], state, batches, count, now.model.run_eagerly)
        state = now.layout.transpose(state)
        return state, Reported.of(now.results(state), logs)

    def _test_chunk(
        self, weights: State, metrics: list[Any], batches: Any, count: Any
    ) -> tuple[list[Any], Changes, Reported]:
        now = in_use()
        is_eager = now.model.run_eagerly
        metrics, changes, logs = loops.test(self.steps["test"], weights, metrics, batches, count, is_eager)
        state = weights.with_changes(changes)._replace(metrics=metrics)
        return metrics, changes, Reported.of(now.results(state), logs)

    def _predict_chunk(self, weights: State, x: Any, count: Any) -> tuple[Any, Changes]:
        return loops.predict(self.steps["predict"], weights, x, count)


_shared: OrderedDict[Hashable, StepPrograms] = OrderedDict()  # the last used ones come last
_lock = threading.Lock()


def key_of(model: Any) -> Hashable | None:
    """The key of a model's steps; None where they cannot be shared."""
    layers = [layer for layer in model._flatten_layers() if layer is not model]
    key = structural_key(layers, model, own_names=(Metric,))
    return None if key is None else (key, config.floatx(), config.epsilon(), config.image_data_format())


def programs_of(key: Hashable | None, written: set[str]) -> StepPrograms:
    """The programs of the models with a key; new ones where there is none.

    Args:
        key: from `key_of`.
        written: see `StepPrograms`.
    """
    if key is None:
        return StepPrograms(written)
    with _lock:
        programs = _shared.pop(key, None) or StepPrograms(written)
        _shared[key] = programs
        if len(_shared) > _KEPT:
            _shared.popitem(last=False)
    return programs


def clear() -> None:
    """Let the programs go that no model uses."""
    with _lock:
        _shared.clear()
