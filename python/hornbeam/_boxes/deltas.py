"""Boxes as what they differ by from anchors, and back (Ren et al. 2015)."""

from __future__ import annotations

from typing import Any

from hornbeam import config, ops
from hornbeam._boxes.formats import convert_format
from hornbeam.core.tensor import to_tensor

__all__ = ["decode_deltas_to_boxes", "encode_box_to_deltas"]


def _options(name: str, encoding: str, variance: Any, image_shape: Any) -> tuple[Any, Any, Any]:
    """Variance, rows and columns, each None where there is none."""
    if encoding not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"`{name}` must be 'center_xywh' or 'center_yxhw'. Received: {name}={encoding!r}")
    height, width = (None, None) if image_shape is None else tuple(image_shape)[:2]
    if variance is None:
        return None, height, width
    numbers = to_tensor(variance, "float32")
    if numbers.ndim == 0 or numbers.shape[-1] != 4:
        raise ValueError(f"`variance` must be length 4. Received: variance={variance}")
    return numbers, height, width


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """What boxes differ by from anchors: their centres in units of the anchor's sides, and the logarithms of their sides'
    ratios.

    Args:
        anchors: ``(n, 4)``.
        boxes: ``(n, 4)`` or ``(batch, n, 4)``, one for each anchor.
        anchor_format: of the anchors, as ``convert_format`` names it.
        box_format: of the boxes, likewise.
        encoding_format: the order of the deltas: "center_yxhw" or "center_xywh".
        variance: four numbers that the deltas are divided by, None for none.
        image_shape: ``(rows, columns, channels)``, needed where just one of the formats is relative.

    Returns:
        Deltas of the boxes' shape.

    Raises:
        ValueError: for another ``encoding_format``, and for a ``variance`` of other than four numbers.
    """
    variance, height, width = _options("encoding_format", encoding_format, variance, image_shape)
    anchors = convert_format(anchors, anchor_format, encoding_format, height, width)
    boxes = convert_format(boxes, box_format, encoding_format, height, width)
    size = ops.maximum(anchors[..., 2:], config.epsilon())
    moved = (boxes[..., :2] - anchors[..., :2]) / size
    grown = ops.log(ops.maximum(boxes[..., 2:], config.epsilon()) / size)
    deltas = ops.concatenate([moved, grown], axis=-1)
    return deltas if variance is None else deltas / variance


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """The boxes that ``encode_box_to_deltas`` made deltas of.

    Args:
        anchors: ``(n, 4)``, or a dict of such by level.
        boxes_delta: ``(n, 4)`` or ``(batch, n, 4)``, or a dict of such by level.
        anchor_format: of the anchors, as ``convert_format`` names it.
        box_format: of the result, likewise.
        encoded_format: the order of the deltas: "center_yxhw" or "center_xywh".
        variance: four numbers that the deltas are multiplied by, None for none.
        image_shape: ``(rows, columns, channels)``, needed where a format is relative.

    Returns:
        Boxes of the deltas' shape, or a dict of such by level.

    Raises:
        ValueError: for another ``encoded_format``, and for a ``variance`` of other than four numbers.
    """
    variance, height, width = _options("encoded_format", encoded_format, variance, image_shape)

    def decoded(anchors: Any, deltas: Any) -> Any:
        anchors = convert_format(anchors, anchor_format, encoded_format, height, width)
        deltas = to_tensor(deltas) if variance is None else to_tensor(deltas) * variance
        centre = deltas[..., :2] * anchors[..., 2:] + anchors[..., :2]
        size = ops.exp(deltas[..., 2:]) * anchors[..., 2:]
        return convert_format(ops.concatenate([centre, size], axis=-1), encoded_format, box_format, height, width)

    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        return {level: decoded(anchor, boxes_delta[level]) for level, anchor in anchors.items()}
    return decoded(anchors, boxes_delta)
