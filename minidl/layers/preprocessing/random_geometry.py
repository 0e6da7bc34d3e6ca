"""Layers that move, turn, zoom and crop images at random while training."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from minidl import random
from minidl.core.typing import Config
from minidl.layers.preprocessing.image_layer import ImageLayer, interval
from minidl.layers.preprocessing.images import Resizing
from minidl.ops import image
from minidl.ops.image import METHODS

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


class _RandomAffine(ImageLayer):
    """Samples each image at places that are an affine function of the new ones."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **kwargs: Any,
    ):
        super().__init__(data_format, **kwargs)
        where = type(self).__name__
        if fill_mode not in FILL_MODES:
            raise ValueError(f"{where}: fill_mode must be one of {FILL_MODES}, got {fill_mode!r}.")
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f"{where}: interpolation must be one of {INTERPOLATIONS}, got {interpolation!r}.")
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.seed = seed
        self.fill_value = fill_value
        self.generator = random.SeedGenerator(seed)

    def draw(self, images: Any) -> Any:
        examples = 1 if images.ndim == 3 else images.shape[0]
        rows = self.draw_transforms(examples, *self.size_of(images))
        transforms = jnp.stack([jnp.broadcast_to(jnp.asarray(number), (examples,)) for number in (*rows, 0, 0)], -1)
        return transforms[0] if images.ndim == 3 else transforms

    def draw_transforms(self, examples: int, height: int, width: int) -> tuple[Any, ...]:
        """The first six numbers of `ops.image.affine_transform`, each one for all examples or an array of them."""
        raise NotImplementedError

    def transform(self, images: Any, drawn: Any, interpolation: str) -> Any:
        if drawn is None:
            return images
        return image.affine_transform(
            images, drawn, interpolation, self.fill_mode, self.fill_value, data_format=self.data_format
        )

    def get_config(self) -> Config:
        names = ("fill_mode", "interpolation", "seed", "fill_value")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class RandomTranslation(_RandomAffine):
    """Moves each image up or down and to the side while training.

    Args:
        height_factor: the farthest way up or down, as a share of the height, or (lowest, highest) from -1 to 1; a
            positive share is down.
        width_factor: the same for the width; a positive share is to the right.
        fill_mode: what comes in from outside: "reflect" (b a | a b c | c b), "wrap" (b c | a b c | a b), "nearest"
            (a a | a b c | c c), or "constant".
        interpolation: "bilinear" or "nearest".
        seed: an integer; None takes one from Python's `random`.
        fill_value: what comes in with "constant".
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels in front.
    Output shape: the same.

    Raises:
        ValueError: a factor out of its range, an unknown fill_mode or interpolation.

    Example:
    >>> image = jnp.arange(6.0).reshape(2, 3, 1)
    >>> RandomTranslation((0.5, 0.5), 0.0, fill_mode="constant")(image, training=True)[..., 0]
    Array([[0., 0., 0.],
           [0., 1., 2.]], dtype=float32)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
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

    def draw_transforms(self, examples: int, height: int, width: int) -> tuple[Any, ...]:
        down = random.uniform((examples,), self.height_lower, self.height_upper, seed=self.generator) * height
        right = random.uniform((examples,), self.width_lower, self.width_upper, seed=self.generator) * width
        return 1.0, 0.0, -right, 0.0, 1.0, -down

    def get_config(self) -> Config:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


class RandomRotation(_RandomAffine):
    """Turns each image around its centre while training.

    Args:
        factor: the largest angle, as a share of a full turn, or (lowest, highest) from -1 to 1; a positive share is
            counter-clockwise.
        fill_mode: what comes in from outside: "reflect" (b a | a b c | c b), "wrap" (b c | a b c | a b), "nearest"
            (a a | a b c | c c), or "constant".
        interpolation: "bilinear" or "nearest".
        seed: an integer; None takes one from Python's `random`.
        fill_value: what comes in with "constant".
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels in front.
    Output shape: the same.

    Raises:
        ValueError: a factor out of its range, an unknown fill_mode or interpolation.

    Example:
    >>> image = jnp.arange(6.0).reshape(2, 3, 1)
    >>> RandomRotation((0.5, 0.5), interpolation="nearest")(image, training=True)[..., 0]
    Array([[5., 4., 3.],
           [2., 1., 0.]], dtype=float32)
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = interval(factor, "RandomRotation: factor")

    def draw_transforms(self, examples: int, height: int, width: int) -> tuple[Any, ...]:
        low, high = self.factor
        degrees = random.uniform((examples,), low * 360.0, high * 360.0, seed=self.generator)
        cos, sin = jnp.cos(jnp.deg2rad(degrees)), jnp.sin(jnp.deg2rad(degrees))
        x, y = 0.5 * (width - 1), 0.5 * (height - 1)  # the centre, which stays where it is
        return cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos

    def get_config(self) -> Config:
        return {**super().get_config(), "factor": self.factor}


