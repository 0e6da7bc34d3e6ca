"""Where the arrays of a model's steps are, under the distribution that is set. Without one, nothing here has an effect.

There is no second way of training: the same steps are compiled, for arrays that lie on several devices. What XLA needs
to be told is where the state is when a step begins and ends, and that weights which are split to save memory are
gathered before a step computes with them.
"""

from __future__ import annotations

import random
from typing import Any

import jax
import numpy as np

from minidl import kernels
from minidl.core import placement, processes
from minidl.core.messages import say
from minidl.core.variables import Variable
from minidl.training.data.chunks import Chunk
from minidl.training.state import Changes, State


class Shardings:
    """The shardings of the variables of a model's steps. The variables are moved to where they belong.

    Args:
        model: the model.
        variables: the variables of its steps.
    """

    def __init__(self, model: Any, variables: State):
        self.distribution = placement.current()
        self._of: State | None = None
        if self.distribution is not None:
            self.distribution.check(model)
        else:
            _hint_once()
        placement.place(variables.flat())
        if self.distribution is not None:
            _check_same(variables.flat(), self.distribution)
            self._of = State(*([v._slot.sharding for v in some] for some in variables))
            gathered = [[self.distribution.gathered(variable) for variable in some] for some in variables[:2]]
            self._gathered = State(*gathered, *([None] * len(some) for some in variables[2:]))
            self._whole = self.distribution.whole

    @property
    def are_split(self) -> bool:
        """Whether a variable is split between devices."""
        return self._of is not None and not all(sharding.is_fully_replicated for sharding in self._of.flat())

    def are_current(self) -> bool:
        """Whether the distribution is still the one that is set."""
        return placement.current() is self.distribution

    def options(self, mode: str) -> dict[str, Any]:
        """The options of `jax.jit` for what trains on a chunk, tests or predicts."""
        if self._of is None or mode == "predict":
            return {}
        reported = self._whole
        return {"out_shardings": (self._of, reported) if mode == "train" else (self._of.metrics, None, reported)}

    def gathered(self, state: State) -> State:
        """A traced state with the weights that a step gathers."""
        return state if self._of is None else _constrained(state, self._gathered)

    def kept(self, state: State) -> State:
        """A traced state that is split as the variables are."""
        return state if self._of is None else _constrained(state, self._of)

    def changes(self, changes: Changes) -> Changes:
        """Traced changes of the non-trainable variables, likewise."""
        if self._of is None:
            return changes
        shardings = [self._of.non_trainable[index] for index in changes]
        return dict(zip(changes, placement.constrained(list(changes.values()), shardings)))

    def metrics(self, values: list[Any]) -> list[Any]:
        """Values of the metrics, where their variables are."""
        return values if self._of is None else list(map(placement.put, values, self._of.metrics))

    def platform(self, chunk: Chunk, platform: str) -> str:
        """What kernels compute for, given the platform of the devices."""
        return kernels.SHARDED if self._of is not None and placement.is_split(chunk.batches) else platform


_hinted: list[bool] = []


def _hint_once() -> None:
    """Say that there are more GPUs than are used."""
    count = sum(device.platform == "gpu" for device in jax.local_devices())
    if count > 1 and not _hinted:
        _hinted.append(True)
        say(
            f"{count} GPUs are visible and one is used. To train on all of them: "
            "minidl.distribution.set_distribution(minidl.distribution.DataParallel())"
        )


def _check_same(variables: list[Variable], distribution: Any) -> None:
    """Refuse processes that would train different models: they would report the same loss."""
    if not processes.are_many():
        return
    whole = [variable._slot for variable in variables if variable._slot.is_fully_replicated]
    parts: dict[str, Any] = {
        "The variables": [f"{variable.path} {variable.shape} {variable._slot.dtype}" for variable in variables],
        "The values of the variables": [np.asarray(array) for array in whole],
    }
    if distribution.auto_shard_dataset:
        states = [random.getstate(), *np.random.get_state(legacy=True)]
        parts["The states of Python's and NumPy's random generators"] = [
            state if isinstance(state, np.ndarray) else repr(state) for state in states
        ]
    processes.check_same(
        parts,
        "Every process has to run the same program: make models, load weights and draw from `random` and `np.random` "
        "in all of them alike, after distribution.initialize() and set_random_seed().",
    )


def _constrained(state: State, shardings: State) -> State:
    return State(
        *(placement.constrained(some, shardings_of) if some else [] for some, shardings_of in zip(state, shardings))
    )


def placed(chunk: Chunk) -> Chunk:
    """A chunk on the devices of the distribution; as it is without one."""
    if placement.current() is None:
        return chunk
    batches = placement.placed_batches(chunk.batches, chunk.num_rows // chunk.num_batches)
    return chunk._replace(batches=batches, tail=None)
