"""Policies: which of many augmentations are applied is drawn, too."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl import random
from minidl.core.typing import Array, Config
from minidl.layers.preprocessing.contrast import AutoContrast, Equalization, Solarization
from minidl.layers.preprocessing.image_layer import ImageLayer, RandomImageLayer, interval
from minidl.layers.preprocessing.images import RandomBrightness, RandomContrast
from minidl.layers.preprocessing.random_colors import RandomColorDegeneration, RandomPosterization, RandomSharpness
from minidl.layers.preprocessing.random_distortion import RandomShear
from minidl.layers.preprocessing.random_geometry import RandomRotation, RandomTranslation

# The order in which Keras makes the layers, and with them their seeds, and that in which it numbers them.
_RAND_AUGMENT = (
    *("random_shear", "random_translation", "random_rotation", "random_brightness", "random_color_degeneration"),
    *("random_contrast", "random_sharpness", "solarization", "random_posterization", "auto_contrast", "equalization"),
)
_RAND_AUGMENT_NUMBERED = (*_RAND_AUGMENT[:7], "random_posterization", "solarization", *_RAND_AUGMENT[9:])
_GEOMETRY = ("random_shear", "random_translation", "random_rotation")
_AUG_MIX = (*_GEOMETRY, "solarization", "random_posterization", "auto_contrast", "equalization")
_AUG_MIX_MORE = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")


class _Policy(RandomImageLayer):
    """The base of layers that apply one of several augmentations at a time."""

    def __init__(
        self,
        value_range: Sequence[float],
        factor: float | Sequence[float],
        interpolation: str,
        seed: int | None,
        data_format: str | None,
        names: Sequence[str],
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.value_range = value_range
        self.factor = interval(factor, f"{type(self).__name__}: factor", 0, 1)
        self.interpolation = interpolation
        common: dict[str, Any] = {"data_format": self.data_format, "dtype": self.dtype_policy}
        boxes = {"bounding_box_format": self.bounding_box_format}
        geometry: dict[str, Any] = {**common, **boxes, "interpolation": interpolation, "seed": seed}
        colors: dict[str, Any] = {**common, "value_range": value_range, "seed": seed}
        still: dict[str, Any] = {**common, "value_range": value_range}
        bits = max(1, int(8 * self.factor[1]))
        makers: dict[str, Any] = {
            "random_shear": lambda: RandomShear(self.factor, self.factor, **geometry),
            "random_translation": lambda: RandomTranslation(self.factor, self.factor, **geometry),
            "random_rotation": lambda: RandomRotation(self.factor, **geometry),
            "random_brightness": lambda: RandomBrightness(self.factor, **colors),
            "random_color_degeneration": lambda: RandomColorDegeneration(self.factor, **colors),
            "random_contrast": lambda: RandomContrast(self.factor, **colors),
            "random_sharpness": lambda: RandomSharpness(self.factor, **colors),
            "solarization": lambda: Solarization(self.factor, self.factor, **colors),
            "random_posterization": lambda: RandomPosterization(bits, **colors),
            "auto_contrast": lambda: AutoContrast(**still),
            "equalization": lambda: Equalization(**still),
        }
        for name in names:
            setattr(self, name, makers[name]())

    def get_config(self) -> Config:
        names = ("value_range", "factor", "interpolation")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class RandAugment(_Policy):
    """Applies a few augmentations, drawn for each batch, one after the other during training.

    They are shear, translation, rotation, brightness, color degeneration, contrast, sharpness, posterization,
    solarization, auto contrast and equalization. (Cubuk and others, 2019, https://arxiv.org/abs/1909.13719.)

    Args:
        value_range: the lowest and highest value of an image.
        num_ops: number of augmentations.
        factor: their strength, from 0 to 1, or (lowest, highest); one number x is (0, x).
        interpolation: "bilinear" or "nearest".
        seed: an integer; None draws one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, 3), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor out of range.

    Example:
    >>> RandAugment(factor=0.3, seed=1)(jnp.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: float | Sequence[float] = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range, factor, interpolation, seed, data_format, _RAND_AUGMENT, **kwargs)
        self.num_ops = num_ops
        self.numbered: list[ImageLayer] = [getattr(self, name) for name in _RAND_AUGMENT_NUMBERED]

    def draw(self, images: Array, seed: Any) -> Any:
        which = random.randint((self.num_ops,), 0, len(self.numbered), seed=seed)
        return which, [layer.draw(images, seed) for layer in self.numbered]

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        return self._one_after_the_other(images, parameters, "transform_images")

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return self._one_after_the_other(masks, parameters, "transform_segmentation_masks")

    def get_config(self) -> Config:
        return {**super().get_config(), "num_ops": self.num_ops}

    def transform_boxes(self, bounding_boxes: Any, parameters: Any) -> Any:
        arrays = jax.tree.map(jnp.asarray, {**bounding_boxes, "boxes": jnp.asarray(bounding_boxes["boxes"], "float32")})
        return self._one_after_the_other(arrays, parameters, "transform_bounding_boxes")

    def _one_after_the_other(self, data: Any, parameters: Any, method: str) -> Any:
        which, drawn = parameters

        def applied(layer: ImageLayer, values: Any, data: Any) -> Any:
            return jax.tree.map(lambda new, old: new.astype(old.dtype), getattr(layer, method)(data, values), data)

        def one(data: Any, number: Array) -> tuple[Any, None]:
            branches = [functools.partial(applied, layer, values) for layer, values in zip(self.numbered, drawn)]
            return jax.lax.switch(number, branches, data), None

        return jax.lax.scan(one, data, which)[0]


