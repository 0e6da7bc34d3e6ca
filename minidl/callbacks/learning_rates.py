"""Which optimizers of a model have a learning rate, and what it is called in the logs.

Usually it is one, `learning_rate`. A `MultiOptimizer` has several, each with a rate of its own.
"""

from __future__ import annotations

from typing import Any

from minidl.optimizers import LossScaleOptimizer, MultiOptimizer


def single_optimizers(optimizer: Any) -> list[Any]:
    """The optimizers that update the weights: the one given, or those inside it.

    >>> from minidl.optimizers import SGD
    >>> inner = SGD()
    >>> single_optimizers(LossScaleOptimizer(inner)) == [inner]
    True
    """
    if isinstance(optimizer, LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    return list(optimizer.optimizers) if isinstance(optimizer, MultiOptimizer) else [optimizer]


def learning_rates(optimizer: Any) -> dict[str, float]:
    """Name in the logs -> rate: `learning_rate`, or `learning_rate_` and the name of each of several optimizers.

    Raises:
        AttributeError: an optax transformation that does not tell its learning rate.

    >>> from minidl.optimizers import SGD
    >>> learning_rates(SGD(0.5))
    {'learning_rate': 0.5}
    """
    singles = single_optimizers(optimizer)
    if len(singles) == 1 and not isinstance(optimizer, MultiOptimizer):
        return {"learning_rate": float(singles[0].learning_rate)}
    return {f"learning_rate_{single.name}": float(single.learning_rate) for single in singles}
