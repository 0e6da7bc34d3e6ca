"""The resource budget of reading a file, proportional to the size of the file.

A config of a few KB can request millions of objects or numbers. While a file is read, everything created from its
config is charged to one budget. Outside of that nothing is charged.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sized

_FREE = 5000  # units for a file of any size: about 500 dense layers
_BYTES = 10  # of a file per further unit; an uncompressed layer takes 50 to 100 per unit
_CALL = 4  # units per call of a layer
_NUMBERS = 100  # per unit
_LONGEST_NAME = 500  # characters: paths of variables repeat the names of all enclosing layers

_left: contextvars.ContextVar[list[float] | None] = contextvars.ContextVar("budget", default=None)


@contextlib.contextmanager
def limited(nbytes: int) -> Iterator[None]:
    """Inside, objects from a file of this size are counted, and refused if there are too many for the size.

    Args:
        nbytes: the size of the file, as stored.
    """
    token = _left.set([_FREE + nbytes / _BYTES])
    try:
        yield
    finally:
        _left.reset(token)


def charge(units: float, what: str) -> None:
    """Charge an object of a config to the budget, before it is created.

    Args:
        units: 1 for a small object, such as an initializer.
        what: plural name of the object, for the error.

    Raises:
        ValueError: the budget of the file is exceeded.

    >>> charge(1e9, "layers")  # no file is being read
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
    """Charge calls of layers, each of which is traced; see `charge`."""
    charge(_CALL * count, "calls of layers")


def charge_numbers(count: float, what: str) -> None:
    """Charge numbers that a short config can request, such as thresholds; see `charge`."""
    charge(count / _NUMBERS, what)


def check_name(name: object) -> None:
    """Refuse a name in a file that is too long.

    Raises:
        ValueError: the name is too long.
    """
    if _left.get() is not None and isinstance(name, Sized) and len(name) > _LONGEST_NAME:
        raise ValueError(f"The file has a name of {len(name)} characters; expected at most {_LONGEST_NAME}.")
