"""Ops that join, cut, repeat and turn tensors. Sizes may be known only to the running graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit1, to_tensor
from hornbeam.core.trace import Traced
from hornbeam.ops import math as m
from hornbeam.ops.arrays import _bound, _later, expand_dims, moveaxis, ravel, reshape, squeeze
from hornbeam.ops.elementwise import unify

__all__ = [
    "concatenate",
    "flip",
    "hstack",
    "repeat",
    "roll",
    "split",
    "stack",
    "tile",
    "unstack",
    "vstack",
]


def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Joins tensors along an existing axis; the others must agree.

    Args:
        xs: tensors of one number of axes.
        axis: along which they are joined.

    Returns:
        A tensor in the dtype that holds all of them.

    Raises:
        ValueError: when other axes differ.
    """
    xs = unify(*_several("xs", xs))
    return xs[0] if len(xs) == 1 else emit1("concat", list(xs), axis=_check.integer("axis", axis))


def _several(name: str, xs: Sequence[Any]) -> list[Any]:
    items = list(xs)
    if not items:
        raise ValueError(f"`{name}` must be a list of at least one tensor. Received: {name}={xs!r}")
    return items


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Joins tensors of one shape along a new axis.

    Args:
        x: tensors of one shape.
        axis: of the result, where they lie.

    Returns:
        A tensor with an axis more.
    """
    xs = unify(*_several("x", x))
    axis = _check.axis_in(axis, xs[0].ndim + 1)
    return concatenate([expand_dims(t, axis) for t in xs], axis)


def hstack(xs: Sequence[Any]) -> Any:
    """Joins along the second axis (the first, for vectors; numbers count as vectors of one).

    Args:
        xs: tensors of one number of axes.

    Returns:
        A tensor.
    """
    xs = [_at_least(x, 1) for x in _several("xs", xs)]
    return concatenate(xs, axis=0 if xs[0].ndim == 1 else 1)


def _at_least(x: Any, rank: int) -> Any:
    """``x`` with axes of size 1 before its own."""
    x = to_tensor(x)
    return x if x.ndim >= rank else reshape(x, [1] * (rank - x.ndim) + list(dims_of(x)))


def vstack(xs: Sequence[Any]) -> Any:
    """Joins along the first axis; vectors count as rows, numbers as rows of one.

    Args:
        xs: tensors of one number of axes.

    Returns:
        A tensor.
    """
    return concatenate([_at_least(x, 2) for x in _several("xs", xs)], axis=0)


def _slice_axis(x: Any, axis: int, begin: Any, end: Any) -> Any:
    dims = list(dims_of(x))
    b, e = [0] * len(dims), list(dims)
    b[axis], e[axis] = begin, end
    return emit1("slice", [x], begin=b, end=e, strides=[1] * len(dims))


def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Cuts an axis into equal parts, or at the given indices.

    Args:
        x: a tensor of any shape.
        indices_or_sections: the number of parts, or where they begin (but the first).
        axis: which axis.

    Returns:
        A list of tensors.

    Raises:
        ValueError: when a known size is not divisible by the number of parts.
    """
    x = to_tensor(x)
    axis = _check.axis_in(axis, x.ndim)
    n = dims_of(x)[axis]
    if hasattr(indices_or_sections, "__index__"):
        parts = _check.integer("indices_or_sections", indices_or_sections, 1)
        if isinstance(n, int) and n % parts:
            raise ValueError(f"cannot split axis {axis} of size {n} into {parts} equal parts")
        step = n // parts
        cuts = [step * i for i in range(parts)] + [n]
    else:
        ends = [i if isinstance(i, _core.Dim) else _bound(i, n) for i in indices_or_sections]  # type: ignore[union-attr]
        cuts = [0, *ends, n]
    return [_slice_axis(x, axis, a, _later(a, b)) for a, b in zip(cuts, cuts[1:])]


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """The slices along an axis of known size.

    Args:
        x: a tensor of any shape.
        num: the size of the axis, where it is not known.
        axis: which axis.

    Returns:
        A list of tensors with an axis less.

    Raises:
        ValueError: when the size is not known and ``num`` is None.
    """
    x = to_tensor(x)
    axis = _check.axis_in(axis, x.ndim)
    n = x.shape[axis] if num is None else _check.integer("num", num, 0)
    if n is None:
        raise ValueError("`num` is required when the axis has no known size. Received: num=None")
    if x.shape[axis] not in (None, n):
        raise ValueError(f"`num` must be the size of axis {axis}, {x.shape[axis]}. Received: num={num}")
    if x.shape[axis] is None:
        sizes = list(dims_of(x))
        x = reshape(x, [*sizes[:axis], n, *sizes[axis + 1 :]])
    return [squeeze(_slice_axis(x, axis, i, i + 1), axis) for i in range(n)]


