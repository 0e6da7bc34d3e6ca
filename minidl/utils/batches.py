"""Batches in the form that users see: x, or a tuple (x, y), or a tuple (x, y, sample_weight)."""

from __future__ import annotations

from minidl.core.typing import PyTree


def pack_x_y_sample_weight(x: PyTree, y: PyTree = None, sample_weight: PyTree = None) -> PyTree:
    """Pack the parts of a batch into one object, as `train_step` receives it.

    Returns:
        x (in a tuple of one if it is a tuple or list), (x, y), or (x, y, sample_weight).

    >>> pack_x_y_sample_weight(1), pack_x_y_sample_weight(1, 2), pack_x_y_sample_weight(1, None, 3)
    (1, (1, 2), (1, None, 3))
    """
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (tuple, list)) else x


def unpack_x_y_sample_weight(data: PyTree) -> tuple[PyTree, PyTree, PyTree]:
    """Unpack a batch: the inverse of `pack_x_y_sample_weight`, with None for missing parts.

    Raises:
        ValueError: a tuple that is empty, or has more than three items.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"A batch must be x, (x, y) or (x, y, sample_weight), got a tuple of {len(data)}. Put several inputs into "
            "a list: ([x1, x2], y)."
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight
