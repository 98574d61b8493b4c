"""Ops that rearrange tensors. Shape parameters take ints and dimension expressions (``ops.shape``)."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import _core, config
from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit1, to_tensor, variable_value
from hornbeam.core.tensor import is_tensor as _is_tensor
from hornbeam.core.trace import Traced
from hornbeam.ops import math as m

__all__ = [
    "array",
    "broadcast_to",
    "concatenate",
    "convert_to_numpy",
    "convert_to_tensor",
    "expand_dims",
    "flip",
    "hstack",
    "is_tensor",
    "moveaxis",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "shape",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "transpose",
    "unstack",
    "vstack",
]


def shape(x: Any) -> tuple[Any, ...]:
    """Dimensions of ``x``: ints, or expressions (usable as shape parameters) where only the running graph knows them.

    Args:
        x: a tensor, variable or array.

    Returns:
        A tuple.
    """
    return dims_of(x)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Any:
    """``x`` as a tensor, in another dtype when one is given.

    Args:
        x: a tensor, variable, array, number, or lists of them.
        dtype: name of the element type; None for its own (floats of lists: ``floatx``).
        sparse, ragged: only None or False: tensors here are dense.

    Returns:
        A tensor.

    Raises:
        TypeError: for what is not numeric.
    """
    _check.unsupported("sparse", sparse, None, False)
    _check.unsupported("ragged", ragged, None, False)
    return to_tensor(x, None if dtype is None else config.standardize_dtype(dtype))


array = convert_to_tensor


def convert_to_numpy(x: Any) -> Any:
    """``x`` as a NumPy array. Raises TypeError for a traced value.

    Args:
        x: a tensor, variable or array; bfloat16 comes as float32.

    Returns:
        A NumPy array.
    """
    return np.asarray(variable_value(x))


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor (eager, traced or symbolic).

    Args:
        x: anything.
    """
    return _is_tensor(x)


def reshape(x: Any, newshape: Sequence[Any]) -> Any:
    """The same elements in another shape; one dimension may be -1.

    Args:
        x: a tensor of any shape.
        newshape: dimensions: ints, expressions (``ops.shape``), and at most one -1 for what is left.

    Returns:
        A tensor of that shape; elements in row-major order.

    Raises:
        ValueError: when the sizes differ.
    """
    x = to_tensor(x)
    single = hasattr(newshape, "__index__") or isinstance(newshape, _core.Dim)
    sizes: Any = [newshape] if single and getattr(newshape, "ndim", 0) == 0 else newshape
    shape = [d if isinstance(d, _core.Dim) else -1 if d is None else _check.integer("newshape", d) for d in sizes]
    return emit1("reshape", [x], shape=shape)


def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """Adds axes of size 1.

    Args:
        x: a tensor of any shape.
        axis: where the new axes are in the result; an int or several.

    Returns:
        A tensor.

    Raises:
        ValueError: when an axis is out of range.
    """
    x = to_tensor(x)
    sizes = list(dims_of(x))
    for a in sorted(_check.axes_in(axis, len(sizes) + len(_check.ints("axis", axis)))):
        sizes.insert(a, 1)
    return emit1("reshape", [x], shape=sizes)


