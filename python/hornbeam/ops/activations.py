"""Activation functions, softmax among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam.core import validation as _check
from hornbeam.core.tensor import dims_of, emit1, to_tensor
from hornbeam.ops import arrays as s
from hornbeam.ops import joining
from hornbeam.ops import math as m
from hornbeam.ops.arrays import shape_product
from hornbeam.ops.comparison import greater, less, where
from hornbeam.ops.elementwise import to_float, to_numbers, unary

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu6",
    "selu",
    "silu",
    "softmax",
    "softsign",
    "swish",
    "threshold",
]

relu = m.relu
sigmoid = m.sigmoid
tanh = m.tanh
softplus = m.softplus


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6).

    Args:
        x: a tensor of any shape.

    Returns:
        A float tensor of x's shape.
    """
    return m.minimum(m.relu(x), 6.0)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where positive, else ``negative_slope * x``.

    Args:
        x: a tensor of any shape.
        negative_slope: of the negative part.

    Returns:
        A float tensor of x's shape.
    """
    x = to_tensor(x)
    return where(greater(x, 0), x, m.multiply(x, negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, else ``alpha * (exp(x) - 1)`` (Clevert et al. 2015).

    Args:
        x: a tensor of any shape.
        alpha: minus the limit towards minus infinity.

    Returns:
        A float tensor of x's shape.
    """
    x = to_tensor(x)
    above = greater(x, 0)
    return where(above, x, m.multiply(m.expm1(where(above, 0.0, x)), alpha))


def selu(x: Any) -> Any:
    """The scaled elu that keeps activations normalized (Klambauer et al. 2017).

    Args:
        x: a tensor of any shape.

    Returns:
        A float tensor of x's shape.
    """
    return m.multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)).

    Args:
        x: a tensor of any shape.
        alpha: minus the limit towards minus infinity; not 0.

    Returns:
        A float tensor of x's shape.
    """
    x = to_tensor(x)
    if _check.number("alpha", alpha) == 0:
        raise ValueError(f"`alpha` must not be 0. Received: alpha={alpha}")
    above = greater(x, 0)
    return where(above, x, m.multiply(m.expm1(m.divide(where(above, 0.0, x), alpha)), alpha))


def gelu(x: Any, approximate: bool = True) -> Any:
    """x times the normal distribution's share below x (Hendrycks and Gimpel 2016), by tanh or exactly by erf.

    Args:
        x: a tensor of any shape.
        approximate: whether the distribution is taken by tanh (an error of at most 5e-4) instead of erf.

    Returns:
        A float tensor of x's shape.
    """
    if approximate:
        x = to_tensor(x)
        # (1 + tanh(u)) / 2 = sigmoid(2 u), with u = sqrt(2 / pi) (x + 0.044715 x^3)
        twice = m.multiply(x, m.add(m.multiply(m.square(x), 0.07135481627260025), 1.5957691216057308))
        return m.multiply(x, m.sigmoid(twice))
    return unary("gelu", x, True)


def silu(x: Any) -> Any:
    """x * sigmoid(x), also called swish.

    Args:
        x: a tensor of any shape.

    Returns:
        A float tensor of x's shape.
    """
    return m.multiply(x, m.sigmoid(x))


swish = silu


def mish(x: Any) -> Any:
    """x * tanh(softplus(x)) (Misra 2019).

    Args:
        x: a tensor of any shape.

    Returns:
        A float tensor of x's shape.
    """
    return m.multiply(x, m.tanh(m.softplus(x)))


def softsign(x: Any) -> Any:
    """x / (1 + |x|).

    Args:
        x: a tensor of any shape.

    Returns:
        A float tensor of x's shape.
    """
    return m.divide(x, m.add(m.abs(x), 1.0))


def hard_sigmoid(x: Any) -> Any:
    """clip(x / 6 + 0.5, 0, 1).

    Args:
        x: a tensor of any shape.

    Returns:
        A float tensor of x's shape.
    """
    return m.clip(m.add(m.multiply(x, 1 / 6), 0.5), 0.0, 1.0)


def hard_silu(x: Any) -> Any:
    """x * hard_sigmoid(x).

    Args:
        x: a tensor of any shape.

    Returns:
        A float tensor of x's shape.
    """
    return m.multiply(x, hard_sigmoid(x))


hard_swish = hard_silu


def hard_tanh(x: Any) -> Any:
    """x kept within [-1, 1].

    Args:
        x: a tensor of any shape.

    Returns:
        A tensor of x's shape; ints stay ints.
    """
    x = to_numbers(x)
    y = x if x.dtype.startswith("u") else where(less(x, -1), -1, x)
    return where(greater(x, 1), 1, y)


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)) without overflow.

    Args:
        x: a tensor of any shape.

    Returns:
        A float tensor of x's shape.
    """
    return m.negative(m.softplus(m.negative(x)))


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """x where above the threshold, else ``default_value``.

    Args:
        x: a tensor of any shape.
        threshold: a number.
        default_value: a number.

    Returns:
        A float tensor of x's shape.
    """
    return where(greater(x, threshold), x, default_value)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis gated by the sigmoid of the second (Dauphin et al. 2016).

    Args:
        x: a tensor; the size of ``axis`` even.
        axis: which axis.

    Returns:
        A float tensor with half of the axis.
    """
    a, b = joining.split(x, 2, axis)
    return m.multiply(a, m.sigmoid(b))


def _last_axis(op: str, x: Any, axis: int | Sequence[int]) -> Any:
    x = to_float(x)
    axes = _check.axes_in(axis, x.ndim)
    if len(axes) != 1:
        rest = [i for i in range(x.ndim) if i not in axes]
        dims = dims_of(x)
        moved = s.transpose(x, rest + axes)
        flat = s.reshape(moved, [dims[i] for i in rest] + [shape_product([dims[i] for i in axes])])
        back = s.reshape(emit1(op, [flat], axis=-1), [dims[i] for i in rest + axes])
        return s.transpose(back, [(rest + axes).index(i) for i in range(x.ndim)])
    if axes[0] == x.ndim - 1:
        return emit1(op, [x], axis=-1)
    return emit1("softmax_along", [x], axis=axes[0], logarithm=op == "log_softmax")


def softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """exp(x) / sum(exp(x)) along ``axis``; a row of -inf gives zeros.

    Args:
        x: a tensor of any shape.
        axis: an int, or several that count as one.

    Returns:
        A float tensor of x's shape.

    Example:
        >>> softmax([[0.0, 0.0]]).numpy().tolist()
        [[0.5, 0.5]]
    """
    return _last_axis("softmax", x, axis)


def log_softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """log(softmax(x)) along ``axis``.

    Args:
        x: a tensor of any shape.
        axis: an int, or several that count as one.

    Returns:
        A float tensor of x's shape.
    """
    return _last_axis("log_softmax", x, axis)
