"""How boxes are written, and from one way to another."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import to_tensor

__all__ = ["convert_format"]

SUPPORTED_FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32"
) -> Any:
    """Boxes in another format.

    "xyxy" is left, top, right, bottom; "yxyx" top, left, bottom, right; "xywh" left, top, width, height; "center_xywh"
    and "center_yxhw" have the centre in the corner's place; "rel_xyxy", "rel_yxyx", "rel_xywh" and "rel_center_xywh" are
    fractions of the image's width and height.

    Args:
        boxes: ``(..., 4)``, of ints or floats, or a dict with "boxes".
        source: the format of ``boxes``, whatever its case.
        target: the format wanted, likewise.
        height: rows of the image: a number, or a tensor that broadcasts with ``(..., 1)``; needed where just one of the
            formats is relative.
        width: its columns, likewise.
        dtype: of the result.

    Returns:
        ``(..., 4)``, or the dict with other "boxes".

    Raises:
        ValueError: for a format that there is not, for boxes that do not have four numbers, and where the image's size is
            needed and not given.

    Example:
        >>> convert_format([[16, 32, 32, 96]], "xyxy", "rel_center_xywh", height=128, width=64).tolist()
        [[0.375, 0.5, 0.25, 0.5]]
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    given, wanted = _known(source), _known(target)
    boxes = ops.cast(boxes, dtype)
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(
            f"`boxes` must be a tensor with the last dimension of 4. Received: boxes.shape={tuple(boxes.shape)}"
        )
    if (given.startswith("rel_") or wanted.startswith("rel_")) and (width is None or height is None):
        raise ValueError(
            "convert_format() must receive `height` and `width` transforming between relative and absolute formats. "
            f"Received: source={source!r}, target={target!r}, height={height}, width={width}"
        )
    if given == wanted:
        return boxes
    corners = _corners(given.removeprefix("rel_"), sides(boxes))
    if given.startswith("rel_") != wanted.startswith("rel_"):
        across, down = as_size(width, boxes.dtype), as_size(height, boxes.dtype)
        pairs = zip(corners, (across, down, across, down))
        corners = [c * n if given.startswith("rel_") else ops.divide(c, n) for c, n in pairs]
    return joined(_written(wanted.removeprefix("rel_"), corners))


def sides(boxes: Any) -> list[Any]:
    """The four numbers of boxes, each ``(..., 1)``."""
    return list(ops.split(boxes, 4, axis=-1))


def joined(numbers: list[Any]) -> Any:
    """Boxes ``(..., 4)`` of four numbers, which broadcast."""
    return ops.concatenate(numbers, axis=-1)


def as_size(n: Any, dtype: str) -> Any:
    """A size of an image: a number as it is, else a tensor."""
    return n if isinstance(n, (int, float)) else to_tensor(n, dtype)


def _known(name: str) -> str:
    found = name.lower() if isinstance(name, str) else name
    if found not in SUPPORTED_FORMATS:
        raise ValueError(f"Invalid source or target format. Supported formats: {SUPPORTED_FORMATS}. Received: {name!r}")
    return found


def _corners(name: str, numbers: list[Any]) -> list[Any]:
    """Left, top, right and bottom of boxes in an absolute format."""
    shape = name.removeprefix("center_")
    a, b, c, d = numbers
    x, y, x2, y2 = (b, a, d, c) if shape[0] == "y" else (a, b, c, d)
    if name != shape:
        half_w, half_h = x2 / 2.0, y2 / 2.0
        return [x - half_w, y - half_h, x + half_w, y + half_h]
    return [x, y, x2, y2] if shape[2:] in ("xy", "yx") else [x, y, x + x2, y + y2]


def _written(name: str, corners: list[Any]) -> list[Any]:
    """Boxes in an absolute format, from left, top, right and bottom."""
    shape = name.removeprefix("center_")
    x, y, x2, y2 = corners
    if shape[2:] in ("wh", "hw"):
        w, h = x2 - x, y2 - y
        x, y, x2, y2 = (x, y, w, h) if name == shape else (x + w / 2.0, y + h / 2.0, w, h)
    return [y, x, y2, x2] if shape[0] == "y" else [x, y, x2, y2]
