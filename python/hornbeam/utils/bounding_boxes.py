"""Bounding boxes: formats, cuts and moves, overlaps, deltas to anchors."""

from hornbeam._boxes.changes import affine_transform, clip_to_image_size, crop, pad
from hornbeam._boxes.deltas import decode_deltas_to_boxes, encode_box_to_deltas
from hornbeam._boxes.formats import convert_format
from hornbeam._boxes.overlap import compute_ciou, compute_iou

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
