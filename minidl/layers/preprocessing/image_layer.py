"""ImageLayer: the base of image layers, which transform images and their segmentation masks consistently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidl.core.typing import Array, Config
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of

KEYS = ("images", "labels", "segmentation_masks")


class ImageLayer(Layer):
    """A layer that is called on images, or on a dict with "images", "labels" and "segmentation_masks".

    A subclass draws its random parameters in `draw` and applies them in `transform`. Labels are unchanged.
    Segmentation masks, which hold the class of each pixel, are transformed as the images are, but always with nearest
    interpolation, since classes cannot be interpolated.
    """

    interpolation = "bilinear"
    floats_in_graph = True

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format)
        self.built = True

    def call(self, data: Any, training: bool | None = True) -> Any:
        images = data["images"] if isinstance(data, dict) else data
        if images.ndim not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} takes an image or a batch of images, got the shape {images.shape}."
            )
        if isinstance(data, dict) and (more := sorted(data.keys() - set(KEYS))):
            raise ValueError(f"{type(self).__name__} takes {', '.join(KEYS)}; {more} are not supported.")
        training = bool(training)
        parameters = self.get_random_transformation(data, training=training)
        transformed = self.transform_images(self.prepare(images), parameters, training=training)
        if not isinstance(data, dict):
            return transformed
        result = {**data, "images": transformed}
        if "segmentation_masks" in data:
            masks = data["segmentation_masks"]
            if masks.ndim != images.ndim or self.size_of(masks) != self.size_of(images):
                raise ValueError(
                    f"{type(self).__name__}: segmentation_masks must have the shape of the images, except "
                    f"for the number of channels, got {masks.shape} for images of shape {images.shape}."
                )
            result["segmentation_masks"] = self.transform_segmentation_masks(masks, parameters, training=training)
        if "labels" in data:
            result["labels"] = self.transform_labels(data["labels"], parameters, training=training)
        return result

    def prepare(self, images: Array) -> Array:
        """Prepare images for `transform`: a cast to the compute dtype."""
        return images.astype(self.compute_dtype)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The random parameters of one call, passed to the transform methods; None in inference. Can be overridden.

        Raises:
            ValueError: a seed is given: the layer uses its own.
        """
        if seed is not None:
            raise ValueError(f"{type(self).__name__} uses the seed of its constructor, got seed={seed!r}.")
        return self.draw(data["images"] if isinstance(data, dict) else data) if training else None

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """The transformed images. Can be overridden."""
        return self.transform(images, transformation, self.interpolation)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        """The labels, unchanged. Can be overridden."""
        return labels

    def transform_segmentation_masks(self, masks: Any, transformation: Any = None, training: bool = True) -> Any:
        """The transformed masks. Can be overridden."""
        return self.transform_masks(masks, transformation)

    def draw(self, images: Array) -> Any:
        """Draw the random parameters of one call."""
        return None

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        """The transformed images; `parameters` is the result of `draw`, or None in inference."""
        raise NotImplementedError

    def transform_masks(self, masks: Array, parameters: Any) -> Array:
        """The transformed masks."""
        return self.transform(masks, parameters, "nearest")

    def axis_of_rows(self, images: Array) -> int:
        """The axis of the height; that of the width is the next."""
        return images.ndim - (3 if self.data_format == "channels_last" else 2)

    def size_of(self, images: Array) -> tuple[int, int]:
        """Height and width."""
        rows = self.axis_of_rows(images)
        return images.shape[rows], images.shape[rows + 1]

    def get_config(self) -> Config:
        return {**super().get_config(), "data_format": self.data_format}


def interval(factor: float | Sequence[float], where: str) -> tuple[float, float]:
    """(lowest, highest) of a factor, which is given as such a pair or as one number x for (-x, x)."""
    both = (-abs(factor), abs(factor)) if isinstance(factor, (int, float)) else factor
    if not isinstance(both, (tuple, list)) or len(both) != 2 or min(both) < -1 or max(both) > 1:
        raise ValueError(f"{where} must be a number from -1 to 1, or two of them, got {factor!r}.")
    return min(both), max(both)
