"""Image resizing, center crop, and random flip, brightness and contrast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl import random
from minidl.core.typing import Array, Config
from minidl.layers.preprocessing import image_boxes
from minidl.layers.preprocessing.image_layer import ImageLayer, RandomImageLayer, interval, limits, shape_per_image
from minidl.ops.image.boxes import matrix
from minidl.ops.image.sizes import METHODS, aspect_window, resize


class Resizing(ImageLayer):
    """Resizes images.

    Args:
        height: height of the output.
        width: width of the output.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: whether to crop to the aspect ratio of the output first, instead of distorting.
        pad_to_aspect_ratio: whether to pad to the aspect ratio of the output first.
        fill_mode: "constant".
        fill_value: the value of the padding.
        antialias: whether to smooth when downsampling.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same with the new sizes, in the same dtype: integers are rounded.

    Raises:
        ValueError: an unknown interpolation, or both crop_to_aspect_ratio and pad_to_aspect_ratio.

    Example:
    >>> Resizing(4, 6)(jnp.ones((2, 8, 8, 3))).shape
    (2, 4, 6, 3)
    >>> boxes = {"boxes": jnp.array([[2.0, 0.0, 8.0, 4.0]]), "labels": jnp.array([5])}  # left, top, right, bottom
    >>> layer = Resizing(4, 4, bounding_box_format="xyxy")
    >>> layer({"images": jnp.ones((8, 8, 3)), "bounding_boxes": boxes})["bounding_boxes"]["boxes"]
    Array([[1., 0., 4., 2.]], dtype=float32)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(data_format, **kwargs)
        if interpolation not in METHODS:
            raise ValueError(f"Resizing: interpolation must be one of {sorted(METHODS)}, got {interpolation!r}.")
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: choose crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")
        if fill_mode != "constant":
            raise ValueError(f"Resizing: fill_mode must be 'constant', got {fill_mode!r}.")
        self.height = height
        self.width = width
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = antialias

    def prepare(self, images: Array) -> Array:
        return images  # integers stay integers

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> tuple[int, int]:
        """(height, width) of the images, which their boxes need."""
        return self.size_of(data["images"] if isinstance(data, dict) else data)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        """The boxes in the resized images. Those of four zeros or of four -1, which are padding, become zeros."""
        window = [(0, length) for length in transformation]
        target = self.height, self.width
        if self.crop_to_aspect_ratio or self.pad_to_aspect_ratio:
            window = aspect_window(transformation, target, crop=self.crop_to_aspect_ratio)
        given = jnp.asarray(bounding_boxes["boxes"])
        padding = jnp.all(given == 0, -1, keepdims=True) | jnp.all(given == -1, -1, keepdims=True)
        moved = image_boxes.resized(bounding_boxes, self.box_format(), transformation, window, target)
        return {**moved, "boxes": jnp.where(padding, 0, moved["boxes"])}

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        return resize(
            images,
            (self.height, self.width),
            interpolation,
            self.antialias,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )

    def get_config(self) -> Config:
        names = ("height", "width", "interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode")
        more = ("fill_value", "antialias")
        return {**super().get_config(), **{name: getattr(self, name) for name in (*names, *more)}}


