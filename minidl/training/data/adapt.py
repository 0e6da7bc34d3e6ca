"""What came, as data: one object that knows its shapes, has been checked, and gives chunks."""

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
        steps: how many batches make an epoch, if not all.
        shuffle: whether each epoch has an order of its own.
        class_weight: (x, y, sample_weight) -> the weights of the examples, from those of their classes.
        use: "building" and then training, "training" or "prediction", which a `PyDataset` is told; or "validation",
            which takes the same batches in every pass.
        on_host: makes numbers of inputs that hold text: a `HostBatch`; it gives other inputs back as they are.

    Raises:
        ValueError: no rows, or arrays that do not have the same number of them.
        TypeError: something that is not an array of numbers.
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
