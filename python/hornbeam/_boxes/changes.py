"""What happens to boxes when their image is cut, padded or moved."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hornbeam import ops
from hornbeam._boxes.formats import as_size, joined, sides
from hornbeam.core.tensor import to_tensor

__all__ = ["affine_transform", "clip_to_image_size", "crop", "pad"]

_RADIANS = math.pi / 180.0


def _only(given: str, *allowed: str) -> None:
    if given not in allowed:
        raise NotImplementedError(
            f"`bounding_box_format` must be {' or '.join(map(repr, allowed))}: use convert_format(). "
            f"Received: bounding_box_format={given!r}"
        )


def clip_to_image_size(
    bounding_boxes: dict[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """Boxes cut to what lies in their image; the labels of those of which nothing is left become -1.

    Args:
        bounding_boxes: a dict of "boxes", ``(boxes, 4)`` or ``(batch, boxes, 4)``, and perhaps "labels", one for each box,
            or a vector for each.
        height: rows of the image, needed for "xyxy".
        width: its columns, likewise.
        bounding_box_format: "xyxy" or "rel_xyxy".

    Returns:
        The dict with other "boxes" and "labels".

    Raises:
        NotImplementedError: for other formats.
        ValueError: without the image's size, where it is needed.

    Example:
        >>> found = clip_to_image_size({"boxes": [[-1., 2., 3., 9.], [7., 0., 9., 1.]], "labels": [4, 5]}, 8, 6)
        >>> found["boxes"].tolist(), found["labels"].tolist()
        ([[0.0, 2.0, 3.0, 8.0], [6.0, 0.0, 6.0, 1.0]], [4, -1])
    """
    _only(bounding_box_format, "xyxy", "rel_xyxy")
    boxes = to_tensor(bounding_boxes["boxes"])
    if bounding_box_format == "rel_xyxy":
        height = width = 1.0
    elif height is None or width is None:
        raise ValueError(
            f"`height` and `width` must be set for boxes in format 'xyxy'. Received: height={height}, width={width}"
        )
    x1, y1, x2, y2 = _clipped(sides(boxes), as_size(height, boxes.dtype), as_size(width, boxes.dtype))
    result = {**bounding_boxes, "boxes": joined([x1, y1, x2, y2])}
    if bounding_boxes.get("labels") is not None:
        labels = to_tensor(bounding_boxes["labels"])
        areas = (x2 - x1) * (y2 - y1)
        vectors = labels.ndim == boxes.ndim and tuple(labels.shape[:-1]) == tuple(boxes.shape[:-1])
        result["labels"] = ops.where((areas if vectors else ops.squeeze(areas, -1)) > 0, labels, -1)
    return result


def _clipped(corners: list[Any], height: Any, width: Any) -> list[Any]:
    return [ops.clip(corner, 0, n) for corner, n in zip(corners, (width, height, width, height))]


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> Any:
    """Boxes seen from a part of their image, cut to it.

    Args:
        boxes: ``(boxes, 4)`` or ``(batch, boxes, 4)``.
        top: rows above the part.
        left: columns before it.
        height: its rows.
        width: its columns.
        bounding_box_format: only "xyxy".

    Returns:
        Boxes of the same shape.

    Raises:
        NotImplementedError: for other formats.

    Example:
        >>> crop([[10, 20, 50, 60]], top=10, left=20, height=40, width=25).tolist()
        [[0, 10, 25, 40]]
    """
    _only(bounding_box_format, "xyxy")
    return joined(_clipped(_moved(boxes, -left, -top), height, width))


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Any:
    """Boxes seen from a larger image around theirs.

    Args:
        boxes: ``(boxes, 4)`` or ``(batch, boxes, 4)``.
        top: rows above their image.
        left: columns before it.
        height: rows of the larger image, which change no box.
        width: its columns, likewise.
        bounding_box_format: only "xyxy".

    Returns:
        Boxes of the same shape.

    Raises:
        NotImplementedError: for other formats.
    """
    _only(bounding_box_format, "xyxy")
    return joined(_moved(boxes, left, top))


def _moved(boxes: Any, right: Any, down: Any) -> list[Any]:
    """The corners of boxes, moved."""
    return [corner + n for corner, n in zip(sides(to_tensor(boxes)), (right, down, right, down))]


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """The smallest upright boxes around boxes that are turned, moved, scaled and sheared with their image.

    Args:
        boxes: ``(batch, boxes, 4)``, or ``(boxes, 4)`` for one image.
        angle: degrees, ``(batch,)``, as the arguments up to ``shear_y``.
        translate_x: fractions of the width.
        translate_y: fractions of the height.
        scale: factors.
        shear_x: degrees.
        shear_y: degrees.
        height: rows of the image.
        width: its columns.
        center_x: what stays in its place, a fraction of the width; None for 0.5.
        center_y: a fraction of the height, likewise.
        bounding_box_format: only "xyxy".

    Returns:
        Float boxes of the same shape.

    Raises:
        NotImplementedError: for other formats.
    """
    _only(bounding_box_format, "xyxy")
    given = ops.cast(boxes, "float32")
    x1, y1, x2, y2 = sides(given if given.ndim == 3 else ops.expand_dims(given, 0))
    numbers = (angle, translate_x, translate_y, scale, shear_x, shear_y)
    maps = [ops.reshape(to_tensor(n, "float32"), [-1, 1, 1]) for n in numbers]
    last = as_size(height, "float32") - 1, as_size(width, "float32") - 1
    center = 0.5 if center_x is None else center_x, 0.5 if center_y is None else center_y
    (a0, a1, a2), (b0, b1, b2) = _inverse_affine(maps, last, center)

    # A corner is one of two x and one of two y, and what they add to its place does not depend on the other.
    def reach(pick: Callable[[Any, Any], Any]) -> list[Any]:
        across = pick(a0 * x1, a0 * x2) + pick(a1 * y1, a1 * y2) + a2
        return [across, pick(b0 * x1, b0 * x2) + pick(b1 * y1, b1 * y2) + b2]

    found = joined([*reach(ops.minimum), *reach(ops.maximum)])
    return found if given.ndim == 3 else ops.squeeze(found, 0)


def _inverse_affine(
    maps: list[Any], last: tuple[Any, Any], center: tuple[Any, Any]
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Rows of the matrix that takes points of the image to where they come to lie."""
    angle, translate_x, translate_y, scale, shear_x, shear_y = maps
    (last_row, last_column), (center_x, center_y) = last, center
    turn, sx, sy = angle * -_RADIANS, shear_x * -_RADIANS, shear_y * -_RADIANS
    cx, cy = center_x * last_column, center_y * last_row
    moved_x, moved_y = cx - translate_x * last_column, cy - translate_y * last_row
    a = ops.cos(turn - sy) / ops.cos(sy)
    b = a * ops.tan(sx) + ops.sin(turn)
    c = -ops.sin(turn - sy) / ops.cos(sy)
    d = ops.cos(turn) - c * ops.tan(sx)
    (a0, a1), (b0, b1) = (d * scale, -b * scale), (-c * scale, a * scale)
    return (a0, a1, cx - a0 * moved_x - a1 * moved_y), (b0, b1, cy - b0 * moved_x - b1 * moved_y)
