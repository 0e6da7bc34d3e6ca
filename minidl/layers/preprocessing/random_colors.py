"""Random colors: saturation, hue, gray, sharpness, fewer bits, inverted, and several of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from minidl import kernels, random
from minidl.core.typing import Array, Config
from minidl.layers.preprocessing.image_layer import (
    RandomImageLayer,
    interval,
    limits,
    rescaled,
    shape_per_image,
)
from minidl.layers.preprocessing.images import RandomBrightness, RandomContrast
from minidl.ops.image import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from minidl.ops.image.filters import filtered
from minidl.ops.image.layout import channels_axis, on_batch

_EPSILON = 1e-7


class RandomColor(RandomImageLayer):
    """The base of layers that change colors by a factor, which is drawn for each image; masks stay as they are.

    Args:
        factor: the lowest and the highest factor; one number x is (-x, x), within the limits of the layer.
        value_range: the lowest and highest value of an image.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor out of range, or a value_range that is not two numbers.
    """

    lowest: float = -1
    highest: float = 1

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        where = type(self).__name__
        self.factor = interval(factor, f"{where}: factor", self.lowest, self.highest)
        self.value_range = limits(value_range, where)

    def draw(self, images: Array, seed: Any) -> Any:
        return self.uniform(shape_per_image(images), *self.factor, seed)

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}

    def in_hsv(self, images: Array, channel: int, change: Callable[[Array], Array]) -> Array:
        """RGB images with one of hue (0), saturation (1) and value (2) changed by a function."""
        axis = channels_axis(self.data_format)
        planes = list(jnp.split(rgb_to_hsv(images, self.data_format), 3, axis))
        planes[channel] = change(planes[channel])
        return hsv_to_rgb(kernels.materialized(jnp.concatenate(planes, axis)), self.data_format)


class RandomSaturation(RandomColor):
    """Multiplies the saturation of each image by `f / (1 - f)` during training, with f drawn from an interval.

    0 gives gray, 0.5 leaves the image as it is, near 1 its colors are pure.

    Args:
        factor: the lowest and the highest f, from -1 to 1, negative ones are taken as 0. One number x is (-x, x).
        value_range: the lowest and highest value of an image.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Example:
    >>> RandomSaturation((0.0, 0.0))(jnp.asarray([[[10.0, 20.0, 30.0]]]), training=True).tolist()
    [[[30.0, 30.0, 30.0]]]
    """

    draws_in_inference = True

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        scale = parameters / (1 - parameters + _EPSILON)
        return self.in_hsv(images, 1, lambda saturation: jnp.clip(saturation * scale, *self.value_range))


class RandomHue(RandomColor):
    """Shifts the hue of each image during training, by up to half a circle in either direction.

    Args:
        factor: the lowest and the highest shift, from 0 to 1, where 1 is half a circle. One number x is (0, x).
        value_range: the lowest and highest value of an image.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Example:
    >>> RandomHue((1.0, 1.0))(jnp.asarray([[[0.0, 255.0, 255.0]]]), training=True).tolist()  # cyan: red is opposite
    [[[255.0, 0.0, 0.0]]]
    """

    lowest = 0
    draws_in_inference = True

    def draw(self, images: Array, seed: Any) -> Any:
        backwards = self.uniform(shape_per_image(images), 0, 1, seed) > 0.5
        return 0.5 * jnp.where(backwards, -1, 1) * super().draw(images, seed)

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        unit = rescaled(images, self.value_range, (0, 1))
        shifted = self.in_hsv(unit, 0, lambda hue: jnp.mod(hue + parameters, 1))
        return rescaled(jnp.clip(shifted, 0, 1), (0, 1), self.value_range)


class RandomColorDegeneration(RandomColor):
    """Mixes each image with its grayscale during training: `image + f * (gray - image)`.

    Args:
        factor: the lowest and the highest f: 0 leaves the image as it is, 1 gives gray. One number x is (-x, x).
        value_range: the lowest and highest value of an image; the output is clipped to it.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Example:
    >>> RandomColorDegeneration((1.0, 1.0))(jnp.full((1, 1, 3), 10.0), training=True).round(2).tolist()
    [[[10.0, 10.0, 10.0]]]
    """

    draws_in_inference = True

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        gray = rgb_to_grayscale(images, self.data_format)
        return jnp.clip(images + parameters * (gray - images), *self.value_range)


class RandomSharpness(RandomColor):
    """Blurs or sharpens each image during training: `image + (1 - 2 f) * (smooth - image)`.

    The smooth image is a weighted mean of 3 x 3 pixels, 5/13 for the center and 1/13 for each other.

    Args:
        factor: the lowest and the highest f, from 0 (smooth) to 1 (sharp); 0.5 leaves the image as it is. One number x
            is (0, x).
        value_range: the lowest and highest value of an image; the output is clipped to it.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Example:
    >>> RandomSharpness((0.5, 0.5))(jnp.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    lowest = 0
    draws_in_inference = True

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        ones = jnp.ones(3, images.dtype)
        sums = on_batch(images, self.data_format, lambda batch: filtered(batch, ones, ones))
        smooth = (sums + 4 * images) / 13
        return jnp.clip(images + (1 - 2 * parameters) * (smooth - images), *self.value_range)


class RandomPosterization(RandomColor):
    """Keeps a random number of the eight bits of each pixel during training.

    Args:
        factor: (lowest, highest), from 1 to 8 bits; the highest is drawn only where both are equal. One number x is
            (1, x).
        value_range: the lowest and highest value of an image, which are mapped to 0 and 255.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Example:
    >>> RandomPosterization((2, 2))(jnp.asarray([[[1.0, 100.0, 255.0]]]), training=True).tolist()
    [[[0.0, 64.0, 192.0]]]
    """

    lowest, highest = 1, 8
    draws_in_inference = True

    def draw(self, images: Array, seed: Any) -> Any:
        low, high = self.factor
        shape = shape_per_image(images)
        if low == high:
            return jnp.full(shape, 8 - low, "uint8")
        return 8 - random.randint(shape, int(low), int(high), "uint8", seed)

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        bits = rescaled(images, self.value_range, (0, 255)).astype("uint8")
        kept = jnp.left_shift(jnp.right_shift(bits, parameters), parameters).astype(images.dtype)
        return rescaled(kept, (0, 255), self.value_range)


class RandomInvert(RandomColor):
    """Inverts random images during training: `highest value - image`.

    Args:
        factor: the probability, or (lowest, highest) of it; a number p is (0, p), from which the probability for each
            image is drawn.
        value_range: the lowest and highest value of an image.
        seed: an integer; None draws one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Example:
    >>> RandomInvert((1.0, 1.0))(jnp.asarray([[[0.0, 100.0, 255.0]]]), training=True).tolist()
    [[[255.0, 155.0, 0.0]]]
    """

    lowest = 0

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def draw(self, images: Array, seed: Any) -> Any:
        return self.chosen(images, self.factor, seed)

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        return jnp.where(parameters, self.value_range[1] - images, images)


class RandomGrayscale(RandomImageLayer):
    """Converts random images to grayscale during training.

    Args:
        factor: the probability, from 0 to 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, 3), or one image; or with the channels first.
    Output shape: the same: gray is in all channels.

    Raises:
        ValueError: a factor out of range.

    Example:
    >>> RandomGrayscale(1.0)(jnp.full((1, 1, 3), 10.0), training=True).round(1).tolist()
    [[[10.0, 10.0, 10.0]]]
    """

    draws_in_inference = True

    def __init__(self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, data_format, **kwargs)
        if not 0 <= factor <= 1:
            raise ValueError(f"RandomGrayscale: factor must be a probability from 0 to 1, got {factor!r}.")
        self.factor = factor

    def draw(self, images: Array, seed: Any) -> Any:
        return random.uniform(shape_per_image(images), seed=seed) < self.factor

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        return jnp.where(parameters, rgb_to_grayscale(images, self.data_format), images)

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        return {**super().get_config(), "factor": self.factor}


class RandomColorJitter(RandomImageLayer):
    """Changes brightness, contrast, saturation and hue of each image during training, in this order.

    Args:
        value_range: the lowest and highest value of an image.
        brightness_factor: see `RandomBrightness`; None leaves it as it is.
        contrast_factor: see `RandomContrast`; None leaves it as it is.
        saturation_factor: see `RandomSaturation`; None leaves it as it is.
        hue_factor: see `RandomHue`; None leaves it as it is.
        seed: an integer; None draws one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, 3), or one image; or with the channels first.
    Output shape: the same.

    Example:
    >>> RandomColorJitter(brightness_factor=0.2, hue_factor=0.1)(jnp.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: float | Sequence[float] | None = None,
        contrast_factor: float | Sequence[float] | None = None,
        saturation_factor: float | Sequence[float] | None = None,
        hue_factor: float | Sequence[float] | None = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.value_range = value_range
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        more = {"value_range": value_range, "seed": seed, "data_format": data_format, "dtype": self.dtype_policy}

        def made(kind: Any, factor: Any) -> Any:
            return None if factor is None else kind(factor, **more)

        self.random_brightness = made(RandomBrightness, brightness_factor)
        self.random_contrast = made(RandomContrast, contrast_factor)
        self.random_saturation = made(RandomSaturation, saturation_factor)
        self.random_hue = made(RandomHue, hue_factor)
        parts = self.random_brightness, self.random_contrast, self.random_saturation, self.random_hue
        self.parts: list[RandomImageLayer] = [part for part in parts if part is not None]

    def draw(self, images: Array, seed: Any) -> Any:
        return [part.draw(images, seed) for part in self.parts]

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        for part, drawn in zip(self.parts, parameters):
            images = part.transform(images, drawn, interpolation)
        return images

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        names = ("value_range", "brightness_factor", "contrast_factor", "saturation_factor", "hue_factor")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
