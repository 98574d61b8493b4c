"""Ops that take parts of tensors: indexing, slices, rows by index."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import _core
from hornbeam.core import validation as _check
from hornbeam.core.strings import STRING
from hornbeam.core.tensor import _FLOATS, Tensor, as_array, dims_of, emit1, exact_ids, to_tensor, variable_value
from hornbeam.core.trace import Traced
from hornbeam.ops import math as m
from hornbeam.ops.arrays import (
    _bound,
    _later,
    _smaller,
    broadcast_to,
    is_tensor,
    moveaxis,
    ravel,
    reshape,
    shape_product,
    transpose,
)
from hornbeam.ops.comparison import greater_equal, less, logical_and, where
from hornbeam.ops.creation import arange, ones_like
from hornbeam.ops.padding import _pad_zeros

__all__ = ["get_item", "slice", "slice_update", "take", "take_along_axis"]


def get_item(x: Any, key: Any) -> Any:
    """``x[key]``, as NumPy's: ints, slices, ``...``, None, and any number of integer or (eager) boolean arrays.

    Args:
        x: a tensor of any shape; an eager one may hold strings.
        key: one of these, or a tuple of them.

    Returns:
        A tensor.

    Raises:
        IndexError: when an int is out of range, there are too many indices, or one is no index.

    Example:
        >>> x = arange(6).reshape(2, 3)
        >>> x[[0, 1], [2, 0]].tolist(), x[:, ::-1].tolist()
        ([2, 3], [[2, 1, 0], [5, 4, 3]])
    """
    x = to_tensor(x)
    if isinstance(x, Tensor) and x.dtype == STRING:  # those of a data set: no program takes them
        found = np.asarray(x)[key]
        return Tensor(found if isinstance(found, np.ndarray) else np.array(found, object))
    keys = _full_keys(list(key) if isinstance(key, tuple) else [key], x)
    if builtins.any(is_tensor(k) for k in keys):
        return _pick(x, keys)
    return _cut(x, keys)


def _full_keys(given: list[Any], x: Any) -> list[Any]:
    """A key for each axis (and None for each new one): slices, ints, and int tensors."""
    keys: list[Any] = []
    for k in given:
        k = variable_value(k)
        if k is None or k is Ellipsis or isinstance(k, builtins.slice):
            keys.append(k)
        elif isinstance(k, (list, np.ndarray, np.generic, bool)) or is_tensor(k):
            keys.extend(_index_tensors(k))
        else:
            try:
                keys.append(operator.index(k))
            except TypeError as e:
                raise IndexError(f"an index must be an int, a slice, ..., None or an array. Received: {k!r}") from e
    real = builtins.sum(1 for k in keys if k is not None and k is not Ellipsis)
    if real > x.ndim:
        raise IndexError(
            f"index out of range: a tensor of shape {tuple(x.shape)} takes {x.ndim} indices. Received: {given}"
        )
    if builtins.sum(1 for k in keys if k is Ellipsis) > 1:
        raise IndexError(f"an index can only have a single ellipsis ('...'). Received: {given}")
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [builtins.slice(None)] * (x.ndim - real)
    return keys


def _index_tensors(k: Any) -> list[Any]:
    """An array of ints, or where an array of bools holds, one tensor an axis of it."""
    t = to_tensor(np.zeros(0, "int32") if isinstance(k, list) and not k else k)
    if t.dtype == "bool":
        if isinstance(t, Traced):
            raise TypeError(
                "indices must be ints. Received: bools, which pick as many elements as hold: a compiled step cannot know "
                "how many; use ops.where"
            )
        if t.ndim == 0:
            raise IndexError("a single bool is no index")
        return [to_tensor(i.astype("int32")) for i in np.nonzero(np.asarray(t))]
    if t.dtype in _FLOATS:
        raise IndexError(f"indices must be ints. Received: dtype={t.dtype}")
    return [int(t) if t.ndim == 0 and isinstance(t, Tensor) else exact_ids(t)]


def _cut(x: Any, keys: list[Any]) -> Any:
    """``x`` at ints and slices."""
    dims = list(dims_of(x))
    begin: list[Any] = []
    end: list[Any] = []
    strides: list[int] = []
    dropped: list[int] = []
    shape: list[Any] = []  # of the result: sizes, None where an axis is kept
    for k in keys:
        axis = len(begin)
        if k is None:
            shape.append(1)
            continue
        if isinstance(k, builtins.slice):
            b, e, step = _range(k, dims[axis])
            if step < 0:
                x = emit1("flip", [x], axis=axis)
            step = builtins.abs(step)
            shape.append(None)
        else:
            n = dims[axis]
            if isinstance(n, int) and not -n <= k < n:
                raise IndexError(f"index {k} is out of bounds for axis {axis} of size {n}")
            b = n + k if k < 0 else k
            e, step = b + 1, 1
            dropped.append(axis)
        begin.append(b)
        end.append(e)
        strides.append(step)
    if begin != [0] * x.ndim or strides != [1] * x.ndim or not builtins.all(_same(e, d) for e, d in zip(end, dims)):
        x = emit1("slice", [x], begin=begin, end=end, strides=strides)
    if len(shape) == x.ndim and not dropped:
        return x
    kept = iter(d for i, d in enumerate(dims_of(x)) if i not in dropped)
    return emit1("reshape", [x], shape=[next(kept) if d is None else d for d in shape])


def _range(k: builtins.slice, n: Any) -> tuple[Any, Any, int]:
    """Begin, end and step of a slice on an axis of size ``n``; with a step below 0, on the reversed axis."""
    step = 1 if k.step is None else operator.index(k.step)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if step > 0:
        b = 0 if k.start is None else _bound(_whole(k.start), n)
        e = n if k.stop is None else _bound(_whole(k.stop), n)
        return b, _later(b, e), step

    def reversed_bound(bound: Any) -> Any:  # element i is element n - 1 - i there
        bound = _whole(bound)
        return _smaller(-bound - 1, n) if not isinstance(bound, _core.Dim) and bound < 0 else n - _smaller(bound + 1, n)

    b = 0 if k.start is None else reversed_bound(k.start)
    e = n if k.stop is None else reversed_bound(k.stop)
    return b, _later(b, e), step


def _whole(bound: Any) -> Any:
    return bound if isinstance(bound, _core.Dim) else operator.index(bound)


def _same(a: Any, b: Any) -> bool:
    return (isinstance(a, int) and isinstance(b, int) and a == b) or (
        not isinstance(a, int) and not isinstance(b, int) and a == b
    )


def _pick(x: Any, keys: list[Any]) -> Any:
    """``x`` at index tensors, among ints (which count as such here) and slices, by NumPy's rules."""
    picked = [i for i, k in enumerate(keys) if is_tensor(k) or isinstance(k, int)]
    together = picked[-1] - picked[0] == len(picked) - 1
    x = _cut(x, [builtins.slice(None) if i in picked else k for i, k in enumerate(keys)])
    dims = dims_of(x)
    rest = [i for i in range(x.ndim) if i not in picked]
    ids = _joint_ids([keys[i] for i in picked], [dims[i] for i in picked])
    rows = shape_product([dims[i] for i in picked])
    table = transpose(x, picked + rest)
    y = emit1("gather", [table if len(picked) == 1 else reshape(table, [rows, *(dims[i] for i in rest)]), ids])
    if not together:
        return y
    first, n = picked[0], ids.ndim
    return transpose(y, [*range(n, n + first), *range(n), *range(n + first, y.ndim)])


