"""Ops that select, scatter, pad and sort."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import _core, config
from hornbeam import _validation as _check
from hornbeam._tensor import Tensor, as_array, dims_of, emit1, exact_ids, to_tensor, variable_value
from hornbeam.ops import math as m
from hornbeam.ops import reductions
from hornbeam.ops.arrays import (
    _dims,
    _slice_axis,
    broadcast_to,
    expand_dims,
    is_tensor,
    moveaxis,
    ravel,
    reshape,
    transpose,
)
from hornbeam.ops.creation import arange, ones_like


def get_item(x: Any, key: Any) -> Any:
    """``x[key]`` for ints, slices, ``...``, None, and one integer or boolean (eager only) array.

    Args:
        x: a tensor of any shape.
        key: as NumPy's.

    Returns:
        A tensor.

    Raises:
        IndexError: when an int is out of range.
        ValueError: for keys that are not supported.
    """
    x = to_tensor(x)
    keys = list(key) if isinstance(key, tuple) else [key]
    arrays = [k for k in keys if isinstance(k, (list, np.ndarray)) or (is_tensor(k) and k.ndim > 0)]
    if arrays or (len(keys) == 1 and is_tensor(keys[0])):
        if isinstance(x, Tensor) and builtins.all(not is_tensor(k) or isinstance(k, Tensor) for k in keys):
            if builtins.any(np.asarray(k).dtype == bool for k in arrays):
                mask = np.asarray(keys[0])
                if len(keys) == 1 and mask.shape == x.shape[: mask.ndim]:  # by ops, which tapes see
                    rows = reshape(x, (mask.size, *x.shape[mask.ndim :]))
                    return take(rows, np.flatnonzero(mask), axis=0)
                return Tensor(
                    x._array[
                        tuple(np.asarray(k) if k in arrays else k for k in keys)
                        if len(keys) > 1
                        else np.asarray(keys[0])
                    ]
                )
        axis = [i for i, k in enumerate(keys) if k is arrays[0] if arrays] if arrays else [0]
        if len(arrays) > 1 or builtins.any(k != builtins.slice(None) for i, k in enumerate(keys) if i not in axis[:1]):
            raise ValueError(
                "only one index array, beside full slices, is supported here; use ops.take or ops.take_along_axis"
            )
        return take(x, keys[axis[0]], axis=axis[0])
    real = builtins.sum(1 for k in keys if k is not None and k is not Ellipsis)
    if real > x.ndim:
        raise ValueError(f"too many indices for shape {x.shape}. Received: {key}")
    if Ellipsis in keys:
        i = keys.index(Ellipsis)
        keys[i : i + 1] = [builtins.slice(None)] * (x.ndim - real)
    else:
        keys += [builtins.slice(None)] * (x.ndim - real)
    dims = list(dims_of(x))
    begin: list[Any] = []
    end: list[Any] = []
    strides: list[int] = []
    flips: list[int] = []
    result: list[Any] = []  # what becomes of each axis: None (new), "drop" or "keep"
    axis_no = 0
    for k in keys:
        if k is None:
            result.append("new")
            continue
        n = dims[axis_no]
        if isinstance(k, builtins.slice):
            step = 1 if k.step is None else int(k.step)
            if step == 0:
                raise ValueError("slice step cannot be zero")
            if step < 0:
                if not isinstance(n, int):
                    if k.start is None and k.stop is None and step == -1:
                        b, e = 0, n
                        flips.append(axis_no)
                        step = 1
                    else:
                        raise ValueError("a negative step needs a known dimension, or [::-1]")
                else:
                    indices = builtins.range(*k.indices(n))
                    flips.append(axis_no)
                    b = indices[-1] if len(indices) else 0
                    e = indices[0] + 1 if len(indices) else 0
                    step = -step
            else:
                b = _bound(k.start, n, 0)
                e = _bound(k.stop, n, n)
                if isinstance(b, int) and isinstance(e, int) and e < b:
                    e = b
            result.append("keep")
        else:
            i = k if not is_tensor(k) else int(k)
            if isinstance(n, int) and not -n <= i < n:
                raise IndexError(f"index {i} is out of bounds for axis {axis_no} of size {n}")
            b = n + i if i < 0 else i
            e, step = b + 1, 1
            result.append("drop")
        begin.append(b)
        end.append(e)
        strides.append(step)
        axis_no += 1
    if begin != [0] * x.ndim or strides != [1] * x.ndim or not builtins.all(_same(e, d) for e, d in zip(end, dims)):
        x = emit1("slice", [x], begin=begin, end=end, strides=strides)
    for a in flips:
        x = emit1("flip", [x], axis=a)
    if "new" in result or "drop" in result:
        sizes = iter(_dims(x))
        new = []
        for r in result:
            if r == "new":
                new.append(1)
            else:
                d = next(sizes)
                if r == "keep":
                    new.append(d)
        x = emit1("reshape", [x], shape=new)
    return x


def _same(a: Any, b: Any) -> bool:
    return (isinstance(a, int) and isinstance(b, int) and a == b) or (
        not isinstance(a, int) and not isinstance(b, int) and a == b
    )


def _bound(k: Any, n: Any, default: Any) -> Any:
    if k is None:
        return default
    if not isinstance(n, int) or not hasattr(k, "__index__"):
        return n + k if isinstance(k, int) and k < 0 else k
    k = int(k)
    return builtins.max(0, n + k) if k < 0 else builtins.min(k, n)


def slice(inputs: Any, start_indices: Sequence[Any], shape: Sequence[Any]) -> Any:
    """The block of ``shape`` that starts at ``start_indices``.

    Args:
        inputs: a tensor.
        start_indices: one for each axis: ints or expressions.
        shape: of the block.

    Returns:
        A tensor of that shape.

    Raises:
        ValueError: when the block does not lie inside.
    """
    x = to_tensor(inputs)
    end = [s + n for s, n in zip(start_indices, shape)]
    return emit1("slice", [x], begin=list(start_indices), end=end, strides=[1] * x.ndim)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float | None = None) -> Any:
    """Adds elements before and after each axis.

    Args:
        x: a tensor.
        pad_width: an int, a pair, or a pair for each axis.
        mode: "constant", "reflect" or "symmetric".
        constant_values: the padding of mode "constant" (None: 0).
    """
    x = to_tensor(x)
    mode = _check.choice("mode", mode, ("constant", "reflect", "symmetric"))
    pairs = _pad_pairs(pad_width, x.ndim)
    if mode == "constant":
        value = _check.number("constant_values", 0 if constant_values is None else constant_values)
        if x.dtype not in ("float16", "bfloat16", "float32", "float64"):
            as_array(constant_values or 0, x.dtype)  # which holds it
        return emit1("pad", [x], low=[p[0] for p in pairs], high=[p[1] for p in pairs], value=value)
    if constant_values is not None:
        raise ValueError(f"`constant_values` is for mode 'constant'. Received: mode={mode!r}")
    for axis, (lo, hi) in enumerate(pairs):
        if lo == 0 and hi == 0:
            continue
        n = x.shape[axis]
        if not n:
            raise ValueError(
                f"mode {mode!r} needs a known size of axis {axis}, above 0. Received: shape={tuple(x.shape)}"
            )
        _check.fits_memory("a padded axis", [n + lo + hi], "int64")
        ids = np.pad(np.arange(n), (lo, hi), mode="reflect" if mode == "reflect" else "symmetric")
        x = take(x, ids.astype("int32"), axis=axis)
    return x


def _pad_pairs(pad_width: Any, rank: int) -> list[tuple[Any, Any]]:
    """Low and high padding of each axis."""
    items = [pad_width, pad_width] if hasattr(pad_width, "__index__") else list(pad_width)
    if len(items) == 2 and builtins.all(hasattr(i, "__index__") or isinstance(i, _core.Dim) for i in items):
        items = [items] * rank
    pairs = [_check.dims("pad_width", p) for p in items]
    if len(pairs) != rank or builtins.any(len(p) != 2 for p in pairs):
        raise ValueError(f"`pad_width` needs a pair for each of {rank} axes. Received: pad_width={pad_width}")
    return [(p[0], p[1]) for p in pairs]


def _ids(indices: Any, n: Any) -> Any:
    """Indices as int32 or int64, negative ones down to -n counted from the end."""
    indices = to_tensor(indices)
    if indices.dtype == "bool":
        raise TypeError("indices must be ints. Received: bools; a mask of an eager tensor goes in x[mask]")
    ids = exact_ids(indices)
    if isinstance(ids, Tensor) and (ids._array.size == 0 or ids._array.min() >= 0):
        return ids
    size = to_tensor(n, ids.dtype)
    from_end = m.logical_and(m.less(ids, 0), m.greater_equal(ids, m.negative(size)))
    return m.where(from_end, m.add(ids, size), ids)


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
    return transpose(y, [*builtins.range(n, n + axis), *builtins.range(n), *builtins.range(n + axis, y.ndim)])


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements of ``x`` by index along ``axis``; the other axes match (or are 1 in ``indices``).

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
    want = [i if k == axis else d for k, (d, i) in enumerate(zip(dims_of(x), dims_of(ids)))]
    return emit1("take_along_axis", [x, ids if tuple(ids.shape) == tuple(want) else broadcast_to(ids, want)], axis=axis)


def scatter(indices: Any, values: Any, shape: Sequence[Any]) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``indices`` ([.., k] gives the first k coordinates).

    Args:
        indices: ints ``(..., k)``; those that repeat are added up.
        values: ``(..., rest of shape)``.
        shape: of the result.

    Returns:
        A tensor of that shape and the values' dtype.

    Raises:
        ValueError: when an index is out of range.
    """
    ids, values, sizes = exact_ids(indices), to_tensor(values), _check.dims("shape", shape)
    k = ids.shape[-1] if ids.ndim else None
    if k is None or not 1 <= k <= len(sizes):
        raise ValueError(
            f"`indices` must have a last axis of 1 to {len(sizes)} coordinates. Received: indices.shape="
            f"{tuple(ids.shape)}, shape={tuple(sizes)}"
        )
    rows = m.shape_product(sizes[:k])
    flat = ids[..., 0] if k == 1 else _row_numbers(ids, sizes[:k])
    y = emit1("scatter_add", [flat, values], rows=[rows])
    return emit1("reshape", [y], shape=sizes)


