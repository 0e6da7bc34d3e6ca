"""Bounding boxes of image layers: checked, moved as the pixels are, and clipped to the new image.

Boxes are in pixels from the upper left corner of the image, so that pixel i covers the interval from i to i + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from minidl.core import arrays
from minidl.core.typing import Array
from minidl.ops.image.boxes import clip_to_image_size, convert_format

Boxes = dict[str, Any]  # "boxes" (..., 4), "labels" (...) or (..., classes), and what else the user has in it


def checked(bounding_boxes: Any, images: Array, where: str) -> Boxes:
    """The boxes of the images in a call of a layer, in float32.

    Args:
        bounding_boxes: what the layer got.
        images: an image, or a batch of images.
        where: name of the layer, for errors.

    Raises:
        ValueError: no dict of "boxes" and "labels", or arrays of wrong shapes.
    """
    keys = list(bounding_boxes) if isinstance(bounding_boxes, dict) else type(bounding_boxes).__name__
    if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= bounding_boxes.keys():
        raise ValueError(f"{where}: bounding_boxes must be a dict with 'boxes' and 'labels', got {keys}.")
    boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
    if not arrays.holds_array(boxes) or not arrays.holds_array(labels):
        raise ValueError(
            f"{where}: boxes and labels must be arrays, got {type(boxes).__name__} and {type(labels).__name__}. Pad "
            "the boxes of each image to one number, with the label -1, and make arrays of them."
        )
    batch = images.shape[:1] if images.ndim == 4 and boxes.ndim == 3 else ()
    if boxes.ndim not in (2, images.ndim - 1) or boxes.shape[-1] != 4 or boxes.shape[: len(batch)] != batch:
        raise ValueError(
            f"{where}: boxes must have the shape (batch, boxes, 4), for one image (boxes, 4), got {boxes.shape} for "
            f"images of shape {images.shape}."
        )
    own = (boxes.shape[:-1], (1, *boxes.shape[:-1]) if boxes.ndim == 2 else ())
    if labels.shape not in own and labels.shape[:-1] != boxes.shape[:-1]:
        raise ValueError(
            f"{where}: there must be a label, or a vector of them, for each box: the shape {boxes.shape[:-1]} or "
            f"{boxes.shape[:-1]} with an axis of classes, got {labels.shape} for boxes of shape {boxes.shape}."
        )
    return {**bounding_boxes, "boxes": boxes.astype("float32")}


def mapped(bounding_boxes: Boxes, bounding_box_format: str, pixels: Array, size: tuple[int, int]) -> Boxes:
    """The smallest boxes around boxes after their images were resampled.

    Args:
        bounding_boxes: boxes (batch, boxes, 4), or (boxes, 4) of one image.
        bounding_box_format: their format.
        pixels: homogeneous matrices (batch, 3, 3): where each pixel (x, y, 1) of a new image was taken from.
        size: (height, width) of the images.

    Raises:
        ValueError: boxes without a batch axis, and several matrices.
    """
    corners = convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", *size)
    if corners.ndim == 2 and len(pixels) > 1:
        raise ValueError(
            f"Boxes that move with each of {len(pixels)} images have the shape (batch, boxes, 4), got {corners.shape}."
        )
    rows = jnp.moveaxis(pixels[0] if corners.ndim == 2 else pixels[:, None], -2, 0)[..., None, :]
    across, down, origin = (jnp.cross(rows[i - 2], rows[i - 1]) for i in range(3))  # columns of the inverse
    left, top, right, bottom = jnp.moveaxis(corners - 0.5, -1, 0)[..., None]
    x, y = (jnp.stack(ends, -2) for ends in ((left, right, right, left), (top, top, bottom, bottom)))
    points = across * x + down * y + origin  # (..., 4, 3)
    return _within(bounding_boxes, _around(points, size), bounding_box_format, size)


def resized(
    bounding_boxes: Boxes,
    bounding_box_format: str,
    size: tuple[int, int],
    window: Sequence[tuple[Any, int]],
    target: tuple[int, int],
) -> Boxes:
    """The boxes after a window of their images was resized.

    Args:
        bounding_boxes: boxes (..., 4).
        bounding_box_format: their format.
        size: (height, width) of the images.
        window: (first, length) along the height and the width; it may reach over the image.
        target: (height, width) of the new images.
    """
    corners = convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", *size)
    (top, tall), (left, wide) = window
    first = jnp.stack([jnp.asarray(left, "float32"), jnp.asarray(top, "float32")] * 2)
    scale = jnp.asarray([target[1] / wide, target[0] / tall] * 2, "float32")
    return _within(bounding_boxes, (corners - first) * scale, bounding_box_format, target)


def _within(bounding_boxes: Boxes, corners: Array, bounding_box_format: str, size: tuple[int, int]) -> Boxes:
    """Boxes "xyxy" clipped to their image, in a format; those without area get the label -1."""
    labels = jnp.asarray(bounding_boxes["labels"])
    row = labels.shape == (1, *corners.shape[:-1])  # of one image, with a batch axis that its boxes lack
    clipped = clip_to_image_size({"boxes": corners, "labels": labels[0] if row else labels}, *size)
    boxes = convert_format(clipped["boxes"], "xyxy", bounding_box_format, *size)
    return {**bounding_boxes, "boxes": boxes, "labels": clipped["labels"].reshape(labels.shape)}


def _around(points: Array, size: tuple[int, int]) -> Array:
    """The boxes "xyxy" around quadrilaterals, given by four homogeneous points (..., 4, 3).

    A perspective may have its horizon in the image. It splits a quadrilateral into two parts, of which the box is
    around what is in the image.
    """
    depth = points[..., 2:]
    deepest = jnp.take_along_axis(depth, jnp.argmax(jnp.abs(depth), -2, keepdims=True), -2)
    points = jnp.where(deepest < 0, -points, points)
    least = 1e-5 * jnp.abs(deepest)
    front, back = (_around_part(sign * points, least) for sign in (1, -1))
    limits = jnp.asarray([size[1], size[0]] * 2, "float32")
    both = jnp.stack([jnp.clip(part, 0, limits) for part in (front, back)])
    seen = jnp.all(both[..., 2:] > both[..., :2], -1, keepdims=True)
    lowest, highest = jnp.minimum(*both[..., :2]), jnp.maximum(*both[..., 2:])
    union = jnp.concatenate([lowest, highest], -1)
    return jnp.where(seen[1], jnp.where(seen[0], union, back), front)


def _around_part(points: Array, least: Array) -> Array:
    """The boxes around the parts of quadrilaterals with a depth above the least."""
    following = jnp.roll(points, -1, -2)
    inside, next_inside = points[..., 2:] > least, following[..., 2:] > least
    crosses = inside != next_inside
    share = (least - points[..., 2:]) / jnp.where(crosses, following[..., 2:] - points[..., 2:], 1)
    points = jnp.concatenate([points, points + share * (following - points)], -2)
    valid = jnp.concatenate([inside, crosses], -2)
    places = points[..., :2] / jnp.where(valid, points[..., 2:], 1) + 0.5
    lowest = jnp.where(valid, places, jnp.inf).min(-2)
    highest = jnp.where(valid, places, -jnp.inf).max(-2)
    return jnp.concatenate([lowest, highest], -1)
