"""ImageLayer: the base of image layers, which transform images, their masks and their bounding boxes consistently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from minidl import kernels, random
from minidl.core.typing import Array, Config
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of
from minidl.layers.preprocessing import image_boxes
from minidl.ops.image.boxes import check_format

KEYS = ("images", "labels", "segmentation_masks", "bounding_boxes")


class ImageLayer(Layer):
    """A layer that is called on images, or on a dict of "images", "labels", "segmentation_masks" and "bounding_boxes".

    Bounding boxes are a dict of "boxes" (batch, boxes, 4), in the format `bounding_box_format`, and "labels" (batch,
    boxes), or (batch, boxes, classes); for one image without the first axis. They are moved as the pixels are and
    clipped to the image, and those without area left get the label -1. In mixed precision floats are rounded to the
    compute dtype before, as all inputs are; integers are exact.

    A subclass draws its random parameters in `draw` and applies them in `transform`. Labels are unchanged.
    `draws_in_inference` says that its seed advances in inference too, as Keras's does.
    Segmentation masks, which hold the class of each pixel, are transformed as the images are, but always with nearest
    interpolation, since classes cannot be interpolated.
    """

    interpolation = "bilinear"
    floats_in_graph = True
    draws_in_inference = False
    boxes_refused = ""  # why the layer takes no bounding boxes, and what to do
    generator: random.SeedGenerator | None = None

    def __init__(self, data_format: str | None = None, bounding_box_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if bounding_box_format is not None:
            check_format(bounding_box_format, type(self).__name__)
        self.bounding_box_format = bounding_box_format
        self.data_format = data_format_of(data_format)
        self.built = True

    def call(self, data: Any, training: bool | None = True) -> Any:
        images = data["images"] if isinstance(data, dict) else data
        if images.ndim not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} takes an image or a batch of images, got the shape {images.shape}."
            )
        if isinstance(data, dict):
            data = self._checked(data, images)
        training = bool(training)
        parameters = self.get_random_transformation(data, training=training)
        transformed = self.transform_images(self.prepare(images), parameters, training=training)
        if not isinstance(data, dict):
            return transformed
        parts = {
            "segmentation_masks": self.transform_segmentation_masks,
            "bounding_boxes": self.transform_bounding_boxes,
            "labels": self.transform_labels,
        }
        moved = {key: move(data[key], parameters, training=training) for key, move in parts.items() if key in data}
        return {**data, "images": transformed, **moved}

    def _checked(self, data: dict[str, Any], images: Array) -> dict[str, Any]:
        """The dict of a call, with boxes in float32, after its parts were checked against the images."""
        where = type(self).__name__
        if more := sorted(data.keys() - set(KEYS)):
            raise ValueError(f"{where} takes {', '.join(KEYS)}; {more} are not supported.")
        masks = data.get("segmentation_masks")
        if masks is not None and (masks.ndim != images.ndim or self.size_of(masks) != self.size_of(images)):
            raise ValueError(
                f"{where}: segmentation_masks must have the shape of the images, except for the number of channels, "
                f"got {masks.shape} for images of shape {images.shape}."
            )
        if "bounding_boxes" not in data:
            return data
        if self.boxes_refused:
            raise NotImplementedError(f"{where} takes no bounding_boxes: {self.boxes_refused}")
        self.box_format()
        return {**data, "bounding_boxes": image_boxes.checked(data["bounding_boxes"], images, where)}

    def prepare(self, images: Array) -> Array:
        """Prepare images for `transform`: a cast to the compute dtype."""
        return images.astype(self.compute_dtype)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The random parameters of one call, passed to the transform methods; None in inference. Can be overridden.

        Args:
            data: images, or a dict with "images".
            training: whether the layer is in training.
            seed: a `SeedGenerator` in the place of the layer's own.
        """
        if not training and not self.draws_in_inference:
            return None
        images = data["images"] if isinstance(data, dict) else data
        parameters = self.draw(images, self.generator if seed is None else seed)
        return parameters if training else None

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """The transformed images. Can be overridden."""
        return self.transform(images, transformation, self.interpolation)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        """The labels, unchanged. Can be overridden."""
        return labels

    def transform_segmentation_masks(self, masks: Any, transformation: Any = None, training: bool = True) -> Any:
        """The transformed masks. Can be overridden."""
        return self.transform_masks(masks, transformation)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        """The dict of boxes and labels, unchanged where the layer moves no pixels. Can be overridden."""
        return bounding_boxes

    def draw(self, images: Array, seed: Any) -> Any:
        """Draw the random parameters of one call from a `SeedGenerator`."""
        return None

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        """The transformed images; `parameters` is the result of `draw`, or None in inference."""
        raise NotImplementedError

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        """The transformed masks."""
        return self.transform(masks, parameters, "nearest")

    def box_format(self) -> str:
        """The format of the bounding boxes.

        Raises:
            ValueError: the constructor got none.
        """
        if self.bounding_box_format is None:
            name = type(self).__name__
            raise ValueError(
                f"{name} got bounding_boxes, but has no bounding_box_format. Pass it to the layer's constructor, for "
                f"example {name}(..., bounding_box_format='xyxy')."
            )
        return self.bounding_box_format

    def axis_of_rows(self, images: Array) -> int:
        """The axis of the height; that of the width is the next."""
        return images.ndim - (3 if self.data_format == "channels_last" else 2)

    def size_of(self, images: Array) -> tuple[int, int]:
        """Height and width."""
        return self.size_in(images.shape)

    def size_in(self, shape: Sequence[int]) -> tuple[int, int]:
        """Height and width of images of a shape."""
        height, width = shape[-3:-1] if self.data_format == "channels_last" else shape[-2:]
        return height, width

    def get_config(self) -> Config:
        formats = {"data_format": self.data_format, "bounding_box_format": self.bounding_box_format}
        return {**super().get_config(), **{name: value for name, value in formats.items() if value is not None}}