def _row_numbers(ids: Any, sizes: list[Any]) -> Any:
    """Coordinates ``(..., k)`` as places in row-major order, each looked up in a table of its own, which says where one is
    out of range."""
    flat = None
    for i, n in enumerate(sizes):
        inner = m.shape_product(sizes[i + 1 :])
        place = emit1("gather", [m.multiply(arange(n, dtype="int64"), to_tensor(inner, "int64")), ids[..., i]])
        flat = place if flat is None else m.add(flat, place)
    return flat


def scatter_update(inputs: Any, indices: Any, updates: Any) -> Any:
    """``inputs`` with ``updates`` written at ``indices`` (which must differ).

    Args:
        inputs: a tensor.
        indices: ints ``(..., k)``.
        updates: ``(..., the other axes of inputs)``.

    Returns:
        A tensor of inputs' shape.

    Raises:
        ValueError: when an index is out of range.
    """
    x = to_tensor(inputs)
    hit = scatter(indices, ones_like(to_tensor(updates), dtype="int32"), list(dims_of(x)))
    new = scatter(indices, to_tensor(updates, x.dtype), list(dims_of(x)))
    return m.where(m.greater(hit, 0), new, x)


def slice_update(inputs: Any, start_indices: Sequence[int], updates: Any) -> Any:
    """``inputs`` with the block at ``start_indices`` replaced.

    Args:
        inputs: a tensor.
        start_indices: where the block begins, one for each axis.
        updates: the block.

    Returns:
        A tensor of inputs' shape.
    """
    x, u = to_tensor(inputs), to_tensor(updates)
    lo = _check.ints("start_indices", start_indices)
    if not len(lo) == x.ndim == u.ndim:
        raise ValueError(
            f"`start_indices` and `updates` must have {x.ndim} axes. Received: start_indices={tuple(lo)}, "
            f"updates.shape={tuple(u.shape)}"
        )
    hi = [d - s - n for d, s, n in zip(dims_of(x), lo, dims_of(u))]
    mask = pad(ones_like(u, dtype="int32"), list(zip(lo, hi)))
    return m.where(m.greater(mask, 0), pad(to_tensor(u, x.dtype), list(zip(lo, hi))), x)


