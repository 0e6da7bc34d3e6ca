"""Random translation, rotation, zoom and crop of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl import random
from minidl.core.typing import Array, Config
from minidl.layers.preprocessing import image_boxes
from minidl.layers.preprocessing.image_layer import ImageLayer, RandomImageLayer, interval
from minidl.ops import image
from minidl.ops.image.boxes import matrix
from minidl.ops.image.sizes import METHODS, aspect_window, resize

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


class RandomAffine(RandomImageLayer):
    """The base of random affine transformations of images."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        where = type(self).__name__
        if fill_mode not in FILL_MODES:
            raise ValueError(f"{where}: fill_mode must be one of {FILL_MODES}, got {fill_mode!r}.")
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f"{where}: interpolation must be one of {INTERPOLATIONS}, got {interpolation!r}.")
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = fill_value

    def draw(self, images: Array, seed: Any) -> Any:
        examples = 1 if images.ndim == 3 else images.shape[0]
        rows = self.draw_transforms(examples, *self.size_of(images), seed)
        transforms = jnp.stack(
            [jnp.broadcast_to(jnp.asarray(parameter), (examples,)) for parameter in (*rows, 0, 0)], -1
        )
        return {"transforms": transforms[0] if images.ndim == 3 else transforms, "input_shape": images.shape}

    def draw_transforms(self, examples: int, height: int, width: int, seed: Any) -> tuple[Any, ...]:
        """The first six parameters of `ops.image.affine_transform`: each a number, or an array (examples,)."""
        raise NotImplementedError

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        transforms = parameters["transforms"]
        return image.affine_transform(
            images, transforms, interpolation, self.fill_mode, self.fill_value, data_format=self.data_format
        )

    def transform_boxes(self, bounding_boxes: Any, parameters: Any) -> Any:
        pixels = matrix(*parameters["transforms"].reshape(-1, 8).T)
        size = self.size_in(parameters["input_shape"])
        return image_boxes.mapped(bounding_boxes, self.box_format(), pixels, size)

    def get_config(self) -> Config:
        names = ("fill_mode", "interpolation", "fill_value")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class RandomTranslation(RandomAffine):
    """Translates each image randomly during training.

    Args:
        height_factor: largest vertical shift, as a fraction of the height, or (lowest, highest) from -1 to 1; positive
            is down.
        width_factor: the same for the width; positive is to the right.
        fill_mode: values outside of the image: "reflect" (b a | a b c | c b), "wrap" (b c | a b c | a b), "nearest"
            (a a | a b c | c c), or "constant".
        interpolation: "bilinear" or "nearest".
        seed: an integer; None draws one from Python's `random`.
        fill_value: the value outside of the image with "constant".
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor out of range, an unknown fill_mode or interpolation.

    Example:
    >>> image = jnp.arange(6.0).reshape(2, 3, 1)
    >>> RandomTranslation((0.5, 0.5), 0.0, fill_mode="constant")(image, training=True)[..., 0]
    Array([[0., 0., 0.],
           [0., 1., 2.]], dtype=float32)
    """

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float],
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self.height_lower, self.height_upper = interval(height_factor, "RandomTranslation: height_factor")
        self.width_lower, self.width_upper = interval(width_factor, "RandomTranslation: width_factor")

    def draw_transforms(self, examples: int, height: int, width: int, seed: Any) -> tuple[Any, ...]:
        vertical = random.uniform((examples,), self.height_lower, self.height_upper, seed=seed) * height
        horizontal = random.uniform((examples,), self.width_lower, self.width_upper, seed=seed) * width
        return 1.0, 0.0, -horizontal, 0.0, 1.0, -vertical

    def get_config(self) -> Config:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


