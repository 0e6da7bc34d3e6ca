"""Normalization: standardizes features with statistics of the data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl import config
from minidl.core.typing import Array, Config
from minidl.layers.preprocessing.lists import ListLayer


class Normalization(ListLayer):
    """Standardizes features: `(inputs - mean) / sqrt(variance)`.

    Mean and variance are given, or computed from data by `adapt`.

    Args:
        axis: the axis, or axes, with separate statistics; None for one mean and variance of all values.
        mean: given with `variance`, instead of calling `adapt`.
        variance: given with `mean`.
        invert: whether to compute the inverse, `mean + inputs * sqrt(variance)`.
        **kwargs: see `Layer`.

    Input shape: any, with known sizes along `axis`.
    Output shape: the same.

    Raises:
        ValueError: only one of mean and variance, or an axis that does not exist or has no known size.

    Example:
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[1.0], [3.0]]))
    >>> layer(np.array([[5.0]]))
    Array([[3.]], dtype=float32)
    """

    def __init__(self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Normalization: give both mean and variance, or neither, got mean={mean} and variance={variance}."
            )
        if mean is not None and (np.shape(mean) != np.shape(variance) or np.ndim(mean) > len(self.axis)):
            raise ValueError(
                f"Normalization: a mean of shape {np.shape(mean)} and a variance of shape {np.shape(variance)} do not "
                f"match, or have more axes than axis={self.axis}."
            )
        self.input_mean = mean
        self.input_variance = variance
        self.invert = invert
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"Normalization: axis must be from {-rank} to {rank - 1} for an input of shape {tuple(input_shape)}, "
                f"got {self.axis}."
            )
        self._kept_axes = sorted(axis % rank for axis in self.axis)
        if any(input_shape[axis] is None for axis in self._kept_axes):
            raise ValueError(
                f"Normalization: the sizes along axis {self.axis} must be known, got an input of shape "
                f"{tuple(input_shape)}."
            )
        self._reduced_axes = tuple(axis for axis in range(rank) if axis not in self._kept_axes)
        self._broadcast_shape = [size if axis in self._kept_axes else 1 for axis, size in enumerate(input_shape)]
        if self.input_mean is None:
            shape = [input_shape[axis] for axis in self._kept_axes]
            self.adapt_mean = self.add_weight(shape, "zeros", name="mean", trainable=False)
            self.adapt_variance = self.add_weight(shape, "ones", name="variance", trainable=False)
            self.count = self.add_weight((), "zeros", dtype="int32", name="count", trainable=False)

    def adapt(self, data: Any) -> None:
        """Compute mean and variance from data.

        Args:
            data: an array, or an iterable of batches; of batches that are tuples, the first element is used.

        Raises:
            ValueError: no batches, or batches of another shape than the layer was built for.
            TypeError: data that is neither an array nor an iterable, or batches that are not arrays.
        """
        total: Any = 0
        for batch in _batches(data):
            if not self.built:
                self.build(tuple(batch.shape))
            sizes = [batch.shape[axis] for axis in self._kept_axes]
            if sizes != [self._broadcast_shape[axis] for axis in self._kept_axes]:
                raise ValueError(
                    f"Normalization: the layer was built for sizes {self._broadcast_shape} along axis {self.axis}, but "
                    f"adapt() got data of shape {tuple(batch.shape)}."
                )
            batch = batch if batch is data else jnp.asarray(batch, self.compute_dtype)
            count = math.prod(batch.shape[axis] for axis in self._reduced_axes)
            batch_mean, batch_variance = batch.mean(self._reduced_axes), batch.var(self._reduced_axes)
            if not total:
                mean, variance = batch_mean, batch_variance
            else:  # combined statistics of two groups (Chan et al., 1979)
                weight = count / (total + count)
                new_mean = mean * (1 - weight) + batch_mean * weight
                variance = (variance + (mean - new_mean) ** 2) * (1 - weight) + (
                    batch_variance + (batch_mean - new_mean) ** 2
                ) * weight
                mean = new_mean
            total += count
        if not total:
            raise ValueError("Normalization: adapt() got no data. Give it at least one batch.")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def call(self, inputs: Array) -> Array:
        x = inputs.astype(self.compute_dtype)
        deviation = jnp.maximum(jnp.sqrt(self.variance), config.epsilon())
        return self.mean + x * deviation if self.invert else (x - self.mean) / deviation

    @property
    def mean(self) -> Any:
        """The mean, in a shape that broadcasts to the inputs; None before the layer is built."""
        return (
            self._to_broadcast_shape(self.adapt_mean.value if self.input_mean is None else self.input_mean)
            if self.built
            else None
        )

    @property
    def variance(self) -> Any:
        """The variance, in the same shape."""
        if not self.built:
            return None
        return self._to_broadcast_shape(
            self.adapt_variance.value if self.input_variance is None else self.input_variance
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": None if self.input_mean is None else np.asarray(self.input_mean).tolist(),
            "variance": None if self.input_variance is None else np.asarray(self.input_variance).tolist(),
        }

    def _to_broadcast_shape(self, value: Any) -> Any:
        """A mean or variance, reshaped to broadcast to the inputs."""
        value = jnp.asarray(value, "float32")
        shape = [1] * len(self._broadcast_shape)
        for size, axis in zip(reversed(value.shape), reversed(self._kept_axes)):
            shape[axis] = size
        return jnp.broadcast_to(value.reshape(shape), self._broadcast_shape).astype(self.compute_dtype)


def _batches(data: Any) -> Iterable[Any]:
    if hasattr(data, "shape"):
        return [data]
    if not isinstance(data, Iterable) and not hasattr(data, "__getitem__"):
        raise TypeError(f"adapt: expected an array or an iterable of batches, got {type(data).__name__}.")
    each = data if isinstance(data, Iterable) else (data[i] for i in range(len(data)))
    return (_array(batch[0] if isinstance(batch, (tuple, list)) else batch) for batch in each)


def _array(batch: Any) -> np.ndarray:
    if not hasattr(batch, "shape"):
        raise TypeError(f"adapt: expected batches that are arrays, got a {type(batch).__name__}.")
    return np.asarray(batch)
