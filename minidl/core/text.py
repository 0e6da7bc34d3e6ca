"""Text as arrays of bytes: what lists, NumPy arrays and Series of strings become on the host.

Strings are kept as UTF-8 in `bytes`, in arrays of objects, as TensorFlow has them: then lower case, white space and
the order of a vocabulary are those of its string operations, which know ASCII only. JAX has no arrays of text.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_KINDS = frozenset("USTO")  # of NumPy's dtypes


def may_be_text(array: Any) -> bool:
    """Whether an array has a dtype of NumPy's that holds text; arrays of objects may hold anything.

    >>> may_be_text(np.array(["a"])), may_be_text(np.ones(3))
    (True, False)
    """
    return getattr(getattr(array, "dtype", None), "kind", "") in _KINDS


def is_text(array: Any) -> bool:
    """Whether an array holds text; of an array of objects the first element is looked at.

    >>> is_text(np.array(["a", b"b"], object)), is_text(np.array([1, None], object))
    (True, False)
    """
    if not may_be_text(array):
        return False
    return array.dtype.kind != "O" or (array.size > 0 and isinstance(array.flat[0], (str, bytes)))


def as_text(values: Any, owner: str = "The layer") -> np.ndarray:
    r"""Strings in any form as an array of `bytes` objects, UTF-8.

    Args:
        values: a string, nested lists of them, an array, a Series or a tensor of TensorFlow.
        owner: what takes them, for errors.

    Raises:
        TypeError: a value that is not text, such as None for a missing one.

    >>> as_text(["é", b"a"])
    array([b'\xc3\xa9', b'a'], dtype=object)
    """
    array = values if isinstance(values, np.ndarray) else _as_objects(values, owner)
    if array.dtype.kind not in _KINDS:
        raise TypeError(f"{owner} takes text, got an array of dtype {array.dtype}. Give strings: x.astype(str).")
    found = np.empty(array.size, object)
    for index, value in enumerate(array.ravel().tolist()):
        if isinstance(value, str):
            value = value.encode("utf-8", "surrogateescape")
        elif not isinstance(value, bytes):
            raise TypeError(
                f"{owner} takes text, got {value!r} ({type(value).__name__}) among the values. Replace missing values "
                "and convert numbers to strings first."
            )
        found[index] = value
    return found.reshape(array.shape)


def as_strings(array: np.ndarray) -> np.ndarray:
    """An array of `bytes` objects as one of `str` objects; bytes that are not UTF-8 become surrogates."""
    found = np.empty(array.size, object)
    found[:] = [as_string(value) for value in array.ravel().tolist()]
    return found.reshape(array.shape)


def as_string(value: Any, encoding: str = "utf-8") -> Any:
    """`bytes` as `str`; anything else as it is."""
    return value.decode(encoding, "surrogateescape") if isinstance(value, bytes) else value


def _as_objects(values: Any, owner: str) -> np.ndarray:
    if hasattr(values, "__array__"):
        return np.asarray(values)
    try:
        array = np.array(values, object)
    except ValueError as error:
        raise ValueError(f"{owner}: rows of different lengths; pad them to one length.") from error
    if any(isinstance(value, (list, tuple)) for value in array.flat):
        raise ValueError(f"{owner}: rows of different lengths; pad them to one length.")
    return array
