"""Metrics of regression, and means of the loss functions."""

from __future__ import annotations

import inspect
from typing import Any

from hornbeam import ops
from hornbeam._tensor import dims_of, to_tensor
from hornbeam.losses import functions as f
from hornbeam.metrics.metric import Mean, MeanMetricWrapper, Metric, divide_no_nan, same_rank
from hornbeam.ops.math import to_float


def _make(class_name: str, fn: Any, up: bool = False, name: str | None = None, sign: float = 1.0) -> Any:
    parameters = list(inspect.signature(fn).parameters.values())[2:]
    default_name = name or fn.__name__

    def value(y_true: Any, y_pred: Any, **kwargs: Any) -> Any:
        out = fn(y_true, y_pred, **kwargs)
        return out if sign == 1.0 else ops.multiply(out, sign)

    def __init__(self: Any, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        for k in kwargs:
            if k not in {p.name for p in parameters}:
                raise TypeError(f"{class_name} has no argument {k!r}")
        MeanMetricWrapper.__init__(self, value, name or default_name, **kwargs)
        self._direction = "up" if up else "down"

    doc = f"The mean of: {(fn.__doc__ or '').strip()}\n\n    Args:\n        name: its name.\n        **kwargs: as for the function.\n    "
    return type(class_name, (MeanMetricWrapper,), {"__init__": __init__, "__doc__": doc, "__module__": __name__})


MeanSquaredError = _make("MeanSquaredError", f.mean_squared_error)
MeanAbsoluteError = _make("MeanAbsoluteError", f.mean_absolute_error)
MeanAbsolutePercentageError = _make("MeanAbsolutePercentageError", f.mean_absolute_percentage_error)
MeanSquaredLogarithmicError = _make("MeanSquaredLogarithmicError", f.mean_squared_logarithmic_error)
CosineSimilarity = _make("CosineSimilarity", f.cosine_similarity, True, sign=-1.0)
LogCoshError = _make("LogCoshError", f.log_cosh, name="logcosh")
Hinge = _make("Hinge", f.hinge)
SquaredHinge = _make("SquaredHinge", f.squared_hinge)
CategoricalHinge = _make("CategoricalHinge", f.categorical_hinge)
KLDivergence = _make("KLDivergence", f.kl_divergence)
Poisson = _make("Poisson", f.poisson)
BinaryCrossentropy = _make("BinaryCrossentropy", f.binary_crossentropy)
CategoricalCrossentropy = _make("CategoricalCrossentropy", f.categorical_crossentropy)
SparseCategoricalCrossentropy = _make("SparseCategoricalCrossentropy", f.sparse_categorical_crossentropy)


class RootMeanSquaredError(Mean):
    """The root of the mean squared error.

    Args:
        name: its name.
    """

    _direction = "down"

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Takes a batch in."""
        p = to_float(y_pred)
        t, p = same_rank(to_tensor(y_true, p.dtype), p)
        super().update_state(ops.square(ops.subtract(t, p)), sample_weight)

    def result(self) -> Any:
        """The root."""
        return ops.sqrt(super().result())


class R2Score(Metric):
    """The share of the targets' variance that is explained, meaned over the outputs.

    Args:
        name: its name.
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name)
        self._made = False

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch ``(batch, outputs)`` in."""
        p = to_float(y_pred)
        t, p = same_rank(to_tensor(y_true, p.dtype), p)
        if t.ndim == 1:
            t, p = ops.expand_dims(t, -1), ops.expand_dims(p, -1)
        if not self._made:
            n = (int(t.shape[-1]),)
            self.sum, self.squares, self.residual = (
                self.add_variable(n, name=x) for x in ("sum", "squares", "residual")
            )
            self.count = self.add_variable(name="count")
            self._made = True
        self.sum.assign_add(ops.sum(t, axis=0))
        self.squares.assign_add(ops.sum(ops.square(t), axis=0))
        self.residual.assign_add(ops.sum(ops.square(ops.subtract(t, p)), axis=0))
        self.count.assign_add(to_tensor(dims_of(t)[0], "float32"))

    def result(self) -> Any:
        """The score."""
        total = ops.subtract(self.squares, ops.divide(ops.square(self.sum), self.count))
        return ops.mean(ops.subtract(1.0, divide_no_nan(self.residual, total)))
