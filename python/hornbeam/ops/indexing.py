"""Ops that write by index, count, and sort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit1, exact_ids, to_tensor, variable_value
from hornbeam.ops import math as m
from hornbeam.ops import reductions
from hornbeam.ops.arrays import expand_dims, moveaxis, ravel, reshape, shape_product
from hornbeam.ops.comparison import equal, greater, greater_equal, isnan, less, logical_and, not_equal, where
from hornbeam.ops.creation import arange
from hornbeam.ops.elementwise import to_float, to_numbers, unify
from hornbeam.ops.joining import _slice_axis, concatenate
from hornbeam.ops.selection import _joint_ids, get_item

__all__ = [
    "argsort",
    "boolean_mask",
    "in_top_k",
    "nonzero",
    "one_hot",
    "scatter",
    "scatter_update",
    "searchsorted",
    "segment_sum",
    "sort",
    "top_k",
    "unique",
]


def _rows_of(indices: Any, sizes: list[Any]) -> tuple[Any, Any, list[Any]]:
    """Coordinates ``(..., k)`` on the first k axes as numbers of rows, how many rows there are, and the other axes."""
    ids = exact_ids(indices)
    k = ids.shape[-1] if ids.ndim else None
    if k is None or not 1 <= k <= len(sizes):
        raise ValueError(
            f"`indices` must have a last axis of 1 to {len(sizes)} coordinates. Received: indices.shape="
            f"{tuple(ids.shape)}, shape={tuple(sizes)}"
        )
    return _joint_ids([ids[..., i] for i in range(k)], sizes[:k]), shape_product(sizes[:k]), sizes[k:]


def scatter(indices: Any, values: Any, shape: Sequence[Any]) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``indices`` ([.., k] gives the first k coordinates).

    Args:
        indices: ints ``(..., k)``, negative ones from the end; those that repeat are added up.
        values: ``(..., rest of shape)``.
        shape: of the result.

    Returns:
        A tensor of that shape and the values' dtype.

    Raises:
        ValueError: when an index is out of range.
    """
    values, sizes = to_numbers(values), _check.dims("shape", shape)
    flat, rows, _ = _rows_of(indices, sizes)
    return emit1("reshape", [emit1("scatter_add", [flat, values], rows=[rows])], shape=sizes)


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """``inputs`` with ``updates`` written at ``indices``; where indices repeat, the last one stays.

    Args:
        inputs: a tensor.
        indices: ints ``(..., k)``, negative ones from the end.
        updates: ``(..., the other axes of inputs)``.
        reduction: None, or "add" to add all updates to what is there.

    Returns:
        A tensor of inputs' shape.

    Raises:
        ValueError: when an index is out of range.
    """
    _check.unsupported("reduction", reduction, None, "add")
    x = to_tensor(inputs)
    u = to_tensor(updates, x.dtype)
    if x.dtype == "bool":
        _check.unsupported("reduction", reduction, None)
        return to_tensor(scatter_update(to_tensor(x, "int32"), indices, to_tensor(u, "int32")), "bool")
    if reduction == "add":
        return m.add(x, scatter(indices, u, list(dims_of(x))))
    flat, rows, rest = _rows_of(indices, list(dims_of(x)))
    flat = emit1("gather", [arange(rows, dtype="int64"), reshape(flat, [-1])])  # names what is out of range
    u = reshape(u, [*dims_of(flat), *rest])
    order = argsort(flat)  # stable: of a row's updates, the last comes last
    flat, u = emit1("gather", [flat, order]), emit1("gather", [u, order])
    n = dims_of(flat)[0]
    if isinstance(n, int) and n == 0:
        return x
    follows = not_equal(_slice_axis(flat, 0, 1, n), _slice_axis(flat, 0, 0, n - 1))
    last = concatenate([follows, to_tensor([True])])
    hit = emit1("scatter_add", [flat, to_tensor(last, "int32")], rows=[rows])
    ones = [1] * len(rest)
    new = emit1("scatter_add", [flat, where(reshape(last, [n, *ones]), u, to_tensor(0, u.dtype))], rows=[rows])
    old = reshape(x, [rows, *rest])
    return reshape(where(reshape(greater(hit, 0), [rows, *ones]), new, old), list(dims_of(x)))


