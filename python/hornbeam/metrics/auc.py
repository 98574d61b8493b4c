"""Areas under curves of true and false positives."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.core.allowance import claim
from hornbeam.core.tensor import to_tensor
from hornbeam.core.validation import choice, fits_memory, fraction, integer, positive_int
from hornbeam.core.variable import Variable
from hornbeam.core.whole import all_or_nothing
from hornbeam.losses.loss import divide_no_nan, fit_weight
from hornbeam.metrics.confusion import count_confusion, evenly_spread
from hornbeam.metrics.metric import Metric, alike
from hornbeam.ops.elementwise import to_float

__all__ = ["AUC"]

_KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


class AUC(Metric):
    """The area under the ROC or precision-recall curve, by trapezoids.

    Args:
        num_thresholds: how many points the curve has, at least 2.
        curve: "ROC", "PR" or "PRGAIN" (precision and recall gain; Flach and Kull 2015).
        summation_method: the height of each step: "interpolation" for the mean of its ends, "minoring" for the lower
            one, "majoring" for the higher. A PR curve is interpolated by its counts (Davis and Goadrich 2006).
        name: its name.
        dtype: only None or "float32", the state's.
        thresholds: those inside (0, 1) to use instead of ``num_thresholds`` even ones.
        multi_label: whether each column is a problem of its own, whose areas are meaned.
        num_labels: how many columns there are, with ``multi_label``; None to take it from the first batch.
        label_weights: of the columns: in that mean, or, without ``multi_label``, of their predictions.
        from_logits: whether predictions are logits.

    Example:
        >>> m = AUC(num_thresholds=3)
        >>> m.update_state([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
        >>> float(m.result())
        0.75
    """

    _direction = "up"
    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        if thresholds is None:
            n = integer("num_thresholds", num_thresholds, 2)
            claim(f"{self.name}/thresholds", (n,), "float64")
            fits_memory("the thresholds of AUC", [n, 8], "float64")
            inner = [i / (n - 1) for i in range(1, n - 1)]
        else:
            inner = sorted(fraction("thresholds", x) for x in thresholds)
        self._given = None if thresholds is None else inner
        self._even = thresholds is None or evenly_spread([0.0, *inner, 1.0])
        self.thresholds = [-config.epsilon(), *inner, 1 + config.epsilon()]
        self.num_thresholds = len(self.thresholds)
        self.curve = choice("curve", curve, ("roc", "pr", "prgain")).upper()
        self.summation_method = choice("summation_method", summation_method, ("interpolation", "minoring", "majoring"))
        self.multi_label, self.from_logits = bool(multi_label), bool(from_logits)
        self.num_labels = None if num_labels is None else positive_int("num_labels", num_labels)
        if self.num_labels is not None and not self.multi_label:
            raise ValueError(f"`num_labels` needs multi_label=True. Received: num_labels={num_labels}")
        self.label_weights = None if label_weights is None else np.asarray(label_weights, "float32")
        self._made = False
        if not self.multi_label or self.num_labels is not None:
            self._make(self.num_labels)

    def _make(self, labels: int | None) -> None:
        shape = (self.num_thresholds,) if labels is None else (self.num_thresholds, labels)
        with all_or_nothing(self):
            for kind in _KINDS:
                setattr(self, kind, self.add_variable(shape, name=kind))
            self._made = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch of 0/1 targets and probabilities or logits in, ``(batch, labels)`` with ``multi_label``."""
        p = to_float(y_pred)
        t, p = alike("AUC", to_tensor(y_true, p.dtype), p)
        p = ops.sigmoid(p) if self.from_logits else p
        w = ops.ones_like(p)
        if sample_weight is not None:
            w = ops.multiply(w, fit_weight("sample_weight", to_tensor(sample_weight, p.dtype), p))
        if self.multi_label:
            if p.ndim != 2 or p.shape[1] is None or self.num_labels not in (None, p.shape[1]):
                raise ValueError(
                    f"AUC with multi_label takes (batch, {self.num_labels or 'labels'}). Received: "
                    f"y_pred.shape={tuple(p.shape)}"
                )
            if not self._made:
                self._make(int(p.shape[1]))
            t, p, w = (ops.transpose(x) for x in (t, p, w))
        else:
            if self.label_weights is not None:
                w = ops.multiply(w, self.label_weights)
            t, p, w = (ops.reshape(x, [1, -1]) for x in (t, p, w))
        found = count_confusion(self.thresholds, self._even, t, p, w)
        for kind in _KINDS:
            getattr(self, kind).assign_add(found[kind] if self.multi_label else ops.squeeze(found[kind], 1))

    def _counted_steps(self) -> Any:
        """The areas between the points of a PR curve whose counts are interpolated, not its ratios."""
        tp, positive = self.true_positives.value, ops.add(self.true_positives, self.false_negatives)
        said = ops.add(tp, self.false_positives)
        more = ops.subtract(tp[:-1], tp[1:])
        slope = divide_no_nan(more, ops.maximum(ops.subtract(said[:-1], said[1:]), 0.0))
        start = ops.subtract(tp[1:], ops.multiply(slope, said[1:]))
        both = ops.logical_and(ops.greater(said[:-1], 0.0), ops.greater(said[1:], 0.0))
        ratio = ops.where(both, divide_no_nan(said[:-1], said[1:]), 1.0)
        area = ops.multiply(slope, ops.add(more, ops.multiply(start, ops.log(ratio))))
        return divide_no_nan(area, positive[1:])

    def _curve(self) -> tuple[Any, Any]:
        tp, fp, tn, fn = (getattr(self, kind).value for kind in _KINDS)
        recall = divide_no_nan(tp, ops.add(tp, fn))
        if self.curve == "ROC":
            return divide_no_nan(fp, ops.add(fp, tn)), recall
        if self.curve == "PR":
            return recall, divide_no_nan(tp, ops.add(tp, fp))
        odds, none = divide_no_nan(ops.add(tp, fn), ops.add(tn, fp)), ops.equal(tp, 0.0)
        recall_gain, precision_gain = (
            ops.subtract(1.0, ops.multiply(odds, divide_no_nan(wrong, tp))) for wrong in (fn, fp)
        )
        return ops.maximum(ops.where(none, 0.0, recall_gain), 0.0), ops.where(none, 1.0, precision_gain)

    def result(self) -> Any:
        """The area."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            steps = self._counted_steps()
        else:
            x, y = self._curve()
            if self.summation_method == "interpolation":
                heights = ops.multiply(ops.add(y[:-1], y[1:]), 0.5)
            else:
                heights = (ops.minimum if self.summation_method == "minoring" else ops.maximum)(y[:-1], y[1:])
            steps = ops.multiply(ops.subtract(x[:-1], x[1:]), heights)
        if not self.multi_label:
            return ops.sum(steps)
        areas = ops.sum(steps, axis=0)
        if self.label_weights is None:
            return ops.mean(areas)
        return divide_no_nan(ops.sum(ops.multiply(areas, self.label_weights)), float(self.label_weights.sum()))

    def get_config(self) -> dict[str, Any]:
        config = {
            "name": self.name,
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        return config if self._given is None else {**config, "thresholds": self._given}
