"""Metrics of true and false positives and negatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam._allowance import claim
from hornbeam._tensor import emit1, exact_ids, to_tensor
from hornbeam._validation import choice, fits_memory, fraction, integer, number, positive_int
from hornbeam._whole import all_or_nothing
from hornbeam.losses.loss import fit_weight
from hornbeam.metrics.metric import Metric, alike, divide_no_nan
from hornbeam.ops.math import to_float


class _Counts(Metric):
    """Counts at one or several thresholds."""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.thresholds = thresholds
        self.top_k = None if top_k is None else positive_int("top_k", top_k)
        self.class_id = None if class_id is None else integer("class_id", class_id, 0)
        self._many = isinstance(thresholds, (list, tuple, np.ndarray))
        given = list(thresholds) if self._many else [0.5 if thresholds is None else thresholds]
        if not given:
            raise ValueError(f"`thresholds` must not be empty. Received: thresholds={thresholds}")
        self._levels = np.asarray([self._level(x) for x in given], "float32")
        n = (len(self._levels),)
        self.true_positives, self.false_positives = self.add_variable(n, name="tp"), self.add_variable(n, name="fp")
        self.true_negatives, self.false_negatives = self.add_variable(n, name="tn"), self.add_variable(n, name="fn")

    def _level(self, threshold: Any) -> float:
        return fraction("thresholds", threshold)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch of 0/1 targets and probabilities in."""
        p = to_float(y_pred)
        t, p = alike(type(self).__name__, to_tensor(y_true, p.dtype), p)
        if self.top_k is not None:
            kth = ops.top_k(p, self.top_k)[0][..., -1:]
            p = ops.where(ops.greater_equal(p, kth), p, -1e9)
        if self.class_id is not None:
            t, p = t[..., self.class_id], p[..., self.class_id]
        w = ops.ones_like(p)
        if sample_weight is not None:
            w = ops.multiply(w, fit_weight("sample_weight", to_tensor(sample_weight, p.dtype), p))
        t, p, w = (ops.reshape(x, [1, -1]) for x in (t, p, w))
        said = ops.cast(ops.greater(p, self._levels[:, None]), "float32")
        yes = ops.cast(ops.greater(t, 0.5), "float32")
        tp = ops.sum(ops.multiply(ops.multiply(said, yes), w), axis=1)
        said_w, yes_w = ops.sum(ops.multiply(said, w), axis=1), ops.sum(ops.multiply(yes, w), axis=1)
        fp, fn = ops.subtract(said_w, tp), ops.subtract(yes_w, tp)
        self.true_positives.assign_add(tp)
        self.false_positives.assign_add(fp)
        self.false_negatives.assign_add(fn)
        self.true_negatives.assign_add(ops.subtract(ops.sum(w), ops.add(tp, ops.add(fp, fn))))

    def _out(self, x: Any) -> Any:
        x = to_tensor(x)
        return x if self._many else x[0]

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "thresholds": self.thresholds, "top_k": self.top_k, "class_id": self.class_id}


class Precision(_Counts):
    """True positives among all that were called positive: ``tp / (tp + fp)``.

    Args:
        thresholds: above which a prediction counts as positive, 0.5 by default; a list gives a result for each.
        top_k: only the k most probable classes count as predicted.
        class_id: only this class counts.
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` (0 or 1) and ``y_pred`` (probabilities): the same, any.

    Example:
        >>> m = Precision()
        >>> m.update_state([0, 1, 1, 1], [0.7, 0.9, 0.2, 0.8])
        >>> round(float(m.result()), 4)
        0.6667
    """

    _direction = "up"

    def result(self) -> Any:
        """The precision."""
        return self._out(divide_no_nan(self.true_positives, ops.add(self.true_positives, self.false_positives)))


class Recall(_Counts):
    """True positives among all that are positive: ``tp / (tp + fn)``.

    Args:
        thresholds: above which a prediction counts as positive, 0.5 by default; a list gives a result for each.
        top_k: only the k most probable classes count as predicted.
        class_id: only this class counts.
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` (0 or 1) and ``y_pred`` (probabilities): the same, any.

    Example:
        >>> m = Recall()
        >>> m.update_state([0, 1, 1, 1], [0.7, 0.9, 0.2, 0.8])
        >>> round(float(m.result()), 4)
        0.6667
    """

    _direction = "up"

    def result(self) -> Any:
        """The recall."""
        return self._out(divide_no_nan(self.true_positives, ops.add(self.true_positives, self.false_negatives)))


