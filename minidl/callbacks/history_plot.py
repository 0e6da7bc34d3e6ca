"""plot_history: the curves of the loss and the metrics, drawn by matplotlib."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from minidl.core.optional import needed


def plot_history(
    history: Any, names: Sequence[str] | None = None, to_file: str | os.PathLike[str] | None = None
) -> Any:
    """Plot the loss and the metrics of every epoch, each with its validation in the same axes.

    Args:
        history: the `History` that `fit` returned, or its dict.
        names: the names to plot, without "val_"; default: the loss first, then all metrics that are numbers.
        to_file: a path to save the picture to; its ending selects the format.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: nothing was recorded, or a name was not.

    Example:
    >>> figure = plot_history({"loss": [2.0, 1.0], "val_loss": [2.1, 1.5], "accuracy": [0.3, 0.7]})  # doctest: +SKIP
    >>> [axes.get_title() for axes in figure.axes]  # doctest: +SKIP
    ['loss', 'accuracy']
    """
    values, epochs = _recorded(history)
    if names is None:
        numeric = [name for name, numbers in values.items() if not name.startswith("val_") and _are_numbers(numbers)]
        names = sorted(numeric, key=lambda name: name != "loss")
    missing = [name for name in names if name not in values]
    if missing or not names:
        raise ValueError(
            f"plot_history: there is no {missing[0] if missing else 'epoch'!r} in it, only {list(values)}."
        )
    figures = needed("matplotlib.figure", "plot_history", "minidl[plot]")
    ticker = needed("matplotlib.ticker", "plot_history", "minidl[plot]")
    figure = figures.Figure(figsize=(4.5 * len(names), 3.2), layout="constrained")  # without the state of pyplot
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names):
        for one, label in ((name, "training"), (f"val_{name}", "validation")):
            if one in values:
                numbers = values[one]
                axes.plot(
                    epochs[len(epochs) - len(numbers) :], numbers, label=label, marker="." if len(numbers) < 30 else ""
                )
        axes.set(title=name, xlabel="epoch")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        if f"val_{name}" in values:
            axes.legend()
    if to_file is not None:
        figure.savefig(to_file)
    return figure


def _recorded(history: Any) -> tuple[dict[str, Sequence[Any]], list[int]]:
    """The values by name, and the numbers of the epochs, counted from 1."""
    values = dict(history if isinstance(history, Mapping) else history.history)
    length = max(map(len, values.values()), default=0)
    numbers = [] if isinstance(history, Mapping) else [epoch + 1 for epoch in history.epoch]
    return values, numbers if len(numbers) == length else list(range(1, length + 1))


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, (int, float)) for value in values)
