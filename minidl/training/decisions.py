"""Decisions of callbacks, of which those of process 0 count where several processes train."""

from __future__ import annotations

from typing import Any

from minidl.callbacks.learning_rates import single_optimizers
from minidl.core import processes
from minidl.core.variables import Variable


def follow_first(model: Any) -> None:
    """Let this process stop where process 0 does, with its learning rates."""
    if not processes.are_many():
        return
    rates = [optimizer._learning_rate for optimizer in single_optimizers(model.optimizer)]
    variables = [rate for rate in rates if isinstance(rate, Variable)]
    stop, *numbers = processes.from_first([model.stop_training, *map(float, variables)])
    model.stop_training = bool(stop)
    for variable, number in zip(variables, numbers, strict=True):
        if float(variable) != number:
            variable.assign(number)
