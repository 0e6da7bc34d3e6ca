"""The devices of all processes, and a mesh of them with named axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

_TYPES = ("cpu", "gpu", "tpu")


def list_devices(device_type: str | None = None) -> list[str]:
    """The names of the devices of all processes, such as "gpu:0".

    Args:
        device_type: "cpu", "gpu" or "tpu"; default: the type that JAX computes on.

    Raises:
        ValueError: another type, or one of which there are no devices.

    >>> list_devices("cpu")[0]
    'cpu:0'
    """
    devices = _devices(device_type)
    return [f"{_type_of(device)}:{device.id}" for device in devices]


def get_device_count(device_type: str | None = None) -> int:
    """The number of devices of all processes. For the argument and the errors see `list_devices`."""
    return len(_devices(device_type))


def _devices(device_type: str | None) -> list[Any]:
    if device_type is None:
        return jax.devices()
    if not isinstance(device_type, str) or device_type.lower() not in _TYPES:
        raise ValueError(f"device_type must be one of {', '.join(map(repr, _TYPES))}, got {device_type!r}.")
    try:
        return jax.devices(device_type.lower())
    except RuntimeError as error:
        raise ValueError(f"There are no devices of type {device_type!r}. JAX computes on {list_devices()}.") from error


def _type_of(device: Any) -> str:
    return "gpu" if device.platform in ("cuda", "rocm") else device.platform


def _device(given: Any) -> Any:
    """A JAX device, of its name or of itself; "gpu" is "gpu:0"."""
    if not isinstance(given, str):
        return given
    kind, _, number = given.partition(":")
    found = [device for device in _devices(kind) if str(device.id) == (number or "0")]
    if not found:
        raise ValueError(f"There is no device {given!r}. There are {', '.join(list_devices(kind))}.")
    return found[0]


class DeviceMesh:
    """Devices arranged along named axes.

    Args:
        shape: how many devices along each axis: (8,), or (2, 4) for 2 groups of 4.
        axis_names: a name for each axis.
        devices: names of devices ("cpu:0") or JAX devices, as many as the shape holds; default: all, in order.

    Raises:
        ValueError: names and shape of different lengths, repeated names, or a number of devices that does not fit.

    >>> mesh = DeviceMesh((1,), ["batch"], ["cpu:0"])
    >>> mesh.shape, mesh.axis_names
    ((1,), ('batch',))
    """

    def __init__(self, shape: Sequence[int], axis_names: Sequence[str], devices: Any = None):
        if not shape or not axis_names or min(shape) < 1:
            raise ValueError(
                "DeviceMesh: shape and axis_names cannot be empty, and each axis needs a device, got "
                f"{shape!r} and {axis_names!r}."
            )
        shape, names = tuple(map(int, shape)), tuple(axis_names)
        if len(shape) != len(names) or len(set(names)) != len(names):
            raise ValueError(f"DeviceMesh: expected a different name for each axis of {shape}, got {list(names)}.")
        given = np.array(list_devices() if devices is None else devices, dtype=object).ravel()
        if len(given) != np.prod(shape):
            raise ValueError(
                f"DeviceMesh: the shape {shape} holds {np.prod(shape)} devices, got {len(given)}. Give a shape whose "
                "product is the number of devices, or some of the devices as `devices`."
            )
        self.shape = shape
        self.axis_names = names
        self.devices = given.reshape(shape)
        found = np.array([_device(one) for one in given] + [None], dtype=object)[:-1]
        if len(set(found)) != len(found):
            raise ValueError(f"DeviceMesh: a device is repeated in {list(given)}.")
        self.backend_mesh = jax.sharding.Mesh(found.reshape(shape), names)

    def size(self, axis: str | None) -> int:
        """How many devices there are along an axis; 1 for None."""
        return 1 if axis is None else self.shape[self.axis_names.index(axis)]

    def __repr__(self) -> str:
        return f"<DeviceMesh shape={self.shape}, axis_names={self.axis_names}>"
