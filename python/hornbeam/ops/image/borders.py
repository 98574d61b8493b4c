"""Rows and columns added to images, or taken off."""

from __future__ import annotations

from typing import Any

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of
from hornbeam.ops.image.layouts import Layout
from hornbeam.ops.joining import _slice_axis
from hornbeam.ops.padding import _pad_zeros

__all__ = ["crop_images", "pad_images"]


def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Images with rows and columns of zeros around them.

    Of top, bottom and height two must be given, and two of left, right and width.

    Args:
        images: ``(batch, rows, columns, channels)``, or one image without the first axis.
        top_padding: rows above.
        left_padding: columns on the left.
        bottom_padding: rows below.
        right_padding: columns on the right.
        target_height: rows of the result.
        target_width: its columns.
        data_format: "channels_last", or "channels_first" for ``(batch, channels, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' dtype.

    Raises:
        ValueError: when there are not two of three, or one is below 0.

    Example:
        >>> pad_images([[[5]]], 0, 1, target_height=1, target_width=3).ravel().tolist()
        [0, 5, 0]
    """
    layout = Layout(images, data_format)
    x, pairs = layout.given, [(0, 0)] * layout.given.ndim
    for axis, (low, high, size), names in _sides(
        layout, "padding", (top_padding, bottom_padding, target_height), (left_padding, right_padding, target_width)
    ):
        n = dims_of(x)[axis]
        low = size - high - n if low is None else low
        high = size - low - n if high is None else high
        _not_negative(names, low, high)
        pairs[axis] = (low, high)
    return _pad_zeros(x, pairs)


def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """A window of images, the same in each.

    Of top, bottom and height two must be given, and two of left, right and width.

    Args:
        images: ``(batch, rows, columns, channels)``, or one image without the first axis.
        top_cropping: rows cut off above.
        left_cropping: columns cut off on the left.
        bottom_cropping: rows cut off below.
        right_cropping: columns cut off on the right.
        target_height: rows of the result.
        target_width: its columns.
        data_format: "channels_last", or "channels_first" for ``(batch, channels, rows, columns)``; None for the default.

    Returns:
        A tensor of the images' dtype.

    Raises:
        ValueError: when there are not two of three, or one is below 0.

    Example:
        >>> crop_images([[[1], [2], [3]]], 0, 1, target_height=1, target_width=2).ravel().tolist()
        [2, 3]
    """
    layout = Layout(images, data_format)
    x = layout.given
    for axis, (low, high, size), names in _sides(
        layout,
        "cropping",
        (top_cropping, bottom_cropping, target_height),
        (left_cropping, right_cropping, target_width),
    ):
        n = dims_of(x)[axis]
        low = n - size - high if low is None else low
        size = n - low - high if size is None else size
        _not_negative(names, low, n - low - size, size)
        x = _slice_axis(x, axis, low, low + size)
    return x


def _sides(layout: Layout, what: str, rows: Any, columns: Any) -> Any:
    """For rows and for columns the axis, the three arguments of which one is None, and their names."""
    for axis, given, sides in (
        (layout.axes[0], rows, ("top", "bottom", "height")),
        (layout.axes[1], columns, ("left", "right", "width")),
    ):
        names = (f"{sides[0]}_{what}", f"{sides[1]}_{what}", f"target_{sides[2]}")
        if sum(v is None for v in given) != 1:
            received = ", ".join(f"{n}={v}" for n, v in zip(names, given))
            raise ValueError(f"Must specify exactly two of {', '.join(names)}. Received: {received}")
        checked = tuple(None if v is None else _check.integer(n, v) for n, v in zip(names, given))
        _not_negative(names, *checked)
        yield axis % layout.given.ndim, checked, names


def _not_negative(names: tuple[str, ...], *values: Any) -> None:
    for name, v in zip(names, values):
        if isinstance(v, int) and v < 0:
            raise ValueError(f"{name} must be >= 0. Received: {name}={v}")
