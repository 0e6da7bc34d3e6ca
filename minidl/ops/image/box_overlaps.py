"""Boxes compared with boxes: intersection over union, and the deltas of boxes to anchors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from minidl.core import dtypes
from minidl.core.typing import Array, ArrayLike
from minidl.ops.image.boxes import convert_format

__all__ = ["compute_ciou", "compute_iou", "decode_deltas_to_boxes", "encode_box_to_deltas"]


def compute_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """Intersection over union of each of `boxes1` with each of `boxes2`.

    Args:
        boxes1: boxes (m, 4) or (batch, m, 4).
        boxes2: boxes (n, 4) or (batch, n, 4).
        bounding_box_format: their format; see `convert_format`.
        use_masking: whether pairs with a box of negative coordinates, which is padding, get `mask_val`.
        mask_val: their value.
        image_shape: (height, width, channels), which relative formats need.

    Returns:
        (m, n) or (batch, m, n).

    Raises:
        ValueError: boxes of another rank, an unknown format, or a relative format without `image_shape`.

    Example:
    >>> compute_iou(jnp.array([[0, 0, 2, 2]]), jnp.array([[0, 0, 2, 1], [5, 5, 6, 6]]), "xyxy")
    Array([[0.5, 0. ]], dtype=float32)
    """
    ranks = jnp.ndim(boxes1), jnp.ndim(boxes2)
    if not set(ranks) <= {2, 3}:
        raise ValueError(f"compute_iou takes boxes of rank 2 or 3, got the ranks {ranks[0]} and {ranks[1]}.")
    first, second = (_corners(boxes, bounding_box_format, image_shape) for boxes in (boxes1, boxes2))
    one, two = first[..., :, None, :], second[..., None, :, :]
    shared = _shared(one, two)
    result = shared / (_area(one) + _area(two) - shared + dtypes.epsilon())
    if not use_masking:
        return result
    padding = (one.max(-1) < 0) | (two.max(-1) < 0)
    return jnp.where(padding, jnp.asarray(mask_val, result.dtype), result)


def compute_ciou(
    boxes1: ArrayLike, boxes2: ArrayLike, bounding_box_format: str, image_shape: Sequence[int] | None = None
) -> Array:
    """Complete intersection over union of pairs of boxes: less for distant centers and for other aspect ratios.

    `iou - d / c - v alpha`: d is the squared distance of the centers, c that of the corners of the box around both,
    `v = 4 / pi**2 * (atan(w1 / h1) - atan(w2 / h2))**2` and `alpha = v / (1 - iou + v)`. (Zheng and others,
    Distance-IoU loss, 2019, https://arxiv.org/abs/1911.08287.)

    Args:
        boxes1: boxes (..., 4).
        boxes2: as many.
        bounding_box_format: their format; see `convert_format`.
        image_shape: (height, width, channels), which relative formats need.

    Returns:
        One number for each pair, (...).

    Raises:
        ValueError: an unknown format, or a relative one without `image_shape`.

    Example:
    >>> compute_ciou(jnp.array([[0, 0, 2, 2.0]]), jnp.array([[1, 0, 3, 2.0]]), "xyxy").round(3)
    Array([0.256], dtype=float32)
    """
    one, two = (_corners(boxes, bounding_box_format, image_shape) for boxes in (boxes1, boxes2))
    tiny = dtypes.epsilon()
    sizes = [boxes[..., 2:] - boxes[..., :2] + jnp.asarray([0, tiny]) for boxes in (one, two)]  # no height is 0
    (width1, height1), (width2, height2) = (jnp.moveaxis(size, -1, 0) for size in sizes)
    shared = _shared(one, two)
    iou = shared / (width1 * height1 + width2 * height2 - shared + 2 * tiny)
    around = jnp.maximum(one[..., 2:], two[..., 2:]) - jnp.minimum(one[..., :2], two[..., :2])
    centers = (one[..., :2] + one[..., 2:] - two[..., :2] - two[..., 2:]) / 2
    distance = jnp.sum(centers**2, -1) / (jnp.sum(around**2, -1) + tiny)
    v = 4 / math.pi**2 * (jnp.arctan(width2 / height2) - jnp.arctan(width1 / height1)) ** 2
    return iou - distance - v * v / (v - iou + 1 + tiny)


def encode_box_to_deltas(
    anchors: ArrayLike,
    boxes: ArrayLike,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: ArrayLike | None = None,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """The deltas of boxes to anchors: differences of the centers in sizes of the anchor, logarithms of ratios of sizes.

    Args:
        anchors: boxes (n, 4).
        boxes: boxes (n, 4) or (batch, n, 4).
        anchor_format: format of the anchors; see `convert_format`.
        box_format: format of the boxes.
        encoding_format: the order of the deltas, "center_yxhw" or "center_xywh".
        variance: four numbers by which the deltas are divided; None for none.
        image_shape: (height, width, channels), which relative formats need.

    Raises:
        ValueError: an unknown format, or a variance that is not four numbers.

    Example:
    >>> encode_box_to_deltas(jnp.array([[0, 0, 2, 2]]), jnp.array([[1, 0, 3, 2]]), "xyxy", "xyxy")
    Array([[0. , 0.5, 0. , 0. ]], dtype=float32)
    """
    divisor = _variance(variance, encoding_format, "encode_box_to_deltas: encoding_format")
    sizes = _sizes(image_shape)
    anchor = convert_format(anchors, anchor_format, encoding_format, *sizes)
    box = convert_format(boxes, box_format, encoding_format, *sizes)
    edges = jnp.maximum(anchor[..., 2:], dtypes.epsilon())
    ratios = jnp.maximum(box[..., 2:], dtypes.epsilon()) / edges
    moves = (box[..., :2] - anchor[..., :2]) / edges
    return jnp.concatenate([moves, jnp.broadcast_to(jnp.log(ratios), moves.shape)], -1) / divisor


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: ArrayLike | None = None,
    image_shape: Sequence[int] | None = None,
) -> Any:
    """The boxes of deltas to anchors: the inverse of `encode_box_to_deltas`.

    Args:
        anchors: boxes (n, 4), or a dict of them.
        boxes_delta: deltas (n, 4) or (batch, n, 4), or a dict of them with the same keys.
        anchor_format: format of the anchors; see `convert_format`.
        box_format: format of the result.
        encoded_format: the order of the deltas, "center_yxhw" or "center_xywh".
        variance: four numbers by which the deltas are multiplied; None for none.
        image_shape: (height, width, channels), which relative formats need.

    Raises:
        ValueError: an unknown format, or a variance that is not four numbers.

    Example:
    >>> decode_deltas_to_boxes(jnp.array([[0, 0, 2, 2]]), jnp.array([[0, 0.5, 0, 0]]), "xyxy", "xyxy")
    Array([[1., 0., 3., 2.]], dtype=float32)
    """
    factor = _variance(variance, encoded_format, "decode_deltas_to_boxes: encoded_format")
    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        more = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {key: decode_deltas_to_boxes(anchor, boxes_delta[key], *more) for key, anchor in anchors.items()}
    sizes = _sizes(image_shape)
    anchor = convert_format(anchors, anchor_format, encoded_format, *sizes)
    delta = jnp.asarray(boxes_delta) * factor
    center = delta[..., :2] * anchor[..., 2:] + anchor[..., :2]
    box = jnp.concatenate([center, jnp.exp(delta[..., 2:]) * anchor[..., 2:]], -1)
    return convert_format(box, encoded_format, box_format, *sizes)


def _variance(variance: ArrayLike | None, encoding: str, where: str) -> Array:
    """Four numbers, ones for None; the order of the deltas is checked as well."""
    if encoding not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"{where} must be 'center_xywh' or 'center_yxhw', got {encoding!r}.")
    numbers = jnp.asarray(jnp.ones(4) if variance is None else variance, "float32")
    if numbers.shape[-1:] != (4,):
        raise ValueError(f"A variance is four numbers, one for each delta, got {variance!r}.")
    return numbers


def _corners(boxes: ArrayLike, bounding_box_format: str, image_shape: Sequence[int] | None) -> Array:
    return convert_format(boxes, bounding_box_format, "xyxy", *_sizes(image_shape))


def _sizes(image_shape: Sequence[int] | None) -> tuple[Any, Any]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


def _shared(one: Array, two: Array) -> Array:
    """The area of the intersection of boxes, "xyxy"."""
    sides = jnp.minimum(one[..., 2:], two[..., 2:]) - jnp.maximum(one[..., :2], two[..., :2])
    return jnp.prod(jnp.maximum(sides, 0), -1)


def _area(corners: Array) -> Array:
    return jnp.prod(corners[..., 2:4] - corners[..., :2], -1)
