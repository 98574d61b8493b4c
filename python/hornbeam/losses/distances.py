"""Losses that measure how far predictions are from targets; ``distance_functions`` holds what each computes."""

from __future__ import annotations

from typing import Any

from hornbeam.core.validation import integer, number
from hornbeam.losses import distance_functions as f
from hornbeam.losses.loss import LossFunctionWrapper

__all__ = [
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "SquaredHinge",
]


class MeanSquaredError(LossFunctionWrapper):
    """The mean over the last axis of ``(y_true - y_pred)^2``.

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> float(MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]]))
        0.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """The mean over the last axis of ``|y_true - y_pred|``.

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[3.0, 1.0]]))
        1.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """100 times the mean over the last axis of ``|y_true - y_pred| / max(|y_true|, epsilon)``.

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]]))
        25.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """The mean over the last axis of ``(log(1 + y_true) - log(1 + y_pred))^2``; negative values count as 0.

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> round(float(MeanSquaredLogarithmicError()([[0.0]], [[1.0]])), 4)
        0.4805
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(LossFunctionWrapper):
    """Half the squares of errors up to ``delta``, ``delta |error|`` less a constant beyond (Huber 1964), meaned
    over the last axis.

    Args:
        delta: where squares give way to absolute values; positive.
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> float(Huber()([[0.0, 0.0]], [[1.0, 3.0]]))
        1.5
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        self.delta = number("delta", delta, 0)
        super().__init__(f.huber, reduction, name, dtype, delta=self.delta)


class LogCosh(LossFunctionWrapper):
    """The mean over the last axis of ``log(cosh(y_pred - y_true))``: squares near 0, absolute values far from
    it.

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> round(float(LogCosh()([[0.0]], [[1.0]])), 4)
        0.4338
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.log_cosh, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine of the angle between ``y_true`` and ``y_pred``: -1 where they point the same way.

    Args:
        axis: along which the vectors lie.
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> float(CosineSimilarity()([[0.0, 2.0]], [[0.0, 1.0]]))
        -1.0
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        self.axis = integer("axis", axis)
        super().__init__(f.cosine_similarity, reduction, name, dtype, axis=self.axis)


class Hinge(LossFunctionWrapper):
    """The mean over the last axis of ``max(1 - y_true y_pred, 0)``; labels are -1 and 1, or 0 and 1.

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> float(Hinge()([[1.0, -1.0]], [[0.5, -2.0]]))
        0.25
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """The mean over the last axis of ``max(1 - y_true y_pred, 0)^2``; labels are -1 and 1, or 0 and 1.

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> float(SquaredHinge()([[1.0, -1.0]], [[0.5, -2.0]]))
        0.125
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """``max(best wrong score - right score + 1, 0)`` (Crammer and Singer 2001), for one-hot targets.

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 1.0]]))
        0.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.categorical_hinge, reduction, name, dtype)