def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Removes axes of size 1 (all of them, when ``axis`` is None).

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None.

    Returns:
        A tensor.

    Raises:
        ValueError: when the size of a given axis is not 1.
    """
    x = to_tensor(x)
    sizes = list(dims_of(x))
    if axis is None:
        gone = [i for i, d in enumerate(sizes) if isinstance(d, int) and d == 1]
    else:
        gone = _check.axes_in(axis, len(sizes))
        for a in gone:
            if not (isinstance(sizes[a], int) and sizes[a] == 1):
                raise ValueError(f"cannot squeeze axis {a} of shape {x.shape}: its size is not 1")
    return emit1("reshape", [x], shape=[d for i, d in enumerate(sizes) if i not in gone])


def ravel(x: Any) -> Any:
    """All elements along one axis.

    Args:
        x: a tensor of any shape.

    Returns:
        A tensor of one axis.
    """
    return reshape(x, [-1])


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """The axes in another order (reversed, when None).

    Args:
        x: a tensor of any shape.
        axes: for each axis of the result, the one of x that goes there.

    Returns:
        A tensor.

    Raises:
        ValueError: when the axes are not those of x, each once.
    """
    x = to_tensor(x)
    perm = list(range(x.ndim))[::-1] if axes is None else _check.axes_in(axes, x.ndim, "axes")
    return x if perm == list(range(x.ndim)) else emit1("transpose", [x], perm=perm)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchanges two axes.

    Args:
        x: a tensor of any shape.
        axis1: an axis.
        axis2: another.

    Returns:
        A tensor.
    """
    x = to_tensor(x)
    perm = list(range(x.ndim))
    a, b = _check.axis_in(axis1, x.ndim, "axis1"), _check.axis_in(axis2, x.ndim, "axis2")
    perm[a], perm[b] = perm[b], perm[a]
    return transpose(x, perm)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Moves axes to other places.

    Args:
        x: a tensor of any shape.
        source: an axis of x, or several.
        destination: where they are in the result.

    Returns:
        A tensor.

    Raises:
        ValueError: when there are not as many places as axes.
    """
    x = to_tensor(x)
    start, end = _check.axes_in(source, x.ndim, "source"), _check.axes_in(destination, x.ndim, "destination")
    if len(start) != len(end):
        raise ValueError(
            f"`source` and `destination` must be equally long. Received: source={source}, destination={destination}"
        )
    perm = [i for i in range(x.ndim) if i not in start]
    for to, axis in sorted(zip(end, start)):
        perm.insert(to, axis)
    return transpose(x, perm)


def broadcast_to(x: Any, shape: Sequence[Any]) -> Any:
    """Repeats axes of size 1 up to ``shape``.

    Args:
        x: a tensor whose axes, the last with the last, are those of ``shape`` or 1.
        shape: dimensions: ints or expressions.

    Returns:
        A tensor of that shape.

    Raises:
        ValueError: when x does not broadcast to it.
    """
    return emit1("broadcast_to", [to_tensor(x)], shape=_check.dims("shape", shape))


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
    xs = m._unify(*_several("xs", xs))
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
    xs = m._unify(*_several("x", x))
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


def _later(a: Any, b: Any) -> Any:
    """``b``, or ``a`` where that comes after it."""
    return a if isinstance(a, int) and isinstance(b, int) and b < a else b


def _smaller(a: Any, b: Any) -> Any:
    """The smaller of two sizes, each >= 0 and perhaps known only to the running graph."""
    if isinstance(a, int) and isinstance(b, int):
        return builtins.min(a, b)
    fits = 1 // (a // (b + 1) + 1)  # 1 where a <= b, else 0
    return b + fits * (a - b)


def _bound(k: Any, n: Any) -> Any:
    """Where a slice's bound ``k``, which may count from the end, lies on an axis of size ``n``.

    An axis of unknown size is taken to have an element, so that ``x[:1]`` is known to be one and broadcasts.
    """
    if isinstance(k, _core.Dim):
        return k if isinstance(n, _core.Dim) and k == n else _smaller(k, n)
    k = _check.integer("a slice's bound", k)
    if not isinstance(n, int) and k in (-1, 1):
        return k if k > 0 else n + k
    if k >= 0:
        return _smaller(k, n)
    return builtins.max(0, n + k) if isinstance(n, int) else n - _smaller(-k, n)


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
    return [squeeze(_slice_axis(x, axis, i, i + 1), axis) for i in builtins.range(n)]


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
        if len(counts) != sizes[axis] or not builtins.all(isinstance(c, int) for c in counts):
            raise ValueError(
                f"`repeats` must be an int for each of {sizes[axis]} elements. Received: repeats={repeats}"
            )
        _check.fits_memory("a repeated axis", [builtins.sum(counts)], "int64")
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
    for a in builtins.range(x.ndim) if axis is None else _check.ints("axis", axis):
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