def _joint_ids(indices: list[Any], sizes: list[Any]) -> Any:
    """Places in row-major order of indices on several axes, each looked up in a table of its own, which says where one
    is out of range."""
    if len(indices) == 1:
        return _ids(indices[0], sizes[0])
    flat: Any = None
    for i, (index, n) in enumerate(zip(indices, sizes)):
        inner = shape_product(sizes[i + 1 :])
        table = m.multiply(arange(n, dtype="int64"), to_tensor(inner, "int64"))
        place = emit1("gather", [table, _ids(index, n)])
        flat = place if flat is None else m.add(flat, place)
    return flat


def _ids(indices: Any, n: Any) -> Any:
    """Indices as int32 or int64, negative ones down to -n counted from the end."""
    indices = to_tensor(indices)
    if indices.dtype == "bool":
        raise TypeError("indices must be ints. Received: bools; a mask of an eager tensor goes in x[mask]")
    ids = exact_ids(indices)
    if isinstance(ids, Tensor) and np.min(as_array(ids), initial=0) >= 0:
        return ids
    size = to_tensor(n, ids.dtype)
    from_end = logical_and(less(ids, 0), greater_equal(ids, m.negative(size)))
    return where(from_end, m.add(ids, size), ids)


def _starts(name: str, given: Any, rank: int) -> list[Any]:
    """Where a block begins on each axis: ints, expressions, or scalars that only the running program knows."""
    items = [given[i] for i in range(rank)] if isinstance(given, Traced) else list(given)
    if len(items) != rank:
        raise ValueError(f"`{name}` must have {rank} items. Received: {name}={given}")
    return [i if isinstance(i, (Traced, _core.Dim)) else _check.integer(name, i) for i in items]


