"""The state of a training, as one object: all that decides what is still to come of it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from minidl.core import processes
from minidl.core.variables import Variable


class Position(NamedTuple):
    """Where a training is: so many batches into an epoch, which has given these logs so far."""

    epoch: int = 0
    batches: int = 0
    logs: dict[str, float] = {}  # noqa: RUF012 - never changed


@dataclasses.dataclass(frozen=True)
class RunState:
    """What a run is continued from, bit for bit. Its fields are plain data and arrays, which a file can hold.

    Attributes:
        epoch: the epoch that it is in.
        batches: how many batches of it are done.
        logs: what the epoch has given so far.
        stop_training: whether training was told to stop.
        data: the position in the data, from `Data.place`.
        variables: [path, value] of all variables that training changes: of the model, the metrics and the optimizer.
        callbacks: [name, state] of the callbacks.
        generators: the states of Python's and NumPy's global random generators.
    """

    epoch: int
    batches: int
    logs: dict[str, float]
    stop_training: bool
    data: dict[str, Any]
    variables: list[Any]
    callbacks: list[Any]
    generators: list[Any]

    @classmethod
    def capture(cls, run: Any, position: Position, callbacks: Mapping[str, Any]) -> RunState:
        """The state of a `Training`.

        Args:
            run: the training.
            position: where it is.
            callbacks: name -> callback, of those that have a state.
        """
        return cls(
            *position,
            stop_training=bool(run.model.stop_training),
            data=run.data.place(),
            variables=[[variable.path, variable.numpy()] for variable in _variables(run.model)],
            callbacks=[[name, callback.get_state()] for name, callback in callbacks.items()],
            generators=[random.getstate(), np.random.get_state(legacy=False)],
        )

    def misfit(self, model: Any) -> str:
        """How the variables differ from a model's; "" if they have the same shapes and dtypes.

        Names are not compared: they differ if a model is made twice in a program.
        """
        variables = _variables(model)
        if len(variables) != len(self.variables):
            return f"{len(self.variables)} variables, the model {len(variables)}"
        for variable, (path, value) in zip(variables, self.variables):
            one, other = (variable.shape, str(variable._value.dtype)), (value.shape, str(value.dtype))
            if one != other:
                return f"{path!r} as {other[1]}{other[0]}, the model {variable.path!r} as {one[1]}{one[0]}"
        return ""

    def restore(self, run: Any, callbacks: Mapping[str, Any], with_data: bool = True) -> None:
        """Let a training that has not begun continue from here.

        Args:
            run: the training.
            callbacks: name -> callback; those without a state here keep theirs.
            with_data: whether it has the same data; without, the epoch begins again.
        """
        if with_data:
            run.data.resume(self.data)
        run.start = Position(self.epoch, self.batches, self.logs) if with_data else Position(self.epoch)
        run.model.stop_training = self.stop_training
        self.restore_values(run.model, callbacks)

    def restore_values(self, model: Any, callbacks: Mapping[str, Any]) -> None:
        """Restore the variables, the callbacks and the random generators, but not the position."""
        for variable, (_, value) in zip(_variables(model), self.variables):
            variable.assign(value)
        for name, state in self.callbacks:
            if name in callbacks and (processes.is_first() or not callbacks[name].first_process_only):
                callbacks[name].set_state(state)
        (version, numbers, gauss), numpy_state = self.generators
        random.setstate((version, tuple(numbers), gauss))
        np.random.set_state(numpy_state)

    def to_plain(self) -> dict[str, Any]:
        """The fields by name."""
        return dict(vars(self))

    @classmethod
    def from_plain(cls, fields: Any) -> RunState | None:
        """The state with these fields; None where they are not those of a state."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**fields) if isinstance(fields, dict) and fields.keys() == names else None


def _variables(model: Any) -> list[Variable]:
    """All that a run changes, each once."""
    kept = [*model.variables, *(v for metric in model.metrics for v in metric.variables)]
    kept += model.optimizer.variables
    return list({id(variable): variable for variable in kept}.values())
