"""Threads that work ahead of whoever reads, in order, and that end with the reading."""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent import futures
from typing import Any, Protocol, TypeVar

AUTOTUNE = -1
_WAIT = 0.05  # seconds between looks at whether reading has ended


class _Pending(Protocol):
    """A call that was begun, such as a future."""

    def cancel(self) -> Any:
        """Do not begin it, if it has not begun."""


_Call = TypeVar("_Call", bound=_Pending)


def in_order(
    submit: Callable[[Any], _Call],
    result: Callable[[_Call], Any],
    items: Iterable[Any],
    ahead: int,
) -> Generator[Any, None, None]:
    """The results of calls, in the order of the items. However the iteration ends, pending calls are cancelled.

    Args:
        submit: begins the call for an item.
        result: waits for one.
        items: read as far as calls are begun.
        ahead: how many calls are begun before the first result is waited for.
    """
    pending: collections.deque[_Call] = collections.deque()
    try:
        for item in items:
            pending.append(submit(item))
            if len(pending) >= max(1, ahead):
                yield result(pending.popleft())
        while pending:
            yield result(pending.popleft())
    finally:
        for call in pending:
            call.cancel()


def workers_of_this_machine() -> int:
    """One thread for each core, 16 at most."""
    return min(16, os.cpu_count() or 1)


def parallel_map(function: Callable[[Any], Any], items: Iterator[Any], workers: int) -> Generator[Any, None, None]:
    """The results of a function in the order of the items, computed by threads.

    Args:
        function: called in several threads at once.
        items: of an iterator.
        workers: number of threads, or `AUTOTUNE` for one for each core, 16 at most.
    """
    count = workers if workers != AUTOTUNE else workers_of_this_machine()
    with futures.ThreadPoolExecutor(count, thread_name_prefix="minidl-map") as pool:
        calls = in_order(lambda item: pool.submit(function, item), futures.Future.result, items, 4 * count)
        with contextlib.closing(calls):
            yield from calls


class _End:
    """After the last item; with the error that ended the reading, if it was one."""

    def __init__(self, error: BaseException | None = None):
        self.error = error


def prefetch(read: Callable[[], Iterator[Any]], size: int) -> Generator[Any, None, None]:
    """The items of an iterator, read by a thread up to `size` items ahead.

    Args:
        read: gives the iterator; called in the thread.
        size: how many items may be ready.
    """
    ready: queue.Queue[Any] = queue.Queue(size)
    ended = threading.Event()

    def put(item: Any) -> None:
        while not ended.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=_WAIT)
                return

    def work() -> None:
        try:
            with contextlib.closing(read()) as items:  # type: ignore[type-var]
                for item in items:
                    put(item)
                    if ended.is_set():
                        return
        except BaseException as error:  # raised where it is read
            put(_End(error))
        else:
            put(_End())

    thread = threading.Thread(target=work, name="minidl-prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        ended.set()
        thread.join()
