"""Normalization: brings features to mean 0 and variance 1, by what was seen of the data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl import config
from minidl.layers.base import Layer


class Normalization(Layer):
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
                f"Normalization: give both `mean` and `variance`, or neither, got mean={mean} and variance={variance}."
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

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(f"Normalization: axis {self.axis} is not in an input of shape {tuple(input_shape)}.")
        self._kept = sorted(axis % rank for axis in self.axis)
        if any(input_shape[axis] is None for axis in self._kept):
            raise ValueError(
                f"Normalization: axis {self.axis} needs a known size, got an input of shape {tuple(input_shape)}."
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
            TypeError: neither an array nor something that gives batches.
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
            raise ValueError("Normalization: adapt() got no batches. Give it at least one.")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def call(self, inputs: Any) -> Any:
        x = inputs.astype(self.compute_dtype)
        if self.input_mean is None:
            mean, variance = (v.value.reshape(self._broadcast) for v in (self.adapt_mean, self.adapt_variance))
        else:
            mean, variance = (self._spread(value) for value in (self.input_mean, self.input_variance))
        mean, variance = mean.astype(x.dtype), variance.astype(x.dtype)
        deviation = jnp.maximum(jnp.sqrt(variance), config.epsilon())
        return mean + x * deviation if self.invert else (x - mean) / deviation

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": None if self.input_mean is None else np.asarray(self.input_mean).tolist(),
            "variance": None if self.input_variance is None else np.asarray(self.input_variance).tolist(),
        }

    def _spread(self, value: Any) -> Any:
        """A given mean or variance, its axes at the last ones of those that are kept."""
        value = jnp.asarray(value, "float32")
        shape = [1] * len(self._broadcast)
        for size, axis in zip(reversed(value.shape), reversed(self._kept)):
            shape[axis] = size
        return value.reshape(shape)


def _batches(data: Any) -> Iterable[Any]:
    if hasattr(data, "shape"):
        return [data]
    if not isinstance(data, Iterable) and not hasattr(data, "__getitem__"):
        raise TypeError(f"adapt: expected an array or something that gives batches, got {type(data).__name__}.")
    each = data if isinstance(data, Iterable) else (data[i] for i in range(len(data)))
    return (np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch) for batch in each)
