"""Normalization: brings features to mean 0 and variance 1, by what was seen of the data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl import config
from minidl.core.typing import Array, Config, Shape
from minidl.layers.preprocessing.lists import ListLayer


class Normalization(ListLayer):
    """Computes `(inputs - mean) / sqrt(variance)`.

    Mean and variance are given, or come from data through `adapt`.

    Args:
        axis: the axis, or axes, that have a mean of their own; None for one mean of all.
        mean: given with `variance`, in the place of `adapt`.
        variance: given with `mean`.
        invert: whether to compute the inverse, `mean + inputs * sqrt(variance)`.
        **kwargs: see `Layer`.

    Input shape: any, with known sizes along `axis`.
    Output shape: the same.

    Raises:
        ValueError: only one of mean and variance, or an axis that is not there or has no known size.

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
                "Normalization: both `mean` and `variance` must be set, or neither, got "
                f"mean={mean} and variance={variance}."
            )
        if mean is not None and (np.shape(mean) != np.shape(variance) or np.ndim(mean) > len(self.axis)):
            raise ValueError(
                "Normalization: mean and variance must have one shape, of at most as many axes as `axis` names, got "
                f"{np.shape(mean)} and {np.shape(variance)} for axis {self.axis}."
            )
        self.input_mean = mean
        self.input_variance = variance
        self.invert = invert
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"Normalization: All `axis` values must be in the range from {-rank} to {rank - 1} for an input of "
                f"shape {tuple(input_shape)}, got {self.axis}."
            )
        self._kept = sorted(axis % rank for axis in self.axis)
        if any(input_shape[axis] is None for axis in self._kept):
            raise ValueError(
                f"Normalization: All `axis` values to be kept, {self.axis}, need a known size, got an input of shape "
                f"{tuple(input_shape)}."
            )
        self._reduced = tuple(axis for axis in range(rank) if axis not in self._kept)
        self._broadcast = [size if axis in self._kept else 1 for axis, size in enumerate(input_shape)]
        if self.input_mean is None:
            shape = [input_shape[axis] for axis in self._kept]
            self.adapt_mean = self.add_weight(shape, "zeros", name="mean", trainable=False)
            self.adapt_variance = self.add_weight(shape, "ones", name="variance", trainable=False)
            self.count = self.add_weight((), "zeros", dtype="int32", name="count", trainable=False)

    def adapt(self, data: Any) -> None:
        """Take mean and variance from data.

        Args:
            data: an array, or anything that gives batches, of which tuples count by their first part.

        Raises:
            ValueError: no batches, or batches of another shape than the layer was built for.
            TypeError: neither an array nor something that gives batches, or batches that are no arrays.
        """
        total: Any = 0
        for batch in _batches(data):
            if not self.built:
                self.build(tuple(batch.shape))
            sizes = [batch.shape[axis] for axis in self._kept]
            if sizes != [self._broadcast[axis] for axis in self._kept]:
                raise ValueError(
                    f"Normalization: the layer was built for sizes {self._broadcast} along axis {self.axis}, but "
                    f"adapt() got data with an incompatible shape, {tuple(batch.shape)}."
                )
            batch = batch if batch is data else jnp.asarray(batch, self.compute_dtype)
            count = math.prod(batch.shape[axis] for axis in self._reduced)
            batch_mean, batch_variance = batch.mean(self._reduced), batch.var(self._reduced)
            if not total:
                mean, variance = batch_mean, batch_variance
            else:  # two groups as one: the spread of their means counts as well
                share = count / (total + count)
                new_mean = mean * (1 - share) + batch_mean * share
                variance = (variance + (mean - new_mean) ** 2) * (1 - share) + (
                    batch_variance + (batch_mean - new_mean) ** 2
                ) * share
                mean = new_mean
            total += count
        if not total:
            raise ValueError("Normalization: adapt() got an empty iterable. Give it at least one batch.")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def call(self, inputs: Array) -> Array:
        x = inputs.astype(self.compute_dtype)
        deviation = jnp.maximum(jnp.sqrt(self.variance), config.epsilon())
        return self.mean + x * deviation if self.invert else (x - self.mean) / deviation

    @property
    def mean(self) -> Any:
        """The mean in the shape that is broadcast against inputs; None before the layer is built."""
        return (
            self._spread(self.adapt_mean.value if self.input_mean is None else self.input_mean) if self.built else None
        )

    @property
    def variance(self) -> Any:
        """The variance in the same shape."""
        if not self.built:
            return None
        return self._spread(self.adapt_variance.value if self.input_variance is None else self.input_variance)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": None if self.input_mean is None else np.asarray(self.input_mean).tolist(),
            "variance": None if self.input_variance is None else np.asarray(self.input_variance).tolist(),
        }

    def _spread(self, value: Any) -> Any:
        """A mean or variance, its axes at the last ones of those that are kept."""
        value = jnp.asarray(value, "float32")
        shape = [1] * len(self._broadcast)
        for size, axis in zip(reversed(value.shape), reversed(self._kept)):
            shape[axis] = size
        return jnp.broadcast_to(value.reshape(shape), self._broadcast).astype(self.compute_dtype)


def _batches(data: Any) -> Iterable[Any]:
    if hasattr(data, "shape"):
        return [data]
    if not isinstance(data, Iterable) and not hasattr(data, "__getitem__"):
        raise TypeError(f"adapt: expected an array or something that gives batches, got {type(data).__name__}.")
    each = data if isinstance(data, Iterable) else (data[i] for i in range(len(data)))
    return (_array(batch[0] if isinstance(batch, (tuple, list)) else batch) for batch in each)


def _array(batch: Any) -> np.ndarray:
    if not hasattr(batch, "shape"):
        raise TypeError(f"adapt: expected batches that are arrays, with a `.shape`, got a {type(batch).__name__}.")
    return np.asarray(batch)
