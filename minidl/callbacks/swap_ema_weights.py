"""SwapEMAWeights: evaluate and predict with the moving average of the weights."""

from __future__ import annotations

from typing import Any

from minidl.callbacks.base import Callback, Logs
from minidl.callbacks.learning_rates import single_optimizers


class SwapEMAWeights(Callback):
    """Replace the weights by their exponential moving average (EMA) during evaluation and prediction.

    Needs an optimizer with `use_ema=True`. Afterwards the model gets its own weights back. Before the first training
    step there is no average yet, and nothing is changed.

    Args:
        swap_on_epoch: also swap at the end of an epoch, until the beginning of the
            next, so that callbacks that come after this one (such as `ModelCheckpoint`) see and save it.

    Raises:
        ValueError: when training, evaluation or prediction begins, an optimizer without use_ema.

    Example:
    >>> import numpy as np
    >>> from minidl import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), loss="mse")
    >>> x, y = np.ones((8, 2)), np.ones((8, 1))
    >>> history = model.fit(x, y, validation_data=(x, y), callbacks=SwapEMAWeights(), verbose=0)

    Source: B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    def __init__(self, swap_on_epoch: bool = False):
        self.swap_on_epoch = swap_on_epoch
        self._own: list[Any] | None = None  # the model's own weights, while it has the average
        self._for_epoch_end = False  # whether it has the average since the end of an epoch

    def on_train_begin(self, logs: Logs = None) -> None:
        """Check the optimizer; reset the state."""
        self._check()
        self._own = None
        self._for_epoch_end = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Restore the model's own weights."""
        self._for_epoch_end = False
        self._restore()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Swap in the average, with swap_on_epoch."""
        if self.swap_on_epoch:
            self._swap()
            self._for_epoch_end = True

    def on_test_begin(self, logs: Logs = None) -> None:
        """Swap in the average."""
        self._swap()

    def on_test_end(self, logs: Logs = None) -> None:
        """Restore the model's own weights."""
        self._restore()

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Swap in the average."""
        self._swap()

    def on_predict_end(self, logs: Logs = None) -> None:
        """Restore the model's own weights."""
        self._restore()

    def on_train_end(self, logs: Logs = None) -> None:
        """Keep the average, which an optimizer with use_ema leaves in the model at the end of training."""
        self._own = None
        self._for_epoch_end = False

    def get_state(self) -> dict[str, Any]:
        """The model's own weights, if it has the average."""
        return {"own": self._own, "for_epoch_end": self._for_epoch_end}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state."""
        self._own, self._for_epoch_end = state["own"], state["for_epoch_end"]

    def _swap(self) -> None:
        self._check()
        if self._own is None and int(self.model.optimizer.iterations) > 0:
            self._own = [weight.value for weight in self.model.trainable_variables]
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def _restore(self) -> None:
        if self._own is not None and not self._for_epoch_end:
            for weight, value in zip(self.model.trainable_variables, self._own, strict=True):
                weight.assign(value)
            self._own = None

    def _check(self) -> None:
        optimizers = single_optimizers(self.model.optimizer)
        if not any(optimizer.use_ema for optimizer in optimizers):
            raise ValueError(
                f"SwapEMAWeights: {', '.join(repr(optimizer.name) for optimizer in optimizers)} keeps no average of "
                "the weights. Make the optimizer with use_ema=True."
            )