def slice(inputs: Any, start_indices: Sequence[Any], shape: Sequence[Any]) -> Any:
    """The block of ``shape`` that starts at ``start_indices``.

    Args:
        inputs: a tensor.
        start_indices: one for each axis: ints, expressions, or scalar tensors (which are held so that the block fits).
        shape: of the block; -1 for what is left of an axis.

    Returns:
        A tensor of that shape.

    Raises:
        ValueError: when the block does not lie inside.
    """
    x = to_tensor(inputs)
    starts = _starts("start_indices", start_indices, x.ndim)
    given: list[Any] = list(shape)
    sizes = [
        d if isinstance(d, _core.Dim) else n - s if _check.integer("shape", d, -1) == -1 else d
        for s, n, d in zip(starts, dims_of(x), given)
    ]
    for axis, (s, d) in enumerate(zip(starts, sizes)):
        if isinstance(s, Traced):
            x = _moving_block(x, axis, s, d)
    begin = [0 if isinstance(s, Traced) else s for s in starts]
    return emit1("slice", [x], begin=begin, end=[b + d for b, d in zip(begin, sizes)], strides=[1] * x.ndim)


def _moving_block(x: Any, axis: int, start: Any, size: Any) -> Any:
    """``size`` elements of an axis from ``start`` on."""
    ids = m.add(arange(size, dtype="int32"), _held_start(start, dims_of(x)[axis], size))
    return moveaxis(emit1("gather", [moveaxis(x, axis, 0), ids]), 0, axis)


def _held_start(start: Any, n: Any, size: Any) -> Any:
    start = to_tensor(start, "int32")
    start = where(less(start, 0), m.add(start, to_tensor(n, "int32")), start)
    return m.clip(start, 0, to_tensor(n - size, "int32"))


def slice_update(inputs: Any, start_indices: Sequence[Any], updates: Any) -> Any:
    """``inputs`` with the block at ``start_indices`` replaced.

    Args:
        inputs: a tensor.
        start_indices: where the block begins, one for each axis: ints, expressions, or scalar tensors (which are held so
            that the block fits).
        updates: the block.

    Returns:
        A tensor of inputs' shape.

    Raises:
        ValueError: when the block does not lie inside.
    """
    x, u = to_tensor(inputs), to_tensor(updates)
    lo = _starts("start_indices", start_indices, x.ndim)
    if u.ndim != x.ndim:
        raise ValueError(
            f"`start_indices` and `updates` must have {x.ndim} axes. Received: start_indices={tuple(lo)}, "
            f"updates.shape={tuple(u.shape)}"
        )
    u = to_tensor(u, x.dtype)
    inside: Any = ones_like(u, dtype="bool")
    for axis, s in enumerate(lo):
        n, size = dims_of(x)[axis], dims_of(u)[axis]
        if isinstance(s, Traced):
            place = m.subtract(arange(n, dtype="int32"), _held_start(s, n, size))
            ids = m.clip(place, 0, to_tensor(size - 1, "int32"))
            u, inside = (moveaxis(emit1("gather", [moveaxis(t, axis, 0), ids]), 0, axis) for t in (u, inside))
            holds = logical_and(greater_equal(place, 0), less(place, to_tensor(size, "int32")))
            inside = logical_and(inside, reshape(holds, [n if i == axis else 1 for i in range(x.ndim)]))
        else:
            padding = [(0, 0)] * x.ndim
            padding[axis] = (s, n - s - size)
            u, inside = (_pad_zeros(t, padding) for t in (u, inside))
    return where(inside, u, x)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Slices of ``x`` by index along ``axis`` (None: of the flattened tensor).

    Args:
        x: a tensor of any shape.
        indices: ints of any shape; negative ones count from the end.
        axis: an int or None.

    Returns:
        A tensor: x's shape with the indices' in the axis' place.

    Raises:
        ValueError: when an index is out of range, naming it.
    """
    x = to_tensor(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = _check.axis_in(axis, x.ndim)
    ids = _ids(indices, dims_of(x)[axis])
    y = emit1("gather", [moveaxis(x, axis, 0), ids])
    if axis == 0:
        return y
    n = ids.ndim
    return transpose(y, [*range(n, n + axis), *range(n), *range(n + axis, y.ndim)])


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements of ``x`` by index along ``axis``; the other axes are equal, or 1 in either.

    Args:
        x: a tensor of any shape.
        indices: ints; negative ones count from the end.
        axis: which axis; None takes both as flat.

    Returns:
        A tensor of the indices' shape.

    Raises:
        ValueError: when an index is out of range.
    """
    x = to_tensor(x)
    if axis is None:
        return take_along_axis(ravel(x), ravel(indices), 0)
    axis = _check.axis_in(axis, x.ndim)
    ids = _ids(indices, dims_of(x)[axis])
    if ids.ndim != x.ndim:
        raise ValueError(
            f"`indices` must have as many axes as x. Received: indices.shape={tuple(ids.shape)}, "
            f"x.shape={tuple(x.shape)}"
        )
    have, want = list(dims_of(x)), list(dims_of(ids))
    for i, (d, k) in enumerate(zip(have, want)):
        if i != axis:
            have[i] = want[i] = k if isinstance(d, int) and d == 1 else d
    x, ids = (
        t if builtins.all(_same(a, b) for a, b in zip(dims_of(t), to)) else broadcast_to(t, to)
        for t, to in ((x, have), (ids, want))
    )
    return emit1("take_along_axis", [x, ids], axis=axis)
