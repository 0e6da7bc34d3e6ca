"""The salt of layers that hash."""

from __future__ import annotations

from collections.abc import Sequence


def salt_of(salt: int | Sequence[int] | None, owner: str) -> list[int] | None:
    """The two integers of a salt, or None.

    Raises:
        ValueError: something else than an integer or two.

    >>> salt_of(3, "Hashing")
    [3, 3]
    """
    if salt is None:
        return None
    if isinstance(salt, int):
        return [salt, salt]
    if isinstance(salt, (tuple, list)) and len(salt) == 2 and all(isinstance(part, int) for part in salt):
        return list(salt)
    raise ValueError(f"{owner}: salt must be an integer or two of them, got {salt!r}.")
