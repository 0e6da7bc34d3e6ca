"""Contrast by rule: stretched, equalized, and inverted above a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core.typing import Array, Config
from minidl.layers.data_format import sizes_of
from minidl.layers.preprocessing.image_layer import (
    ImageLayer,
    RandomImageLayer,
    interval,
    limits,
    rescaled,
    shape_per_image,
)
from minidl.ops.image.layout import on_batch


class AutoContrast(ImageLayer):
    """Stretches each channel of each image to the whole value range, in training and in inference.

    A channel that has one value only stays as it is.

    Args:
        value_range: the lowest and highest value of an image.
        **kwargs: `data_format`, `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Example:
    >>> AutoContrast()(jnp.asarray([[[100.0], [150.0]], [[200.0], [125.0]]]))[..., 0].tolist()
    [[0.0, 127.5], [255.0, 63.75]]
    """

    def __init__(self, value_range: Sequence[float] = (0, 255), **kwargs: Any):
        super().__init__(**kwargs)
        self.value_range = limits(value_range, "AutoContrast")

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        rows = self.axis_of_rows(images)
        scaled = rescaled(images, self.value_range, (0, 255))
        low, high = (reduce(scaled, (rows, rows + 1), keepdims=True) for reduce in (jnp.min, jnp.max))
        scale = 255 / jnp.where(high > low, high - low, 1)
        stretched = rescaled(jnp.clip(scaled * scale - low * scale, 0, 255), (0, 255), self.value_range)
        return jnp.where(high > low, stretched, images)

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        return {**super().get_config(), "value_range": self.value_range}


class Equalization(ImageLayer):
    """Equalizes the histogram of each channel during training.

    A pixel becomes the share of the pixels that are not above it. The histogram is that of the whole batch.

    Args:
        value_range: the lowest and highest value of an image.
        bins: number of bins of the histogram.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Example:
    >>> Equalization()(jnp.asarray([[[0.0], [10.0]], [[11.0], [12.0]]]), training=True)[..., 0].tolist()
    [[0.0, 85.0], [170.0, 255.0]]
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(data_format, **kwargs)
        self.value_range = limits(value_range, "Equalization")
        self.bins = bins

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        return self.transform(images, transformation, self.interpolation) if training else images

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        scaled = rescaled(images, self.value_range, (0, 255))
        equalized = on_batch(scaled, self.data_format, jax.vmap(self._equalized, -1, -1))
        return rescaled(equalized, (0, 255), self.value_range).astype(images.dtype)

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        return {**super().get_config(), "bins": self.bins, "value_range": self.value_range}

    def _equalized(self, channel: Array) -> Array:
        last = self.bins - 1
        bins = jnp.clip((channel.astype("float32") * last / 255).astype("int32"), 0, last)
        histogram = jnp.bincount(bins.reshape(-1), length=self.bins)
        below = jnp.cumsum(histogram)
        first = below[jnp.argmax(below > 0)]
        table = jnp.clip(jnp.round((below - first) * 255 / jnp.maximum(below[-1] - first, 1)), 0, 255)
        places = jnp.clip(channel / 255 * last, 0, last).astype("int32")
        return jnp.where(jnp.count_nonzero(histogram) <= 1, channel, table[places].astype(channel.dtype))


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Equalizes the histogram around each pixel (CLAHE), in training and in inference.

    The image is cut into tiles; counts of a tile's histogram above a limit are spread over all bins, which keeps noise
    from being amplified; a pixel is looked up in the tables of the four nearest tiles and interpolated. (Zuiderveld,
    Contrast limited adaptive histogram equalization, 1994.)

    Args:
        value_range: the lowest and highest value of an image.
        clip_limit: the limit, as a multiple of the mean count; 0 or less for none.
        tile_grid_size: rows and columns of tiles.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Example:
    >>> ContrastLimitedAdaptiveHistogramEqualization()(jnp.ones((2, 16, 16, 3))).shape
    (2, 16, 16, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(data_format, **kwargs)
        self.value_range = value_range
        self.clip_limit = clip_limit
        self.tile_grid_size = tile_grid_size
        self._grid = sizes_of(tile_grid_size, 2, "tile_grid_size")

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        scaled = rescaled(images.astype("float32"), self.value_range, (0, 255))
        per_channel = jax.vmap(jax.vmap(self._equalized, -1, -1))
        return rescaled(on_batch(scaled, self.data_format, per_channel), (0, 255), self.value_range).astype(
            images.dtype
        )

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        names = ("value_range", "clip_limit", "tile_grid_size")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _equalized(self, plane: Array) -> Array:
        """One channel (height, width) of values from 0 to 255."""
        (height, width), (down, across) = plane.shape, self._grid
        tile = -(-height // down), -(-width // across)
        margins = (0, tile[0] * down - height), (0, tile[1] * across - width)
        pixels = jnp.clip(jnp.pad(plane, margins, mode="symmetric").astype("int32"), 0, 255)
        tiles = pixels.reshape(down, tile[0], across, tile[1]).swapaxes(1, 2).reshape(down, across, -1)
        tables = jax.vmap(jax.vmap(self._table))(tiles)
        (top, bottom, lower), (left, right, farther) = (
            _neighbors(*axis) for axis in zip((height, width), tile, self._grid)
        )
        pixels = pixels[:height, :width]

        def looked_up(rows: Array, columns: Array) -> Array:
            return tables[rows[:, None], columns[None, :], pixels]

        above = looked_up(top, left) * (1 - farther) + looked_up(top, right) * farther
        below = looked_up(bottom, left) * (1 - farther) + looked_up(bottom, right) * farther
        return above * (1 - lower[:, None]) + below * lower[:, None]

    def _table(self, values: Array) -> Array:
        """The new value for each of 256, from the values of a tile."""
        histogram = jnp.bincount(values, length=256).astype("float32")
        if self.clip_limit > 0:
            clipped = jnp.minimum(histogram, self.clip_limit * values.size / 256)
            histogram = clipped + (histogram - clipped).sum() / 256
        below = jnp.cumsum(histogram)
        rest = values.size - below[0]
        return jnp.clip((below - below[0]) * 255 / jnp.where(rest == 0, 1, rest), 0, 255)


class Solarization(RandomImageLayer):
    """Adds a constant to each image and inverts the values that reach a threshold, during training.

    Args:
        addition_factor: what is added, drawn from (lowest, 255 * highest); one number x is (0, x).
        threshold_factor: likewise the threshold: 0 inverts all values.
        value_range: the lowest and highest value of an image, which are mapped to 0 and 255.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `data_format`, `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor that is not from 0 to 1.

    Example:
    >>> Solarization()(jnp.asarray([[[0.0, 100.0, 255.0]]]), training=True).tolist()
    [[[255.0, 155.0, 0.0]]]
    """

    def __init__(
        self,
        addition_factor: float | Sequence[float] = 0.0,
        threshold_factor: float | Sequence[float] = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, **kwargs)
        self.addition_factor = interval(addition_factor, "Solarization: addition_factor", 0, 1)
        self.threshold_factor = interval(threshold_factor, "Solarization: threshold_factor", 0, 1)
        self.value_range = limits(value_range, "Solarization")

    def draw(self, images: Array, seed: Any) -> Any:
        factors = self.addition_factor, self.threshold_factor
        return [
            self.uniform(shape_per_image(images), low, 255 * high, seed, self.compute_dtype) for low, high in factors
        ]

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        addition, threshold = parameters
        brighter = jnp.clip(rescaled(images, self.value_range, (0, 255)) + addition, 0, 255)
        return rescaled(jnp.where(brighter < threshold, brighter, 255 - brighter), (0, 255), self.value_range)

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        names = ("addition_factor", "threshold_factor", "value_range")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _neighbors(size: int, tile: int, tiles: int) -> tuple[Array, Array, Array]:
    """For each pixel along an axis the tiles whose centers are before and after it, and how near the second is."""
    position = (jnp.arange(size) - tile / 2) / tile
    before = jnp.floor(position)
    nearness = position - before
    first, second = (jnp.clip(number, 0, tiles - 1).astype("int32") for number in (before, before + 1))
    return first, second, nearness
