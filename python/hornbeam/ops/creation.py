"""Ops that create tensors: constants, ranges, grids, triangles."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import _core, config
from hornbeam.core import validation as _check
from hornbeam.core.tensor import _FLOATS, Tensor, dims_of, emit1, to_tensor
from hornbeam.core.variable import Variable
from hornbeam.ops import math as m
from hornbeam.ops.arrays import _smaller, broadcast_to, is_tensor, moveaxis, reshape
from hornbeam.ops.comparison import equal, greater_equal, less_equal, where
from hornbeam.ops.elementwise import unify

__all__ = [
    "arange",
    "diag",
    "empty",
    "eye",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Evenly spaced numbers in [start, stop); ``start`` and ``stop`` may be dimensions, with step 1.

    Args:
        start: the first number, or, alone, where to stop.
        stop: the end, left out.
        step: not 0; None for 1.
        dtype: name of the element type; None for int32 (int64 where that is too small) for ints, else ``floatx``. Of an
            int one, the first two numbers are cut towards zero and their distance is the step, as NumPy's.

    Returns:
        A tensor of one axis.
    """
    step = 1 if step is None else step
    if stop is None:
        start, stop = 0, start
    if isinstance(start, _core.Dim) or isinstance(stop, _core.Dim):
        if step != 1:
            raise ValueError(f"`step` must be 1 with unknown dimensions. Received: step={step}")
        y = emit1("iota", [], shape=[stop - start], axis=0, dtype=config.standardize_dtype(dtype or "int32"))
        return y if isinstance(start, int) and start == 0 else m.add(y, to_tensor(start, y.dtype))
    start, stop, step = (_scalar(n, v) for n, v in (("start", start), ("stop", stop), ("step", step)))
    if step == 0:
        raise ValueError(f"`step` must not be 0. Received: step={step}")
    from fractions import Fraction

    n = max(0, -(Fraction(start - stop) // Fraction(step)))
    _check.fits_memory("a range", [n], "float64")
    if dtype is None:
        whole = isinstance(start, int) and isinstance(stop, int) and isinstance(step, int)
        small = all(-(2**31) <= end < 2**31 for end in (start, start + (n - 1) * step))
        dtype = config.floatx() if not whole else "int32" if small else "int64"
    dtype = config.standardize_dtype(dtype)
    own = dtype if dtype not in ("float16", "bfloat16", "bool") else "float32"
    return to_tensor(np.arange(start, stop, step, dtype=own), dtype)


def _scalar(name: str, value: Any) -> Any:
    """An int as it is, else a number."""
    if isinstance(value, Tensor):
        value = value.numpy()[()]
    return _check.integer(name, value) if hasattr(value, "__index__") else _check.number(name, value)


def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """``num`` evenly spaced numbers from start to stop.

    Args:
        start: the first number, or a tensor of them.
        stop: the last one, likewise.
        num: how many: an int or an expression (``ops.shape``).
        endpoint: whether ``stop`` belongs to them.
        retstep: whether to return ``(numbers, step)``.
        dtype: name of the element type; None for ``floatx``. Ints are rounded down.
        axis: of the result, along which they lie, when start and stop are tensors.

    Returns:
        A tensor ``(num,)``, with the axes of start and stop.
    """
    n = _check.dims("num", num)[0]
    dtype = config.standardize_dtype(dtype)
    exact = "float64" if dtype in ("float64", "int32", "int64", "uint32") else "float32"
    for name, v in (("start", start), ("stop", stop)):
        if not (is_tensor(v) or isinstance(v, (Variable, np.ndarray, list, tuple, _core.Dim))):
            _check.number(name, v)
    first, last = (to_tensor(v, exact) for v in (start, stop))
    first, last = unify(first, last)
    steps = n - 1 if endpoint else n
    if isinstance(n, int):
        _check.fits_memory("a range", [n], "float64")
        k, most = to_tensor(np.arange(n).astype(exact)), to_tensor(max(steps, 1), exact)
    else:
        k, most = emit1("iota", [], shape=[n], axis=0, dtype=exact), m.maximum(to_tensor(steps, exact), 1.0)
    rank = max(first.ndim, last.ndim)
    k = reshape(k, [n, *[1] * rank])
    if dtype in _FLOATS:
        share = m.divide(k, most)
        y = m.add(m.multiply(first, m.subtract(1.0, share)), m.multiply(last, share))
    else:  # divided last, so that what is whole is not just below it
        y = m.floor(m.divide(m.add(m.multiply(first, m.subtract(most, k)), m.multiply(last, k)), most))
    y = to_tensor(moveaxis(y, 0, axis) if rank else y, dtype)
    if not retstep:
        return y
    return y, m.divide(m.subtract(last, first), to_tensor(steps, exact))


def full(shape: Sequence[Any], fill_value: Any, dtype: Any = None) -> Any:
    """A tensor of one value.

    Args:
        shape: dimensions: ints or expressions; an int for one axis.
        fill_value: a number or a tensor that broadcasts.
        dtype: name of the element type; None for ``floatx``.

    Returns:
        A tensor of that shape.
    """
    sizes = _check.dims("shape", shape)
    dtype = config.standardize_dtype(dtype)
    value = to_tensor(fill_value, dtype)
    if is_tensor(fill_value) or not isinstance(value, Tensor):
        return broadcast_to(value, sizes)
    _check.fits_memory("a tensor", sizes, dtype)
    return Tensor(np.broadcast_to(np.asarray(value), sizes).copy(), dtype)


def zeros(shape: Sequence[Any], dtype: Any = None) -> Any:
    """A tensor of zeros.

    Args:
        shape: dimensions: ints or expressions; an int for one axis.
        dtype: name of the element type; None for ``floatx``.

    Returns:
        A tensor of that shape.
    """
    return full(shape, 0, dtype or config.floatx())


def ones(shape: Sequence[Any], dtype: Any = None) -> Any:
    """A tensor of ones.

    Args:
        shape: dimensions: ints or expressions; an int for one axis.
        dtype: name of the element type; None for ``floatx``.

    Returns:
        A tensor of that shape.
    """
    return full(shape, 1, dtype or config.floatx())


empty = zeros


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A tensor of one value, of ``x``'s shape and dtype.

    Args:
        x: a tensor of any shape.
        fill_value: a number.
        dtype: name of the element type; None for x's.

    Returns:
        A tensor of x's shape.
    """
    x = to_tensor(x)
    return broadcast_to(to_tensor(fill_value, config.standardize_dtype(dtype) if dtype else x.dtype), dims_of(x))


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros of ``x``'s shape.

    Args:
        x: a tensor of any shape.
        dtype: name of the element type; None for x's.

    Returns:
        A tensor of x's shape.
    """
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones of ``x``'s shape.

    Args:
        x: a tensor of any shape.
        dtype: name of the element type; None for x's.

    Returns:
        A tensor of x's shape.
    """
    return full_like(x, 1, dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on the k-th diagonal of an N x M matrix.

    Args:
        N: rows.
        M: columns; None for N.
        k: which diagonal: above the main one where positive.
        dtype: name of the element type; None for ``floatx``.

    Returns:
        A tensor ``(N, M)``.
    """
    rows, columns = _check.integer("N", N, 0), _check.integer("N" if M is None else "M", N if M is None else M, 0)
    dtype = config.standardize_dtype(dtype)
    _check.fits_memory("a matrix", [rows, columns], dtype)
    return to_tensor(np.eye(rows, columns, _check.integer("k", k), dtype="float32"), dtype)


def meshgrid(*x: Any, indexing: str = "xy") -> list[Any]:
    """Coordinate tensors of vectors, as NumPy's."""
    indexing = _check.choice("indexing", indexing, ("xy", "ij"))
    xs = [reshape(v, [1]) if v.ndim == 0 else v for v in (to_tensor(v) for v in x)]
    if any(v.ndim != 1 for v in xs):
        raise ValueError(f"meshgrid takes vectors. Received: shapes {[tuple(v.shape) for v in xs]}")
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
    k = max(-(2**30), min(_check.integer("k", k), 2**30))  # beyond any diagonal that int32 counts to
    r = emit1("iota", [], shape=[rows, 1], axis=0, dtype="int32")
    c = emit1("iota", [], shape=[1, cols], axis=1, dtype="int32")
    keep = less_equal(c, m.add(r, k)) if lower else greater_equal(c, m.add(r, k))
    return where(keep, x, to_tensor(0, x.dtype))


def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle of the last two axes; zeros above the k-th diagonal.

    Args:
        x: a tensor of at least two axes.
        k: which diagonal: above the main one where positive.

    Returns:
        A tensor of x's shape.

    Raises:
        ValueError: when x has fewer than two axes.
    """
    return _triangle(x, k, True)


def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle of the last two axes; zeros below the k-th diagonal.

    Args:
        x: a tensor of at least two axes.
        k: which diagonal: above the main one where positive.

    Returns:
        A tensor of x's shape.

    Raises:
        ValueError: when x has fewer than two axes.
    """
    return _triangle(x, k, False)


def diag(x: Any, k: int = 0) -> Any:
    """The k-th diagonal of a matrix, or a matrix with a vector on it.

    Args:
        x: a vector or a matrix.
        k: which diagonal: above the main one where positive.

    Returns:
        A square matrix of x's size and ``|k|``, or a vector.

    Raises:
        ValueError: for another number of axes.
    """
    x, k = to_tensor(x), _check.integer("k", k)
    if x.ndim not in (1, 2):
        raise ValueError(f"diag takes a vector or a matrix. Received: x.shape={tuple(x.shape)}")
    up, down = max(k, 0), max(-k, 0)
    if x.ndim == 1:
        n = dims_of(x)[0] + up + down
        column = emit1(
            "pad", [x], low=[0], high=[up + down]
        )  # of row i, the element i - down of x; of column i, i - up
        r = emit1("iota", [], shape=[n, 1], axis=0, dtype="int32")
        c = emit1("iota", [], shape=[1, n], axis=1, dtype="int32")
        placed = reshape(column, [n, 1] if k >= 0 else [1, n])
        return where(equal(c, m.add(r, k)), placed, to_tensor(0, x.dtype))
    rows, columns = dims_of(x)
    n = _smaller(_rest(rows, down), _rest(columns, up))
    first = m.multiply(to_tensor(columns, "int64"), down)
    ids = m.add(m.multiply(arange(n, dtype="int64"), to_tensor(columns + 1, "int64")), m.add(first, up))
    return emit1("gather", [reshape(x, [-1]), ids])


def _rest(n: Any, gone: int) -> Any:
    """What is left of ``n`` places without the first ``gone``."""
    return n - _smaller(gone, n)
