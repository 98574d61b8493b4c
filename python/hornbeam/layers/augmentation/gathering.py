"""Pixels of images, taken from given rows and columns in one pass over memory."""

from __future__ import annotations

import math
from typing import Any

from hornbeam import ops
from hornbeam._boxes.formats import as_size
from hornbeam.core.tensor import dims_of, emit1

__all__ = ["counted", "taken"]

_EXACT = 2**24  # up to which float32 holds every int


def counted(images: Any, n: Any, axis: int) -> Any:
    """0, 1, .., n - 1 along an axis of ``(batch, rows, columns)``, in the dtype to compute places of pixels in: float32,
    for which programs have quick kernels, where there are few enough."""
    sizes = dims_of(images)
    few = all(isinstance(size, int) for size in sizes) and math.prod(sizes[:3]) <= _EXACT
    return ops.reshape(ops.arange(n, dtype="float32" if few else "int32"), [n if i == axis else 1 for i in range(3)])


def taken(images: Any, rows: Any, columns: Any = None) -> Any:
    """What lies in given rows and columns.

    Args:
        images: ``(batch, rows, columns, channels)``.
        rows: ``(batch, n, 1)``, or ``(1, n, 1)`` for all, in the dtype of ``counted``.
        columns: ``(batch, 1, m)`` or ``(1, 1, m)``, likewise; None for all, which is quicker.

    Returns:
        ``(batch, n, m, channels)`` of the images' dtype.
    """
    batch, height, width, channels = dims_of(images)
    place = counted(images, batch, 0) * as_size(height, rows.dtype) + rows
    if columns is None:
        table = ops.reshape(images, [batch * height, width, channels])
        return emit1("gather", [table, ops.cast(ops.squeeze(place, 2), "int32")])
    place = place * as_size(width, rows.dtype) + columns
    return emit1("gather", [ops.reshape(images, [batch * height * width, channels]), ops.cast(place, "int32")])
