"""The geometry of sliding windows: padding and numbers of positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Pads = list[tuple[int, int]]  # zeros before and after each axis


def pads(
    padding: str, sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Pads:
    """Zeros before and after each axis for "valid", "same" or "causal" (all of them before).

    >>> pads("same", [5], [3], [2], [1]), pads("causal", [5], [3], [1], [2])
    ([(1, 1)], [(4, 0)])
    """
    amounts = []
    for size, width, stride, distance in zip(sizes, window, strides, dilation):
        reach = (width - 1) * distance + 1
        if padding == "valid":
            amounts.append((0, 0))
        elif padding == "causal":
            amounts.append((reach - 1, 0))
        else:
            total = max((-(-size // stride) - 1) * stride + reach - size, 0)
            amounts.append((total // 2, total - total // 2))
    return amounts


def transposed_pads(
    padding: str,
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int] | None,
) -> Pads:
    """The padding of `conv_transpose` for "valid" and "same"; output_padding is added after each axis."""
    amounts = []
    for axis, (width, stride, distance) in enumerate(zip(window, strides, dilation)):
        reach = (width - 1) * distance + 1
        added = None if output_padding is None else output_padding[axis]
        if padding == "valid":
            amounts.append((reach - 1, reach - 1 + (max(reach, stride) - reach if added is None else added)))
        else:
            total = stride + reach - 2 if added is None else reach + reach % 2 - 2 + added
            before = min(total // 2 + total % 2, reach - 1)
            amounts.append((before, total - before))
    return amounts


def reach(count: int, distance: int) -> int:
    """From the first to the last of places at a distance, both included."""
    return (count - 1) * distance + 1


def overlap(window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> bool:
    """Whether windows next to each other share places.

    >>> overlap([3, 3], [2, 2], [1, 1]), overlap([3, 3], [4, 3], [1, 1])
    (True, False)
    """
    return any(reach(width, distance) > stride for width, stride, distance in zip(window, strides, dilation))


def spatial(x: Any, channels_last: bool) -> tuple[int, ...]:
    """The sizes of the axes that are neither batch nor channels."""
    return x.shape[1:-1] if channels_last else x.shape[2:]


def out_sizes(
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
) -> list[int]:
    """The number of positions of a window along each axis.

    Raises:
        ValueError: none along one of them.
    """
    found = [
        (size + sum(both) - (width - 1) * distance - 1) // stride + 1
        for size, width, stride, both, distance in zip(sizes, window, strides, padding, dilation)
    ]
    if min(found, default=1) < 1:
        raise ValueError(
            f"A window of size {tuple(window)} does not fit into an input with the sizes {tuple(sizes)}: the output "
            "would have none left. Take a smaller window, or padding='same'."
        )
    return found


def counts(sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], padding: Pads) -> np.ndarray:
    """The number of elements of each window that are not padding: (*positions,), float32.

    >>> counts([3], [2], [2], [(0, 1)])
    array([2., 1.], dtype=float32)
    """
    found: Any = np.ones((), "float32")
    for size, width, stride, (before, after) in zip(sizes, window, strides, padding):
        begin = np.arange(0, size + before + after - width + 1, stride) - before
        axis = np.minimum(begin + width, size) - np.maximum(begin, 0)
        found = found[..., None] * axis.astype("float32")
    return found
