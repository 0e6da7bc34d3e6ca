"""Reshaping layers: flatten, reshape, permute, repeat and upsample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes
from minidl.core.symbolic import KerasTensor
from minidl.core.typing import Array, Config
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of, sizes_of
from minidl.layers.input_spec import InputSpec


class Flatten(Layer):
    """Flattens each example to one axis.

    Args:
        data_format: "channels_last", or "channels_first", whose channels are moved to the end first, so that both
            formats have the same order of values; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, ...).
    Output shape: (batch, product of the other sizes).

    Raises:
        ValueError: another data_format.

    Example:
    >>> Flatten()(jnp.ones((4, 2, 3))).shape
    (4, 6)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format)

    def call(self, inputs: Array) -> Array:
        if self.data_format == "channels_first" and inputs.ndim > 1:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))

    def get_config(self) -> Config:
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """Reshapes each example.

    Args:
        target_shape: the shape without the batch; one size may be -1 and is inferred from the others.
        **kwargs: see `Layer`.

    Input shape: (batch, ...), with as many values as the new shape.
    Output shape: (batch, *target_shape).

    Raises:
        ValueError: a shape with another number of values.

    Example:
    >>> Reshape((3, -1))(jnp.ones((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        if any(size < -1 for size in self.target_shape):
            raise ValueError(f"Reshape: a size is a non-negative integer or -1, got target_shape={self.target_shape}.")
        if self.target_shape.count(-1) > 1:
            raise ValueError(f"Reshape: only one size of target_shape may be -1, got {self.target_shape}.")
        self.built = True

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        """The output for a symbolic input, whose unknown sizes are assumed to match."""
        if None not in inputs.shape[1:]:
            return super().compute_output_spec(inputs)
        sizes = [None if size == -1 else size for size in self.target_shape]
        dtype = self.compute_dtype if self.autocast and dtypes.is_float(inputs.dtype) else inputs.dtype
        return KerasTensor((inputs.shape[0], *sizes), dtype)

    def call(self, inputs: Array) -> Array:
        known = math.prod(size for size in self.target_shape if size != -1)
        values = math.prod(inputs.shape[1:])
        if values != known and (-1 not in self.target_shape or not known or values % known):
            raise ValueError(
                f"Reshape {self.name!r}: {inputs.shape[1:]} has {values} values, which do not fill {self.target_shape}."
            )
        missing = values // known if known else 0
        return inputs.reshape(inputs.shape[0], *(missing if size == -1 else size for size in self.target_shape))

    def get_config(self) -> Config:
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """Permutes the axes of each example.

    Args:
        dims: the old axes, counted from 1, in their new order.
        **kwargs: see `Layer`.

    Input shape: (batch, ...).
    Output shape: the permuted shape.

    Raises:
        ValueError: dims that are not a permutation of 1, 2, ...

    Example:
    >>> Permute((2, 1))(jnp.ones((2, 10, 64))).shape
    (2, 64, 10)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"Permute: dims must hold each of 1 to {len(self.dims)} once, got {self.dims}.")
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = True

    def call(self, inputs: Array) -> Array:
        return jnp.transpose(inputs, (0, *self.dims))

    def get_config(self) -> Config:
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """Repeats each vector along a new axis of steps.

    Args:
        n: number of repetitions.
        **kwargs: see `Layer`.

    Input shape: (batch, features).
    Output shape: (batch, n, features).

    Raises:
        TypeError: n is not an integer.
        ValueError: n is not positive.

    Example:
    >>> RepeatVector(3)(jnp.ones((2, 5))).shape
    (2, 3, 5)
    """

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.n = _repetitions(n, "RepeatVector", "n")
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def call(self, inputs: Array) -> Array:
        return jnp.broadcast_to(inputs[:, None], (inputs.shape[0], self.n, inputs.shape[1]))

    def get_config(self) -> Config:
        return {**super().get_config(), "n": self.n}


class UpSampling1D(Layer):
    """1D upsampling: repeats each step.

    Args:
        size: number of repetitions.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, features).
    Output shape: (batch, steps * size, features).

    Raises:
        TypeError: size is not an integer.
        ValueError: size is not positive.

    Example:
    >>> UpSampling1D(2)(jnp.ones((2, 3, 4))).shape
    (2, 6, 4)
    """

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = _repetitions(size, "UpSampling1D", "size")
        self.input_spec = InputSpec(ndim=3)
        self.built = True

    def call(self, inputs: Array) -> Array:
        return _repeat(inputs, 1, self.size)

    def get_config(self) -> Config:
        return {**super().get_config(), "size": self.size}


class UpSampling2D(Layer):
    """2D upsampling: repeats each pixel, or interpolates between pixels.

    Args:
        size: upsampling factor: an integer, or (rows, columns).
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: the same with larger sizes.

    Raises:
        ValueError: an unknown interpolation or data format.

    Example:
    >>> UpSampling2D(2)(jnp.ones((2, 3, 4, 1))).shape
    (2, 6, 8, 1)
    """

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        known = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
        if interpolation.lower() not in known:
            raise ValueError(f"UpSampling2D: interpolation must be one of {known}, got {interpolation!r}.")
        self.size = sizes_of(size, 2, "UpSampling2D: size")
        self.data_format = data_format_of(data_format)
        self.interpolation = interpolation.lower()
        self.input_spec = InputSpec(ndim=4)
        self.built = True

    def call(self, inputs: Array) -> Array:
        first = 1 if self.data_format == "channels_last" else 2
        if self.interpolation == "nearest":
            for axis, times in enumerate(self.size, first):
                inputs = _repeat(inputs, axis, times)
            return inputs
        shape = list(inputs.shape)
        shape[first], shape[first + 1] = shape[first] * self.size[0], shape[first + 1] * self.size[1]
        method = {"bilinear": "linear", "bicubic": "cubic"}.get(self.interpolation, self.interpolation)
        return jax.image.resize(inputs, shape, method)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }


class UpSampling3D(Layer):
    """3D upsampling: repeats each voxel.

    Args:
        size: upsampling factor: an integer, or one for each axis.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: the same with larger sizes.

    Example:
    >>> UpSampling3D(2)(jnp.ones((2, 3, 4, 5, 1))).shape
    (2, 6, 8, 10, 1)
    """

    def __init__(self, size: int | Sequence[int] = (2, 2, 2), data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = sizes_of(size, 3, "UpSampling3D: size")
        self.data_format = data_format_of(data_format)
        self.input_spec = InputSpec(ndim=5)
        self.built = True

    def call(self, inputs: Array) -> Array:
        first = 1 if self.data_format == "channels_last" else 2
        for axis, times in enumerate(self.size, first):
            inputs = _repeat(inputs, axis, times)
        return inputs

    def get_config(self) -> Config:
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}


def _repetitions(value: Any, where: str, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{where}: {name} must be an integer, got {value!r}.")
    if value < 1:
        raise ValueError(f"{where}: {name} must be a positive integer, got {value}.")
    return int(value)


def _repeat(x: Array, axis: int, times: int) -> Array:
    """`jnp.repeat` by broadcasting, which is cheaper than its gather."""
    shape = x.shape
    wide = jnp.broadcast_to(jnp.expand_dims(x, axis + 1), (*shape[: axis + 1], times, *shape[axis + 1 :]))
    return wide.reshape(*shape[:axis], shape[axis] * times, *shape[axis + 1 :])
