"""The projective map between four points and four others."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import to_tensor

__all__ = ["homography"]


def homography(source: Any, target: Any) -> Any:
    """The projective map that takes four points to four others, in closed form (Heckbert 1989).

    Args:
        source: ``(batch, 4, 2)``: points (x, y), no three of them on a line.
        target: ``(batch, 4, 2)``.

    Returns:
        ``(batch, 8)``: ``a0, a1, a2, b0, b1, b2, c0, c1``: (x, y) goes to
        ``((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)``, where ``k = c0 x + c1 y + 1``.
    """
    there, back = _basis(target), _adjugate(_basis(source))
    matrix = [[sum(row[k] * back[k][j] for k in range(3)) for j in range(3)] for row in there]
    flat = [n for row in matrix for n in row]
    return ops.stack([n / flat[8] for n in flat[:8]], axis=-1)


def _basis(points: Any) -> list[list[Any]]:
    """The map that takes (1, 0, 0), (0, 1, 0), (0, 0, 1) and (1, 1, 1) to four points."""
    p = to_tensor(points, "float32")
    corners = [[p[:, i, 0], p[:, i, 1], 1.0] for i in range(3)]
    columns = [list(row) for row in zip(*corners)]
    rows = _adjugate(columns)
    shares = [row[0] * p[:, 3, 0] + row[1] * p[:, 3, 1] + row[2] for row in rows]
    return [[n * share for n, share in zip(row, shares)] for row in columns]


def _adjugate(m: list[list[Any]]) -> list[list[Any]]:
    """The inverse of a 3 x 3 matrix, but for a factor."""

    def minor(i: int, j: int) -> Any:
        (a, b), (c, d) = ([n for k, n in enumerate(row) if k != j] for h, row in enumerate(m) if h != i)
        return (a * d - b * c) * (-1.0) ** (i + j)

    return [[minor(j, i) for j in range(3)] for i in range(3)]
