"""Placement: on which devices arrays lie, as the distribution that is set has it.

Without a distribution every array is on one device and nothing here does anything. With one, each variable has a
sharding, which its first value gets and which later values keep. The names that users type are in
minidl/distribution; this is what variables, data and the compiled steps ask.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Sharding

from minidl.core import array_metadata, processes, structures

_current: list[Any] = []  # the distribution that is set, if any: one for all threads


def current() -> Any:
    """The distribution that is set, or None."""
    return _current[0] if _current else None


def set_current(distribution: Any) -> None:
    """Set the distribution for all threads; None for one device."""
    _current[:] = [] if distribution is None else [distribution]


def is_spread(value: Any) -> bool:
    """Whether an array lies on several devices.

    >>> is_spread(np.zeros(2)), is_spread(jax.numpy.zeros(2))
    (False, False)
    """
    is_array = isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer)
    return is_array and len(value.sharding.device_set) > 1


def on_host() -> contextlib.AbstractContextManager[Any]:
    """Inside, first values are computed on the host if a distribution is set: no device then holds a whole weight."""
    if current() is None:
        return contextlib.nullcontext()
    return jax.default_device(jax.local_devices(backend="cpu")[0])


def first(value: Any, variable: Any) -> Any:
    """A first value where the distribution wants the variable; as it is without one, or while it is traced."""
    distribution = current()
    if distribution is None or isinstance(value, jax.core.Tracer):
        return value
    return put(value, distribution.sharding(variable, np.shape(value)))


def put(value: Any, sharding: Sharding) -> jax.Array:
    """An array with this sharding. Each device gets its shard alone."""
    if isinstance(value, jax.Array) and value.sharding.is_equivalent_to(sharding, value.ndim):
        return value
    if sharding.is_fully_addressable and (not isinstance(value, jax.Array) or value.is_fully_addressable):
        return jax.device_put(value, sharding)
    array = whole(value)
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def put_like(value: Any, other: Any) -> Any:
    """A value where another one of its shape is, if either lies on several devices."""
    if isinstance(value, jax.core.Tracer) or not (is_spread(other) or is_spread(value)):
        return value
    return put(value, other.sharding)


def place(variables: Sequence[Any]) -> None:
    """Move the values of variables to where the distribution that is set wants them, or back to one device."""
    distribution = current()
    for variable in variables:
        if distribution is not None:
            variable.move(distribution.sharding(variable, variable.shape))
        elif is_spread(variable._value):
            variable.move(jax.sharding.SingleDeviceSharding(jax.local_devices()[0]))


def whole(value: Any) -> np.ndarray:
    """An array in the memory of this host. If it is split between processes, all of them must ask for it."""
    if not isinstance(value, jax.Array):
        return np.asarray(value)
    value.block_until_ready()  # raises what its computation raised, for which NumPy would end the process
    if not processes.are_many() or value.is_fully_addressable or value.is_fully_replicated:
        return np.asarray(value)
    found = np.empty(value.shape, value.dtype)
    own = {_key(shard.index): shard.data for shard in value.addressable_shards}
    owners: dict[Any, tuple[Any, int]] = {}
    for device, index in _places(value).items():
        owners.setdefault(_key(index), (index, device.process_index))
    for key, (index, owner) in owners.items():  # shard by shard, so that no device ever holds the whole array
        part = np.asarray(own[key]) if key in own else np.zeros(found[index].shape, found.dtype)
        found[index] = multihost_utils.broadcast_one_to_all(part, is_source=jax.process_index() == owner)
    return found


def copies(values: list[jax.Array]) -> list[jax.Array]:
    """Copies in other memory, each where its original is."""
    if not any(map(is_spread, values)):
        return jax.device_put(values, may_alias=False)  # all at once
    return [_copy(value) if is_spread(value) else jax.device_put(value, may_alias=False) for value in values]


def _copy(value: jax.Array) -> jax.Array:
    parts = [jax.device_put(shard.data, shard.device, may_alias=False) for shard in value.addressable_shards]
    return jax.make_array_from_single_device_arrays(value.shape, value.sharding, parts)


def _places(value: jax.Array) -> dict[Any, Any]:
    return dict(value.sharding.devices_indices_map(value.shape))


def _key(index: Any) -> Any:
    return tuple((part.start, part.stop) for part in index)


def laid_out(outputs: Any, path: str) -> Any:
    """The outputs of a layer in the layout that the distribution has for the path; their metadata stays."""
    if current().get_tensor_layout(path) is None:
        return outputs

    def one(array: Any) -> Any:
        metadata = array_metadata.of(array)
        (placed,) = constrained([array], [current().output_sharding(path, array.shape)])
        return array_metadata.annotate(placed, **{name: getattr(metadata, name) for name in metadata.__annotations__})

    return structures.map(one, outputs)


# Batches


def placed_batches(batches: Any, size: int) -> Any:
    """Batches (capacity, rows, ...) from this host as arrays on the devices of the distribution, split by rows.

    Where the devices do not divide the size of a batch, each device gets all of its rows.

    Args:
        batches: a structure of NumPy arrays, with all rows of each batch, or those of this process alone.
        size: how many rows a batch has in all processes together.
    """
    distribution = current()
    if distribution is None:
        return batches
    sharding = distribution.batch_sharding(size)

    def placed(array: Any) -> jax.Array:
        if sharding.is_fully_addressable:
            return jax.device_put(array, sharding)
        if array.shape[1] != size and sharding.is_fully_replicated:
            array = np.concatenate(list(multihost_utils.process_allgather(array)), axis=1)
        if array.shape[1] == size:
            return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
        return jax.make_array_from_process_local_data(sharding, array, (array.shape[0], size, *array.shape[2:]))

    return jax.tree.map(placed, batches)


def own_rows(size: int) -> slice:
    """The rows of a batch of this size that the devices of this process need."""
    if current() is None or not processes.are_many():
        return slice(0, size)
    indices = current().batch_sharding(size).addressable_devices_indices_map((1, size)).values()
    own = {(rows.start or 0, size if rows.stop is None else rows.stop) for _, rows in indices}
    start, stop = min(own)[0], max(own)[1]
    is_one_range = sum(end - begin for begin, end in own) == stop - start
    return slice(start, stop) if is_one_range else slice(0, size)


def streams() -> int:
    """How many streams of batches there are, each with rows of its own."""
    distribution = current()
    if distribution is None or distribution.auto_shard_dataset:
        return 1
    return min(jax.process_count(), distribution.num_model_replicas)


def in_step(chunks: Callable[[Callable[[], int]], Iterator[Any]], wanted: Callable[[], int]) -> Iterator[Any]:
    """The chunks of the stream of this process, while all processes have such chunks.

    Args:
        chunks: makes them, given what says how many batches the next one should hold.
        wanted: says so; it may ask the other processes, so that all call it, also where a stream has ended.

    Raises:
        RuntimeError: they have not, in all of them.
    """
    count = 1
    iterator = chunks(lambda: count)
    while True:
        count = wanted()
        chunk = next(iterator, None)
        found = processes.from_each([0, 0] if chunk is None else [chunk.num_batches, chunk.num_rows]).tolist()
        if any(one != found[0] for one in found):
            raise RuntimeError(
                "With auto_shard_dataset=False the streams of all processes must give as many batches, of the same "
                f"sizes. For the next chunk they have [batches, rows in all] {found}. Give fit steps_per_epoch, or let "
                "each stream repeat itself."
            )
        if chunk is None:
            return
        yield chunk


def is_split(batches: Any) -> bool:
    """Whether placed batches are split between devices."""
    leaves = jax.tree.leaves(batches)
    return bool(leaves) and is_spread(leaves[0]) and not leaves[0].is_fully_replicated


def constrained(values: Sequence[Any], shardings: Sequence[Sharding | None]) -> list[Any]:
    """Traced values with sharding constraints, where there is one."""
    constrain: Callable[..., Any] = jax.lax.with_sharding_constraint
    return [v if s is None else constrain(v, s) for v, s in zip(values, shardings, strict=True)]
