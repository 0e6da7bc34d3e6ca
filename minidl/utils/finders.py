"""find_learning_rate and find_batch_size: short trainings of a copy of a model, at different rates and sizes."""

from __future__ import annotations

import copy
import dataclasses
import math
import os
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import jax
import numpy as np

from minidl.callbacks import Callback, LearningRateScheduler
from minidl.core.optional import needed


@dataclasses.dataclass
class SearchResult:
    """The result of a search.

    Attributes:
        suggestion: the value to use.
        tried: the values that were tried, in order.
        results: for each of them the loss, or the examples per second.
        names: what the values and the results are.
    """

    suggestion: Any
    tried: list[Any]
    results: list[float]
    names: tuple[str, str]

    def plot(self, to_file: str | os.PathLike[str] | None = None) -> Any:
        """Plot the results over the values, which are on a logarithmic axis, with the suggestion.

        Args:
            to_file: a path to save the picture to.

        Returns:
            The matplotlib figure.

        Raises:
            ImportError: matplotlib is not installed.
        """
        figure = needed("matplotlib.figure", "plot", "minidl[plot]").Figure(figsize=(5, 3.2), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.tried, self.results, marker="." if len(self.tried) < 30 else "")
        axes.axvline(self.suggestion, linestyle="--", label=f"suggestion: {self.suggestion:.3g}")
        axes.set(xscale="log", xlabel=self.names[0], ylabel=self.names[1])
        axes.legend()
        if to_file is not None:
            figure.savefig(to_file)
        return figure


class _StopWhenDiverged(Callback):
    """Stop once the loss is four times its least value, or not finite."""

    least = math.inf

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        loss = (logs or {})["loss"]
        self.least = min(self.least, loss)
        self.model.stop_training = not loss <= 4 * self.least


def find_learning_rate(
    model: Any,
    x: Any,
    y: Any = None,
    batch_size: int | None = None,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    **arguments: Any,
) -> SearchResult:
    """The learning rate at which the loss falls most steeply, while the rate grows from batch to batch.

    A copy of the model is trained on one batch at each rate, until the loss diverges. The model keeps its weights.

    Args:
        model: a compiled model; the learning rate of its optimizer is a number.
        x: inputs, as for `fit`; there must be `steps` batches, or data that can be iterated again.
        y: targets.
        batch_size: examples per batch, default 32.
        lowest: the first rate.
        highest: the last rate.
        steps: the number of rates, evenly spaced on a logarithmic scale.
        **arguments: other arguments of `fit`, such as `sample_weight`.

    Returns:
        The suggestion with the rates and the losses, which are smoothed; `plot()` shows them.

    Raises:
        ValueError: rates that are not positive and increasing, fewer than 10 steps; or the loss diverged at once.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3.

    Example: `model.optimizer.learning_rate = find_learning_rate(model, x, y).suggestion`
    """
    if not 0 < lowest < highest or steps < 10:
        raise ValueError(
            f"find_learning_rate: give 0 < lowest < highest and at least 10 steps, got {lowest=}, {highest=}, {steps=}."
        )
    rates = np.geomspace(lowest, highest, steps).tolist()
    callbacks = [LearningRateScheduler(lambda epoch: rates[epoch]), _StopWhenDiverged()]
    settings = {"batch_size": batch_size, "steps_per_epoch": 1, "epochs": steps, "verbose": 0, **arguments}
    losses = copy.deepcopy(model).fit(x, y, callbacks=callbacks, **settings).history["loss"]
    smooth = _smoothed([loss for loss in losses if math.isfinite(loss)])
    falling = smooth[: int(np.argmin(smooth)) + 1] if smooth else []
    if len(falling) < 3:
        raise ValueError(
            f"find_learning_rate: the loss did not fall: {losses[:5]} at rates from {lowest}. Give a smaller `lowest`."
        )
    steepest = int(np.argmin(np.gradient(falling)))
    return SearchResult(rates[steepest], rates[: len(smooth)], smooth, ("learning rate", "loss"))


def find_batch_size(
    model: Any, x: Any, y: Any = None, sizes: Sequence[int] | None = None, enough: float = 0.9, **arguments: Any
) -> SearchResult:
    """The least batch size at which training is nearly as fast, in examples per second, as at the best one.

    A copy of the model is trained on some batches of each size, until memory or the examples are exhausted. The model
    keeps its weights.

    Args:
        model: a compiled model.
        x: inputs, an array or a structure of arrays.
        y: targets.
        sizes: increasing batch sizes; default: powers of two from 16 on.
        enough: the fraction of the best speed that is enough.
        **arguments: other arguments of `fit`.

    Returns:
        The suggestion with the sizes and the examples per second; `plot()` shows them.

    Raises:
        ValueError: no size is at most the number of examples; or none fits in memory.

    Example: `model.fit(x, y, batch_size=find_batch_size(model, x, y).suggestion)`
    """
    rows = len(jax.tree.leaves(x)[0])
    possible = [size for size in sizes or [2**power for power in range(4, 20)] if size <= rows]
    trained = copy.deepcopy(model)
    tried: list[int] = []
    speeds: list[float] = []
    for size in possible:
        part = min(rows // size, 32) * size
        try:
            seconds = _seconds(trained, *_first_rows((x, y), part), batch_size=size, **arguments)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error) or not tried:
                raise
            break
        tried.append(size)
        speeds.append(part / seconds)
    if not tried:
        raise ValueError(f"find_batch_size: there are {rows} examples, fewer than the least size.")
    best = next(size for size, speed in zip(tried, speeds) if speed >= enough * max(speeds))
    return SearchResult(best, tried, speeds, ("batch size", "examples/s"))


def _first_rows(data: Any, count: int) -> Any:
    return jax.tree.map(lambda array: array[:count], data)


def _seconds(model: Any, x: Any, y: Any, **arguments: Any) -> float:
    """The shortest time of three epochs, after one that compiles."""
    seconds = []
    for _ in range(4):
        start = perf_counter()
        model.fit(x, y, verbose=0, **arguments)
        seconds.append(perf_counter() - start)
    return min(seconds[1:])


def _smoothed(values: list[float], factor: float = 0.9) -> list[float]:
    """The moving average of values, with exponential weights that are corrected for the start."""
    average, smooth = 0.0, []
    for count, value in enumerate(values, 1):
        average = factor * average + (1 - factor) * value
        smooth.append(average / (1 - factor**count))
    return smooth
