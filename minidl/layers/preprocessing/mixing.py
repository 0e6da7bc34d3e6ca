"""Images of a batch mixed with each other, and rectangles that are erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from minidl import random
from minidl.core.typing import Array, Config
from minidl.layers.preprocessing.image_layer import RandomImageLayer, interval, limits
from minidl.ops.image.layout import channels_axis


class MixUp(RandomImageLayer):
    """Mixes each image with another of the batch during training, and the labels likewise: `w * a + (1 - w) * b`.

    Called on a dict of "images" and "labels", which are one-hot or numbers, "segmentation_masks" and "bounding_boxes":
    an image has the boxes of both, concatenated. (Zhang and
    others, mixup: beyond empirical risk minimization, 2017, https://arxiv.org/abs/1710.09412.)

    Args:
        alpha: weights are drawn from Beta(alpha, alpha): the smaller, the nearer to 0 or 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or with the channels first; one image stays as it is.
    Output shape: the same.

    Example:
    >>> batch = {"images": jnp.ones((2, 4, 4, 3)), "labels": jnp.eye(2)}
    >>> MixUp(seed=1)(batch, training=True)["labels"].sum(-1).tolist()
    [1.0, 1.0]
    """

    draws_in_inference = True

    def __init__(self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, data_format, **kwargs)
        self.alpha = alpha

    def draw(self, images: Array, seed: Any) -> Any:
        examples = images.shape[0] if images.ndim == 4 else 1
        order = random.shuffle(jnp.arange(examples), seed=seed)
        weight = random.beta((examples,), self.alpha, self.alpha, seed=seed)
        return (order, weight) if images.ndim == 4 else None

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        return _mixed(images, *parameters)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        return labels if transformation is None else _mixed(labels, *transformation)

    def transform_boxes(self, bounding_boxes: Any, parameters: Any) -> Any:
        """The boxes of both images."""
        both = {name: jnp.asarray(bounding_boxes[name]) for name in ("boxes", "labels")}
        if both["boxes"].ndim != 3:
            raise ValueError(f"MixUp: boxes of a batch have the shape (batch, boxes, 4), got {both['boxes'].shape}.")
        both = {name: jnp.concatenate([values, values[parameters[0]]], 1) for name, values in both.items()}
        return {**bounding_boxes, **both}

    def get_config(self) -> Config:
        return {**super().get_config(), "alpha": self.alpha}


class CutMix(RandomImageLayer):
    """Replaces a rectangle of each image by that of another of the batch during training.

    Labels are mixed by the areas. (Yun and others, CutMix, 2019, https://arxiv.org/abs/1905.04899.)

    Args:
        factor: (lowest, highest) parameter of the Beta distribution of the areas, from 0 to 1; one number x is (0, x).
        seed: an integer; None draws one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or with the channels first; one image stays as it is.
    Output shape: the same.

    Raises:
        ValueError: a factor out of range.

    Example:
    >>> batch = {"images": jnp.ones((2, 4, 4, 3)), "labels": jnp.eye(2)}
    >>> CutMix(seed=1)(batch, training=True)["labels"].sum(-1).tolist()
    [1.0, 1.0]
    """

    boxes_refused = (
        "a part of an object may be covered. Leave them out, or use MixUp, which keeps the boxes of both images."
    )

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = interval(factor, "CutMix: factor", 0, 1)

    def draw(self, images: Array, seed: Any) -> Any:
        if images.ndim == 3:
            return None
        examples = images.shape[0]
        alpha = random.uniform((), *self.factor, self.compute_dtype, seed) + 1e-6
        weight = random.beta((examples,), alpha, alpha, self.compute_dtype, seed)
        height, width = self.size_of(images)
        side = jnp.sqrt(1 - weight)
        columns, rows = (_segment(size, side, self.compute_dtype, seed) for size in (width, height))
        inside = _rectangle(rows, columns, height, width)
        weight = 1 - (columns[1] - columns[0]) * (rows[1] - rows[0]) / (width * height)
        return random.shuffle(jnp.arange(examples), seed=seed), weight, inside

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        order, _, inside = parameters
        return jnp.where(jnp.expand_dims(inside, channels_axis(self.data_format)), images[order], images)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        return labels if transformation is None else _mixed(labels, *transformation[:2])

    def get_config(self) -> Config:
        return {**super().get_config(), "factor": self.factor}


class RandomErasing(RandomImageLayer):
    """Fills a rectangle of random images with noise or a value during training.

    (Zhong and others, Random erasing data augmentation, 2017, https://arxiv.org/abs/1708.04896.)

    Args:
        factor: the probability, or (lowest, highest) of it; a number p is (0, p), from which the probability for each
            image is drawn.
        scale: (lowest, highest), from 0 to 1, of the square of a rectangle's share of an edge; one number x is (0, x).
        fill_value: a number, one for each of three channels, or None for normal noise.
        value_range: the lowest and highest value of an image: the noise is a normal number times the highest, clipped.
        seed: an integer; None draws one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor or scale out of range, or a fill_value that is no number, nor three of them.

    Example:
    >>> erased = RandomErasing((1.0, 1.0), scale=(0.25, 0.25), fill_value=0.0)(jnp.ones((1, 4, 4, 1)), training=True)
    >>> int(erased.sum())
    12
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float | Sequence[float] = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = interval(factor, "RandomErasing: factor", 0, 1)
        self.scale = interval(scale, "RandomErasing: scale", 0, 1)
        if isinstance(fill_value, (tuple, list)) and len(fill_value) != 3:
            raise ValueError(f"RandomErasing: fill_value must be a number or three, one a channel, got {fill_value!r}.")
        self.fill_value = fill_value
        self.value_range = limits(value_range, "RandomErasing")

    def draw(self, images: Array, seed: Any) -> Any:
        examples = images.shape[0] if images.ndim == 4 else 1
        height, width = self.size_of(images)
        share = jnp.sqrt(random.uniform((examples, 2), *self.scale, self.compute_dtype, seed))
        columns = _segment(width, share[:, 0], self.compute_dtype, seed)
        rows = _segment(height, share[:, 1], self.compute_dtype, seed)
        inside = _rectangle(rows, columns, height, width)
        inside = jnp.expand_dims(inside if images.ndim == 4 else inside[0], channels_axis(self.data_format))
        changed = self.chosen(images, self.factor, seed)
        return inside & changed, self._fill(images, seed)

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        erased, fill = parameters
        return jnp.where(erased, fill, images)

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        names = ("factor", "scale", "fill_value", "value_range")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _fill(self, images: Array, seed: Any) -> Array:
        if self.fill_value is None:
            fill = random.normal(images.shape, dtype=self.compute_dtype, seed=seed) * self.value_range[1]
        else:
            fill = jnp.asarray(self.fill_value, self.compute_dtype)
            fill = fill.reshape(-1, 1, 1) if fill.ndim and channels_axis(self.data_format) != -1 else fill
        return jnp.clip(fill, *self.value_range)


def _mixed(values: Array, order: Array, weight: Array) -> Array:
    """`weight * values + (1 - weight) * values[order]`, with one weight for each example."""
    values = jnp.asarray(values)
    dtype = jnp.result_type(values.dtype, "float32" if jnp.issubdtype(values.dtype, jnp.integer) else values.dtype)
    weight = weight.reshape(-1, *(1,) * (values.ndim - 1)).astype(dtype)
    return weight * values + (1 - weight) * values[order]


def _segment(size: int, share: Array, dtype: Any, seed: Any) -> tuple[Array, Array]:
    """(begin, end) of a segment with the given share of an axis, at a random place; one for each example."""
    length = share * size
    begin = random.uniform(share.shape, 0, 1, dtype, seed) * (size - length)
    return begin, begin + length


def _rectangle(rows: tuple[Array, Array], columns: tuple[Array, Array], height: int, width: int) -> Array:
    """Which pixels (batch, height, width) are in a rectangle."""
    (top, bottom), (left, right) = ([end[:, None] for end in ends] for ends in (rows, columns))
    y, x = jnp.arange(height), jnp.arange(width)
    return ((y >= top) & (y < bottom))[:, :, None] & ((x >= left) & (x < right))[:, None, :]