def segment_sum(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    """Sums of the rows that share a segment id: ``(num_segments, ...)``.

    Args:
        data: ``(rows, ...)``.
        segment_ids: ints ``(rows,)``, in any order; rows with an id outside [0, num_segments) are left out.
        num_segments: how many there are; None, for eager ids, for one more than the largest.
        sorted: True or False: whether the ids are known to be in order; the sums are the same.
    """
    x, ids = to_numbers(data), exact_ids(segment_ids)
    if num_segments is None:
        a = np.asarray(ids)
        num_segments = int(a.max()) + 1 if a.size else 0
    rows = _check.dims("num_segments", num_segments)[0]
    if isinstance(rows, int) and rows >= 2**31:
        ids = to_tensor(ids, "int64")
    size = to_tensor(rows, ids.dtype)
    known = logical_and(greater_equal(ids, 0), less(ids, size))
    y = emit1("scatter_add", [where(known, ids, size), x], rows=[rows + 1])
    return _slice_axis(y, 0, 0, rows)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """1 at each index, 0 elsewhere; an index out of range gives zeros.

    Args:
        x: ints of any shape.
        num_classes: how many there are.
        axis: of the result, where the classes lie.
        dtype: name of the element type; None for ``floatx``.
        sparse: only False.

    Output shape: x's, with an axis of ``num_classes`` added.
    """
    _check.unsupported("sparse", sparse, False)
    x = exact_ids(x)
    classes = arange(_check.dims("num_classes", num_classes)[0], dtype=x.dtype)
    hot = m.cast(equal(expand_dims(x, -1), classes), dtype or config.floatx())
    axis = _check.axis_in(axis, x.ndim + 1)
    return hot if axis == x.ndim else moveaxis(hot, -1, axis)


def argsort(x: Any, axis: int | None = -1) -> Any:
    """Indices that sort ``x`` along ``axis``, stable, int32; NaN last.

    Args:
        x: a tensor of any shape.
        axis: which axis; None sorts all elements.

    Returns:
        A tensor of x's shape; with None, of one axis.
    """
    return _sorted_ids(x, axis, False)


def _sorted_ids(x: Any, axis: int | None, descending: bool, first: int = -1) -> Any:
    """Where the elements along an axis stand in their order; ``first``: so many of them, -1 for all."""
    x = to_numbers(x)
    if axis is None:
        x, axis = ravel(x), -1
    axis = _check.axis_in(axis, x.ndim)
    return moveaxis(emit1("argsort", [moveaxis(x, axis, -1)], descending=descending, first=first), -1, axis)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Where ``values`` belong in a sorted sequence, found by halving; NaN is above every number.

    Args:
        sorted_sequence: a tensor of one axis, in ascending order.
        values: a tensor of any shape.
        side: "left": before the elements that equal a value; "right": behind them.

    Returns:
        An int32 tensor of the values' shape, each in [0, length of the sequence].

    Raises:
        ValueError: when the sequence has another number of axes than one.
    """
    sequence, values = unify(sorted_sequence, values)
    if sequence.ndim != 1:
        raise ValueError(
            f"`sorted_sequence` must have one axis. Received: sorted_sequence.shape={tuple(sequence.shape)}"
        )
    return emit1("searchsorted", [sequence, values], side=_check.choice("side", side, ("left", "right")))


def sort(x: Any, axis: int | None = -1) -> Any:
    """``x`` in ascending order along ``axis``.

    Args:
        x: a tensor of any shape.
        axis: which axis; None sorts all elements.

    Returns:
        A tensor of x's shape; with None, of one axis.
    """
    x = to_tensor(x)
    if axis is None:
        x, axis = ravel(x), -1
    return emit1("take_along_axis", [x, argsort(x, axis)], axis=_check.axis_in(axis, x.ndim))


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """The k largest elements along the last axis, and their indices.

    Args:
        x: ``(..., n)``.
        k: at most n.
        sorted: whether the largest come first; False leaves the order open, and they do here, too.

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
    ids = _sorted_ids(x, -1, True, k)
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
    p, ids, k = to_float(predictions), expand_dims(exact_ids(targets), -1), _check.integer("k", k, 1)
    known = logical_and(greater_equal(ids, 0), less(ids, to_tensor(dims_of(p)[-1], ids.dtype)))
    score = emit1("take_along_axis", [p, where(known, ids, 0)], axis=-1)
    score = where(isnan(score), -np.inf, score)  # no number is not the largest
    among = less(reductions.sum(m.cast(greater(p, score), "int32"), -1), k)
    return logical_and(among, reductions.any(known, -1))


def nonzero(x: Any) -> Any:
    """Indices of the elements that are not zero, one array an axis (eager only: the count depends on the values).

    Args:
        x: an eager tensor or array.

    Returns:
        A tuple of int32 tensors.

    Raises:
        TypeError: for a traced value.
    """
    return where(x)


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The distinct elements in order, or those slices along ``axis`` (eager only).

    Args:
        x: an eager tensor or array.
        sorted: whether they are in order; False leaves the order open, and they are here, too.
        return_index: whether to return the index of each one's first occurrence, too.
        return_inverse: whether to return, for each element, its place among the results.
        return_counts: whether to return how often each occurs.
        axis: along which slices are compared; None for the elements of the flattened tensor.
        size: only None: as many as there are.
        fill_value: only None.

    Returns:
        A tensor, or a tuple with what else is asked for, int32.

    Raises:
        TypeError: for a traced value.
    """
    _check.unsupported("size", size, None)
    _check.unsupported("fill_value", fill_value, None)
    a = np.asarray(variable_value(x))
    axis = None if axis is None else _check.axis_in(axis, a.ndim)
    found, index, inverse, counts = np.unique(a, True, True, True, axis=axis)
    inverse = inverse.reshape(-1) if axis is not None else inverse.reshape(a.shape)
    asked = [(return_index, index), (return_inverse, inverse), (return_counts, counts)]
    extra = [to_tensor(t.astype("int32")) for wanted, t in asked if wanted]
    return (to_tensor(found), *extra) if extra else to_tensor(found)


def boolean_mask(x: Any, mask: Any) -> Any:
    """The elements where the mask holds (eager only).

    Args:
        x: an eager tensor or array.
        mask: bools of its first axes.

    Returns:
        A tensor.

    Raises:
        IndexError: for a traced mask.
    """
    return get_item(x, to_tensor(mask, "bool"))