def segment_sum(data: Any, segment_ids: Any, num_segments: int, sorted: bool = False) -> Any:
    """Sums of the rows that share a segment id: ``(num_segments, ...)``.

    Args:
        data: ``(rows, ...)``.
        segment_ids: ints ``(rows,)``, in [0, num_segments), in any order.
        num_segments: how many there are.
        sorted: accepted for compatibility.

    Raises:
        ValueError: when an id is out of range.
    """
    rows = _check.dims("num_segments", num_segments)
    return emit1("scatter_add", [exact_ids(segment_ids), m._numbers(data)], rows=rows)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    """1 at each index, 0 elsewhere; an index out of range gives zeros.

    Args:
        x: ints of any shape.
        num_classes: how many there are.
        axis: of the result, where the classes lie.
        dtype: name of the element type; None for ``floatx``.

    Output shape: x's, with an axis of ``num_classes`` added.
    """
    x = exact_ids(x)
    classes = arange(_check.dims("num_classes", num_classes)[0], dtype=x.dtype)
    hot = m.cast(m.equal(expand_dims(x, -1), classes), dtype or config.floatx())
    axis = _check.axis_in(axis, x.ndim + 1)
    return hot if axis == x.ndim else moveaxis(hot, -1, axis)


def argsort(x: Any, axis: int = -1) -> Any:
    """Indices that sort ``x`` along ``axis``, stable, int32; NaN last.

    Args:
        x: a tensor of any shape.
        axis: which axis.

    Returns:
        A tensor of x's shape.
    """
    return _sorted_ids(x, axis, False)


