"""Ops that rearrange, select, create or index. Shape parameters take ints and dimension expressions (``ops.shape``)."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam._tensor import Tensor, current_trace, dims_of, emit1, to_tensor, variable_value
from hornbeam.ops import math as m


def shape(x: Any) -> tuple[Any, ...]:
    """Dimensions of ``x``: ints, or expressions (usable as shape parameters) where only the running graph knows them."""
    return dims_of(x)


def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """``x`` as a tensor, in another dtype when one is given."""
    return to_tensor(x, None if dtype is None else config.standardize_dtype(dtype))


array = convert_to_tensor


def convert_to_numpy(x: Any) -> Any:
    """``x`` as a NumPy array. Raises TypeError for a traced value."""
    return np.asarray(variable_value(x))


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor (eager, traced or symbolic)."""
    from hornbeam._tensor import is_tensor as check

    return check(x)


def reshape(x: Any, newshape: Sequence[Any]) -> Any:
    """The same elements in another shape; one dimension may be -1.

    Raises:
        ValueError: when the sizes differ.
    """
    x = to_tensor(x)
    newshape = [newshape] if hasattr(newshape, "__index__") else list(newshape)
    from hornbeam._tensor import KerasTensor

    if isinstance(x, KerasTensor):
        return emit1("reshape", [x], shape=[-1 if d is None else d for d in newshape])
    return emit1("reshape", [x], shape=list(newshape))


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"`axis` must be in [{-rank}, {rank}). Received: axis={axis}")
    return axis % rank if rank else 0


def _dims(x: Any) -> list[Any]:
    """Dimensions for a new shape; a symbolic tensor's first unknown one becomes -1."""
    dims = list(dims_of(x))
    if dims.count(None) > 1:
        raise ValueError(
            f"at most one dimension of a symbolic tensor may be unknown here. Received: shape={tuple(dims)}; "
            "write a Layer and use ops.shape inside its call()"
        )
    return [-1 if d is None else d for d in dims]


def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """Adds axes of size 1."""
    x = to_tensor(x)
    axes = [axis] if hasattr(axis, "__index__") else list(axis)  # type: ignore[arg-type, list-item]
    dims = _dims(x)
    rank = len(dims) + len(axes)
    for a in sorted(_axis(int(a), rank) for a in axes):
        dims.insert(a, 1)
    return emit1("reshape", [x], shape=dims)


def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Removes axes of size 1 (all of them, when ``axis`` is None)."""
    x = to_tensor(x)
    dims = _dims(x)
    if axis is None:
        axes = {i for i, d in enumerate(dims) if isinstance(d, int) and d == 1}
    else:
        given = [axis] if hasattr(axis, "__index__") else list(axis)  # type: ignore[arg-type, list-item]
        axes = {_axis(int(a), len(dims)) for a in given}
        for a in axes:
            if not (isinstance(dims[a], int) and dims[a] == 1):
                raise ValueError(f"cannot squeeze axis {a} of shape {x.shape}: its size is not 1")
    return emit1("reshape", [x], shape=[d for i, d in enumerate(dims) if i not in axes])


def ravel(x: Any) -> Any:
    """All elements along one axis."""
    return reshape(x, [-1])


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """The axes in another order (reversed, when None)."""
    x = to_tensor(x)
    perm = list(range(x.ndim))[::-1] if axes is None else [_axis(int(a), x.ndim) for a in axes]
    return x if perm == list(range(x.ndim)) else emit1("transpose", [x], perm=perm)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchanges two axes."""
    x = to_tensor(x)
    perm = list(range(x.ndim))
    a, b = _axis(axis1, x.ndim), _axis(axis2, x.ndim)
    perm[a], perm[b] = perm[b], perm[a]
    return transpose(x, perm)


def moveaxis(x: Any, source: int, destination: int) -> Any:
    """Moves one axis to another place."""
    x = to_tensor(x)
    perm = [i for i in range(x.ndim) if i != _axis(source, x.ndim)]
    perm.insert(_axis(destination, x.ndim), _axis(source, x.ndim))
    return transpose(x, perm)


def broadcast_to(x: Any, shape: Sequence[Any]) -> Any:
    """Repeats axes of size 1 up to ``shape``."""
    return emit1("broadcast_to", [to_tensor(x)], shape=list(shape))


