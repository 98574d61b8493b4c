"""Sums, means, extremes and the like over axes; running sums; norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import _validation as _check
from hornbeam._tensor import emit1, to_tensor
from hornbeam.ops.math import (
    _numbers,
    abs,
    add,
    exp,
    isfinite,
    log,
    sqrt,
    square,
    stop_gradient,
    subtract,
    to_float,
    where,
)

Axis = int | Sequence[int] | None


def _reduce(op: str, x: Any, axis: Axis, keepdims: bool) -> Any:
    axes = [] if axis is None else _check.ints("axis", axis)
    return emit1(op, [x], axes=axes, keepdims=bool(keepdims), none=axis is not None and not axes)


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over ``axis`` (an int, several, or None for all).

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; ints stay ints, bools count as int32.

    Example:
        >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy().tolist()
        [4.0, 6.0]
    """
    return _reduce("sum", _numbers(x), axis, keepdims)


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product over ``axis``.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; ints stay ints.
    """
    return _reduce("prod", _numbers(x), axis, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over ``axis``; ints give floats.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; float.
    """
    return _reduce("mean", to_float(_numbers(x)), axis, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The maximum over ``axis``; NaN where there is one. Raises ValueError for an empty axis.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; x's dtype.
    """
    return _reduce("max", _numbers(x), axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The minimum over ``axis``; NaN where there is one. Raises ValueError for an empty axis.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; x's dtype.
    """
    return _reduce("min", _numbers(x), axis, keepdims)


amax, amin = max, min


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether any element over ``axis`` is true.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; bool.
    """
    return _reduce("any", to_tensor(x, "bool"), axis, keepdims)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether all elements over ``axis`` are true.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; bool.
    """
    return _reduce("all", to_tensor(x, "bool"), axis, keepdims)


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The population variance over ``axis`` (0 for one element).

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; float.
    """
    x = to_float(x)
    return mean(square(subtract(x, mean(x, axis, True))), axis, keepdims)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The population standard deviation over ``axis``.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; float.
    """
    return sqrt(var(x, axis, keepdims))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over ``axis`` without overflow.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; float.
    """
    x = to_float(x)
    top = stop_gradient(max(x, axis, True))
    top = where(isfinite(top), top, 0.0)
    y = add(log(sum(exp(subtract(x, top)), axis, True)), top)
    return y if keepdims else sum(y, axis)


def moments(x: Any, axes: Axis, keepdims: bool = False) -> tuple[Any, Any]:
    """Mean and population variance over ``axes``.

    Args:
        x: a tensor of any shape.
        axes: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        Two float tensors of the other axes.
    """
    return mean(x, axes, keepdims), var(x, axes, keepdims)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The int32 index of the first maximum along ``axis``, or of the flattened tensor.

    Args:
        x: a tensor of any shape.
        axis: an int, or None for the flattened tensor.
        keepdims: whether the axis stays, with size 1.

    Returns:
        An int32 tensor of the other axes.

    Raises:
        ValueError: for an empty axis.
    """
    return _arg("argmax", x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The int32 index of the first minimum along ``axis``, or of the flattened tensor.

    Args:
        x: a tensor of any shape.
        axis: an int, or None for the flattened tensor.
        keepdims: whether the axis stays, with size 1.

    Returns:
        An int32 tensor of the other axes.

    Raises:
        ValueError: for an empty axis.
    """
    return _arg("argmin", x, axis, keepdims)


def _arg(op: str, x: Any, axis: int | None, keepdims: bool) -> Any:
    from hornbeam.ops import arrays as shapes

    x = _numbers(x)
    axis = None if axis is None else _check.integer("axis", axis)
    y = emit1(op, [shapes.reshape(x, [-1]) if axis is None else x], axis=-1 if axis is None else axis)
    return shapes.expand_dims(y, axis) if keepdims and axis is not None else y


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Running sums along ``axis`` (None: of the flattened tensor).

    Args:
        x: a tensor of any shape.
        axis: an int, or None.

    Returns:
        A tensor of x's shape; with None, of one axis.
    """
    return _cumulative("cumsum", x, axis)


def cumprod(x: Any, axis: int | None = None) -> Any:
    """Running products along ``axis`` (None: of the flattened tensor).

    Args:
        x: a tensor of any shape.
        axis: an int, or None.

    Returns:
        A tensor of x's shape; with None, of one axis.
    """
    return _cumulative("cumprod", x, axis)


def _cumulative(op: str, x: Any, axis: int | None) -> Any:
    from hornbeam.ops import arrays as shapes

    x = _numbers(x)
    if axis is None:
        return emit1(op, [shapes.reshape(x, [-1])], axis=-1)
    return emit1(op, [x], axis=_check.integer("axis", axis))


def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """The vector norm over ``axis``: order 2 (None, the default), 1, or ``inf``.

    Args:
        x: a tensor of any shape.
        ord: None or 2, 1, or ``numpy.inf``.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; float.

    Raises:
        ValueError: for another order.
    """
    x = to_float(x)
    if ord in (None, 2):
        return sqrt(sum(square(x), axis, keepdims))
    if ord == 1:
        return sum(abs(x), axis, keepdims)
    if ord == np.inf:
        return max(abs(x), axis, keepdims)
    raise ValueError(f"`ord` must be None, 1, 2 or inf. Received: ord={ord!r}")


def count_nonzero(x: Any, axis: Axis = None) -> Any:
    """How many elements over ``axis`` are not zero, int32.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.

    Returns:
        A tensor of the other axes; int32.
    """
    return sum(to_tensor(to_tensor(x, "bool"), "int32"), axis)
