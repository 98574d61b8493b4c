"""Metrics of classes: F-scores, and how far regions of a class overlap."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.core.tensor import emit1, exact_ids, to_tensor
from hornbeam.core.validation import integer, number, positive_int
from hornbeam.core.whole import all_or_nothing
from hornbeam.losses.loss import divide_no_nan, fit_weight
from hornbeam.metrics.metric import Metric, alike
from hornbeam.ops.elementwise import to_float

__all__ = ["F1Score", "FBetaScore", "MeanIoU"]


class FBetaScore(Metric):
    """The harmonic mean of precision and recall by class, recall weighing ``beta`` times as much.

    Args:
        average: None for a score of each class, "macro" for their mean, "weighted" for one by how often they occur,
            "micro" for the score of all answers together.
        beta: the weight of recall, positive.
        threshold: in (0, 1], above which a class is predicted; None for the most probable one.
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` (0 or 1) and ``y_pred`` (probabilities): the same, ``(batch, classes)``.

    Example:
        >>> m = FBetaScore(beta=2.0, threshold=0.5)
        >>> m.update_state([[1], [1], [0]], [[0.7], [0.2], [0.8]])
        >>> m.result().numpy().round(4)
        array([0.5], dtype=float32)
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f"`average` must be None, 'micro', 'macro' or 'weighted'. Received: average={average!r}")
        self.average, self.beta = average, number("beta", beta)
        if self.beta <= 0:
            raise ValueError(f"`beta` must be positive. Received: beta={beta}")
        self.threshold = None if threshold is None else number("threshold", threshold)
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise ValueError(f"`threshold` must be in (0, 1]. Received: threshold={threshold}")
        self._built = False

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch of one-hot targets ``(batch, classes)`` in."""
        p = to_float(y_pred)
        t, p = alike(type(self).__name__, to_tensor(y_true, p.dtype), p)
        if p.ndim != 2 or p.shape[-1] is None:
            raise ValueError(f"{type(self).__name__} takes (batch, classes). Received: y_pred.shape={tuple(p.shape)}")
        if not self._built:
            shape = () if self.average == "micro" else (int(p.shape[-1]),)
            with all_or_nothing(self):
                self.true_positives, self.false_positives, self.false_negatives, self.intermediate_weights = (
                    self.add_variable(shape, name=x)
                    for x in ("true_positives", "false_positives", "false_negatives", "intermediate_weights")
                )
                self._built = True
        if self.threshold is None:  # a row of zeros predicts nothing
            best = ops.greater_equal(p, ops.max(p, axis=-1, keepdims=True))
            said = ops.logical_and(best, ops.greater(ops.abs(p), 1e-9))
        else:
            said = ops.greater(p, self.threshold)
        said = ops.cast(said, "float32")
        w: Any = 1.0
        if sample_weight is not None:
            w = fit_weight("sample_weight", to_tensor(sample_weight, p.dtype), p)
        axis = None if self.average == "micro" else 0
        for state, values in (
            (self.true_positives, ops.multiply(said, t)),
            (self.false_positives, ops.multiply(said, ops.subtract(1.0, t))),
            (self.false_negatives, ops.multiply(ops.subtract(1.0, said), t)),
            (self.intermediate_weights, t),
        ):
            state.assign_add(ops.sum(ops.multiply(values, w), axis=axis))

    def result(self) -> Any:
        """The score, one a class without averaging."""
        eps, square = config.epsilon(), self.beta**2
        tp = self.true_positives.value
        precision = ops.divide(tp, ops.add(ops.add(tp, self.false_positives), eps))
        recall = ops.divide(tp, ops.add(ops.add(tp, self.false_negatives), eps))
        below = ops.add(ops.add(ops.multiply(precision, square), recall), eps)
        score = ops.multiply(ops.divide(ops.multiply(precision, recall), below), 1 + square)
        if self.average == "weighted":
            support = self.intermediate_weights.value
            return ops.sum(ops.multiply(score, ops.divide(support, ops.add(ops.sum(support), eps))))
        return score if self.average is None else ops.mean(score)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall, by class.

    Args:
        average: None for a score of each class, "macro" for their mean, "weighted" for one by how often they occur,
            "micro" for the score of all answers together.
        threshold: in (0, 1], above which a class is predicted; None for the most probable one.
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` (0 or 1) and ``y_pred`` (probabilities): the same, ``(batch, classes)``.

    Example:
        >>> m = F1Score(threshold=0.5)
        >>> m.update_state([[1], [1], [0]], [[0.7], [0.2], [0.8]])
        >>> m.result().numpy().round(4)
        array([0.5], dtype=float32)
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "average": self.average, "threshold": self.threshold}


class MeanIoU(Metric):
    """Intersection over union, meaned over the classes that occur.

    Args:
        num_classes: number of classes.
        name: its name.
        dtype: only None or "float32", the state's, so that weights may be fractions (Keras' default drops them).
        ignore_class: a class, of those or not, whose targets are left out.
        sparse_y_true: whether targets are class indices.
        sparse_y_pred: whether predictions are.
        axis: of the classes, where they are not.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype, name)
        self.num_classes = positive_int("num_classes", num_classes)
        self.ignore_class = None if ignore_class is None else integer("ignore_class", ignore_class)
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.axis = integer("axis", axis)
        self.total_cm = self.add_variable((self.num_classes, self.num_classes), name="total_confusion_matrix")

    def _hot(self, classes: Any) -> Any:
        """Rows of the identity, which an index out of range does not have."""
        return emit1("gather", [ops.eye(self.num_classes), ops.reshape(classes, [-1])])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch in. Raises ValueError for a class out of range."""
        t = exact_ids(y_true if self.sparse_y_true else ops.argmax(y_true, axis=self.axis))
        p = exact_ids(y_pred if self.sparse_y_pred else ops.argmax(y_pred, axis=self.axis))
        t, p = alike("MeanIoU", t, p)
        w = ops.ones_like(t, "float32")
        if sample_weight is not None:
            w = ops.multiply(w, fit_weight("sample_weight", to_tensor(sample_weight, "float32"), t))
        if self.ignore_class is not None:
            counted = ops.not_equal(t, self.ignore_class)
            t, p, w = (ops.where(counted, x, 0) for x in (t, p, w))
        rows = ops.multiply(self._hot(t), ops.reshape(w, [-1, 1]))
        self.total_cm.assign_add(ops.matmul(ops.transpose(rows), self._hot(p)))

    def result(self) -> Any:
        """The mean."""
        m = self.total_cm.value
        hit = ops.sum(ops.multiply(m, np.eye(self.num_classes, dtype="float32")), axis=0)
        union = ops.subtract(ops.add(ops.sum(m, axis=0), ops.sum(m, axis=1)), hit)
        seen = ops.cast(ops.greater(union, 0.0), "float32")
        return divide_no_nan(ops.sum(divide_no_nan(hit, union)), ops.sum(seen))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "num_classes": self.num_classes,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }
