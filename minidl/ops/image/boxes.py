"""Bounding boxes, arrays (..., 4) in one of Keras's formats: functions that transform, crop and convert them.

Coordinates are in pixels from the upper left corner of the image: x to the right, y down. The public path is
`minidl.utils.bounding_boxes`.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.core.typing import Array, ArrayLike, DType

__all__ = ["affine_transform", "clip_to_image_size", "convert_format", "crop", "pad"]

FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)


def convert_format(
    boxes: ArrayLike | dict[str, Any],
    source: str,
    target: str,
    height: ArrayLike | None = None,
    width: ArrayLike | None = None,
    dtype: DType = "float32",
) -> Any:
    """Convert boxes from one format to another.

    Formats (in upper or lower case) are "xyxy" (left, top, right, bottom), "yxyx" (top, left, bottom, right), "xywh"
    (left, top, width, height), "center_xywh" (center and size), "center_yxhw"; and "rel_xyxy", "rel_yxyx", "rel_xywh"
    and "rel_center_xywh" in fractions of the image's width and height.

    Args:
        boxes: boxes (..., 4), or a dict with them as "boxes", the other entries of which are kept.
        source: the format of the boxes.
        target: the format of the result.
        height: height of the image in pixels, which relative formats need.
        width: its width.
        dtype: dtype of the result.

    Raises:
        ValueError: an unknown format, boxes of another shape, or a relative format without height and width.

    Example:
    >>> convert_format(jnp.array([[8, 16, 24, 48]]), "xyxy", "rel_center_xywh", height=64, width=32)
    Array([[0.5, 0.5, 0.5, 0.5]], dtype=float32)
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    boxes = jnp.asarray(boxes, dtype)
    source, target = check_format(source, "convert_format"), check_format(target, "convert_format")
    relative = source.startswith("rel_"), target.startswith("rel_")
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(f"convert_format takes boxes of shape (..., 4), got {boxes.shape}.")
    if any(relative) and (height is None or width is None):
        raise ValueError(
            f"convert_format from {source!r} to {target!r} needs the height and the width of the image, got "
            f"height={height} and width={width}."
        )
    if source == target:
        return boxes
    sizes: Any = 1
    if relative[0] != relative[1]:
        sizes = jnp.concatenate([jnp.atleast_1d(jnp.asarray(size, dtype)) for size in (width, height) * 2], -1)
    corners = _to_corners(boxes, source.removeprefix("rel_"))
    corners = corners * sizes if relative[0] else corners / sizes if relative[1] else corners
    return _from_corners(corners, target.removeprefix("rel_"))


def clip_to_image_size(
    bounding_boxes: dict[str, Any],
    height: ArrayLike | None = None,
    width: ArrayLike | None = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]:
    """Clip boxes to the image; boxes without area get the label -1.

    Args:
        bounding_boxes: a dict with "boxes" (..., 4) and, optionally, "labels" (...), or (..., classes).
        height: height of the image in pixels; not needed for relative coordinates.
        width: its width.
        bounding_box_format: "xyxy" or "rel_xyxy".

    Raises:
        NotImplementedError: another format.
        ValueError: no height or no width for "xyxy".

    Example:
    >>> boxes = {"boxes": jnp.array([[-1.0, 2.0, 3.0, 9.0], [8.0, 0.0, 9.0, 4.0]]), "labels": jnp.array([0, 1])}
    >>> clip_to_image_size(boxes, height=4, width=8)
    {'boxes': Array([[0., 2., 3., 4.],
           [8., 0., 8., 4.]], dtype=float32), 'labels': Array([ 0, -1], dtype=int32)}
    """
    if bounding_box_format not in ("xyxy", "rel_xyxy"):
        raise NotImplementedError(f"clip_to_image_size takes 'xyxy' and 'rel_xyxy', got {bounding_box_format!r}.")
    if bounding_box_format == "rel_xyxy":
        height = width = 1
    if height is None or width is None:
        raise ValueError(f"clip_to_image_size needs height and width for 'xyxy', got {height} and {width}.")
    boxes = _clipped(jnp.asarray(bounding_boxes["boxes"]), height, width)
    result = {**bounding_boxes, "boxes": boxes}
    if bounding_boxes.get("labels") is not None:
        labels = jnp.asarray(bounding_boxes["labels"])
        visible = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]) > 0
        visible = jnp.expand_dims(visible, range(visible.ndim, labels.ndim))
        result["labels"] = jnp.where(visible, labels, jnp.asarray(-1, labels.dtype))
    return result


def affine_transform(
    boxes: ArrayLike,
    angle: ArrayLike,
    translate_x: ArrayLike,
    translate_y: ArrayLike,
    scale: ArrayLike,
    shear_x: ArrayLike,
    shear_y: ArrayLike,
    height: int,
    width: int,
    center_x: ArrayLike | None = None,
    center_y: ArrayLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """The smallest boxes around the boxes after a rotation, a translation, a scaling and a shear of the image.

    Args:
        boxes: boxes (batch, boxes, 4) with one value of each argument for each image of the batch, or (boxes, 4) with
            numbers.
        angle: angle in degrees, counterclockwise.
        translate_x: translation to the right, as a fraction of `width - 1`.
        translate_y: translation down, as a fraction of `height - 1`.
        scale: factor.
        shear_x: angle of the shear along x, in degrees.
        shear_y: angle of the shear along y, in degrees.
        height: height of the image in pixels.
        width: its width.
        center_x: the fixed point, as a fraction of `width - 1`; None for 0.5.
        center_y: likewise, of `height - 1`.
        bounding_box_format: "xyxy".

    Raises:
        NotImplementedError: another format.

    Example:
    >>> affine_transform(jnp.array([[2.0, 0.0, 4.0, 1.0]]), 0, 0.5, 0, 1, 0, 0, height=5, width=5)
    Array([[4., 0., 6., 1.]], dtype=float32)
    """
    _only_corners("affine_transform", bounding_box_format)
    x = (0.5 if center_x is None else jnp.asarray(center_x)) * (width - 1)
    y = (0.5 if center_y is None else jnp.asarray(center_y)) * (height - 1)
    turn, across, down = (-jnp.deg2rad(jnp.asarray(degrees, "float32")) for degrees in (angle, shear_x, shear_y))
    # The rotation and the shears without the scale have the determinant 1.
    a, c = jnp.cos(turn - down) / jnp.cos(down), -jnp.sin(turn - down) / jnp.cos(down)
    b, d = a * jnp.tan(across) + jnp.sin(turn), jnp.cos(turn) - c * jnp.tan(across)
    (xx, xy), (yx, yy) = (d * scale, -b * scale), (-c * scale, a * scale)
    to_x, to_y = x - jnp.asarray(translate_x) * (width - 1), y - jnp.asarray(translate_y) * (height - 1)
    return moved(jnp.asarray(boxes), matrix(xx, xy, x - xx * to_x - xy * to_y, yx, yy, y - yx * to_x - yy * to_y))


def crop(
    boxes: ArrayLike,
    top: ArrayLike,
    left: ArrayLike,
    height: ArrayLike,
    width: ArrayLike,
    bounding_box_format: str = "xyxy",
) -> Array:
    """The boxes in a crop of the image, clipped to it.

    Args:
        boxes: boxes (..., 4).
        top: first row of the crop.
        left: first column of the crop.
        height: height of the crop.
        width: its width.
        bounding_box_format: "xyxy".

    Raises:
        NotImplementedError: another format.

    Example:
    >>> crop(jnp.array([[10, 20, 50, 60]]), top=10, left=20, height=40, width=40)
    Array([[ 0, 10, 30, 40]], dtype=int32)
    """
    _only_corners("crop", bounding_box_format)
    return _clipped(jnp.asarray(boxes) - _offsets(left, top), height, width)


def pad(
    boxes: ArrayLike,
    top: ArrayLike,
    left: ArrayLike,
    height: ArrayLike | None = None,
    width: ArrayLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """The boxes in the image after rows are added above it and columns to the left of it.

    Args:
        boxes: boxes (..., 4).
        top: number of rows added above the image.
        left: number of columns added to the left of it.
        height: height of the image, which makes no difference.
        width: its width, likewise.
        bounding_box_format: "xyxy".

    Raises:
        NotImplementedError: another format.

    Example:
    >>> pad(jnp.array([[10, 20, 50, 60]]), top=1, left=2)
    Array([[12, 21, 52, 61]], dtype=int32)
    """
    _only_corners("pad", bounding_box_format)
    return jnp.asarray(boxes) + _offsets(left, top)


def check_format(name: str, where: str) -> str:
    """The name of a format in lower case.

    Raises:
        ValueError: an unknown one.
    """
    if not isinstance(name, str) or name.lower() not in FORMATS:
        raise ValueError(f"{where}: a format of bounding boxes is one of {', '.join(FORMATS)}, got {name!r}.")
    return name.lower()


def matrix(xx: Any, xy: Any, x: Any, yx: Any, yy: Any, y: Any, zx: Any = 0.0, zy: Any = 0.0) -> Array:
    """The homogeneous matrices (..., 3, 3) of maps of points, from their entries: numbers or arrays (...)."""
    entries = jnp.broadcast_arrays(*(jnp.asarray(entry, "float32") for entry in (xx, xy, x, yx, yy, y, zx, zy, 1)))
    return jnp.stack(entries, -1).reshape(*entries[0].shape, 3, 3)


def moved(boxes: Array, matrices: Array) -> Array:
    """The smallest boxes around the corners of boxes, "xyxy", after a map of the points of their image.

    Args:
        boxes: boxes (batch, boxes, 4) or (boxes, 4).
        matrices: the map of each image (batch, 3, 3), or one for all (3, 3) or (1, 3, 3).

    Raises:
        ValueError: boxes without a batch axis, and a map for each of several images.
    """
    if matrices.ndim == 3 and boxes.ndim == 2:
        if len(matrices) != 1:
            raise ValueError(f"Boxes of a batch have the shape (batch, boxes, 4), got {boxes.shape}.")
        matrices = matrices[0]
    entries = matrices.reshape(*matrices.shape[:-2], 9)
    xx, xy, x0, yx, yy, y0, zx, zy, z0 = jnp.moveaxis(entries, -1, 0)[..., None, None]
    left, top, right, bottom = jnp.moveaxis(boxes.astype("float32"), -1, 0)
    x, y = jnp.stack([left, right, right, left], -1), jnp.stack([top, top, bottom, bottom], -1)
    depth = zx * x + zy * y + z0
    x, y = (xx * x + xy * y + x0) / depth, (yx * x + yy * y + y0) / depth
    return jnp.stack([x.min(-1), y.min(-1), x.max(-1), y.max(-1)], -1)


def _to_corners(boxes: Array, layout: str) -> Array:
    first, second = boxes[..., :2], boxes[..., 2:]
    if layout.startswith("center"):
        first, second = first - second / 2, first + second / 2
    elif layout == "xywh":
        second = first + second
    return _x_first(jnp.concatenate([first, second], -1), layout)


def _from_corners(corners: Array, layout: str) -> Array:
    corners = _x_first(corners, layout)
    first, second = corners[..., :2], corners[..., 2:]
    if layout.startswith("center"):
        first, second = first + (second - first) / 2, second - first
    elif layout == "xywh":
        second = second - first
    return jnp.concatenate([first, second], -1)


def _x_first(boxes: Array, layout: str) -> Array:
    return boxes[..., jnp.array([1, 0, 3, 2])] if layout in ("yxyx", "center_yxhw") else boxes


def _clipped(boxes: Array, height: ArrayLike, width: ArrayLike) -> Array:
    left, top, right, bottom = jnp.split(boxes, 4, -1)
    width, height = jnp.asarray(width, boxes.dtype), jnp.asarray(height, boxes.dtype)
    x, y = (
        jnp.clip(jnp.concatenate(ends, -1), 0, end) for ends, end in (((left, right), width), ((top, bottom), height))
    )
    return jnp.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], -1)


def _offsets(left: ArrayLike, top: ArrayLike) -> Array:
    return jnp.stack([jnp.asarray(left), jnp.asarray(top)] * 2, -1)


def _only_corners(where: str, bounding_box_format: str) -> None:
    if bounding_box_format != "xyxy":
        raise NotImplementedError(f"{where} takes boxes in 'xyxy', got {bounding_box_format!r}: use convert_format.")
