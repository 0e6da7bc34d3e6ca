"""The learning rates of a model's optimizers, and their names in the logs.

Usually there is one, `learning_rate`. A `MultiOptimizer` has one for each of its optimizers.
"""

from __future__ import annotations

from typing import Any

from minidl.optimizers import LossScaleOptimizer, MultiOptimizer, Optimizer


def single_optimizers(optimizer: Optimizer) -> list[Any]:
    """The optimizers that update the weights: the given one, or the wrapped ones.

    >>> from minidl.optimizers import SGD
    >>> inner = SGD()
    >>> single_optimizers(LossScaleOptimizer(inner)) == [inner]
    True
    """
    if isinstance(optimizer, LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    return list(optimizer.optimizers) if isinstance(optimizer, MultiOptimizer) else [optimizer]


def learning_rates(optimizer: Optimizer) -> dict[str, float]:
    """Name in the logs -> learning rate: `learning_rate`, or `learning_rate_<optimizer>` for each of several.

    Raises:
        AttributeError: an optax transformation whose learning rate is not accessible.

    >>> from minidl.optimizers import SGD
    >>> learning_rates(SGD(0.5))
    {'learning_rate': 0.5}
    """
    singles = single_optimizers(optimizer)
    if len(singles) == 1 and not isinstance(optimizer, MultiOptimizer):
        return {"learning_rate": float(singles[0].learning_rate)}
    return {f"learning_rate_{single.name}": float(single.learning_rate) for single in singles}
