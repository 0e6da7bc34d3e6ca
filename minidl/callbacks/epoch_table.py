"""The numbers of epochs as HTML: a table of the last ones, and the curves of the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minidl.callbacks.formats import format_number
from minidl.core import notebook

ROWS = 10  # epochs in a table, the last ones


def epochs_as_html(epochs: Sequence[int], history: Mapping[str, Sequence[Any]]) -> str:
    """A table of the last epochs, and if there are several the curves of the loss in training and validation.

    Args:
        epochs: the numbers of the epochs, counted from 0.
        history: name -> one value per epoch; a shorter list has the values of the last epochs.

    >>> html = epochs_as_html([0, 1], {"loss": [2.0, 1.0], "accuracy": [0.5, 0.75]})
    >>> html.count("<tr>"), html.count("<polyline"), "0.7500" in html
    (3, 1, True)
    """
    losses = {name: [_number(value) for value in history[name]] for name in ("loss", "val_loss") if name in history}
    curves = notebook.curves(losses, epochs[-len(losses["loss"])] + 1) if len(losses.get("loss", ())) > 1 else ""
    rows = [[str(epoch + 1), *(_cell(values, -back) for values in history.values())] for back, epoch in _last(epochs)]
    left_out = [["…", *("" for _ in history)]] if len(epochs) > ROWS else []
    return curves + notebook.table(["epoch", *history], [*left_out, *rows], numbers=range(len(history) + 1))


def _last(epochs: Sequence[int]) -> list[tuple[int, int]]:
    """The last epochs with their distance from the end, from 1."""
    last = list(epochs[-ROWS:])
    return [(len(last) - i, epoch) for i, epoch in enumerate(last)]


def _cell(values: Sequence[Any], index: int) -> str:
    return format_number(values[index]) if len(values) >= -index else ""


def _number(value: Any) -> float:
    return float("nan") if isinstance(value, str) else float(np.mean(value))
