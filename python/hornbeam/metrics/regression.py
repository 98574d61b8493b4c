"""Metrics of regression: means of errors, and the share of variance explained."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.tensor import dims_of, to_tensor
from hornbeam.core.validation import integer
from hornbeam.losses import distance_functions as f
from hornbeam.losses.loss import check_broadcast, fit_weight
from hornbeam.metrics.metric import Mean, MeanMetricWrapper, Metric, alike
from hornbeam.ops.arrays import shape_product
from hornbeam.ops.elementwise import to_float

__all__ = [
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "R2Score",
    "RootMeanSquaredError",
    "SquaredHinge",
]


def _cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    return ops.negative(f.cosine_similarity(y_true, y_pred, axis))


class MeanSquaredError(MeanMetricWrapper):
    """The mean of squared errors.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = MeanSquaredError()
        >>> m.update_state([[0.0, 1.0]], [[1.0, 1.0]])
        >>> round(float(m.result()), 4)
        0.5
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(f.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of absolute errors.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = MeanAbsoluteError()
        >>> m.update_state([[0.0, 1.0]], [[3.0, 1.0]])
        >>> round(float(m.result()), 4)
        1.5
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(f.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """100 times the mean of ``|y_true - y_pred| / max(|y_true|, epsilon)``.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = MeanAbsolutePercentageError()
        >>> m.update_state([[2.0, 4.0]], [[1.0, 4.0]])
        >>> round(float(m.result()), 4)
        25.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(f.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of ``(log(1 + y_true) - log(1 + y_pred))^2``.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = MeanSquaredLogarithmicError()
        >>> m.update_state([[0.0]], [[1.0]])
        >>> round(float(m.result()), 4)
        0.4805
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(f.mean_squared_logarithmic_error, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between ``y_true`` and ``y_pred``: 1 where they point the same way.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.
        axis: along which the vectors lie.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = CosineSimilarity()
        >>> m.update_state([[0.0, 2.0]], [[0.0, 1.0]])
        >>> round(float(m.result()), 4)
        1.0
    """

    _direction = "up"

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(_cosine_similarity, name, dtype, axis=integer("axis", axis))


class LogCoshError(MeanMetricWrapper):
    """The mean of ``log(cosh(y_pred - y_true))``.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = LogCoshError()
        >>> m.update_state([[0.0]], [[1.0]])
        >>> round(float(m.result()), 4)
        0.4338
    """

    _direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(f.log_cosh, name, dtype)


class Hinge(MeanMetricWrapper):
    """The mean of ``max(1 - y_true y_pred, 0)``; labels are -1 and 1, or 0 and 1.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = Hinge()
        >>> m.update_state([[1.0, -1.0]], [[0.5, -2.0]])
        >>> round(float(m.result()), 4)
        0.25
    """

    _direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(f.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of ``max(1 - y_true y_pred, 0)^2``; labels are -1 and 1, or 0 and 1.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = SquaredHinge()
        >>> m.update_state([[1.0, -1.0]], [[0.5, -2.0]])
        >>> round(float(m.result()), 4)
        0.125
    """

    _direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(f.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean of ``max(best wrong score - right score + 1, 0)``, for one-hot targets.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = CategoricalHinge()
        >>> m.update_state([[0.0, 1.0]], [[0.5, 1.0]])
        >>> round(float(m.result()), 4)
        0.5
    """

    _direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(f.categorical_hinge, name, dtype)


class RootMeanSquaredError(Mean):
    """The root of the mean squared error.

    Args:
        name: its name.
    """

    _direction = "down"

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Takes a batch in."""
        p = to_float(y_pred)
        t, p = alike("RootMeanSquaredError", to_tensor(y_true, p.dtype), p, check_broadcast)
        super().update_state(ops.square(ops.subtract(t, p)), sample_weight)

    def result(self) -> Any:
        """The root."""
        return ops.sqrt(super().result())


class R2Score(Metric):
    """The share of the targets' variance that is explained, meaned over the outputs.

    Args:
        class_aggregation: "uniform_average" for the mean over the outputs, "variance_weighted_average" for one by their
            variances, None for a score of each.
        num_regressors: how many variables explain the targets, for the adjusted score; 0 for the plain one. Each
            output of a row counts as a sample there, as in Keras.
        name: its name.
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                "`class_aggregation` must be None, 'uniform_average' or 'variance_weighted_average'. Received: "
                f"class_aggregation={class_aggregation!r}"
            )
        self.class_aggregation, self.num_regressors = class_aggregation, integer("num_regressors", num_regressors, 0)
        self.num_samples = self.add_variable(name="num_samples")
        self._made = False

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch ``(batch, outputs)`` in."""
        p = to_float(y_pred)
        t, p = alike("R2Score", to_tensor(y_true, p.dtype), p)
        if t.ndim == 1:
            t, p = ops.expand_dims(t, -1), ops.expand_dims(p, -1)
        if t.ndim != 2 or t.shape[-1] is None:
            raise ValueError(f"R2Score takes (batch, outputs). Received: y_pred.shape={tuple(p.shape)}")
        if not self._made:
            n = (int(t.shape[-1]),)
            self.squared_sum, self.sum, self.total_mse, self.count = (
                self.add_variable(n, name=x) for x in ("squared_sum", "sum", "residual", "count")
            )
            self._made = True
        w = ops.ones_like(t)
        if sample_weight is not None:
            w = ops.multiply(w, fit_weight("sample_weight", to_tensor(sample_weight, p.dtype), t))
        weighted = ops.multiply(t, w)
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(ops.multiply(t, weighted), axis=0))
        self.total_mse.assign_add(ops.sum(ops.multiply(ops.square(ops.subtract(t, p)), w), axis=0))
        self.count.assign_add(ops.sum(w, axis=0))
        self.num_samples.assign_add(to_tensor(shape_product(dims_of(t)), "float32"))

    def result(self) -> Any:
        """The score. An output whose targets are all the same has 0, or NaN where it is met exactly."""
        total = ops.subtract(self.squared_sum, ops.divide(ops.square(self.sum), self.count))
        score = ops.subtract(1.0, ops.divide(self.total_mse, total))
        score = ops.where(ops.isinf(score), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = ops.divide(ops.sum(ops.multiply(total, score)), ops.sum(total))
        if self.num_regressors:
            left = ops.subtract(self.num_samples, self.num_regressors + 1.0)
            share = ops.divide(ops.subtract(self.num_samples, 1.0), ops.where(ops.greater(left, 0.0), left, 1.0))
            adjusted = ops.subtract(1.0, ops.multiply(ops.subtract(1.0, score), share))
            score = ops.where(ops.greater(left, 0.0), adjusted, score)  # too few samples for so many: as it is
        return score

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
