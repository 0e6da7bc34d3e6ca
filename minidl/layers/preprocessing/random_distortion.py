"""Random shear, perspective, elastic deformation and blur of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from minidl import random
from minidl.core.typing import Array, Config
from minidl.layers.data_format import sizes_of
from minidl.layers.preprocessing import image_boxes
from minidl.layers.preprocessing.image_layer import RandomImageLayer, interval, limits
from minidl.layers.preprocessing.random_geometry import INTERPOLATIONS, RandomAffine
from minidl.ops.image import gaussian_blur, perspective_transform
from minidl.ops.image.boxes import matrix
from minidl.ops.image.layout import on_batch
from minidl.ops.image.sampling import FILL_MODES, displaced, homography, smooth_field

_SAME = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)  # coefficients of the homography that moves nothing


class RandomShear(RandomAffine):
    """Shears each image during training: pixel (x, y) of the output is pixel `(x + a y, y + b x)` of the image.

    Args:
        x_factor: (lowest, highest) a, from -1 to 1; one number is (-x, x). Half of the images have both signs inverted.
        y_factor: likewise b.
        interpolation: "bilinear" or "nearest".
        fill_mode: values outside of the image: "reflect" (b a | a b c | c b), "wrap" (b c | a b c | a b), "nearest"
            (a a | a b c | c c), or "constant".
        fill_value: the value outside of the image with "constant".
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor out of range, an unknown fill_mode or interpolation.

    Example:
    >>> RandomShear(0.2, 0.1)(jnp.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        x_factor: float | Sequence[float] = 0.0,
        y_factor: float | Sequence[float] = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.x_factor = interval(x_factor, "RandomShear: x_factor")
        self.y_factor = interval(y_factor, "RandomShear: y_factor")

    def draw_transforms(self, examples: int, height: int, width: int, seed: Any) -> tuple[Any, ...]:
        intervals = (0.0, 1.0), self.y_factor, self.x_factor
        sign, down, across = (self.uniform((examples,), low, high, seed, self.compute_dtype) for low, high in intervals)
        sign = jnp.where(sign > 0.5, -1, 1)
        return 1.0, sign * across, 0.0, sign * down, 1.0, 0.0

    def get_config(self) -> Config:
        return {**super().get_config(), "x_factor": self.x_factor, "y_factor": self.y_factor}


class RandomPerspective(RandomImageLayer):
    """Views random images in another perspective during training: each corner moves.

    A coordinate c of a corner moves to `c + c * u`, u uniform from `-scale / 2` to `scale / 2`.

    Args:
        factor: the probability, or (lowest, highest) of it; a number p is (0, p), from which the probability for each
            image is drawn.
        scale: how far corners move, from 0 to 1.
        interpolation: "bilinear" or "nearest".
        fill_value: the value outside of the image.
        seed: an integer; None draws one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor or scale out of range, or an unknown interpolation.

    Example:
    >>> RandomPerspective(scale=0.3)(jnp.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = interval(factor, "RandomPerspective: factor", 0, 1)
        if not 0 <= scale <= 1:
            raise ValueError(f"RandomPerspective: scale must be from 0 to 1, got {scale!r}.")
        _check_interpolation("RandomPerspective", interpolation)
        self.scale = scale
        self.interpolation = interpolation
        self.fill_value = fill_value

    def draw(self, images: Array, seed: Any) -> Any:
        changed = self.chosen(images, self.factor, seed)
        height, width = self.size_of(images)
        half = 0.5 * self.scale
        moved = self.uniform((len(changed) if images.ndim == 4 else 1, 4, 2), -half, half, seed, self.compute_dtype)
        corners = [[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]]
        start = jnp.broadcast_to(jnp.asarray(corners, moved.dtype), moved.shape)
        end = start + start * moved
        return {"apply_perspective": changed, "start_points": start, "end_points": end, "input_shape": images.shape}

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        start, end = parameters["start_points"], parameters["end_points"]
        moved = perspective_transform(images, start, end, interpolation, self.fill_value, self.data_format)
        return jnp.where(parameters["apply_perspective"], moved, images)

    def transform_boxes(self, bounding_boxes: Any, parameters: Any) -> Any:
        points = (jnp.asarray(parameters[name], "float32") for name in ("start_points", "end_points"))
        changed = jnp.asarray(parameters["apply_perspective"]).reshape(-1, 1)
        pixels = matrix(*jnp.where(changed, homography(*points), jnp.asarray(_SAME)).T)
        size = self.size_in(parameters["input_shape"])
        return image_boxes.mapped(bounding_boxes, self.box_format(), pixels, size)

    def get_config(self) -> Config:
        names = ("factor", "scale", "interpolation", "fill_value")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class RandomElasticTransform(RandomImageLayer):
    """Deforms random images by smooth noise during training; see `ops.image.elastic_transform`.

    With s drawn from `scale` for each batch, alpha is `0.1 s` of the longer edge, sigma `0.05 s` of the shorter one.
    Masks are deformed as the images are.

    Args:
        factor: the probability, or (lowest, highest) of it; a number p is (0, p), from which the probability for each
            image is drawn.
        scale: (lowest, highest) strength, from 0 to 1; one number x is (0, x).
        interpolation: "bilinear" or "nearest".
        fill_mode: values outside of the image: "reflect", "wrap", "nearest", "mirror" or "constant".
        fill_value: the value outside of the image with "constant".
        value_range: the lowest and highest value of an image; the output is clipped to it.
        seed: an integer; None draws one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor or scale out of range, an unknown fill_mode or interpolation.

    Example:
    >>> RandomElasticTransform()(jnp.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    boxes_refused = (
        "images are deformed, so that a box has no place to go. Leave them out, or use RandomPerspective, which moves "
        "boxes with the image."
    )

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        scale: float | Sequence[float] = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = interval(factor, "RandomElasticTransform: factor", 0, 1)
        self.scale = interval(scale, "RandomElasticTransform: scale", 0, 1)
        _check_interpolation("RandomElasticTransform", interpolation)
        if fill_mode not in FILL_MODES:
            raise ValueError(f"RandomElasticTransform: fill_mode must be one of {FILL_MODES}, got {fill_mode!r}.")
        self.interpolation = interpolation
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.value_range = value_range

    def draw(self, images: Array, seed: Any) -> Any:
        if self.scale[1] == 0 or self.factor[1] == 0:
            return None
        changed = self.chosen(images, self.factor, seed)
        strength = self.uniform((), *self.scale, seed, self.compute_dtype)
        height, width = self.size_of(images)
        shape = (len(changed) if images.ndim == 4 else 1, height, width)
        noise = random.normal(shape, dtype=self.compute_dtype, seed=seed)
        edge = 0.05 * min(height, width)
        shift = 0.1 * strength * max(height, width) * smooth_field(noise, edge * strength, edge * self.scale[1])
        return changed, shift

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        changed, shift = parameters
        deformed = on_batch(
            images,
            self.data_format,
            lambda batch: displaced(batch, shift, interpolation, self.fill_mode, self.fill_value),
        )
        return jnp.clip(jnp.where(changed, deformed, images), *self.value_range)

    def get_config(self) -> Config:
        names = ("factor", "scale", "interpolation", "fill_mode", "fill_value", "value_range")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class RandomGaussianBlur(RandomImageLayer):
    """Blurs random images with a Gaussian during training.

    Args:
        factor: the probability, or (lowest, highest) of it; a number p is (0, p), from which the probability for each
            image is drawn.
        kernel_size: an odd number of pixels, or (columns, rows).
        sigma: (lowest, highest) standard deviation, from 0 to 1; one number x is (0, x). One for the rows and one for
            the columns is drawn for each batch.
        value_range: the lowest and highest value of an image; the output is clipped to it.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor or sigma out of range, or an even kernel_size.

    Example:
    >>> RandomGaussianBlur(kernel_size=5)(jnp.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: float | Sequence[float] = 1.0,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = interval(factor, "RandomGaussianBlur: factor", 0, 1)
        self.kernel_size = sizes_of(kernel_size, 2, "kernel_size")
        if any(size % 2 == 0 for size in self.kernel_size):
            raise ValueError(f"RandomGaussianBlur: kernel_size must be odd, got {kernel_size!r}.")
        self.sigma = interval(sigma, "RandomGaussianBlur: sigma", 0, 1)
        self.value_range = limits(value_range, "RandomGaussianBlur")

    def draw(self, images: Array, seed: Any) -> Any:
        changed = self.chosen(images, self.factor, seed)
        return changed, self.uniform((2,), *self.sigma, seed, self.compute_dtype) + 1e-6

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        changed, sigma = parameters
        blurred = gaussian_blur(images, self.kernel_size, sigma, self.data_format)
        return jnp.clip(jnp.where(changed, blurred, images), *self.value_range)

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return masks

    def get_config(self) -> Config:
        names = ("factor", "kernel_size", "sigma", "value_range")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _check_interpolation(where: str, interpolation: str) -> None:
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"{where}: interpolation must be one of {INTERPOLATIONS}, got {interpolation!r}.")
