"""What layers of images share: the arguments of a call, and one draw for images and their masks."""

from __future__ import annotations

from typing import Any

from minidl.core.typing import Array, Config
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of

KEYS = ("images", "labels", "segmentation_masks")


class ImageLayer(Layer):
    """A layer that is called on images, or on a dict with "images", "labels" and "segmentation_masks".

    A class says what is random, in `draw`, and what becomes of images, in `transform`. Labels stay as they are; masks,
    images of one class in each pixel, go the way of the images but always take the nearest pixel, since what lies
    between two classes is none.
    """

    interpolation = "bilinear"
    floats_in_graph = True

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format)
        self.built = True

    def call(self, data: Any, training: bool | None = True) -> Array:
        images = data["images"] if isinstance(data, dict) else data
        if images.ndim not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} takes an image or a batch of images, got the shape {images.shape}."
            )
        if isinstance(data, dict) and (more := sorted(data.keys() - set(KEYS))):
            raise ValueError(f"{type(self).__name__} takes {', '.join(KEYS)}; {more} are not supported.")
        training = bool(training)
        drawn = self.get_random_transformation(data, training=training)
        changed = self.transform_images(self.prepare(images), drawn, training=training)
        if not isinstance(data, dict):
            return changed
        result = {**data, "images": changed}
        if "segmentation_masks" in data:
            masks = data["segmentation_masks"]
            if masks.ndim != images.ndim or self.size_of(masks) != self.size_of(images):
                raise ValueError(
                    f"{type(self).__name__}: segmentation_masks must have the axes and sizes of the images, but for "
                    f"the number of channels, got {masks.shape} for images of shape {images.shape}."
                )
            result["segmentation_masks"] = self.transform_segmentation_masks(masks, drawn, training=training)
        if "labels" in data:
            result["labels"] = self.transform_labels(data["labels"], drawn, training=training)
        return result

    def prepare(self, images: Any) -> Any:
        """The images as `transform` takes them."""
        return images.astype(self.compute_dtype)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """What is random in one call, or None in inference; the transform methods get it. A place to override.

        Raises:
            ValueError: a seed: the layer draws from its own.
        """
        if seed is not None:
            raise ValueError(
                f"{type(self).__name__} draws from its own seed, got seed={seed!r}. Give it when it is made."
            )
        return self.draw(data["images"] if isinstance(data, dict) else data) if training else None

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """The new images. A place to override."""
        return self.transform(images, transformation, self.interpolation)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        """The labels of the new images: the same. A place to override."""
        return labels

    def transform_segmentation_masks(self, masks: Any, transformation: Any = None, training: bool = True) -> Any:
        """The new masks. A place to override."""
        return self.transform_masks(masks, transformation)

    def draw(self, images: Any) -> Any:
        """What is random in one call."""
        return None

    def transform(self, images: Any, drawn: Any, interpolation: str) -> Any:
        """The new images; `drawn` is what `draw` gave, or None in inference."""
        raise NotImplementedError

    def transform_masks(self, masks: Any, drawn: Any) -> Any:
        """The new masks."""
        return self.transform(masks, drawn, "nearest")

    def axis_of_rows(self, images: Any) -> int:
        """The axis of the height; that of the width is the next."""
        return images.ndim - (3 if self.data_format == "channels_last" else 2)

    def size_of(self, images: Any) -> tuple[int, int]:
        """Height and width."""
        rows = self.axis_of_rows(images)
        return images.shape[rows], images.shape[rows + 1]

    def get_config(self) -> Config:
        return {**super().get_config(), "data_format": self.data_format}


def interval(factor: Any, where: str) -> tuple[float, float]:
    """(lowest, highest) of a factor that is written so, or as the one number that is the farthest from 0."""
    both = (-abs(factor), abs(factor)) if isinstance(factor, (int, float)) else factor
    if not isinstance(both, (tuple, list)) or len(both) != 2 or min(both) < -1 or max(both) > 1:
        raise ValueError(f"{where} must be a number from -1 to 1, or two of them, got {factor!r}.")
    return min(both), max(both)
