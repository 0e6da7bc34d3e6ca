"""What reading a file may cost: bounded in proportion to the bytes of the file.

A config of a few KB can ask for millions of objects or numbers. While a file is read there is one budget, which
everything that is made of a config is charged to; what a program makes itself costs nothing.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sized

_FREE = 5000  # units that any file has: about 500 dense layers
_BYTES = 10  # of a file, for each further unit; a layer that is written without compression takes 50 to 100 for each
_CALL = 4  # units of a call of a layer
_NUMBERS = 100  # for a unit
_LONGEST_NAME = 500  # characters: paths of variables repeat the names of all layers around them

_left: contextvars.ContextVar[list[float] | None] = contextvars.ContextVar("budget", default=None)


@contextlib.contextmanager
def limited(nbytes: int) -> Iterator[None]:
    """Inside, what a file of so many bytes asks for is counted, and refused where it is more than such a file needs.

    Args:
        nbytes: the size of the file, as it is stored.
    """
    token = _left.set([_FREE + nbytes / _BYTES])
    try:
        yield
    finally:
        _left.reset(token)


def charge(units: float, what: str) -> None:
    """Count something that a config asks for, before it is made.

    Args:
        units: 1 for a small object, such as an initializer.
        what: for the error.

    Raises:
        ValueError: it is more than is left of the budget of the file.

    >>> charge(1e9, "layers")  # no file is read
    >>> with limited(1000):
    ...     charge(1e9, "layers")
    Traceback (most recent call last):
        ...
    ValueError: The file asks for more layers than a file of its size needs: it is damaged or made to do harm.
    """
    if (left := _left.get()) is None:
        return
    left[0] -= units
    if left[0] < 0:
        raise ValueError(
            f"The file asks for more {what} than a file of its size needs: it is damaged or made to do harm."
        )


def charge_calls(count: int) -> None:
    """Count calls of layers, each of which is traced; see `charge`."""
    charge(_CALL * count, "calls of layers")


def charge_numbers(count: float, what: str) -> None:
    """Count numbers that a config asks for in few words, such as thresholds; see `charge`."""
    charge(count / _NUMBERS, what)


def check_name(name: object) -> None:
    """Refuse a name in a file that is too long for one.

    Raises:
        ValueError: it is.
    """
    if _left.get() is not None and isinstance(name, Sized) and len(name) > _LONGEST_NAME:
        raise ValueError(f"The file has a name of {len(name)} characters; expected at most {_LONGEST_NAME}.")
