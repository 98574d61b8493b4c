"""Values of tensors between their elements, and beyond their ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit1, is_tensor, promote, to_tensor
from hornbeam.ops import math as m
from hornbeam.ops.arrays import expand_dims, reshape, shape_product
from hornbeam.ops.comparison import greater, where
from hornbeam.ops.image.layouts import computed_in, in_dtype
from hornbeam.ops.padding import pad

__all__ = ["FILL_MODES", "INTERPOLATIONS", "coordinates_of", "sampled"]

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
INTERPOLATIONS = ("nearest", "bilinear")
_RING = 2  # elements of the fill value around a tensor: both neighbours of a place outside are among them
_EXACT = 2**24  # up to which float32 holds every int


def sampled(x: Any, places: Sequence[Any], linear: bool, fill_mode: str, fill_value: Any) -> Any:
    """Values of each sample of a batch at places of its own.

    Args:
        x: ``(batch, n_1, .., n_k, channels)``.
        places: k float tensors of coordinates, each ``(batch, ...)``.
        linear: whether to interpolate; else the nearest element is taken, of two the one further from 0.
        fill_mode: what is beyond the ends, as ``map_coordinates`` has it.
        fill_value: a number, of the mode "constant".

    Returns:
        A tensor ``(batch, ..., channels)`` of x's dtype.
    """
    dtype, k = x.dtype, len(places)
    fill_value = fill_value if is_tensor(fill_value) else _check.number("fill_value", fill_value)
    if fill_mode == "constant":
        x = pad(x, [(0, 0), *[(_RING, _RING)] * k, (0, 0)], constant_values=fill_value)
    batch, *sizes, channels = dims_of(x)
    nodes = [_nodes(p, n, linear, fill_mode) for p, n in zip(places, sizes)]
    table = reshape(x, [shape_product([batch, *sizes]), channels])
    known = all(isinstance(n, int) for n in (batch, *sizes)) and shape_product([batch, *sizes]) <= _EXACT

    def corner(chosen: Sequence[Any]) -> Any:
        first = emit1(
            "iota", [], shape=[batch, *[1] * (places[0].ndim - 1)], axis=0, dtype="float32" if known else "int32"
        )
        return emit1("gather", [table, _flat([first, *chosen], [batch, *sizes], known)])

    if not linear:
        return corner([node[0] for node in nodes])
    shares = [expand_dims(node[2], -1) for node in nodes]
    values = [computed_in(corner(c)) for c in itertools.product(*[node[:2] for node in nodes])]
    for share in reversed(shares):  # neighbours along the last axis lie next to each other
        values = [m.add(a, m.multiply(m.subtract(b, a), share)) for a, b in zip(values[::2], values[1::2])]
    return in_dtype(values[0], dtype, away=True)


def _flat(ids: list[Any], sizes: list[Any], known: bool) -> Any:
    """Places in row-major order; of few elements they are computed in float32, for which programs have quick kernels."""
    if not known:
        ids = [to_tensor(i, "int32") for i in ids]
    flat = ids[0]
    for i, n in zip(ids[1:], sizes[1:]):
        flat = m.add(m.multiply(flat, to_tensor(n, flat.dtype)), i)
    return to_tensor(flat, "int32")


def _nodes(place: Any, n: Any, linear: bool, fill_mode: str) -> tuple[Any, Any, Any]:
    """The element below a place, the one above, and how near that is, from 0 to 1; without ``linear`` the nearest alone.

    Elements count from 0, and in the mode "constant" from the ring's first: its places are 0 at the tensor's first."""
    size = to_tensor(n, place.dtype)
    first = float(-_RING) if fill_mode == "constant" else 0.0
    last = m.add(m.subtract(size, 1.0), first)
    if fill_mode in ("constant", "nearest"):
        place = m.clip(place, first, m.subtract(last, 1.0) if fill_mode == "constant" else last)
    low = m.floor(place) if linear else _rounded(place)
    fixed = _FIXED.get(fill_mode)

    def element(i: Any) -> Any:
        i = fixed(i, size) if fixed else i
        return m.subtract(
            where(greater(i, first), m.minimum(i, last), first), first
        )  # NaN is nowhere: the first will do

    if not linear:
        return element(low), None, None
    return element(low), element(m.add(low, 1.0)), m.subtract(place, low)


def _rounded(x: Any) -> Any:
    """To the nearest whole number, of two the one further from 0."""
    return m.multiply(m.sign(x), m.floor(m.add(m.abs(x), 0.5)))


def _mirrored(i: Any, size: Any) -> Any:
    """``c b | a b c d | c b``: the ends are seen once."""
    period = m.maximum(m.multiply(m.subtract(size, 1.0), 2.0), 1.0)
    i = m.mod(i, period)
    return m.minimum(i, m.subtract(period, i))


def _reflected(i: Any, size: Any) -> Any:
    """``b a | a b c d | d c``: the ends are seen twice."""
    period = m.multiply(size, 2.0)
    i = m.mod(i, period)
    return m.minimum(i, m.subtract(m.subtract(period, 1.0), i))


_FIXED: dict[str, Callable[[Any, Any], Any]] = {"wrap": m.mod, "mirror": _mirrored, "reflect": _reflected}


def coordinates_of(*xs: Any) -> list[Any]:
    """Coordinates as floats in which they are exact enough: float32, or float64 where one is."""
    xs = tuple(to_tensor(x) for x in xs)
    dtype = promote("float32", *(x.dtype for x in xs))
    return [to_tensor(x, dtype) for x in xs]
