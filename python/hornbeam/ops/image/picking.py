"""Elements by coordinates: rows of a flat table, and their neighbours, which lie a fixed distance behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam.core.tensor import emit1, to_tensor
from hornbeam.ops.arrays import shape_product
from hornbeam.ops.math import add, multiply

__all__ = ["flat_ids", "picked"]

_EXACT = 2**24  # up to which float32 holds every int


def flat_ids(batch: Any, sizes: Sequence[Any], places: Sequence[Any]) -> Any:
    """Numbers of rows, in row-major order, of places in each sample of a batch.

    They are computed in floats, for which programs have the quick kernels, where those are known to hold them.

    Args:
        batch: how many samples: an int or an expression.
        sizes: of a sample, likewise.
        places: whole floats, one tensor for each of the sizes, ``(batch or 1, ...)``; they broadcast.

    Returns:
        int32 ``(batch, ...)``, int64 where a table could have more rows than int32 counts.
    """
    counts = [shape_product(n) for n in ([batch, *sizes], sizes)]
    exact = [isinstance(n, int) and n <= _EXACT for n in counts]
    wide = isinstance(counts[0], int) and counts[0] >= 2**31
    dtype = "float32" if exact[0] else "int64" if wide else "int32"
    flat: Any = None
    for place, n in zip(places, sizes):
        place = place if exact[1] else to_tensor(place, dtype)
        flat = place if flat is None else add(multiply(flat, to_tensor(n, place.dtype)), place)
    first = emit1("iota", [], shape=[batch, *[1] * (flat.ndim - 1)], axis=0, dtype=dtype)
    first = multiply(first, to_tensor(counts[1], dtype))
    return to_tensor(add(first, to_tensor(flat, dtype)), "int64" if wide else "int32")


def picked(table: Any, ids: Any, ahead: Sequence[Any]) -> list[Any]:
    """For each of several distances the rows that lie so far behind those of ``ids``.

    Args:
        table: ``(rows, columns)``.
        ids: ints of any shape, so small that there are such rows.
        ahead: distances: ints or expressions.
    """
    return [
        emit1("gather", [table, ids if isinstance(n, int) and n == 0 else add(ids, to_tensor(n, ids.dtype))])
        for n in ahead
    ]
