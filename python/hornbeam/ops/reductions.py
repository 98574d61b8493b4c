"""Sums, means, extremes and the like over axes; running sums; norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam import config
from hornbeam.core import validation as _check
from hornbeam.core.tensor import Tensor, emit1, to_tensor
from hornbeam.core.trace import current_trace
from hornbeam.ops import arrays
from hornbeam.ops.comparison import equal, isfinite, where
from hornbeam.ops.elementwise import to_float, to_numbers
from hornbeam.ops.math import add, cast, exp, log, sqrt, square, stop_gradient, subtract

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "logsumexp",
    "max",
    "mean",
    "min",
    "moments",
    "prod",
    "std",
    "sum",
    "var",
]

Axis = int | Sequence[int] | None


def _reduce(op: str, x: Any, axis: Axis, keepdims: bool) -> Any:
    axes = [] if axis is None else _check.ints("axis", axis)
    return emit1(op, [x], axes=axes, keepdims=bool(keepdims), none=axis is not None and not axes)


def _counted(op: str, x: Any, axis: Axis, keepdims: bool) -> Any:
    """A sum or product: of narrow ints in wide ones, as many of them do not fit their own dtype."""
    x = to_tensor(x)
    if x.dtype in ("uint8", "uint16", "uint32") and isinstance(x, Tensor) and current_trace() is None:
        return to_tensor(_reduce(op, to_tensor(x, "int64"), axis, keepdims), "uint32")
    wide = "int32" if x.dtype in ("bool", "uint8", "int8", "int16", "uint16") else x.dtype
    return _reduce(op, to_tensor(x, wide), axis, keepdims)


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over ``axis`` (an int, several, or None for all).

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; bools and narrow ints give int32 (uint32 eagerly, for unsigned ones).

    Example:
        >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy().tolist()
        [4.0, 6.0]
    """
    return _counted("sum", x, axis, keepdims)


def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product over ``axis``.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.
        dtype: of the elements that are multiplied; None for their own.

    Returns:
        A tensor of the other axes; in ``dtype``, or the one that ``sum`` gives.
    """
    if dtype is None:
        return _counted("prod", x, axis, keepdims)
    return cast(_counted("prod", cast(x, dtype), axis, keepdims), dtype)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over ``axis``; ints give floats.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.

    Returns:
        A tensor of the other axes; float.
    """
    return _reduce("mean", to_float(x), axis, keepdims)


def _extreme(op: str, x: Any, axis: Axis, keepdims: bool, initial: Any) -> Any:
    x = to_tensor(x)
    if initial is not None:  # the axes one longer
        axes = list(range(x.ndim)) if axis is None else _check.axes_in(axis, x.ndim)
        padding = [(0, int(i in axes)) for i in range(x.ndim)]
        low, high = ([p[k] for p in padding] for k in (0, 1))
        x = emit1("pad", [x], low=low, high=high, value=float(initial))
    if x.dtype == "bool":
        return _reduce("any" if op == "max" else "all", x, axis, keepdims)
    return _reduce(op, x, axis, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The maximum over ``axis``; NaN where there is one. Raises ValueError for an empty axis.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.
        initial: a number that counts as one more element; with it, axes may be empty.

    Returns:
        A tensor of the other axes; x's dtype.
    """
    return _extreme("max", x, axis, keepdims, initial)


def min(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The minimum over ``axis``; NaN where there is one. Raises ValueError for an empty axis.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.
        initial: a number that counts as one more element; with it, axes may be empty.

    Returns:
        A tensor of the other axes; x's dtype.
    """
    return _extreme("min", x, axis, keepdims, initial)


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
    if 0 in x.shape:
        return log(sum(exp(x), axis, keepdims))
    top = stop_gradient(max(x, axis, True))
    top = where(isfinite(top), top, 0.0)
    total = sum(exp(subtract(x, top)), axis, True)
    none = equal(total, 0.0)  # all are -inf, and none of them matters
    y = where(none, -np.inf, add(log(where(none, 1.0, total)), top))
    return y if keepdims else sum(y, axis)


def moments(x: Any, axes: Axis, keepdims: bool = False, synchronized: bool = False) -> tuple[Any, Any]:
    """Mean and population variance over ``axes``.

    Args:
        x: a tensor of any shape.
        axes: an int, several, or None for all axes; negative ones count from the end.
        keepdims: whether reduced axes stay, with size 1.
        synchronized: only False: there is one device.

    Returns:
        Two float tensors of the other axes.
    """
    _check.unsupported("synchronized", synchronized, False)
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
    x = to_numbers(x)
    if axis is None:
        y = emit1(op, [arrays.reshape(x, [-1])], axis=-1)
        return arrays.reshape(y, [1] * x.ndim) if keepdims else y
    axis = _check.integer("axis", axis)
    y = emit1(op, [x], axis=axis)
    return arrays.expand_dims(y, axis) if keepdims else y


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums along ``axis`` (None: of the flattened tensor).

    Args:
        x: a tensor of any shape.
        axis: an int, or None.
        dtype: of the sums, None for x's (int32 for bools).

    Returns:
        A tensor of x's shape; with None, of one axis.
    """
    return _cumulative("cumsum", x, axis, dtype)


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products along ``axis`` (None: of the flattened tensor).

    Args:
        x: a tensor of any shape.
        axis: an int, or None.
        dtype: of the products, None for x's (int32 for bools).

    Returns:
        A tensor of x's shape; with None, of one axis.
    """
    return _cumulative("cumprod", x, axis, dtype)


def _cumulative(op: str, x: Any, axis: int | None, dtype: Any) -> Any:
    x = to_numbers(to_tensor(x, None if dtype is None else config.standardize_dtype(dtype)))
    if axis is None:
        return emit1(op, [arrays.reshape(x, [-1])], axis=-1)
    return emit1(op, [x], axis=_check.integer("axis", axis))


def count_nonzero(x: Any, axis: Axis = None) -> Any:
    """How many elements over ``axis`` are not zero, int32.

    Args:
        x: a tensor of any shape.
        axis: an int, several, or None for all axes; negative ones count from the end.

    Returns:
        A tensor of the other axes; int32.
    """
    return sum(to_tensor(to_tensor(x, "bool"), "int32"), axis)