def tile(x: Any, repeats: int | Sequence[int]) -> Any:
    """Repeats the whole tensor along each axis.

    Args:
        x: a tensor of any shape.
        repeats: an int, or one for each axis (the last ones, where there are fewer); expressions (``ops.shape``) too.

    Returns:
        A tensor.
    """
    x = to_tensor(x)
    reps = _check.dims("repeats", repeats)
    reps = [1] * (x.ndim - len(reps)) + reps
    x = _at_least(x, len(reps))
    sizes = list(dims_of(x))
    inner = [d for pair in ((1, d) for d in sizes) for d in pair]
    wide = [d for pair in zip(reps, sizes) for d in pair]
    y = emit1("broadcast_to", [emit1("reshape", [x], shape=inner)], shape=wide)
    return emit1("reshape", [y], shape=[r * d for r, d in zip(reps, sizes)])


def repeat(x: Any, repeats: int | Sequence[int], axis: int | None = None) -> Any:
    """Repeats each element along ``axis`` (None: of the flattened tensor).

    Args:
        x: a tensor of any shape.
        repeats: how often: an int, an expression (``ops.shape``), or an int for each element.
        axis: an int or None.

    Returns:
        A tensor.

    Raises:
        ValueError: when there is not a number for each element.
    """
    x = to_tensor(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = _check.axis_in(axis, x.ndim)
    sizes = list(dims_of(x))
    counts = _check.dims("repeats", repeats)
    if len(counts) > 1:
        if x.shape[axis] is None:
            sizes[axis] = len(counts)
            x = reshape(x, sizes)
        if len(counts) != sizes[axis] or not all(isinstance(c, int) for c in counts):
            raise ValueError(
                f"`repeats` must be an int for each of {sizes[axis]} elements. Received: repeats={repeats}"
            )
        _check.fits_memory("a repeated axis", [sum(counts)], "int64")
        ids = to_tensor(np.repeat(np.arange(len(counts), dtype="int32"), counts))
        return moveaxis(emit1("gather", [moveaxis(x, axis, 0), ids]), 0, axis)
    n = counts[0]
    y = emit1("reshape", [x], shape=sizes[: axis + 1] + [1] + sizes[axis + 1 :])
    y = emit1("broadcast_to", [y], shape=sizes[: axis + 1] + [n] + sizes[axis + 1 :])
    return emit1("reshape", [y], shape=sizes[:axis] + [sizes[axis] * n] + sizes[axis + 1 :])


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Reverses axes (all of them, when None).

    Args:
        x: a tensor of any shape.
        axis: an int, several or None.

    Returns:
        A tensor of x's shape.
    """
    x = to_tensor(x)
    for a in range(x.ndim) if axis is None else _check.ints("axis", axis):
        x = emit1("flip", [x], axis=a)
    return x


def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """Shifts elements along ``axis``; those that fall off come back at the other end.

    Args:
        x: a tensor of any shape.
        shift: by how much; negative towards the beginning. An int or a scalar tensor, or one for each axis.
        axis: an int, several, or None to roll the flattened tensor.

    Returns:
        A tensor of x's shape.

    Raises:
        ValueError: when there are several shifts, but not one for each axis.
    """
    x = to_tensor(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), list(dims_of(x)))
    axes = [_check.axis_in(a, x.ndim) for a in _check.ints("axis", axis)]
    single = not isinstance(shift, (list, tuple, np.ndarray)) or np.ndim(shift) == 0
    shifts: list[Any] = [shift] if single else list(shift)  # type: ignore[arg-type]
    if len(shifts) != len(axes) and 1 in (len(shifts), len(axes)):
        shifts, axes = shifts * len(axes), axes * len(shifts)
    if len(shifts) != len(axes):
        raise ValueError(f"`shift` must have a number for each axis. Received: shift={shift}, axis={axis}")
    for by, a in zip(shifts, axes):
        x = _roll_axis(x, by, a)
    return x


def _roll_axis(x: Any, shift: Any, axis: int) -> Any:
    n = dims_of(x)[axis]
    if isinstance(n, int) and n == 0:
        return x
    if isinstance(n, int) and not isinstance(shift, Traced):
        cut = n - _check.integer("shift", shift) % n
        return concatenate([_slice_axis(x, axis, cut, n), _slice_axis(x, axis, 0, cut)], axis=axis)
    places = emit1("iota", [], shape=[n], axis=0, dtype="int32")
    ids = m.mod(m.subtract(places, to_tensor(shift, "int32")), to_tensor(n, "int32"))
    return moveaxis(emit1("gather", [moveaxis(x, axis, 0), ids]), 0, axis)