def concatenate(xs: Sequence[Any], axis: int = -1) -> Any:
    """Joins tensors along an existing axis; the others must agree."""
    xs = m._unify(*xs)
    return xs[0] if len(xs) == 1 else emit1("concat", list(xs), axis=axis)


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Joins tensors of one shape along a new axis."""
    xs = m._unify(*x)
    return concatenate([expand_dims(t, axis) for t in xs], axis=_axis(axis, xs[0].ndim + 1))


def hstack(xs: Sequence[Any]) -> Any:
    """Joins along the second axis (the first, for vectors)."""
    return concatenate(xs, axis=0 if to_tensor(xs[0]).ndim == 1 else 1)


def vstack(xs: Sequence[Any]) -> Any:
    """Joins along the first axis; vectors count as rows."""
    return concatenate([expand_dims(t, 0) if to_tensor(t).ndim == 1 else t for t in xs], axis=0)


def _slice_axis(x: Any, axis: int, begin: Any, end: Any) -> Any:
    dims = list(dims_of(x))
    b, e = [0] * len(dims), list(dims)
    b[axis], e[axis] = begin, end
    return emit1("slice", [x], begin=b, end=e, strides=[1] * len(dims))


def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Cuts an axis into equal parts, or at the given indices."""
    x = to_tensor(x)
    axis = _axis(axis, x.ndim)
    n = dims_of(x)[axis]
    if hasattr(indices_or_sections, "__index__"):
        parts = int(indices_or_sections)  # type: ignore[arg-type]
        if isinstance(n, int) and n % parts:
            raise ValueError(f"cannot split axis {axis} of size {n} into {parts} equal parts")
        step = n // parts
        cuts = [step * i for i in range(parts)] + [n]
    else:
        cuts = [0, *indices_or_sections, n]  # type: ignore[misc]
    return [_slice_axis(x, axis, a, b) for a, b in zip(cuts, cuts[1:])]


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """The slices along an axis of known size."""
    x = to_tensor(x)
    axis = _axis(axis, x.ndim)
    n = num or x.shape[axis]
    if n is None:
        raise ValueError("`num` is required when the axis has no known size. Received: num=None")
    return [squeeze(_slice_axis(x, axis, i, i + 1), axis) for i in builtins.range(n)]


def get_item(x: Any, key: Any) -> Any:
    """``x[key]`` for ints, slices, ``...``, None, and one integer or boolean (eager only) array."""
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
    """The block of ``shape`` that starts at ``start_indices``."""
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


def tile(x: Any, repeats: int | Sequence[int]) -> Any:
    """Repeats the whole tensor along each axis."""
    x = to_tensor(x)
    reps = [int(repeats)] if hasattr(repeats, "__index__") else [int(r) for r in repeats]  # type: ignore[arg-type, union-attr]
    if len(reps) < x.ndim:
        reps = [1] * (x.ndim - len(reps)) + reps
    while x.ndim < len(reps):
        x = expand_dims(x, 0)
    dims = list(dims_of(x))
    inner = [d for pair in ((1, d) for d in dims) for d in pair]
    wide = [d for pair in zip(reps, dims) for d in pair]
    y = emit1("broadcast_to", [emit1("reshape", [x], shape=inner)], shape=wide)
    return emit1("reshape", [y], shape=[r * d for r, d in zip(reps, dims)])