def _sorted_ids(x: Any, axis: int, descending: bool) -> Any:
    x = m._numbers(x)
    axis = _check.axis_in(axis, x.ndim)
    return moveaxis(emit1("argsort", [moveaxis(x, axis, -1)], descending=descending), -1, axis)


def sort(x: Any, axis: int = -1) -> Any:
    """``x`` in ascending order along ``axis``.

    Args:
        x: a tensor of any shape.
        axis: which axis.

    Returns:
        A tensor of x's shape.
    """
    x = to_tensor(x)
    return emit1("take_along_axis", [x, argsort(x, axis)], axis=_check.axis_in(axis, x.ndim))


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """The k largest elements along the last axis, and their indices.

    Args:
        x: ``(..., n)``.
        k: at most n.
        sorted: accepted for compatibility: they always are, the largest first.

    Returns:
        Two tensors ``(..., k)``: elements in x's dtype, indices in int32.

    Raises:
        ValueError: when k is larger than n.
    """
    x, k = to_tensor(x), _check.integer("k", k, 0)
    if x.ndim == 0:
        raise ValueError(f"top_k needs at least one axis. Received: x.shape={tuple(x.shape)}")
    if x.shape[-1] is not None and k > x.shape[-1]:
        raise ValueError(f"`k` must be at most the last axis' size, {x.shape[-1]}. Received: k={k}")
    ids = _slice_axis(_sorted_ids(x, -1, True), x.ndim - 1, 0, k)
    return emit1("take_along_axis", [x, ids], axis=-1), ids


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether each target class is among the k most probable.

    Args:
        targets: ints ``(...,)``; one that is no class is not among them.
        predictions: ``(..., classes)``.
        k: how many count.

    Returns:
        A bool tensor of targets' shape.
    """
    p, ids, k = m.to_float(predictions), expand_dims(exact_ids(targets), -1), _check.integer("k", k, 1)
    known = m.logical_and(m.greater_equal(ids, 0), m.less(ids, to_tensor(dims_of(p)[-1], ids.dtype)))
    score = emit1("take_along_axis", [p, m.where(known, ids, 0)], axis=-1)
    score = m.where(m.isnan(score), -np.inf, score)  # no number is not the largest
    among = m.less(reductions.sum(m.cast(m.greater(p, score), "int32"), -1), k)
    return m.logical_and(among, reductions.any(known, -1))


def nonzero(x: Any) -> Any:
    """Indices of the elements that are not zero, one array an axis (eager only: the count depends on the values).

    Args:
        x: an eager tensor or array.

    Returns:
        A tuple of int32 tensors.

    Raises:
        TypeError: for a traced value.
    """
    return tuple(Tensor(i.astype("int32")) for i in np.nonzero(np.asarray(variable_value(x))))


def unique(x: Any) -> Any:
    """The sorted distinct elements (eager only).

    Args:
        x: an eager tensor or array.

    Returns:
        A tensor of one axis.

    Raises:
        TypeError: for a traced value.
    """
    return Tensor(np.unique(np.asarray(variable_value(x))))


def boolean_mask(x: Any, mask: Any) -> Any:
    """The elements where the mask holds (eager only).

    Args:
        x: an eager tensor or array.
        mask: bools of its first axes.

    Returns:
        A tensor.

    Raises:
        TypeError: for a traced value.
    """
    return Tensor(np.asarray(variable_value(x))[np.asarray(mask).astype(bool)])
