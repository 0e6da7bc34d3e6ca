"""Bounding boxes: their formats, their maps, their overlaps."""

from minidl.ops.image.box_overlaps import compute_ciou, compute_iou, decode_deltas_to_boxes, encode_box_to_deltas
from minidl.ops.image.boxes import affine_transform, clip_to_image_size, convert_format, crop, pad

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]