def repeat(x: Any, repeats: int, axis: int | None = None) -> Any:
    """Repeats each element along ``axis`` (None: of the flattened tensor)."""
    x = to_tensor(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = _axis(axis, x.ndim)
    dims = list(dims_of(x))
    y = emit1("reshape", [x], shape=dims[: axis + 1] + [1] + dims[axis + 1 :])
    y = emit1("broadcast_to", [y], shape=dims[: axis + 1] + [int(repeats)] + dims[axis + 1 :])
    return emit1("reshape", [y], shape=dims[:axis] + [dims[axis] * int(repeats)] + dims[axis + 1 :])


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Reverses axes (all of them, when None)."""
    x = to_tensor(x)
    axes = builtins.range(x.ndim) if axis is None else [axis] if hasattr(axis, "__index__") else axis
    for a in axes:  # type: ignore[union-attr]
        x = emit1("flip", [x], axis=int(a))
    return x


def roll(x: Any, shift: int, axis: int | None = None) -> Any:
    """Shifts elements along ``axis``; those that fall off come back at the other end."""
    x = to_tensor(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), list(dims_of(x)))
    axis = _axis(axis, x.ndim)
    n = dims_of(x)[axis]
    if isinstance(n, int):
        if n == 0:
            return x
        shift %= n
    cut = n - shift if shift >= 0 else -shift
    return concatenate([_slice_axis(x, axis, cut, n), _slice_axis(x, axis, 0, cut)], axis=axis)


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


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Any:
    """Elements of ``x`` by index along ``axis``; the other axes match (or are 1 in ``indices``)."""
    x = to_tensor(x)
    axis = _axis(axis, x.ndim)
    ids = _ids(indices, dims_of(x)[axis])
    want = [i if k == axis else d for k, (d, i) in enumerate(zip(dims_of(x), dims_of(ids)))]
    return emit1("take_along_axis", [x, ids if tuple(ids.shape) == tuple(want) else broadcast_to(ids, want)], axis=axis)


def scatter(indices: Any, values: Any, shape: Sequence[Any]) -> Any:
    """Zeros of ``shape`` with ``values`` added at ``indices`` ([.., k] gives the first k coordinates)."""
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
    """``inputs`` with ``updates`` written at ``indices`` (which must differ)."""
    x = to_tensor(inputs)
    hit = scatter(indices, ones_like(to_tensor(updates), dtype="int32"), list(dims_of(x)))
    new = scatter(indices, to_tensor(updates, x.dtype), list(dims_of(x)))
    return m.where(m.greater(hit, 0), new, x)


def slice_update(inputs: Any, start_indices: Sequence[int], updates: Any) -> Any:
    """``inputs`` with the block at ``start_indices`` replaced."""
    x, u = to_tensor(inputs), to_tensor(updates)
    lo = [int(s) for s in start_indices]
    hi = [d - s - n for d, s, n in zip(dims_of(x), lo, dims_of(u))]
    mask = pad(ones_like(u, dtype="int32"), list(zip(lo, hi)))
    return m.where(m.greater(mask, 0), pad(to_tensor(u, x.dtype), list(zip(lo, hi))), x)


def segment_sum(data: Any, segment_ids: Any, num_segments: int, sorted: bool = False) -> Any:
    """Sums of the rows that share a segment id: ``(num_segments, ...)``."""
    return emit1("scatter_add", [to_tensor(segment_ids, "int32"), m._numbers(data)], rows=[num_segments])


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    """1 at each index, 0 elsewhere; an index out of range gives zeros.

    Output shape: x's, with an axis of ``num_classes`` added.
    """
    x = to_tensor(x)
    if x.dtype not in ("int32", "int64"):
        x = to_tensor(x, "int32")
    hot = m.cast(m.equal(expand_dims(x, -1), arange(num_classes, dtype=x.dtype)), dtype or config.floatx())
    return hot if axis in (-1, x.ndim) else moveaxis(hot, -1, axis)


def argsort(x: Any, axis: int = -1) -> Any:
    """Indices that sort ``x`` along ``axis``, stable, int32; NaN last."""
    return _sorted_ids(x, axis, False)


def _sorted_ids(x: Any, axis: int, descending: bool) -> Any:
    x = m._numbers(x)
    axis = _axis(axis, x.ndim)
    return moveaxis(emit1("argsort", [moveaxis(x, axis, -1)], descending=descending), -1, axis)


def sort(x: Any, axis: int = -1) -> Any:
    """``x`` in ascending order along ``axis``."""
    return take_along_axis(x, argsort(x, axis), axis)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """The k largest elements along the last axis, and their indices."""
    x = to_tensor(x)
    if x.shape[-1] is not None and k > x.shape[-1]:
        raise ValueError(f"`k` must be at most the last axis' size, {x.shape[-1]}. Received: k={k}")
    ids = _slice_axis(_sorted_ids(x, -1, True), x.ndim - 1, 0, k)
    return take_along_axis(x, ids, -1), ids


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether each target class is among the k most probable."""
    p = to_tensor(predictions)
    score = take_along_axis(p, expand_dims(to_tensor(targets, "int32"), -1), -1)
    return m.less(m.sum(m.cast(m.greater(p, score), "int32"), -1), k)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """Evenly spaced numbers in [start, stop); ``start`` and ``stop`` may be dimensions, with step 1."""
    from hornbeam import _core

    if stop is None:
        start, stop = 0, start
    if isinstance(start, _core.Dim) or isinstance(stop, _core.Dim):
        if step != 1:
            raise ValueError(f"`step` must be 1 with unknown dimensions. Received: step={step}")
        y = emit1("iota", [], shape=[stop - start], axis=0, dtype=config.standardize_dtype(dtype or "int32"))
        return y if isinstance(start, int) and start == 0 else m.add(y, to_tensor(start, y.dtype))
    a = np.arange(start, stop, step)
    return to_tensor(
        a, config.standardize_dtype(dtype) if dtype else "int32" if a.dtype.kind == "i" else config.floatx()
    )


def linspace(start: float, stop: float, num: int = 50, endpoint: bool = True, dtype: Any = None) -> Any:
    """``num`` evenly spaced numbers from start to stop."""
    return to_tensor(np.linspace(start, stop, num, endpoint=endpoint), config.standardize_dtype(dtype))


def full(shape: Sequence[Any], fill_value: Any, dtype: Any = None) -> Any:
    """A tensor of one value."""
    shape = [shape] if hasattr(shape, "__index__") else list(shape)
    dtype = (
        config.standardize_dtype(dtype)
        if dtype
        else m.dtype_of(fill_value)
        if not isinstance(fill_value, float)
        else config.floatx()
    )
    if current_trace() is None and not is_tensor(fill_value):
        return Tensor(np.full([int(d) for d in shape], fill_value, dtype=dtype))
    return broadcast_to(to_tensor(fill_value, dtype), shape)


def zeros(shape: Sequence[Any], dtype: Any = None) -> Any:
    """A tensor of zeros."""
    return full(shape, 0, dtype or config.floatx())


def ones(shape: Sequence[Any], dtype: Any = None) -> Any:
    """A tensor of ones."""
    return full(shape, 1, dtype or config.floatx())


empty = zeros


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A tensor of one value, of ``x``'s shape and dtype."""
    from hornbeam._tensor import KerasTensor

    x = to_tensor(x)
    if isinstance(x, KerasTensor):  # its dimensions are known only to the graph: let broadcasting find them
        zero = m.multiply(to_tensor(m.equal(x, x), "int32"), 0)
        return m.cast(m.add(zero, to_tensor(fill_value)), dtype or x.dtype)
    return broadcast_to(to_tensor(fill_value, config.standardize_dtype(dtype) if dtype else x.dtype), dims_of(x))


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros of ``x``'s shape."""
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones of ``x``'s shape."""
    return full_like(x, 1, dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on the k-th diagonal of an N x M matrix."""
    return to_tensor(np.eye(N, M, k, dtype=config.standardize_dtype(dtype)))


def meshgrid(*x: Any, indexing: str = "xy") -> list[Any]:
    """Coordinate tensors of vectors, as NumPy's."""
    xs = [to_tensor(v) for v in x]
    rank = len(xs)
    order = list(builtins.range(rank))
    if indexing == "xy" and rank > 1:
        order[0], order[1] = 1, 0
    dims = [dims_of(xs[order.index(i)])[0] for i in builtins.range(rank)]
    out = []
    for v, axis in zip(xs, order):
        shape = [1] * rank
        shape[axis] = dims_of(v)[0]
        out.append(broadcast_to(reshape(v, shape), dims))
    return out


def _triangle(x: Any, k: int, lower: bool) -> Any:
    x = to_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"tril and triu need at least two axes. Received: x.shape={tuple(x.shape)}")
    rows, cols = dims_of(x)[-2:]
    r = emit1("iota", [], shape=[rows, 1], axis=0, dtype="int32")
    c = emit1("iota", [], shape=[1, cols], axis=1, dtype="int32")
    keep = m.less_equal(c, m.add(r, k)) if lower else m.greater_equal(c, m.add(r, k))
    return m.where(keep, x, 0)


def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle of the last two axes; zeros above the k-th diagonal."""
    return _triangle(x, k, True)


def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle of the last two axes; zeros below the k-th diagonal."""
    return _triangle(x, k, False)


def diag(x: Any) -> Any:
    """The diagonal of a matrix, or a matrix with a vector on it."""
    x = to_tensor(x)
    if x.ndim == 1:
        n = dims_of(x)[0]
        return m.multiply(expand_dims(x, 0), m.cast(eye(int(n)), x.dtype))
    return m.sum(m.multiply(x, m.cast(eye(int(x.shape[0]), int(x.shape[1])), x.dtype)), axis=1)[: builtins.min(x.shape)]


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes (an int: the last of x1 with the first of x2)."""
    a, b = to_tensor(x1), to_tensor(x2)
    if hasattr(axes, "__index__"):
        left, right = list(builtins.range(a.ndim - axes, a.ndim)), list(builtins.range(axes))
    else:
        left, right = ([t] if hasattr(t, "__index__") else list(t) for t in axes)
        left, right = [_axis(i, a.ndim) for i in left], [_axis(i, b.ndim) for i in right]
    keep_a = [i for i in builtins.range(a.ndim) if i not in left]
    keep_b = [i for i in builtins.range(b.ndim) if i not in right]
    da, db = dims_of(a), dims_of(b)
    k = m.shape_product([da[i] for i in left])
    a = reshape(transpose(a, keep_a + left), [m.shape_product([da[i] for i in keep_a]), k])
    b = reshape(transpose(b, right + keep_b), [k, m.shape_product([db[i] for i in keep_b])])
    return reshape(m.matmul(a, b), [da[i] for i in keep_a] + [db[i] for i in keep_b])


def einsum(subscripts: str, *operands: Any) -> Any:
    """Einstein summation over one or two operands, on matmul (no ellipsis, no repeated index within an operand).

    Example:
        >>> einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist()
        [[11.0]]
    """
    text = subscripts.replace(" ", "")
    left, arrow, out = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands) or "." in text or builtins.any(len(set(t)) != len(t) for t in terms):
        raise ValueError(f"unsupported einsum subscripts for {len(operands)} operands. Received: {subscripts!r}")
    if not arrow:
        out = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    xs = [to_tensor(x) for x in operands]
    for t, x in zip(terms, xs):
        if len(t) != x.ndim:
            raise ValueError(f"einsum term {t!r} needs {len(t)} axes; got shape {x.shape}")
    while len(xs) > 2:
        keep = "".join(
            c for c in dict.fromkeys(terms[0] + terms[1]) if c in out or builtins.any(c in t for t in terms[2:])
        )
        xs[:2] = [einsum(f"{terms[0]},{terms[1]}->{keep}", xs[0], xs[1])]
        terms[:2] = [keep]
    if len(xs) == 1:
        gone = [i for i, c in enumerate(terms[0]) if c not in out]
        x = m.sum(xs[0], axis=gone) if gone else xs[0]
        rest = [c for c in terms[0] if c in out]
        return transpose(x, [rest.index(c) for c in out])
    (ta, tb), (a, b) = terms, m._unify(*xs)
    for t, x, other in ((ta, a, tb), (tb, b, ta)):  # indices that only one operand has and nobody keeps
        gone = [i for i, c in enumerate(t) if c not in out and c not in other]
        if gone:
            summed, kept = m.sum(x, axis=gone), "".join(c for c in t if c in out or c in other)
            if t is ta:
                a, ta = summed, kept
            else:
                b, tb = summed, kept
    size = {**dict(zip(ta, dims_of(a))), **dict(zip(tb, dims_of(b)))}
    batch = [c for c in ta if c in tb and c in out]
    inner = [c for c in ta if c in tb and c not in out]
    rows, cols = [c for c in ta if c not in tb], [c for c in tb if c not in ta]
    n = {name: m.shape_product([size[c] for c in group]) for name, group in (("r", rows), ("c", cols), ("k", inner))}
    lead = [size[c] for c in batch]
    a = reshape(transpose(a, [ta.index(c) for c in batch + rows + inner]), [*lead, n["r"], n["k"]])
    b = reshape(transpose(b, [tb.index(c) for c in batch + inner + cols]), [*lead, n["k"], n["c"]])
    y = reshape(m.matmul(a, b), [size[c] for c in batch + rows + cols])
    have = batch + rows + cols
    return transpose(y, [have.index(c) for c in out])


def nonzero(x: Any) -> Any:
    """Indices of the elements that are not zero, one array an axis (eager only: the count depends on the values)."""
    return tuple(Tensor(i.astype("int32")) for i in np.nonzero(np.asarray(variable_value(x))))


def unique(x: Any) -> Any:
    """The sorted distinct elements (eager only)."""
    return Tensor(np.unique(np.asarray(variable_value(x))))


def boolean_mask(x: Any, mask: Any) -> Any:
    """The elements where the mask holds (eager only)."""
    return Tensor(np.asarray(variable_value(x))[np.asarray(mask).astype(bool)])