class AugMix(_Policy):
    """Mixes each image with several chains of augmentations of it, during training.

    A chain has up to `chain_depth` of the augmentations of `RandAugment`, drawn for each batch; the weights of the
    chains are drawn from a Dirichlet distribution, that of the image itself from a Beta distribution. (Hendrycks and
    others, 2019, https://arxiv.org/abs/1912.02781.) Bounding boxes stay as they are, as in Keras.

    Args:
        value_range: the lowest and highest value of an image.
        num_chains: number of chains.
        chain_depth: the largest number of augmentations in a chain.
        factor: their strength, from 0 to 1, or (lowest, highest); one number x is (0, x).
        alpha: parameter of both distributions.
        all_ops: whether brightness, color degeneration, contrast and sharpness are among the augmentations.
        interpolation: "bilinear" or "nearest".
        seed: an integer; None draws one from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: `bounding_box_format`, and see `Layer`.

    Input shape: (batch, height, width, 3), or one image; or with the channels first.
    Output shape: the same.

    Raises:
        ValueError: a factor out of range.

    Example:
    >>> AugMix(seed=1)(jnp.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: float | Sequence[float] = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        names = _AUG_MIX + _AUG_MIX_MORE if all_ops else _AUG_MIX
        super().__init__(value_range, factor, interpolation, seed, data_format, names, **kwargs)
        self.num_chains = num_chains
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops
        self.numbered: list[ImageLayer] = [getattr(self, name) for name in names]

    def draw(self, images: Array, seed: Any) -> Any:
        shares = random.gamma((self.num_chains,), self.alpha, seed=seed)
        own = random.beta((), self.alpha, self.alpha, seed=seed)
        steps = self.num_chains, self.chain_depth
        which = random.randint(steps, 0, len(self.numbered) + 1, seed=seed)
        keys = jax.random.bits(random.draw_seed(seed), (*steps, 2), "uint32")
        return shares / shares.sum(), own, which, keys

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        return jnp.clip(self._mixture(images, parameters, "transform_images"), *self.value_range)

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        return self._mixture(masks, parameters, "transform_segmentation_masks")

    def get_config(self) -> Config:
        names = ("num_chains", "chain_depth", "alpha", "all_ops")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _mixture(self, images: Array, parameters: Any, method: str) -> Array:
        shares, own, which, keys = parameters
        dtype = jnp.result_type(images.dtype, self.compute_dtype)

        def applied(layer: ImageLayer, images: Array, key: Array) -> Array:
            return getattr(layer, method)(images, layer.draw(images, _Keys(key))).astype(images.dtype)

        branches: list[Any] = [
            *(lambda images, key, layer=layer: applied(layer, images, key) for layer in self.numbered),
            lambda images, key: images,
        ]

        def step(images: Array, drawn: tuple[Array, Array]) -> tuple[Array, None]:
            return jax.lax.switch(drawn[0], branches, images, drawn[1]), None

        def chain(total: Array, drawn: tuple[Array, Array, Array]) -> tuple[Array, None]:
            augmented = jax.lax.scan(step, images, drawn[1:])[0]
            return total + drawn[0].astype(dtype) * augmented, None

        chains = jax.lax.scan(chain, jnp.zeros(images.shape, dtype), (shares, which, keys))[0]
        own = own.astype(dtype)
        return own * images + (1 - own) * chains


class _Keys(random.SeedGenerator):
    """Keys counted up from a drawn one, without a variable: the draws of a branch change nothing outside of it."""

    def __init__(self, key: Array):
        self.key = key

    def next(self, ordered: bool = True) -> Any:
        key, self.key = self.key, self.key + np.array([0, 1], "uint32")
        return key
