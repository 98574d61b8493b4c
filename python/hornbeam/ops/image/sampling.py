"""Values of tensors between their elements, and beyond their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit1, is_tensor, promote, to_tensor
from hornbeam.ops import math as m
from hornbeam.ops.arrays import broadcast_to
from hornbeam.ops.image.layouts import computed_in, in_dtype
from hornbeam.ops.joining import stack
from hornbeam.ops.padding import _held_value, pad

__all__ = ["FILL_MODES", "INTERPOLATIONS", "coordinates_of", "sampled", "stacked"]

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
INTERPOLATIONS = ("nearest", "bilinear")


def sampled(x: Any, places: Any, linear: bool, fill_mode: str, fill_value: Any) -> Any:
    """Values of each sample of a batch at places of its own.

    Args:
        x: ``(batch, n_1, .., n_k, channels)``.
        places: coordinates, ``(k, batch or 1, ..., places)``: floats.
        linear: whether to interpolate; else the nearest element is taken, of two the one further from 0.
        fill_mode: what is beyond the ends, as ``map_coordinates`` has it.
        fill_value: a number, or a scalar tensor, of the mode "constant".

    Returns:
        A tensor ``(batch, ..., places, channels)`` of x's dtype.
    """
    dtype, sizes = x.dtype, dims_of(x)[1:-1]
    if any(isinstance(n, int) and n == 0 for n in sizes):
        raise ValueError(f"there must be elements to sample. Received: sizes of {tuple(sizes)}")
    if not is_tensor(fill_value):
        fill_value = _check.number("fill_value", fill_value)
    if fill_mode != "constant":
        fill_value = 0
    elif is_tensor(fill_value):
        x, places = _ringed(x, places if linear else _rounded(places), sizes, fill_value)
        fill_mode, fill_value = "nearest", 0
    value = _held_value(fill_value, dtype)
    if not linear:
        return emit1("sample", [x, places], linear=False, mode=fill_mode, value=value)
    x = x if dtype == "uint8" and places.dtype == "float32" else computed_in(x)
    if "float64" in (x.dtype, places.dtype):
        x, places = to_tensor(x, "float64"), to_tensor(places, "float64")
    y = emit1("sample", [x, places], linear=True, mode=fill_mode, value=value)
    return in_dtype(y, dtype, away=True)


def _ringed(x: Any, places: Any, sizes: Sequence[Any], value: Any) -> tuple[Any, Any]:
    """``x`` in a ring of ``value``, so wide that both neighbours of a place outside are in it, and where places are then."""
    ring, last = 2, places.ndim - 1
    x = pad(x, [(0, 0), *[(ring, ring) for _ in sizes], (0, 0)], constant_values=value)
    ends = stacked([to_tensor(n, places.dtype) for n in sizes], last)
    return x, m.add(m.minimum(m.maximum(places, float(-ring)), ends), float(ring))


def _rounded(x: Any) -> Any:
    """To the nearest whole number, of two the one further from 0."""
    return m.multiply(m.sign(x), m.floor(m.add(m.abs(x), 0.5)))


def stacked(places: Sequence[Any], axes: int = 0) -> Any:
    """Tensors that broadcast as one along a new first axis; ``axes``: so many come behind it at least."""
    dims = [[1] * (max(axes, *(q.ndim for q in places)) - p.ndim) + list(dims_of(p)) for p in places]
    shape = [next((n for n in sizes if not (isinstance(n, int) and n == 1)), 1) for sizes in zip(*dims)]
    return stack([broadcast_to(p, shape) for p in places])


def coordinates_of(*xs: Any) -> list[Any]:
    """Coordinates as floats in which they are exact enough: float32, or float64 where one is."""
    xs = tuple(to_tensor(x) for x in xs)
    dtype = promote("float32", *(x.dtype for x in xs))
    return [to_tensor(x, dtype) for x in xs]