class RandomRotation(RandomAffine):
    """Rotates each image randomly around its center during training.

    Args:
        factor: largest angle, as a fraction of 360 degrees, or (lowest, highest) from -1 to 1; positive is
            counterclockwise.
        fill_mode: values outside of the image: "reflect" (b a | a b c | c b), "wrap" (b c | a b c | a b), "nearest"
            (a a | a b c | c c), or "constant".
        interpolation: "bilinear" or "nearest".
        seed: an integer; None draws one from Python's `random`.
        fill_value: the value outside of the image with "constant".
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor out of range, an unknown fill_mode or interpolation.

    Example:
    >>> image = jnp.arange(6.0).reshape(2, 3, 1)
    >>> RandomRotation((0.5, 0.5), interpolation="nearest")(image, training=True)[..., 0]
    Array([[5., 4., 3.],
           [2., 1., 0.]], dtype=float32)
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = interval(factor, "RandomRotation: factor")

    def draw_transforms(self, examples: int, height: int, width: int, seed: Any) -> tuple[Any, ...]:
        low, high = self.factor
        degrees = random.uniform((examples,), low * 360.0, high * 360.0, seed=seed)
        cos, sin = jnp.cos(jnp.deg2rad(degrees)), jnp.sin(jnp.deg2rad(degrees))
        x, y = 0.5 * (width - 1), 0.5 * (height - 1)  # the center, which is fixed
        return cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos

    def get_config(self) -> Config:
        return {**super().get_config(), "factor": self.factor}


class RandomZoom(RandomAffine):
    """Zooms each image randomly around its center during training.

    Args:
        height_factor: largest change of the visible height, as a fraction, or (lowest, highest) above -1 and up to 1;
            positive zooms out.
        width_factor: the same for the width; None for the zoom of the height, which keeps the aspect ratio.
        fill_mode: values outside of the image: "reflect" (b a | a b c | c b), "wrap" (b c | a b c | a b), "nearest"
            (a a | a b c | c c), or "constant".
        interpolation: "bilinear" or "nearest".
        seed: an integer; None draws one from Python's `random`.
        fill_value: the value outside of the image with "constant".
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor out of range, an unknown fill_mode or interpolation.

    Example:
    >>> image = jnp.arange(9.0).reshape(3, 3, 1)
    >>> RandomZoom((-0.5, -0.5))(image, training=True)[..., 0]
    Array([[2. , 2.5, 3. ],
           [3.5, 4. , 4.5],
           [5. , 5.5, 6. ]], dtype=float32)
    """

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float] | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self.height_lower, self.height_upper = _zoom(height_factor, "height_factor")
        if width_factor is not None:
            self.width_lower, self.width_upper = _zoom(width_factor, "width_factor")

    def draw_transforms(self, examples: int, height: int, width: int, seed: Any) -> tuple[Any, ...]:
        tall = random.uniform((examples,), 1.0 + self.height_lower, 1.0 + self.height_upper, seed=seed)
        wide = tall
        if self.width_factor is not None:
            wide = random.uniform((examples,), 1.0 + self.width_lower, 1.0 + self.width_upper, seed=seed)
        x, y = 0.5 * (width - 1), 0.5 * (height - 1)  # the center, which is fixed
        return wide, 0.0, x * (1.0 - wide), 0.0, tall, y * (1.0 - tall)

    def get_config(self) -> Config:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


class RandomCrop(ImageLayer):
    """Crops images randomly during training, at the same position in all images of a batch.

    In inference, the largest center crop with the aspect ratio of the output is resized. Images that are not larger
    than the output along both axes are cropped at the center in training too, and resized if they are smaller.

    Args:
        height: height of the output.
        width: width of the output.
        seed: an integer; None draws one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        name: see `Layer`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels first.
    Output shape: the same with the new sizes.

    Example:
    >>> RandomCrop(4, 6, seed=1)(jnp.ones((2, 8, 8, 3)), training=True).shape
    (2, 4, 6, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(data_format, name=name, **kwargs)
        self.height = height
        self.width = width
        # Without a seed, two are drawn from Python's `random`, as in Keras, so that later layers get the same seeds.
        self.seed = random.make_default_seed() if seed is None else seed
        self.generator = random.SeedGenerator(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The shape of the images and the part that is cropped: (first, length) along height and width."""
        images = data["images"] if isinstance(data, dict) else data
        window: list[tuple[Any, int]] = aspect_window(self.size_of(images), (self.height, self.width), crop=True)
        if training:
            window = self.draw(images, self.generator if seed is None else seed)
        return {"window": window, "input_shape": images.shape}

    def draw(self, images: Array, seed: Any) -> list[tuple[Any, int]]:
        """The start and the length of the crop, along height and width."""
        height, width = self.size_of(images)
        if height > self.height and width > self.width:
            return [_random_slice(height, self.height, seed), _random_slice(width, self.width, seed)]
        # The start of the center crop with the aspect ratio of the output; at most as long as the output.
        (top, _), (left, _) = aspect_window((height, width), (self.height, self.width), crop=True)
        return [(top, min(self.height, height - top)), (left, min(self.width, width - left))]

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        return self.transform(images, transformation["window"] if training else None, self.interpolation)

    def transform_segmentation_masks(self, masks: Any, transformation: Any = None, training: bool = True) -> Any:
        return self.transform(masks, transformation["window"] if training else None, "nearest")

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        """The boxes in the cropped images."""
        size, target = self.size_in(transformation["input_shape"]), (self.height, self.width)
        return image_boxes.resized(bounding_boxes, self.box_format(), size, transformation["window"], target)

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        if parameters is None:
            target = self.height, self.width
            return resize(images, target, interpolation, crop_to_aspect_ratio=True, data_format=self.data_format)
        rows = self.axis_of_rows(images)
        for axis, (first, length) in enumerate(parameters, rows):
            images = jax.lax.dynamic_slice_in_dim(images, first, length, axis)
        if self.size_of(images) == (self.height, self.width):
            return images
        shape = (*images.shape[:rows], self.height, self.width, *images.shape[rows + 2 :])
        return jax.image.resize(images, shape, METHODS[interpolation], antialias=False)

    def get_config(self) -> Config:
        return {**super().get_config(), "height": self.height, "width": self.width, "seed": self.seed}


def _random_slice(size: int, length: int, seed: Any) -> tuple[Any, int]:
    start: Any = random.uniform((), 0, float(size - length + 1), seed=seed)
    return start.astype("int32"), length


def _zoom(factor: float | Sequence[float], name: str) -> tuple[float, float]:
    low, high = interval(factor, f"RandomZoom: {name}")
    if low <= -1:
        raise ValueError(f"RandomZoom: {name} must be greater than -1, got {factor!r}.")
    return low, high
