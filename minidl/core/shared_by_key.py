"""What objects with the same key share, such as the compiled steps of models of one structure."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedByKey(Generic[T]):
    """What models with the same key share; it is kept for the last used keys, also when no model uses it.

    Args:
        limit: how many keys.

    >>> shared = SharedByKey(limit=2)
    >>> shared.get("a", list) is shared.get("a", list), shared.get(None, list) is shared.get(None, list)
    (True, False)
    """

    def __init__(self, limit: int):
        self.limit = limit
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable | None, make: Callable[[], T]) -> T:
        """What has this key, or is made for it; for None always a new one, which is not kept."""
        if key is None:
            return make()
        with self._lock:
            found = self._kept.pop(key) if key in self._kept else make()
            self._kept[key] = found
            if len(self._kept) > self.limit:
                self._kept.popitem(last=False)
        return found

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()