class _One(_Counts):
    _which = ""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name=name, dtype=dtype)

    def result(self) -> Any:
        """The count."""
        return self._out(getattr(self, self._which).value)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "thresholds": self.thresholds}


class TruePositives(_One):
    """How many positives were called positive.

    Args:
        thresholds: above which a prediction counts as positive, 0.5 by default; a list gives a count for each.
        name: its name.
        dtype: only None or "float32", the state's.

    Example:
        >>> m = TruePositives()
        >>> m.update_state([0, 1, 1, 1], [0.7, 0.9, 0.2, 0.8])
        >>> float(m.result())
        2.0
    """

    _which = "true_positives"


class FalsePositives(_One):
    """How many negatives were called positive.

    Args:
        thresholds: above which a prediction counts as positive, 0.5 by default; a list gives a count for each.
        name: its name.
        dtype: only None or "float32", the state's.

    Example:
        >>> m = FalsePositives()
        >>> m.update_state([0, 1, 1, 1], [0.7, 0.9, 0.2, 0.8])
        >>> float(m.result())
        1.0
    """

    _which = "false_positives"


class TrueNegatives(_One):
    """How many negatives were called negative.

    Args:
        thresholds: above which a prediction counts as positive, 0.5 by default; a list gives a count for each.
        name: its name.
        dtype: only None or "float32", the state's.

    Example:
        >>> m = TrueNegatives()
        >>> m.update_state([0, 1, 1, 1], [0.7, 0.9, 0.2, 0.8])
        >>> float(m.result())
        0.0
    """

    _which = "true_negatives"


class FalseNegatives(_One):
    """How many positives were called negative.

    Args:
        thresholds: above which a prediction counts as positive, 0.5 by default; a list gives a count for each.
        name: its name.
        dtype: only None or "float32", the state's.

    Example:
        >>> m = FalseNegatives()
        >>> m.update_state([0, 1, 1, 1], [0.7, 0.9, 0.2, 0.8])
        >>> float(m.result())
        1.0
    """

    _which = "false_negatives"


class AUC(_Counts):
    """The area under the ROC or precision-recall curve, by trapezoids.

    Args:
        num_thresholds: how many points the curve has, at least 2.
        curve: "ROC" or "PR".
        summation_method: the height of each step: "interpolation" for the mean of its ends, "minoring" for the lower
            one, "majoring" for the higher.
        name: its name.
        from_logits: whether predictions are logits.
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
    ) -> None:
        n = integer("num_thresholds", num_thresholds, 2)
        claim(f"{name or 'auc'}/thresholds", (n,), "float64")
        fits_memory("the thresholds of AUC", [n, 8], "float64")
        eps = 1e-7
        super().__init__([-eps, *(i / (n - 1) for i in range(1, n - 1)), 1 + eps], name=name, dtype=dtype)
        if curve not in ("ROC", "PR"):
            raise ValueError(f"`curve` must be 'ROC' or 'PR'. Received: curve={curve!r}")
        self.num_thresholds, self.curve, self.from_logits = n, curve, from_logits
        self.summation_method = choice("summation_method", summation_method, ("interpolation", "minoring", "majoring"))

    def _level(self, threshold: Any) -> float:
        return float(threshold)  # the first and last lie outside of [0, 1]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch in."""
        super().update_state(y_true, ops.sigmoid(y_pred) if self.from_logits else y_pred, sample_weight)

    def result(self) -> Any:
        """The area."""
        tp, fp, fn, tn = (
            v.value for v in (self.true_positives, self.false_positives, self.false_negatives, self.true_negatives)
        )
        recall = divide_no_nan(tp, ops.add(tp, fn))
        if self.curve == "ROC":
            x, y = divide_no_nan(fp, ops.add(fp, tn)), recall
        else:
            x, y = recall, ops.where(ops.equal(ops.add(tp, fp), 0.0), 1.0, divide_no_nan(tp, ops.add(tp, fp)))
        n = self.num_thresholds - 1
        left, right = y[:n], y[1:]
        if self.summation_method == "interpolation":
            heights = ops.multiply(ops.add(left, right), 0.5)
        else:
            heights = (ops.minimum if self.summation_method == "minoring" else ops.maximum)(left, right)
        return ops.sum(ops.multiply(ops.subtract(x[:n], x[1:]), heights))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "from_logits": self.from_logits,
        }


