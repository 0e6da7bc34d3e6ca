"""MaxNumBoundingBoxes: as many bounding boxes for each image, truncated or padded."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.core.typing import Array, Config
from minidl.layers.preprocessing.image_layer import ImageLayer


class MaxNumBoundingBoxes(ImageLayer):
    """Truncates or pads the bounding boxes of each image to one number; images stay as they are.

    Args:
        max_number: number of boxes of each image in the output.
        fill_value: the coordinates and the label of a box that is added.
        **kwargs: `bounding_box_format`, `data_format`, and see `Layer`.

    Input shape: a dict of "images" and "bounding_boxes", which are boxes (batch, boxes, 4) and labels (batch, boxes) or
        (batch, boxes, classes); for one image without the first axis.
    Output shape: the same, with max_number boxes and labels.

    Raises:
        ValueError: a negative max_number.

    Example:
    >>> boxes = {"boxes": jnp.ones((2, 4)), "labels": jnp.array([5, 7])}
    >>> layer = MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    >>> layer({"images": jnp.ones((4, 4, 3)), "bounding_boxes": boxes})["bounding_boxes"]["labels"]
    Array([ 5,  7, -1], dtype=int32)
    """

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        if int(max_number) < 0:
            raise ValueError(f"MaxNumBoundingBoxes: max_number must not be negative, got {max_number!r}.")
        self.max_number = int(max_number)
        self.fill_value = int(fill_value)

    def prepare(self, images: Array) -> Array:
        return images

    def transform(self, images: Array, parameters: Any, interpolation: str) -> Array:
        return images

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        """As many boxes and labels as `max_number`."""
        boxes, labels = (jnp.asarray(bounding_boxes[name]) for name in ("boxes", "labels"))
        row = labels.shape == (1, *boxes.shape[:-1])  # of one image, with a batch axis that its boxes lack
        axis = boxes.ndim - 2
        return {
            **bounding_boxes,
            "boxes": self._of_number(boxes, axis),
            "labels": self._of_number(labels, axis + 1 if row else axis),
        }

    def get_config(self) -> Config:
        return {**super().get_config(), "max_number": self.max_number, "fill_value": self.fill_value}

    def _of_number(self, values: Array, axis: int) -> Array:
        values = values[(slice(None),) * axis + (slice(self.max_number),)]
        amounts = [(0, 0)] * values.ndim
        amounts[axis] = 0, self.max_number - values.shape[axis]
        return jnp.pad(values, amounts, constant_values=self.fill_value)
