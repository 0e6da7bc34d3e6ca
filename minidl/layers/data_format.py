"""The arguments `data_format`, and sizes that are one integer or one for each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import config


def data_format_of(value: str | None) -> str:
    """The argument data_format, checked; None is `minidl.config.image_data_format()`.

    Raises:
        ValueError: another value.
    """
    value = config.image_data_format() if value is None else str(value).lower()
    if value not in ("channels_last", "channels_first"):
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', got {value!r}.")
    return value


def sizes_of(value: Any, rank: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """The size along each of `rank` axes, from one integer or one for each axis.

    Raises:
        ValueError: another number of sizes, or sizes that are not positive integers.
    """
    lowest = 0 if allow_zero else 1
    given: Sequence[Any] = (value,) * rank if isinstance(value, (int, np.integer)) else value
    if not isinstance(given, (list, tuple)) or len(given) != rank or not all(_is_int(v) and v >= lowest for v in given):
        kind = "non-negative" if allow_zero else "positive"
        raise ValueError(f"{name} must be a {kind} integer or {rank} of them, got {value!r}.")
    return tuple(int(v) for v in given)


def _is_int(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
