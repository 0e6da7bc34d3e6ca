"""Names of objects: automatic names, and the error for unknown names."""

from __future__ import annotations

import collections
import difflib
import itertools
import re
from collections.abc import Iterator
from typing import Any

_counts: collections.defaultdict[str, Iterator[int]] = collections.defaultdict(itertools.count)


def snake_case(name: str) -> str:
    """`BatchNormalization` -> `batch_normalization`, as in Keras's names of layers.

    >>> snake_case("Conv2DTranspose"), snake_case("RMSNormalization")
    ('conv2d_transpose', 'rms_normalization')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(class_name: str) -> str:
    """The next free automatic name of a class: dense, dense_1, dense_2, ..."""
    prefix = snake_case(class_name)
    count = next(_counts[prefix])  # atomic: concurrent threads get different names
    return f"{prefix}_{count}" if count else prefix


def reset_names() -> None:
    """Reset the counters of automatic names; `minidl.utils.clear_session` calls it."""
    _counts.clear()


def unknown(kind: str, name: Any, known: Any) -> ValueError:
    """The error for an unknown name, which suggests similar names."""
    names = sorted(map(str, known))
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(names)}."
    return ValueError(f"Unknown {kind} {name!r}. {hint}")


def is_own(cls: Any) -> bool:
    """Whether a class or function is defined in minidl."""
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def public_module(cls: type) -> str:
    """The module of a class in Keras's files: "keras.layers" for any class in minidl.layers."""
    if not is_own(cls):
        return cls.__module__
    parts = cls.__module__.split(".")
    return "keras" if parts[1] in ("core", "models") else "keras." + parts[1]
