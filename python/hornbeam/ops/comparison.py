"""Comparison, truth and choice, element by element, with NumPy's broadcasting and Keras' names."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.tensor import Tensor, emit1, to_tensor, variable_value
from hornbeam.ops.elementwise import make_binary, make_unary, unify

__all__ = [
    "equal",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "where",
]

isnan = make_unary("isnan", "isnan", "Whether x is NaN")
isinf = make_unary("isinf", "isinf", "Whether x is infinite")
isfinite = make_unary("isfinite", "isfinite", "Whether x is neither NaN nor infinite")

equal = make_binary("equal", "equal", "x1 == x2", numbers=False)
not_equal = make_binary("not_equal", "not_equal", "x1 != x2", numbers=False)
less = make_binary("less", "less", "x1 < x2", numbers=False)
less_equal = make_binary("less_equal", "less_equal", "x1 <= x2", numbers=False)
greater = make_binary("greater", "greater", "x1 > x2", numbers=False)
greater_equal = make_binary("greater_equal", "greater_equal", "x1 >= x2", numbers=False)


def _logical(op: str, *xs: Any) -> Any:
    return emit1(op, [to_tensor(x, "bool") for x in xs])


def logical_not(x: Any) -> Any:
    """Not x, element by element (nonzero counts as true).

    Args:
        x: a tensor; any dtype.

    Returns:
        A bool tensor of x's shape.
    """
    return _logical("logical_not", x)


def logical_and(x1: Any, x2: Any) -> Any:
    """x1 and x2, element by element (nonzero counts as true).

    Args:
        x1: a tensor; any dtype.
        x2: likewise; the shapes broadcast.

    Returns:
        A bool tensor.
    """
    return _logical("logical_and", x1, x2)


def logical_or(x1: Any, x2: Any) -> Any:
    """x1 or x2, element by element (nonzero counts as true).

    Args:
        x1: a tensor; any dtype.
        x2: likewise; the shapes broadcast.

    Returns:
        A bool tensor.
    """
    return _logical("logical_or", x1, x2)


def logical_xor(x1: Any, x2: Any) -> Any:
    """Either x1 or x2 but not both, element by element.

    Args:
        x1: a tensor; any dtype.
        x2: likewise; the shapes broadcast.

    Returns:
        A bool tensor.
    """
    return _logical("logical_xor", x1, x2)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, else x2; the three shapes broadcast.

    Args:
        condition: a tensor; nonzero counts as true.
        x1: a tensor or a number; None, with x2, for the places where the condition holds (``ops.nonzero``).
        x2: likewise.

    Returns:
        A tensor of the shape all three broadcast to, in the dtype that holds x1 and x2.

    Example:
        >>> where([True, False], 1.0, 2.0).numpy().tolist()
        [1.0, 2.0]
    """
    if (x1 is None) != (x2 is None):
        raise ValueError(f"`x1` and `x2` must both be given or both be None. Received: x1={x1}, x2={x2}")
    if x1 is None:
        return tuple(Tensor(i.astype("int32")) for i in np.nonzero(np.asarray(variable_value(condition))))
    a, b = unify(x1, x2)
    return emit1("where", [to_tensor(condition, "bool"), a, b])
