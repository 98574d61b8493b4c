"""How much boxes overlap."""

from __future__ import annotations

import math
from typing import Any

from hornbeam import config, ops
from hornbeam._boxes.formats import convert_format
from hornbeam.core.tensor import to_tensor

__all__ = ["compute_ciou", "compute_iou"]


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Any:
    """The intersection over the union of each of the first boxes with each of the second.

    Args:
        boxes1: ``(m, 4)`` or ``(batch, m, 4)``.
        boxes2: ``(n, 4)`` or ``(batch, n, 4)``.
        bounding_box_format: of both, as ``convert_format`` names it.
        use_masking: whether pairs with a box all of whose corners lie below 0 get ``mask_val``.
        mask_val: what they get.
        image_shape: ``(rows, columns, channels)``, needed for relative formats.

    Returns:
        ``(m, n)``, or ``(batch, m, n)`` where either has a batch.

    Raises:
        ValueError: for boxes with other axes, and for relative ones without ``image_shape``.

    Example:
        >>> compute_iou([[0, 0, 2, 2]], [[0, 0, 2, 4], [5, 5, 6, 6]], "xyxy").tolist()
        [[0.5, 0.0]]
    """
    boxes1, boxes2 = to_tensor(boxes1), to_tensor(boxes2)
    if boxes1.ndim not in (2, 3) or boxes2.ndim not in (2, 3):
        raise ValueError(
            "compute_iou() expects boxes of 2 axes, or of 3 with a batch. "
            f"Received: len(boxes1.shape)={boxes1.ndim}, len(boxes2.shape)={boxes2.ndim}"
        )
    boxes1, boxes2 = _corners(boxes1, boxes2, bounding_box_format, image_shape)
    one = [ops.expand_dims(side, -1) for side in ops.unstack(boxes1, axis=-1)]  # (..., m, 1)
    two = [ops.expand_dims(side, -2) for side in ops.unstack(boxes2, axis=-1)]  # (..., 1, n)
    shared = _intersection(one, two)
    found = ops.divide(shared, _area(one) + _area(two) - shared + config.epsilon())
    if not use_masking:
        return found
    outside = ops.logical_or(
        ops.expand_dims(ops.max(boxes1, axis=-1) < 0.0, -1), ops.expand_dims(ops.max(boxes2, axis=-1) < 0.0, -2)
    )
    return ops.where(outside, mask_val, found)


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None) -> Any:
    """The complete intersection over union of boxes, pair by pair (Zheng et al. 2020): less where centres are far apart
    and where sides have other ratios.

    Args:
        boxes1: ``(..., 4)``.
        boxes2: ``(..., 4)``, which broadcasts with it.
        bounding_box_format: of both, as ``convert_format`` names it.
        image_shape: ``(rows, columns, channels)``, needed for relative formats.

    Returns:
        ``(...)``, at most 1.

    Raises:
        ValueError: for relative boxes without ``image_shape``.
    """
    boxes1, boxes2 = _corners(boxes1, boxes2, bounding_box_format, image_shape)
    one, two = (list(ops.unstack(boxes, axis=-1)) for boxes in (boxes1, boxes2))
    tiny = config.epsilon()
    (left1, top1, right1, bottom1), (left2, top2, right2, bottom2) = one, two
    width1, height1 = right1 - left1, bottom1 - top1 + tiny
    width2, height2 = right2 - left2, bottom2 - top2 + tiny
    shared = _intersection(one, two)
    iou = ops.divide(shared, width1 * height1 + width2 * height2 - shared + 2 * tiny)
    around = (
        ops.square(ops.maximum(right1, right2) - ops.minimum(left1, left2))
        + ops.square(ops.maximum(bottom1, bottom2) - ops.minimum(top1, top2))
        + tiny
    )
    apart = ops.square((left1 + right1) / 2 - (left2 + right2) / 2) + ops.square(
        (top1 + bottom1) / 2 - (top2 + bottom2) / 2
    )
    v = (4 / math.pi**2) * ops.square(ops.arctan(width2 / height2) - ops.arctan(width1 / height1))
    return iou - (apart / around + v * (v / (v - iou + (1 + tiny))))


def _corners(boxes1: Any, boxes2: Any, source: str, image_shape: Any) -> list[Any]:
    """Both as left, top, right, bottom."""
    if "rel" in str(source).lower() and image_shape is None:
        raise ValueError(
            "When using relative bounding box formats (e.g. `rel_yxyx`) the `image_shape` argument must be provided. "
            f"Received: bounding_box_format={source!r}, image_shape={image_shape}"
        )
    height, width = (None, None) if image_shape is None else tuple(image_shape)[:2]
    return [convert_format(boxes, source, "xyxy", height, width) for boxes in (boxes1, boxes2)]


def _area(corners: list[Any]) -> Any:
    x1, y1, x2, y2 = corners
    return (x2 - x1) * (y2 - y1)


def _intersection(one: list[Any], two: list[Any]) -> Any:
    """The area that boxes share; their corners broadcast."""
    width = ops.minimum(one[2], two[2]) - ops.maximum(one[0], two[0])
    height = ops.minimum(one[3], two[3]) - ops.maximum(one[1], two[1])
    return ops.maximum(width, 0) * ops.maximum(height, 0)
