"""Ops that rearrange tensors. Shape parameters take ints and dimension expressions (``ops.shape``)."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import _validation as _check
from hornbeam import config
from hornbeam._tensor import KerasTensor, dims_of, emit1, to_tensor, variable_value
from hornbeam.ops import math as m
from hornbeam.ops import reductions


def shape(x: Any) -> tuple[Any, ...]:
    """Dimensions of ``x``: ints, or expressions (usable as shape parameters) where only the running graph knows them.

    Args:
        x: a tensor, variable or array.

    Returns:
        A tuple.
    """
    return dims_of(x)


def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """``x`` as a tensor, in another dtype when one is given.

    Args:
        x: a tensor, variable, array, number, or lists of them.
        dtype: name of the element type; None for its own (floats of lists: ``floatx``).

    Returns:
        A tensor.

    Raises:
        TypeError: for what is not numeric.
    """
    return to_tensor(x, None if dtype is None else config.standardize_dtype(dtype))


array = convert_to_tensor


def convert_to_numpy(x: Any) -> Any:
    """``x`` as a NumPy array. Raises TypeError for a traced value.

    Args:
        x: a tensor, variable or array.

    Returns:
        A NumPy array.
    """
    return np.asarray(variable_value(x))


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor (eager, traced or symbolic).

    Args:
        x: anything.
    """
    from hornbeam._tensor import is_tensor as check

    return check(x)


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
    shape = [newshape] if hasattr(newshape, "__index__") else list(newshape)
    if isinstance(x, KerasTensor):
        shape = [-1 if d is None else d for d in shape]
    return emit1("reshape", [x], shape=shape)


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
    sizes = _dims(x)
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
    sizes = _dims(x)
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


def moveaxis(x: Any, source: int, destination: int) -> Any:
    """Moves one axis to another place.

    Args:
        x: a tensor of any shape.
        source: an axis of x.
        destination: where it is in the result.

    Returns:
        A tensor.
    """
    x = to_tensor(x)
    start, end = _check.axis_in(source, x.ndim, "source"), _check.axis_in(destination, x.ndim, "destination")
    perm = [i for i in range(x.ndim) if i != start]
    perm.insert(end, start)
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
    """Joins along the second axis (the first, for vectors).

    Args:
        xs: tensors of one number of axes.

    Returns:
        A tensor.
    """
    return concatenate(xs, axis=0 if to_tensor(xs[0]).ndim == 1 else 1)


def vstack(xs: Sequence[Any]) -> Any:
    """Joins along the first axis; vectors count as rows.

    Args:
        xs: tensors of one number of axes.

    Returns:
        A tensor.
    """
    return concatenate([expand_dims(t, 0) if to_tensor(t).ndim == 1 else t for t in xs], axis=0)


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
        cuts = [0, *indices_or_sections, n]  # type: ignore[misc]
    return [_slice_axis(x, axis, a, b) for a, b in zip(cuts, cuts[1:])]


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
    return [squeeze(_slice_axis(x, axis, i, i + 1), axis) for i in builtins.range(n)]


def tile(x: Any, repeats: int | Sequence[int]) -> Any:
    """Repeats the whole tensor along each axis.

    Args:
        x: a tensor of any shape.
        repeats: an int, or one for each axis (the last ones, where there are fewer).

    Returns:
        A tensor.
    """
    x = to_tensor(x)
    reps = [_check.integer("repeats", r, 0) for r in _check.ints("repeats", repeats)]
    if len(reps) < x.ndim:
        reps = [1] * (x.ndim - len(reps)) + reps
    while x.ndim < len(reps):
        x = expand_dims(x, 0)
    sizes = list(dims_of(x))
    inner = [d for pair in ((1, d) for d in sizes) for d in pair]
    wide = [d for pair in zip(reps, sizes) for d in pair]
    y = emit1("broadcast_to", [emit1("reshape", [x], shape=inner)], shape=wide)
    return emit1("reshape", [y], shape=[r * d for r, d in zip(reps, sizes)])