class F1Score(Metric):
    """The harmonic mean of precision and recall, by class.

    Args:
        average: None, "micro", "macro" or "weighted".
        threshold: above which a class is predicted; None for the most probable one.
        name: its name.
    """

    _direction = "up"

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str = "f1_score", dtype: Any = None
    ) -> None:
        super().__init__(dtype, name)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f"`average` must be None, 'micro', 'macro' or 'weighted'. Received: average={average!r}")
        self.average = average
        self.threshold = None if threshold is None else number("threshold", threshold)
        self._built = False

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch of one-hot targets ``(batch, classes)`` in."""
        p = to_float(y_pred)
        t, p = alike("F1Score", to_tensor(y_true, p.dtype), p)
        if p.ndim != 2 or p.shape[-1] is None:
            raise ValueError(f"F1Score takes (batch, classes). Received: y_pred.shape={tuple(p.shape)}")
        if not self._built:
            n = (int(p.shape[-1]),)
            with all_or_nothing(self):
                self.tp, self.fp, self.fn = (self.add_variable(n, name=x) for x in ("tp", "fp", "fn"))
                self._built = True
        if self.threshold is None:
            said = ops.one_hot(ops.argmax(p, axis=-1), int(p.shape[-1]))
        else:
            said = ops.cast(ops.greater(p, self.threshold), "float32")
        w: Any = 1.0
        if sample_weight is not None:
            w = fit_weight("sample_weight", to_tensor(sample_weight, p.dtype), p)
        self.tp.assign_add(ops.sum(ops.multiply(ops.multiply(said, t), w), axis=0))
        self.fp.assign_add(ops.sum(ops.multiply(ops.multiply(said, ops.subtract(1.0, t)), w), axis=0))
        self.fn.assign_add(ops.sum(ops.multiply(ops.multiply(ops.subtract(1.0, said), t), w), axis=0))

    def result(self) -> Any:
        """The score, one a class without averaging."""
        tp, fp, fn = self.tp.value, self.fp.value, self.fn.value
        if self.average == "micro":
            tp, fp, fn = ops.sum(tp), ops.sum(fp), ops.sum(fn)
        score = divide_no_nan(ops.multiply(tp, 2.0), ops.add(ops.multiply(tp, 2.0), ops.add(fp, fn)))
        if self.average == "macro":
            return ops.mean(score)
        if self.average == "weighted":
            support = ops.add(tp, fn)
            return divide_no_nan(ops.sum(ops.multiply(score, support)), ops.sum(support))
        return score

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "average": self.average, "threshold": self.threshold}


class MeanIoU(Metric):
    """Intersection over union, meaned over the classes that occur.

    Args:
        num_classes: number of classes.
        name: its name.
        sparse_y_true: whether targets are class indices.
        sparse_y_pred: whether predictions are.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
    ) -> None:
        super().__init__(dtype, name)
        self.num_classes = positive_int("num_classes", num_classes)
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total = self.add_variable((self.num_classes, self.num_classes), name="total")

    def _hot(self, classes: Any) -> Any:
        """Rows of the identity, which an index out of range does not have."""
        return emit1("gather", [ops.eye(self.num_classes), ops.reshape(exact_ids(classes), [-1])])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch in. Raises ValueError for a class out of range."""
        t = to_tensor(y_true) if self.sparse_y_true else ops.argmax(y_true, axis=-1)
        p = to_tensor(y_pred) if self.sparse_y_pred else ops.argmax(y_pred, axis=-1)
        t, p = alike("MeanIoU", t, p)
        a, b = self._hot(t), self._hot(p)
        if sample_weight is not None:
            w = fit_weight("sample_weight", to_tensor(sample_weight, "float32"), t)
            a = ops.multiply(a, ops.reshape(ops.multiply(w, ops.ones_like(t, "float32")), [-1, 1]))
        self.total.assign_add(ops.matmul(ops.transpose(a), b))

    def result(self) -> Any:
        """The mean."""
        m = self.total.value
        hit = ops.sum(ops.multiply(m, np.eye(self.num_classes, dtype="float32")), axis=0)
        union = ops.subtract(ops.add(ops.sum(m, axis=0), ops.sum(m, axis=1)), hit)
        seen = ops.cast(ops.greater(union, 0.0), "float32")
        return divide_no_nan(ops.sum(divide_no_nan(hit, union)), ops.sum(seen))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "num_classes": self.num_classes,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
        }