class CenterCrop(ImageLayer):
    """Crops the center of images; smaller images are resized instead.

    Args:
        height: height of the output.
        width: width of the output.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same with the new sizes.

    Example:
    >>> CenterCrop(4, 6)(jnp.ones((2, 8, 8, 3))).shape
    (2, 4, 6, 3)
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.height = height
        self.width = width

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The shape of the images, which their boxes need."""
        return {"input_shape": (data["images"] if isinstance(data, dict) else data).shape}

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        size, target = self.size_of(images), (self.height, self.width)
        if size[0] < self.height or size[1] < self.width:
            return resize(images, target, interpolation, crop_to_aspect_ratio=True, data_format=self.data_format)
        for axis, (first, length) in enumerate(self._window(size), self.axis_of_rows(images)):
            images = jax.lax.slice_in_dim(images, first, first + length, axis=axis)
        return images

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        """The boxes in the cropped images."""
        size, target = self.size_in(transformation["input_shape"]), (self.height, self.width)
        return image_boxes.resized(bounding_boxes, self.box_format(), size, self._window(size), target)

    def _window(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """(first, length) of the crop, along height and width."""
        target = self.height, self.width
        if size[0] < self.height or size[1] < self.width:
            return aspect_window(size, target, crop=True)
        return [((old - new) // 2, new) for old, new in zip(size, target)]

    def get_config(self) -> Config:
        return {**super().get_config(), "height": self.height, "width": self.width}


class RandomFlip(RandomImageLayer):
    """Flips each image with probability 0.5 during training.

    Args:
        mode: "horizontal", "vertical", or "horizontal_and_vertical", which flips along both axes or neither.
        seed: an integer; None draws one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: another mode.

    Example:
    >>> RandomFlip("horizontal", seed=1)(jnp.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ValueError(
                f"RandomFlip: mode must be 'horizontal', 'vertical' or 'horizontal_and_vertical', got {mode!r}."
            )
        self.mode = mode

    def draw(self, images: Array, seed: Any) -> Any:
        flips = random.uniform(shape_per_image(images), seed=seed) <= 0.5
        return {"flips": flips, "input_shape": images.shape}

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        rows, flips = self.axis_of_rows(images), parameters["flips"]
        if "horizontal" in self.mode:
            images = jnp.where(flips, jnp.flip(images, rows + 1), images)
        if "vertical" in self.mode:
            images = jnp.where(flips, jnp.flip(images, rows), images)
        return images

    def transform_boxes(self, bounding_boxes: Any, parameters: Any) -> Any:
        size, flips = self.size_in(parameters["input_shape"]), jnp.asarray(parameters["flips"]).reshape(-1)
        across, down = flips & ("horizontal" in self.mode), flips & ("vertical" in self.mode)
        (xx, x), (yy, y) = (
            (jnp.where(flipped, -1, 1), jnp.where(flipped, length - 1, 0))
            for flipped, length in ((across, size[1]), (down, size[0]))
        )
        return image_boxes.mapped(bounding_boxes, self.box_format(), matrix(xx, 0, x, 0, yy, y), size)

    def get_config(self) -> Config:
        return {**super().get_config(), "mode": self.mode}


class RandomBrightness(RandomImageLayer):
    """Adds a random constant to each image during training.

    Args:
        factor: largest change as a fraction of the value range, or (lowest, highest) from -1 to 1.
        value_range: the lowest and highest value of an image; the output is clipped to it.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image.
    Output shape: the same.

    Raises:
        ValueError: a factor out of range.

    Example:
    >>> RandomBrightness(0.2)(jnp.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, **kwargs)
        self.factor = interval(factor, "RandomBrightness: factor")
        self.value_range = limits(value_range, "RandomBrightness")

    def draw(self, images: Array, seed: Any) -> Any:
        return random.uniform(shape_per_image(images), *self.factor, seed=seed)

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        low, high = self.value_range
        return jnp.clip(images + (parameters * (high - low)).astype(images.dtype), low, high)

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


class RandomContrast(RandomImageLayer):
    """Scales the contrast of each image around the mean of each channel during training.

    Args:
        factor: (lower, upper): the contrast is multiplied by a number from 1 - lower to 1 + upper; one number is
            (0, upper).
        value_range: the lowest and highest value of an image; the output is clipped to it.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image.
    Output shape: the same.

    Raises:
        ValueError: a factor out of range.

    Example:
    >>> RandomContrast(0.2)(jnp.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, **kwargs)
        bounds = (0, factor) if isinstance(factor, (int, float)) else tuple(factor)
        if len(bounds) != 2 or min(bounds) < 0 or max(bounds) > 1:
            raise ValueError(f"RandomContrast: factor must be from 0 to 1, or two such numbers, got {factor!r}.")
        self.factor = bounds
        self.value_range = value_range

    def draw(self, images: Array, seed: Any) -> Any:
        lower, upper = self.factor
        return random.uniform(shape_per_image(images), 1.0 - lower, 1.0 + upper, self.compute_dtype, seed=seed)

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        rows = self.axis_of_rows(images)
        mean = jnp.mean(images, (rows, rows + 1), keepdims=True)
        return jnp.clip((images - mean) * parameters + mean, *self.value_range)

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}
