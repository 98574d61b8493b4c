"""Pixels of images, taken from given rows and columns in one pass over memory."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import dims_of
from hornbeam.ops.image.picking import flat_ids, picked

__all__ = ["taken"]


def taken(images: Any, rows: Any, columns: Any = None) -> Any:
    """What lies in given rows and columns.

    Args:
        images: ``(batch, rows, columns, channels)``.
        rows: whole floats ``(batch, n)``, or ``(1, n)`` for all.
        columns: ``(batch, m)`` or ``(1, m)``, likewise; None for all, which is quicker.

    Returns:
        ``(batch, n, m, channels)`` of the images' dtype.
    """
    batch, height, width, channels = dims_of(images)
    if columns is None:
        table, ids = ops.reshape(images, [batch * height, width * channels]), flat_ids(batch, [height], [rows])
        return ops.reshape(picked(table, ids, [0])[0], [*dims_of(ids), width, channels])
    table = ops.reshape(images, [batch * height * width, channels])
    places = [ops.expand_dims(rows, 2), ops.expand_dims(columns, 1)]
    return picked(table, flat_ids(batch, [height, width], places), [0])[0]
