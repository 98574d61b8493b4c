"""Ops that select, scatter, pad and sort."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam._tensor import Tensor, dims_of, emit1, to_tensor, variable_value
from hornbeam.ops import math as m
from hornbeam.ops import reductions
from hornbeam.ops.arrays import (
    _axis,
    _dims,
    _slice_axis,
    broadcast_to,
    expand_dims,
    is_tensor,
    moveaxis,
    ravel,
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
    widths = (
        np.asarray(pad_width, dtype=object)
        if not hasattr(pad_width, "__index__")
        else np.asarray([pad_width, pad_width])
    )
    pairs = [tuple(widths)] * x.ndim if widths.ndim == 1 else [tuple(p) for p in widths]
    if len(pairs) != x.ndim:
        raise ValueError(f"`pad_width` needs a pair for each of {x.ndim} axes. Received: pad_width={pad_width}")
    if mode == "constant":
        return emit1(
            "pad", [x], low=[p[0] for p in pairs], high=[p[1] for p in pairs], value=float(constant_values or 0)
        )
    if mode not in ("reflect", "symmetric"):
        raise ValueError(f"`mode` must be 'constant', 'reflect' or 'symmetric'. Received: mode={mode!r}")
    for axis, (lo, hi) in enumerate(pairs):
        if lo == 0 and hi == 0:
            continue
        n = x.shape[axis]
        if n is None:
            raise ValueError(f"mode {mode!r} needs a known size of axis {axis}")
        ids = np.pad(np.arange(n), (int(lo), int(hi)), mode="reflect" if mode == "reflect" else "symmetric").astype(
            "int32"
        )
        x = take(x, ids, axis=axis)
    return x


def _ids(indices: Any, n: Any) -> Any:
    """Indices as int32 or int64, negative ones counted from the end."""
    ids = to_tensor(indices)
    if ids.dtype not in ("int32", "int64"):
        ids = to_tensor(ids, "int32")
    if isinstance(ids, Tensor) and (ids._array.size == 0 or ids._array.min() >= 0):
        return ids
    return m.where(m.less(ids, 0), m.add(ids, to_tensor(n, ids.dtype)), ids)


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
    axis = _axis(axis, x.ndim)
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
    axis = _axis(axis, x.ndim)
    ids = _ids(indices, dims_of(x)[axis])
    want = [i if k == axis else d for k, (d, i) in enumerate(zip(dims_of(x), dims_of(ids)))]
    return emit1("take_along_axis", [x, ids if tuple(ids.shape) == tuple(want) else broadcast_to(ids, want)], axis=axis)


def scatter(indices: Any, values: Any, shape: Sequence[Any]) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``indices`` ([.., k] gives the first k coordinates).

    Args:
        indices: int32 ``(..., k)``; those that repeat are added up.
        values: ``(..., rest of shape)``.
        shape: of the result.

    Returns:
        A tensor of that shape and the values' dtype.

    Raises:
        ValueError: when an index is out of range.
    """
    ids, values = to_tensor(indices, "int32"), to_tensor(values)
    k = ids.shape[-1]
    flat, stride = None, 1
    for i in reversed(builtins.range(k)):
        part = m.multiply(ids[..., i], stride)
        flat = part if flat is None else m.add(flat, part)
        stride *= shape[i]
    y = emit1("scatter_add", [flat, values], rows=[stride])
    return emit1("reshape", [y], shape=list(shape))


def scatter_update(inputs: Any, indices: Any, updates: Any) -> Any:
    """``inputs`` with ``updates`` written at ``indices`` (which must differ).

    Args:
        inputs: a tensor.
        indices: int32 ``(..., k)``.
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
    lo = [int(s) for s in start_indices]
    hi = [d - s - n for d, s, n in zip(dims_of(x), lo, dims_of(u))]
    mask = pad(ones_like(u, dtype="int32"), list(zip(lo, hi)))
    return m.where(m.greater(mask, 0), pad(to_tensor(u, x.dtype), list(zip(lo, hi))), x)


def segment_sum(data: Any, segment_ids: Any, num_segments: int, sorted: bool = False) -> Any:
    """Sums of the rows that share a segment id: ``(num_segments, ...)``.

    Args:
        data: ``(rows, ...)``.
        segment_ids: int32 ``(rows,)``, in [0, num_segments), in any order.
        num_segments: how many there are.
        sorted: accepted for compatibility.

    Raises:
        ValueError: when an id is out of range.
    """
    return emit1("scatter_add", [to_tensor(segment_ids, "int32"), m._numbers(data)], rows=[num_segments])


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    """1 at each index, 0 elsewhere; an index out of range gives zeros.

    Args:
        x: ints of any shape.
        num_classes: how many there are.
        axis: of the result, where the classes lie.
        dtype: name of the element type; None for ``floatx``.

    Output shape: x's, with an axis of ``num_classes`` added.
    """
    x = to_tensor(x)
    if x.dtype not in ("int32", "int64"):
        x = to_tensor(x, "int32")
    hot = m.cast(m.equal(expand_dims(x, -1), arange(num_classes, dtype=x.dtype)), dtype or config.floatx())
    return hot if axis in (-1, x.ndim) else moveaxis(hot, -1, axis)


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
    axis = _axis(axis, x.ndim)
    return moveaxis(emit1("argsort", [moveaxis(x, axis, -1)], descending=descending), -1, axis)


def sort(x: Any, axis: int = -1) -> Any:
    """``x`` in ascending order along ``axis``.

    Args:
        x: a tensor of any shape.
        axis: which axis.

    Returns:
        A tensor of x's shape.
    """
    return take_along_axis(x, argsort(x, axis), axis)


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
    x = to_tensor(x)
    if x.shape[-1] is not None and k > x.shape[-1]:
        raise ValueError(f"`k` must be at most the last axis' size, {x.shape[-1]}. Received: k={k}")
    ids = _slice_axis(_sorted_ids(x, -1, True), x.ndim - 1, 0, k)
    return take_along_axis(x, ids, -1), ids


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether each target class is among the k most probable.

    Args:
        targets: int32 ``(...,)``.
        predictions: ``(..., classes)``.
        k: how many count.

    Returns:
        A bool tensor of targets' shape.
    """
    p = to_tensor(predictions)
    score = take_along_axis(p, expand_dims(to_tensor(targets, "int32"), -1), -1)
    return m.less(reductions.sum(m.cast(m.greater(p, score), "int32"), -1), k)


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
