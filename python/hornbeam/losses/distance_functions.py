"""Loss functions of how far predictions are from targets: one value for each sample, reduced over the last axis."""

from __future__ import annotations

from typing import Any

from hornbeam import config, ops
from hornbeam.core import validation as _check
from hornbeam.core.tensor import to_tensor
from hornbeam.losses.loss import check_broadcast, same_rank
from hornbeam.ops.elementwise import to_float

__all__ = [
    "categorical_hinge",
    "cosine_similarity",
    "hinge",
    "huber",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "squared_hinge",
]


def _pair(name: str, y_true: Any, y_pred: Any, check: Any = check_broadcast) -> tuple[Any, Any]:
    y_pred = to_float(y_pred)
    y_true = to_tensor(y_true, y_pred.dtype)
    y_true, y_pred = same_rank(y_true, y_pred)
    check(name, y_true, y_pred)
    return y_true, y_pred


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean((y_true - y_pred)^2) over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("mean_squared_error", y_true, y_pred)
    return ops.mean(ops.square(ops.subtract(a, b)), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean(|y_true - y_pred|) over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.abs(ops.subtract(a, b)), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 mean(|y_true - y_pred| / |y_true|) over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("mean_absolute_percentage_error", y_true, y_pred)
    return ops.multiply(
        ops.mean(ops.abs(ops.divide(ops.subtract(a, b), ops.maximum(ops.abs(a), config.epsilon()))), axis=-1), 100.0
    )


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """mean((log(1 + y_true) - log(1 + y_pred))^2) over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("mean_squared_logarithmic_error", y_true, y_pred)
    eps = config.epsilon()
    return ops.mean(ops.square(ops.subtract(ops.log1p(ops.maximum(a, eps)), ops.log1p(ops.maximum(b, eps)))), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Squares of small errors, absolute values of large ones (Huber 1964), meaned over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.
        delta: where squares give way to absolute values.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("huber", y_true, y_pred)
    delta = _check.number("delta", delta, 0)
    e = ops.abs(ops.subtract(a, b))
    return ops.mean(
        ops.where(
            ops.less_equal(e, delta),
            ops.multiply(ops.square(e), 0.5),
            ops.subtract(ops.multiply(e, delta), 0.5 * delta * delta),
        ),
        axis=-1,
    )


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """mean(log(cosh(y_pred - y_true))) over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("log_cosh", y_true, y_pred)
    e = ops.subtract(b, a)
    return ops.mean(ops.subtract(ops.add(e, ops.softplus(ops.multiply(e, -2.0))), 0.6931471805599453), axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between the vectors: -1 when they point the same way.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.
        axis: along which the vectors lie.

    Returns:
        A float tensor of the other axes, in [-1, 1].

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("cosine_similarity", y_true, y_pred)
    return ops.negative(ops.sum(ops.multiply(ops.normalize(a, axis), ops.normalize(b, axis)), axis=axis))


def _signed(y_true: Any) -> Any:
    """0/1 labels as -1/1; other labels as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(binary, ops.subtract(ops.multiply(y_true, 2.0), 1.0), y_true)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """mean(max(1 - y_true y_pred, 0)) over the last axis; labels are -1/1 or 0/1.

    Args:
        y_true: -1 and 1, or 0 and 1, ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("hinge", y_true, y_pred)
    return ops.mean(ops.maximum(ops.subtract(1.0, ops.multiply(_signed(a), b)), 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """mean(max(1 - y_true y_pred, 0)^2) over the last axis.

    Args:
        y_true: -1 and 1, or 0 and 1, ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("squared_hinge", y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(ops.subtract(1.0, ops.multiply(_signed(a), b)), 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(best wrong score - right score + 1, 0).

    Args:
        y_true: one-hot, ``(batch, ..., classes)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("categorical_hinge", y_true, y_pred)
    right = ops.sum(ops.multiply(a, b), axis=-1)
    wrong = ops.max(ops.multiply(ops.subtract(1.0, a), b), axis=-1)
    return ops.maximum(ops.add(ops.subtract(wrong, right), 1.0), 0.0)


mse, mae = mean_squared_error, mean_absolute_error
mape, msle = mean_absolute_percentage_error, mean_squared_logarithmic_error
