"""NaN and infinity in data: detected before training, and allowed if the program handles them.

A loss may leave out labels that are NaN, a model may fill gaps in its inputs. So values that are not finite are no
error by themselves. Where the data has some, one step is tried on a batch that holds them, as a pure function that
changes nothing: only if its loss or the weights after it are not finite, the data is refused. A run without such values
pays one pass over its data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes, structures
from minidl.core.arrays import LazyRows, SparseRows, device_dtype
from minidl.training.compiled_steps import CompiledSteps
from minidl.training.data.array_data import ArrayData


class Bad(NamedTuple):
    """An array with NaN or infinity."""

    name: str
    array: Any
    rows: np.ndarray  # the rows with such values


def check(call: str, model: Any, data: Any, trains: bool = True) -> None:
    """Refuse data whose NaN or infinite values make the loss NaN; the model stays as it is.

    Args:
        call: for the error, such as "fit".
        model: built and compiled.
        data: arrays, or batches, which are checked one by one.
        trains: whether the data is for training, not for evaluation.

    Raises:
        ValueError: an array has such values; the message names its rows.
    """
    if isinstance(data, ArrayData):
        check_arrays(call, model, data.arrays, data.batch_size, trains)
        if mapped := {name: array for name, array in _named(data.arrays) if _is_mapped(array)}:
            data.check = _check_as_read(call, model, mapped, data.batch_size, trains)
        return
    check_others, size = data.check, len(jax.tree.leaves(data.first)[0])
    passed: list[bool] = []

    def check_batches(*batch: Any) -> None:
        check_others(*batch)
        if not passed and check_arrays(call, model, batch, size, trains):
            passed.append(True)  # the program handles them

    data.check = check_batches


def check_arrays(call: str, model: Any, arrays: Any, batch_size: int, trains: bool = True) -> bool:
    """`check` for (x, y, sample_weight). Returns whether there are nonfinite values."""
    found = list(_found(arrays))
    if found:
        rows = _chosen(found, batch_size)
        _try(call, model, jax.tree.map(lambda array: array[rows], arrays), found, trains)
    return bool(found)


def _check_as_read(call: str, model: Any, mapped: dict[str, Any], size: int, trains: bool) -> Any:
    """`check` for memory-mapped files, by chunk: each is checked when it is read."""
    passed: list[bool] = []

    def check_chunk(arrays: Any, rows: np.ndarray) -> None:
        found = [] if passed else [bad for bad in _found(arrays) if bad.name in mapped]
        if found:
            chosen = _chosen(found, size)
            said = [Bad(name, mapped[name], np.sort(rows[bad])) for name, _, bad in found]
            _try(call, model, jax.tree.map(lambda array: array[chosen], arrays), said, trains)
            passed.append(True)

    return check_chunk


def _named(arrays: Any) -> Iterator[tuple[str, Any]]:
    for name, structure in zip(("x", "y", "sample_weight"), arrays):
        for path, array in jax.tree_util.tree_leaves_with_path(structure):
            yield name + jax.tree_util.keystr(path), array


def _is_mapped(array: Any) -> bool:
    return isinstance(array, np.memmap) and dtypes.is_float(array.dtype)


def _found(arrays: Any) -> Iterator[Bad]:
    """The arrays with NaN or infinity. Memory-mapped files are not checked here."""
    for name, array in _named(arrays):
        stored = array.stored if isinstance(array, SparseRows) else array
        if isinstance(stored, (np.memmap, LazyRows)) or not dtypes.is_float(array.dtype):
            continue
        if not np.isfinite(np.sum(stored, dtype=stored.dtype)):  # fast; also true if the sum overflows
            rows = _rows_where_bad(array)
            if rows.size:
                yield Bad(name, array, rows)


def _rows_where_bad(array: Any) -> np.ndarray:
    if isinstance(array, SparseRows):
        return array.rows_where(lambda values: ~np.isfinite(values))
    return np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))


def _chosen(found: list[Bad], size: int) -> np.ndarray:
    """The rows of a test batch: nonfinite rows of each array in turn, filled up with others."""
    turns = np.concatenate([np.arange(len(bad.rows)) for bad in found])
    bad_rows = np.concatenate([bad.rows for bad in found])[np.argsort(turns, kind="stable")]
    order = np.concatenate([bad_rows, np.arange(min(len(found[0].array), 2 * size))])
    return order[np.sort(np.unique(order, return_index=True)[1])][:size]


def _try(call: str, model: Any, batch: Any, found: list[Bad], trains: bool) -> None:
    steps = CompiledSteps(model)  # not those of the model, which are traced after on_train_begin
    state = steps.state()
    if not all(map(_all_finite, state.trainable)):
        return  # unknown
    batch = jax.tree.map(lambda array: np.asarray(array).astype(device_dtype(array)), structures.ordered(batch))
    empty = state._replace(metrics=[jnp.zeros_like(value) for value in state.metrics])
    with steps.eagerly():
        if trains:
            after = steps.train_step(empty, batch)
            is_fine = all(map(_all_finite, after.trainable))
        else:
            metrics, _ = steps.test_step(empty, empty.metrics, batch)
            after, is_fine = empty._replace(metrics=metrics), True
        is_fine = is_fine and bool(np.isfinite(steps.results(after).get("loss", 0.0)))
    if not is_fine:
        raise ValueError(
            f"{call}: {'; '.join(map(_said, found))}. The loss or the weights become NaN or infinite with them. Drop "
            "these rows, fill the gaps, or let the loss leave them out."
        )


def _said(bad: Bad) -> str:
    values = np.asarray(bad.array[bad.rows[:1]])
    kind = "NaN" if np.isnan(values).any() else "infinite values"
    if isinstance(bad.array, np.memmap):
        return f"{bad.name} of shape {bad.array.shape} in a mapped file holds {kind}, in row {bad.rows[0]} among others"
    return (
        f"{bad.name} of shape {bad.array.shape} holds {kind} in {bad.rows.size} of {len(bad.array)} rows, the first at "
        f"row {bad.rows[0]}"
    )


def _all_finite(value: Any) -> bool:
    return not dtypes.is_float(value.dtype) or bool(jnp.all(jnp.isfinite(value)))