class RandomZoom(_RandomAffine):
    """Zooms each image in or out around its centre while training.

    Args:
        height_factor: the largest part of the height that is added to what is seen, or taken away, or (lowest,
            highest) above -1 and up to 1; a positive part zooms out.
        width_factor: the same for the width; None zooms it as the height, which keeps the proportions.
        fill_mode: what comes in from outside: "reflect" (b a | a b c | c b), "wrap" (b c | a b c | a b), "nearest"
            (a a | a b c | c c), or "constant".
        interpolation: "bilinear" or "nearest".
        seed: an integer; None takes one from Python's `random`.
        fill_value: what comes in with "constant".
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels in front.
    Output shape: the same.

    Raises:
        ValueError: a factor out of its range, an unknown fill_mode or interpolation.

    Example:
    >>> image = jnp.arange(9.0).reshape(3, 3, 1)
    >>> RandomZoom((-0.5, -0.5))(image, training=True)[..., 0]
    Array([[2. , 2.5, 3. ],
           [3.5, 4. , 4.5],
           [5. , 5.5, 6. ]], dtype=float32)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
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

    def draw_transforms(self, examples: int, height: int, width: int) -> tuple[Any, ...]:
        tall = random.uniform((examples,), 1.0 + self.height_lower, 1.0 + self.height_upper, seed=self.generator)
        wide = tall
        if self.width_factor is not None:
            wide = random.uniform((examples,), 1.0 + self.width_lower, 1.0 + self.width_upper, seed=self.generator)
        x, y = 0.5 * (width - 1), 0.5 * (height - 1)  # the centre, which stays where it is
        return wide, 0.0, x * (1.0 - wide), 0.0, tall, y * (1.0 - tall)

    def get_config(self) -> Config:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


class RandomCrop(ImageLayer):
    """Cuts a part out of images while training, the same of each image of a batch.

    In inference the largest part in the middle that has the proportions of the result is taken, and resized. Images
    that are not larger than the result both ways are cut in the middle while training too, and resized where they are
    smaller.

    Args:
        height: of the result.
        width: of the result.
        seed: an integer; None takes one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        name: see `Layer`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or one image; or with the channels in front.
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
        # Two seeds come from Python's `random` without one, as in Keras, so that those of later layers are the same.
        self.seed = random.make_default_seed() if seed is None else seed
        self.generator = random.SeedGenerator(seed)

    def draw(self, images: Any) -> list[tuple[Any, int]]:
        """Where the part begins and how long it is, down and to the right."""
        height, width = self.size_of(images)
        if height > self.height and width > self.width:
            return [self._anywhere(height, self.height), self._anywhere(width, self.width)]
        # The part in the middle with the proportions of the result; from where it begins, as much as the result holds.
        tall = max(min(height, int(width * self.height / self.width)), 1)
        wide = max(min(width, int(height * self.width / self.height)), 1)
        top, left = (height - tall) // 2, (width - wide) // 2
        return [(top, min(self.height, height - top)), (left, min(self.width, width - left))]

    def transform(self, images: Any, drawn: Any, interpolation: str) -> Any:
        if drawn is None:
            resize = Resizing(self.height, self.width, crop_to_aspect_ratio=True, data_format=self.data_format)
            return resize.transform(images, None, interpolation)
        rows = self.axis_of_rows(images)
        for axis, (first, length) in enumerate(drawn, rows):
            images = jax.lax.dynamic_slice_in_dim(images, first, length, axis)
        if self.size_of(images) == (self.height, self.width):
            return images
        shape = (*images.shape[:rows], self.height, self.width, *images.shape[rows + 2 :])
        return jax.image.resize(images, shape, METHODS[interpolation], antialias=False)

    def get_config(self) -> Config:
        return {**super().get_config(), "height": self.height, "width": self.width, "seed": self.seed}

    def _anywhere(self, size: int, length: int) -> tuple[Any, int]:
        drawn: Any = random.uniform((), 0, float(size - length + 1), seed=self.generator)
        return drawn.astype("int32"), length


def _zoom(factor: Any, name: str) -> tuple[float, float]:
    low, high = interval(factor, f"RandomZoom: {name}")
    if low <= -1:
        raise ValueError(f"RandomZoom: {name} must be above -1, where nothing is seen any more, got {factor!r}.")
    return low, high
