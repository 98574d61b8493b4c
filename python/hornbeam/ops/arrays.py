"""Ops that rearrange tensors. Shape parameters take ints and dimension expressions (``ops.shape``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import _core, config
from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit1, to_tensor, variable_value
from hornbeam.core.tensor import is_tensor as _is_tensor

__all__ = [
    "array",
    "broadcast_to",
    "convert_to_numpy",
    "convert_to_tensor",
    "expand_dims",
    "is_tensor",
    "moveaxis",
    "ravel",
    "reshape",
    "shape",
    "size",
    "squeeze",
    "swapaxes",
    "transpose",
]


def shape(x: Any) -> tuple[Any, ...]:
    """Dimensions of ``x``: ints, or expressions (usable as shape parameters) where only the running graph knows them.

    Args:
        x: a tensor, variable or array.

    Returns:
        A tuple.
    """
    return dims_of(x)


def shape_product(dims: Sequence[Any]) -> Any:
    """The product of dimensions, known or not."""
    n: Any = 1
    for d in dims:
        n = n * d
    return n


def size(x: Any) -> Any:
    """Number of elements: an int, or a dimension expression inside a graph.

    Args:
        x: a tensor of any shape.
    """
    return shape_product(dims_of(x))


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Any:
    """``x`` as a tensor, in another dtype when one is given. What is written to an array later does not reach it.

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
    x = x.copy() if isinstance(x, np.ndarray) else x
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


def _later(a: Any, b: Any) -> Any:
    """``b``, or ``a`` where that comes after it."""
    return a if isinstance(a, int) and isinstance(b, int) and b < a else b


def _smaller(a: Any, b: Any) -> Any:
    """The smaller of two sizes, each >= 0 and perhaps known only to the running graph."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
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
    return max(0, n + k) if isinstance(n, int) else n - _smaller(-k, n)
