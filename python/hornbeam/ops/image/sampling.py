"""Values of tensors between their elements, and beyond their ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, is_tensor, promote, to_tensor
from hornbeam.ops import math as m
from hornbeam.ops.arrays import expand_dims, reshape, shape_product
from hornbeam.ops.comparison import greater, where
from hornbeam.ops.image.layouts import computed_in, in_dtype
from hornbeam.ops.image.picking import flat_ids, picked
from hornbeam.ops.joining import _slice_axis, concatenate
from hornbeam.ops.padding import pad

__all__ = ["FILL_MODES", "INTERPOLATIONS", "coordinates_of", "sampled"]

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
INTERPOLATIONS = ("nearest", "bilinear")
_RING = 2  # elements of the fill value around a tensor: both neighbours of a place outside are among them


def sampled(x: Any, places: Sequence[Any], linear: bool, fill_mode: str, fill_value: Any) -> Any:
    """Values of each sample of a batch at places of its own.

    Args:
        x: ``(batch, n_1, .., n_k, channels)``.
        places: k float tensors of coordinates, ``(batch or 1, ..., places)``.
        linear: whether to interpolate; else the nearest element is taken, of two the one further from 0.
        fill_mode: what is beyond the ends, as ``map_coordinates`` has it.
        fill_value: a number, of the mode "constant".

    Returns:
        A tensor ``(batch, ..., places, channels)`` of x's dtype.
    """
    fill_value = fill_value if is_tensor(fill_value) else _check.number("fill_value", fill_value)
    dtype, sizes = x.dtype, dims_of(x)[1:-1]
    if any(isinstance(n, int) and n == 0 for n in sizes):
        raise ValueError(f"there must be elements to sample. Received: sizes of {tuple(sizes)}")
    x = _extended(x, fill_mode, fill_value)
    batch, *inside, channels = dims_of(x)
    table = reshape(x, [shape_product([batch, *inside]), channels])
    elements, shares = zip(*(_element(p, n, linear, fill_mode) for p, n in zip(places, sizes)))
    ids = flat_ids(batch, inside, elements)
    if not linear:
        return picked(table, ids, [0])[0]
    steps = [shape_product(inside[i + 1 :]) for i in range(len(inside))]
    ahead = [
        sum((s for s, on in zip(steps, corner) if on), 0) for corner in itertools.product((0, 1), repeat=len(steps))
    ]
    values = [computed_in(v) for v in picked(table, ids, ahead)]
    for share in reversed(shares):  # neighbours along the last axis lie next to each other
        near = expand_dims(share, -1)
        values = [m.add(a, m.multiply(m.subtract(b, a), near)) for a, b in zip(values[::2], values[1::2])]
    return in_dtype(values[0], dtype, away=True)


def _extended(x: Any, fill_mode: str, fill_value: Any) -> Any:
    """``x`` with what ``_element`` may count besides: a ring of the fill value, or one element more at each end."""
    axes = range(1, x.ndim - 1)
    if fill_mode == "wrap":
        for axis in axes:
            x = concatenate([x, _slice_axis(x, axis, 0, 1)], axis)
        return x
    ring = (_RING, _RING) if fill_mode == "constant" else (0, 1)  # one that is there, but counts for nothing
    pairs = [(0, 0), *[ring for _ in axes], (0, 0)]
    return pad(x, pairs, constant_values=fill_value if fill_mode == "constant" else 0)


def _element(place: Any, n: Any, linear: bool, fill_mode: str) -> tuple[Any, Any]:
    """The element of an extended axis below a place, and how near that is to the next, from 0 to 1; without ``linear`` the
    nearest element."""
    size = to_tensor(n, place.dtype)
    last = m.subtract(size, 1.0)
    place = place if linear else _rounded(place)
    if fill_mode == "constant":
        place, last = m.add(m.clip(place, float(-_RING), size), float(_RING)), m.add(size, float(_RING))
    elif fill_mode == "nearest":
        place = m.clip(place, 0.0, last)
    else:
        place = _FOLDED[fill_mode](place, size)
    low = m.floor(place)
    element = where(greater(low, 0.0), m.minimum(low, last), 0.0)  # NaN is nowhere: the first will do
    return element, m.subtract(place, element)


def _rounded(x: Any) -> Any:
    """To the nearest whole number, of two the one further from 0."""
    return m.multiply(m.sign(x), m.floor(m.add(m.abs(x), 0.5)))


def _mirrored(place: Any, size: Any) -> Any:
    """``c b | a b c d | c b``: the ends are seen once."""
    period = m.maximum(m.multiply(m.subtract(size, 1.0), 2.0), 1.0)
    place = m.mod(place, period)
    return m.minimum(m.minimum(place, m.subtract(period, place)), m.subtract(size, 1.0))


def _reflected(place: Any, size: Any) -> Any:
    """``b a | a b c d | d c``: the ends are seen twice."""
    period = m.multiply(size, 2.0)
    place = m.mod(m.add(place, 0.5), period)
    place = m.subtract(m.minimum(place, m.subtract(period, place)), 0.5)
    return m.clip(place, 0.0, m.subtract(size, 1.0))


_FOLDED: dict[str, Callable[[Any, Any], Any]] = {"wrap": m.mod, "mirror": _mirrored, "reflect": _reflected}


def coordinates_of(*xs: Any) -> list[Any]:
    """Coordinates as floats in which they are exact enough: float32, or float64 where one is."""
    xs = tuple(to_tensor(x) for x in xs)
    dtype = promote("float32", *(x.dtype for x in xs))
    return [to_tensor(x, dtype) for x in xs]
