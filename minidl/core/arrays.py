"""Conversion of the user's data to arrays.

Lists, JAX and NumPy arrays, DataFrames and Series, also with columns of different dtypes, PIL images, scipy.sparse
matrices. Data that cannot be converted without loss is refused, with advice. scipy, pandas and PIL are never imported
here: where their objects occur, they have been imported.
"""

from __future__ import annotations

import abc
import functools
import math
import sys
from typing import Any

import jax
import numpy as np

from minidl.core import dtypes, structures
from minidl.core.text import as_text, is_text, may_be_text
from minidl.core.typing import DType, PyTree


class LazyRows(abc.ABC):
    """An array of rows that are computed when they are read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    @abc.abstractmethod
    def __getitem__(self, rows: Any) -> Any:
        """Some of the rows, which are still to be read."""

    @abc.abstractmethod
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read the rows."""


class SparseRows(LazyRows):
    """A scipy.sparse matrix as an array of rows; only slices that are read become dense.

    Args:
        matrix: any scipy.sparse matrix or array of two axes.
    """

    def __init__(self, matrix: Any):
        self._matrix = matrix.tocsr()
        self.shape = self._matrix.shape
        self.dtype = self._matrix.dtype
        self.stored: np.ndarray = self._matrix.data  # the nonzero values

    def min(self) -> Any:
        """The smallest element."""
        return self._matrix.min()

    def max(self) -> Any:
        """The largest element."""
        return self._matrix.max()

    def rows_where(self, is_wanted: Any) -> np.ndarray:
        """The rows with a stored value for which the function is true."""
        found = np.flatnonzero(is_wanted(self.stored))
        return np.unique(np.searchsorted(self._matrix.indptr, found, side="right") - 1)

    def astype(self, dtype: DType) -> SparseRows:
        """The same values in another dtype."""
        return SparseRows(self._matrix.astype(dtype))

    def __getitem__(self, rows: Any) -> SparseRows:
        return SparseRows(self._matrix[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._matrix.toarray(), dtype=dtype)


def is_data(value: Any) -> bool:
    """Whether a value holds arrays, rather than yields batches."""
    return isinstance(value, (list, tuple, dict, str, bytes)) or holds_array(value)


def as_array(value: Any, text: bool = False) -> Any:
    """Data as a NumPy array, or as `LazyRows`.

    Integers out of the range of the device's dtype become floats.

    Args:
        value: what may hold numbers.
        text: whether text is taken too: an array of `bytes` objects.

    Raises:
        TypeError: the values are not numbers, or complex.
        ValueError: a masked array, or floats that are infinite on the device.
    """
    array = value if isinstance(value, (np.memmap, LazyRows)) else _converted(value, text)
    if text and is_text(array):
        return as_text(array, "The model")
    if array.dtype.kind == "c":
        raise TypeError(
            f"An array of dtype {array.dtype} cannot be trained on: it is complex. Give the real and the imaginary "
            "part as two features: np.stack([x.real, x.imag], -1)."
        )
    if array.dtype.kind not in "biufV" or (array.dtype.kind == "V" and array.dtype.names):
        raise TypeError(
            f"An array of dtype {array.dtype} cannot be trained on: it holds objects or text, not numbers. Rows of "
            "different lengths make object arrays: pad them to one length. Encode text and categories as numbers first."
        )
    return array if isinstance(array, np.memmap) else within_device(array)


def is_wide(array: Any) -> bool:
    """Whether some values of an array's dtype are out of the range of the device's."""
    return array.dtype.kind in "iuf" and array.dtype.itemsize > device_dtype(array).itemsize


def within_device(array: Any) -> Any:
    """An array in the range of the device's dtypes; integers that are out of range become floats.

    Raises:
        ValueError: floats that would be infinite.
    """
    if not is_wide(array) or not array.size:
        return array
    on_device = device_dtype(array)
    stored = array.stored if isinstance(array, SparseRows) else array
    low, high = (stored.min(), stored.max()) if stored.size else (0, 0)
    if array.dtype.kind != "f":
        limits = np.iinfo(on_device)
        return array if limits.min <= low and high <= limits.max else array.astype(dtypes.floatx())
    largest = float(np.finfo(on_device).max)
    if max(abs(low), abs(high)) > largest:  # False for NaN, which may hide others
        finite = np.abs(stored[np.isfinite(stored)])
        if finite.size and finite.max() > largest:
            raise ValueError(
                f"An array of shape {array.shape} and dtype {array.dtype} has values up to {finite.max():g}, which "
                f"{on_device} cannot hold (up to {largest:g}): they would become infinite. Scale the values."
            )
    return array


def as_arrays(values: PyTree, text: bool = False) -> PyTree:
    """A structure of arrays; a (nested) list of numbers becomes one array, as does a list of images.

    Args:
        values: the structure.
        text: see `as_array`.
    """
    if values is None or type(values) is np.ndarray:  # the usual case
        return values if values is None else as_array(values, text)
    values = structures.ordered(values)
    leaves = jax.tree.leaves(values)  # empty for a list of optional inputs that are all None
    if isinstance(values, (list, tuple)):
        if (leaves or not values) and all(map(np.isscalar, leaves)):
            return as_array(values, text)
        if values and all(map(_is_image, values)):
            return as_array(_stacked(values))
    return jax.tree.map(functools.partial(as_array, text=text), values)


def as_batch(values: PyTree, text: bool = False) -> PyTree:
    """Part of a batch from a generator, as a structure of arrays.

    Args:
        values: the part.
        text: see `as_array`.

    Raises:
        ValueError: it has no rows.
    """
    if hasattr(values, "__array__"):  # the usual case
        return _rows_of_batch(values, text)
    return jax.tree.map(functools.partial(_rows_of_batch, text=text), structures.ordered(values))


def _rows_of_batch(value: Any, text: bool) -> np.ndarray:
    array = as_array(value, text)
    if array.shape[:1] == (0,):
        raise ValueError(f"The data yielded an empty batch, an array of shape {array.shape}. Leave it out.")
    return np.asarray(array) if isinstance(array, LazyRows) else array


def device_dtype(array: Any) -> np.dtype[Any]:
    """The dtype of an array on the device: `floatx()` for floats, JAX's dtype for integers (uint8 stays uint8)."""
    return _device_dtype(array.dtype, dtypes.floatx(), jax.config.read("jax_enable_x64"))


@functools.cache
def _device_dtype(dtype: Any, floatx: str, is_wide: bool) -> np.dtype[Any]:
    """`device_dtype`, cached: it is called for every batch."""
    return np.dtype(floatx if dtypes.is_float(dtype) else dtypes.canonical(dtype))


def dense(value: Any) -> np.ndarray:
    """The input of a layer as a NumPy array; as `as_array`, but of any dtype."""
    array = _converted(value, text=True)
    return array if is_text(array) else np.asarray(within_device(array))


def fits_device(array: np.ndarray) -> bool:
    """Whether the integers of an array are in the range of the device's dtype; True for floats, False for text."""
    if may_be_text(array):
        return False
    return array.dtype.kind not in "iu" or array.dtype.itemsize < 4 or within_device(array) is array


def holds_array(value: Any) -> bool:
    """Whether a value is an array, of any library."""
    return hasattr(value, "__array__") or _is_foreign(value)


def _converted(value: Any, text: bool = False) -> Any:
    if type(value) is np.ndarray:  # the usual case
        return value
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(
            f"A masked array of shape {value.shape} has {np.ma.count_masked(value)} masked values, which cannot be "
            "trained on. Replace them: array.filled(0), or drop their rows."
        )
    if _is_of("scipy.sparse", "issparse", value):
        return SparseRows(value)
    if _is_instance("pandas", "DataFrame", value):
        return _table(value)
    if _is_instance("pandas", "Series", value):
        return values if text and is_text(values := np.asarray(value)) else _column(value)
    try:
        return np.asarray(value)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(
            f"Rows of different lengths, as in {str(value):.50}, do not make an array. Pad them to one length: "
            "minidl.utils.pad_sequences(x, padding='post')."
        ) from None


def _table(frame: Any) -> np.ndarray:
    """A DataFrame as an array (rows, columns), in a dtype that can represent all columns."""
    columns = [_column(frame.iloc[:, i], f"The column {name!r}") for i, name in enumerate(frame.columns)]
    return np.stack(columns, axis=1) if columns else np.empty(frame.shape)


def _column(series: Any, name: str = "The Series") -> np.ndarray:
    """A Series as a numeric array; missing values become NaN."""
    array = series.to_numpy()
    if array.dtype == object:  # nullable dtypes, or Python numbers
        known = series[series.notna()].infer_objects()
        array = known.to_numpy()
        if array.dtype.kind in "biuf" and len(known) < len(series):
            filled = np.full(len(series), np.nan)
            filled[series.notna().to_numpy()] = array
            array = filled
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} has the dtype {series.dtype}, which is not numeric. Encode text and categories as numbers "
            "(series.astype('category').cat.codes, or pandas.get_dummies), and times too (series.astype('int64'))."
        )
    return array


def _stacked(images: Any) -> np.ndarray:
    arrays = [np.asarray(image) for image in images]
    if len({array.shape for array in arrays}) > 1:
        raise ValueError(
            f"The images have different shapes: {sorted({array.shape for array in arrays})}. Convert and resize them: "
            "image.convert('RGB').resize((width, height))."
        )
    return np.stack(arrays)


def _is_foreign(value: Any) -> bool:
    return _is_of("scipy.sparse", "issparse", value) or _is_image(value)


def _is_image(value: Any) -> bool:
    return _is_instance("PIL.Image", "Image", value)


def _is_of(module: str, function: str, value: Any) -> bool:
    return module in sys.modules and getattr(sys.modules[module], function)(value)


def _is_instance(module: str, name: str, value: Any) -> bool:
    return module in sys.modules and isinstance(value, getattr(sys.modules[module], name))
