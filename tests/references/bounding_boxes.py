"""Formats, maps and overlaps of bounding boxes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

RNG = np.random.default_rng(0)
FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)
FIRST = RNG.uniform(-8, 60, size=(2, 3, 2))
BOXES = np.concatenate([FIRST, FIRST + RNG.uniform(1, 40, size=(2, 3, 2))], -1).astype("float32")
OTHERS = np.concatenate([FIRST[:, ::-1] + 5, FIRST[:, ::-1] + 40], -1).astype("float32")
SIZE = {"height": 60, "width": 48}
SHAPE = (60, 48, 3)


def cases(keras: Any) -> dict[str, Any]:
    """Compute them."""
    utils = keras.utils.bounding_boxes
    return {**formats(utils), **maps(utils), **deltas(utils), **overlaps(utils)}


def formats(utils: Any) -> dict[str, Any]:
    """Each format in each other, in upper case too, of arrays and of dicts."""
    results = {
        f"{source}_{target}": utils.convert_format(BOXES, source, target, **SIZE)
        for source, target in itertools.product(FORMATS, repeat=2)
    }
    boxes = {"boxes": BOXES[0].astype("int32"), "labels": np.arange(3)}
    converted = utils.convert_format(dict(boxes), "XYWH", "center_xyWH", dtype="float16")
    return {**results, "dict": converted["boxes"], "dict_labels": converted["labels"]}


def maps(utils: Any) -> dict[str, Any]:
    """Boxes that are clipped, cropped, padded and transformed."""
    results = {"crop": utils.crop(BOXES, 7, 5, 30, 20), "pad": utils.pad(BOXES, 7, 5)}
    labels = np.arange(6).reshape(2, 3)
    relative = {"boxes": BOXES / 50, "labels": labels}
    for name, clipped in {
        "clipped": utils.clip_to_image_size({"boxes": BOXES - 20, "labels": labels}, **SIZE),
        "clipped_relative": utils.clip_to_image_size(relative, bounding_box_format="rel_xyxy"),
    }.items():
        results |= {f"{name}_{key}": clipped[key] for key in ("boxes", "labels")}
    zero, one = np.zeros(2, "float32"), np.ones(2, "float32")
    two = np.array([[30.0, -70.0], [0.2, -0.1], [0.0, 0.3], [0.5, 1.5], [10.0, -20.0], [5.0, 15.0]], "float32")
    for i, name in enumerate(("angle", "translate_x", "translate_y", "scale", "shear_x", "shear_y")):
        arguments = [zero, zero, zero, one, zero, zero]
        arguments[i] = two[i]
        results[f"affine_{name}"] = utils.affine_transform(BOXES, *arguments, **SIZE)
    return {**results, "affine_all": utils.affine_transform(BOXES, *two, **SIZE, center_x=0.2, center_y=0.7)}


def deltas(utils: Any) -> dict[str, Any]:
    """Boxes as deltas to anchors, and back."""
    results = {}
    for name, options in {
        "plain": ("xyxy", "xyxy", "center_yxhw", None, None),
        "formats": ("xywh", "center_yxhw", "center_xywh", [0.1, 0.1, 0.2, 0.2], None),
        "relative": ("xyxy", "rel_xyxy", "center_yxhw", [0.1, 0.1, 0.2, 0.2], SHAPE),
    }.items():
        results[f"encode_{name}"] = utils.encode_box_to_deltas(OTHERS[0], BOXES, *options)
        results[f"decode_{name}"] = utils.decode_deltas_to_boxes(OTHERS[0], BOXES / 100, *options)
    levels = utils.decode_deltas_to_boxes({"a": OTHERS[0]}, {"a": BOXES / 100}, "xyxy", "xywh")
    return {**results, "decode_levels": levels["a"]}


def overlaps(utils: Any) -> dict[str, Any]:
    """Every rank of both arguments, padding, relative boxes."""
    results = {}
    for name, (one, two) in {
        "single": (BOXES[0], OTHERS[0][:2]),
        "batches": (BOXES, OTHERS[:, :2]),
        "batch_single": (BOXES, OTHERS[0][:2]),
        "single_batch": (BOXES[0], OTHERS[:, :2]),
    }.items():
        results[f"iou_{name}"] = utils.compute_iou(one, two, "xyxy")
    padded = np.concatenate([BOXES, np.full((2, 1, 4), -1, "float32")], 1)
    results["iou_padded"] = utils.compute_iou(padded, OTHERS, "xywh", use_masking=True, mask_val=-3)
    results["iou_relative"] = utils.compute_iou(BOXES / 50, OTHERS / 50, "rel_xyxy", image_shape=SHAPE)
    for name in ("xyxy", "yxyx", "center_xywh"):
        results[f"ciou_{name}"] = utils.compute_ciou(BOXES, OTHERS, name)
    return {**results, "ciou_one": utils.compute_ciou(BOXES[0, 0], OTHERS[0, 1], "xyxy")}