class RandomImageLayer(ImageLayer):
    """An image layer with a seed, which leaves the images as they are in inference."""

    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        if transformation is None:
            return images
        # Else what is drawn for an image would be drawn again for each of its pixels.
        images, transformation = jax.tree.map(_materialized, (images, transformation))
        return super().transform_images(images, transformation, training)

    def transform_segmentation_masks(self, masks: Any, transformation: Any = None, training: bool = True) -> Any:
        if transformation is None:
            return masks
        return super().transform_segmentation_masks(masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        if transformation is None or not training:
            return bounding_boxes
        return self.transform_boxes(bounding_boxes, transformation)

    def transform_boxes(self, bounding_boxes: Any, parameters: Any) -> Any:
        """The dict of boxes and labels in training."""
        return bounding_boxes

    def uniform(self, shape: Sequence[int], low: float, high: float, seed: Any, dtype: Any = None) -> Array:
        """Draws from [low, high), in the compute dtype."""
        return random.uniform(shape, low, high, dtype, seed).astype(self.compute_dtype)

    def chosen(self, images: Array, probability: tuple[float, float], seed: Any) -> Array:
        """Whether each image is changed, with a probability that is drawn from an interval."""
        wanted = random.uniform(shape_per_image(images), *probability, seed=seed)
        return random.uniform(shape_per_image(images), seed=seed) < wanted

    def get_config(self) -> Config:
        return {**super().get_config(), "seed": self.seed}


def shape_per_image(images: Array) -> tuple[int, ...]:
    """The shape of one number per image, which broadcasts to the images."""
    return (1, 1, 1) if images.ndim == 3 else (images.shape[0], 1, 1, 1)


def interval(
    factor: float | Sequence[float], where: str, lowest: float = -1, highest: float = 1
) -> tuple[float, float]:
    """(lowest, highest) of a factor, which is given as such a pair or as one number x for (-x, x), within limits."""
    both: Any = factor
    if isinstance(factor, (int, float)):
        both = max(-abs(factor), lowest), abs(factor)
    if not isinstance(both, (tuple, list)) or len(both) != 2 or min(both) < lowest or max(both) > highest:
        raise ValueError(f"{where} must be a number from {lowest} to {highest}, or two of them, got {factor!r}.")
    return min(both), max(both)


def limits(value_range: Sequence[float], where: str) -> list[float]:
    """The lowest and the highest value of a pixel.

    Raises:
        ValueError: anything but two numbers.
    """
    if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
        raise ValueError(f"{where}: value_range must be two numbers, got {value_range!r}.")
    return sorted(value_range)


def rescaled(images: Array, source: Sequence[float], target: Sequence[float]) -> Array:
    """Map values from one range to another."""
    if list(source) == list(target):
        return images
    return (images - source[0]) / (source[1] - source[0]) * (target[1] - target[0]) + target[0]


def _materialized(value: Any) -> Any:
    return kernels.materialized(value) if isinstance(value, jax.Array) else value