def repeat(x: Any, repeats: int, axis: int | None = None) -> Any:
    """Repeats each element along ``axis`` (None: of the flattened tensor).

    Args:
        x: a tensor of any shape.
        repeats: how often.
        axis: an int or None.

    Returns:
        A tensor.
    """
    x, n = to_tensor(x), _check.integer("repeats", repeats, 0)
    if axis is None:
        x, axis = ravel(x), 0
    axis = _check.axis_in(axis, x.ndim)
    sizes = list(dims_of(x))
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


def roll(x: Any, shift: int, axis: int | None = None) -> Any:
    """Shifts elements along ``axis``; those that fall off come back at the other end.

    Args:
        x: a tensor of any shape.
        shift: by how much; negative towards the beginning.
        axis: an int, or None to roll the flattened tensor.

    Returns:
        A tensor of x's shape.
    """
    x, shift = to_tensor(x), _check.integer("shift", shift)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), list(dims_of(x)))
    axis = _check.axis_in(axis, x.ndim)
    n = dims_of(x)[axis]
    if isinstance(n, int):
        if n == 0:
            return x
        shift %= n
    cut = n - shift if shift >= 0 else -shift
    return concatenate([_slice_axis(x, axis, cut, n), _slice_axis(x, axis, 0, cut)], axis=axis)


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes (an int: the last of x1 with the first of x2).

    Args:
        x1: a tensor.
        x2: a tensor.
        axes: an int, or a pair of axes (or of lists of them), x1's and x2's.

    Returns:
        A float tensor of x1's other axes, then x2's.

    Raises:
        ValueError: when the sizes of a pair differ.
    """
    a, b = to_tensor(x1), to_tensor(x2)
    if hasattr(axes, "__index__"):
        n = _check.integer("axes", axes, 0)
        if n > builtins.min(a.ndim, b.ndim):
            raise ValueError(f"`axes` must be at most {builtins.min(a.ndim, b.ndim)}. Received: axes={axes}")
        left, right = list(builtins.range(a.ndim - n, a.ndim)), list(builtins.range(n))
    else:
        if len(axes) != 2:
            raise ValueError(f"`axes` must be an int or a pair. Received: axes={axes}")
        left, right = _check.axes_in(axes[0], a.ndim, "axes"), _check.axes_in(axes[1], b.ndim, "axes")
        if len(left) != len(right):
            raise ValueError(f"`axes` must pair as many axes of both. Received: axes={axes}")
    keep_a = [i for i in builtins.range(a.ndim) if i not in left]
    keep_b = [i for i in builtins.range(b.ndim) if i not in right]
    da, db = dims_of(a), dims_of(b)
    k = m.shape_product([da[i] for i in left])
    a = reshape(transpose(a, keep_a + left), [m.shape_product([da[i] for i in keep_a]), k])
    b = reshape(transpose(b, right + keep_b), [k, m.shape_product([db[i] for i in keep_b])])
    return reshape(m.matmul(a, b), [da[i] for i in keep_a] + [db[i] for i in keep_b])


def einsum(subscripts: str, *operands: Any) -> Any:
    """Einstein summation over one or two operands, on matmul (no ellipsis, no repeated index within an operand).

    Args:
        subscripts: such as ``"ij,jk->ik"``; without ``->``, the indices that occur once, in order of the alphabet.
        *operands: tensors, one a term.

    Raises:
        ValueError: for subscripts that are not supported or do not fit.

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
        x = reductions.sum(xs[0], axis=gone) if gone else xs[0]
        rest = [c for c in terms[0] if c in out]
        return transpose(x, [rest.index(c) for c in out])
    (ta, tb), (a, b) = terms, m._unify(*xs)
    for t, x, other in ((ta, a, tb), (tb, b, ta)):  # indices that only one operand has and nobody keeps
        gone = [i for i, c in enumerate(t) if c not in out and c not in other]
        if gone:
            summed, kept = reductions.sum(x, axis=gone), "".join(c for c in t if c in out or c in other)
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
