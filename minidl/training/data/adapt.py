"""Adapting the user's data: one object that has its specs, has been checked, and yields chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl.core.arrays import as_arrays
from minidl.training.data.array_data import ArrayData
from minidl.training.data.streams import StreamData, is_stream
from minidl.training.targets import checks

Data = ArrayData | StreamData


def adapt(
    call: str,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool | str = False,
    class_weight: Callable[[Any, Any, Any], Any] | None = None,
    use: str = "training",
    on_host: Callable[[Any], Any] = lambda x: x,
) -> Data:
    """The data of a call.

    Args:
        call: the call, for errors.
        x: inputs, or a stream of batches.
        y: targets, or None.
        sample_weight: weights, or None.
        batch_size: rows in a batch of arrays.
        steps: the number of batches per epoch, if not all.
        shuffle: whether to shuffle before each epoch.
        class_weight: (x, y, sample_weight) -> sample weights from class weights.
        use: "building" and then training, "training" or "prediction", which a `PyDataset` is notified of; or
            "validation", which uses the same batches in every pass.
        on_host: a `HostBatch`: converts text in the inputs into numbers; returns other inputs unchanged.

    Raises:
        ValueError: no rows, or arrays with different numbers of rows.
        TypeError: data that is not numeric.
    """
    if is_stream(x):
        checks.stream(call, x, y, sample_weight)
        repeats = use == "validation"
        return StreamData(x, steps, class_weight, bool(shuffle), "training" if repeats else use, repeats, on_host)
    x, y, sample_weight = as_arrays(x, text=True), as_arrays(y), as_arrays(sample_weight)
    checks.arrays(call, x, y, sample_weight)
    x = on_host(x)
    if class_weight is not None:
        sample_weight = class_weight(x, y, sample_weight)
    return ArrayData(x, y, sample_weight, batch_size, shuffle, steps)
