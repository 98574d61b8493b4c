"""Metrics of true and false positives and negatives at thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import config, ops
from hornbeam.core.tensor import to_tensor
from hornbeam.core.validation import fraction, integer, positive_int
from hornbeam.core.variable import Variable
from hornbeam.losses.loss import divide_no_nan, fit_weight
from hornbeam.metrics.metric import Metric, alike
from hornbeam.ops.elementwise import to_float

__all__ = ["FalseNegatives", "FalsePositives", "Precision", "Recall", "TrueNegatives", "TruePositives"]

_NEVER = -1e10  # below every threshold: what is not among the k best, and the threshold of those that are


def evenly_spread(levels: Any) -> bool:
    """Whether these thresholds, three or more, cut [0, 1] into equal parts."""
    n = len(levels)
    return n > 2 and np.allclose(levels, np.arange(n, dtype="float32") / (n - 1), atol=config.epsilon())


def _spread_above(levels: Any, true: Any, false: Any, p: Any) -> Any:
    """``above`` of evenly spread thresholds: predictions fall into buckets, which are summed from above."""
    labels, n = int(p.shape[0]), len(levels)
    bucket = ops.ceil(ops.multiply(ops.clip(ops.where(ops.isnan(p), 0.0, p), 0.0, 1.0), n - 1.0))
    if levels[0] < 0:
        bucket = ops.maximum(bucket, 1.0)
    ids = ops.add(ops.cast(bucket, "int32"), np.arange(labels, dtype="int32")[:, None] * n)
    weights = ops.stack([ops.reshape(true, [-1]), ops.reshape(false, [-1])], axis=1)
    inside = ops.reshape(ops.segment_sum(weights, ops.reshape(ids, [-1]), labels * n), [labels, n, 2])
    above = ops.flip(ops.cumsum(ops.flip(inside, axis=1), axis=1), axis=1)[:, 1:]
    above = ops.pad(above, [[0, 0], [0, 1], [0, 0]])
    return ops.transpose(above[..., 0]), ops.transpose(above[..., 1])


def count_confusion(levels: Any, even: bool, t: Any, p: Any, w: Any) -> dict[str, Any]:
    """The weights of right and wrong answers at each threshold.

    Args:
        levels: the thresholds.
        even: whether they are evenly spread.
        t: targets, positive where not 0, ``(labels, n)``.
        p: predictions of that shape.
        w: weights of that shape.

    Returns:
        ``true_positives`` and the others, ``(thresholds, labels)`` each.
    """
    yes = ops.cast(ops.not_equal(t, 0), p.dtype)
    true, false = ops.multiply(yes, w), ops.multiply(ops.subtract(1.0, yes), w)
    if even:
        tp, fp = _spread_above(levels, true, false, p)
        fn, tn = ops.subtract(ops.sum(true, axis=1), tp), ops.subtract(ops.sum(false, axis=1), fp)
    else:
        said = ops.cast(ops.greater(p, np.asarray(levels, "float32")[:, None, None]), p.dtype)
        tp, fp = (ops.sum(ops.multiply(said, x), axis=-1) for x in (true, false))
        fn, tn = (ops.sum(ops.multiply(ops.subtract(1.0, said), x), axis=-1) for x in (true, false))
    return {"true_positives": tp, "false_positives": fp, "true_negatives": tn, "false_negatives": fn}


class _Counts(Metric):
    """Counts at one or several thresholds: attributes of these names."""

    _kept: tuple[str, ...]
    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.top_k = None if top_k is None else positive_int("top_k", top_k)
        self.class_id = None if class_id is None else integer("class_id", class_id, 0)
        if thresholds is None:
            self.thresholds = [0.5 if top_k is None else _NEVER]
        else:
            given = thresholds if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
            self.thresholds = [fraction("thresholds", x) for x in given]
        if not self.thresholds:
            raise ValueError(f"`thresholds` must not be empty. Received: thresholds={thresholds}")
        self._even = evenly_spread(self.thresholds)
        for kind in self._kept:
            setattr(self, kind, self.add_variable((len(self.thresholds),), name=kind))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch of 0/1 targets and probabilities in."""
        p = to_float(y_pred)
        t, p = alike(type(self).__name__, to_tensor(y_true, p.dtype), p)
        w = ops.ones_like(p)
        if sample_weight is not None:
            w = ops.multiply(w, fit_weight("sample_weight", to_tensor(sample_weight, p.dtype), p))
        if self.top_k is not None:
            best = ops.one_hot(ops.top_k(p, self.top_k)[1], p.shape[-1])
            p = ops.where(ops.greater(ops.sum(best, axis=-2), 0.0), p, _NEVER)
        if self.class_id is not None:
            t, p, w = (x[..., self.class_id] for x in (t, p, w))
        found = count_confusion(self.thresholds, self._even, *(ops.reshape(x, [1, -1]) for x in (t, p, w)))
        for kind in self._kept:
            getattr(self, kind).assign_add(ops.squeeze(found[kind], 1))

    def _out(self, x: Any) -> Any:
        x = to_tensor(x)
        return x[0] if len(self.thresholds) == 1 else x

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_Counts):
    """True positives among all that were called positive: ``tp / (tp + fp)``.

    Args:
        thresholds: above which a prediction counts as positive, 0.5 by default, none with
            ``top_k``; a list gives a result for each.
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
    _kept = ("true_positives", "false_positives")

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype)

    def result(self) -> Any:
        """The precision."""
        return self._out(divide_no_nan(self.true_positives, ops.add(self.true_positives, self.false_positives)))


class Recall(_Counts):
    """True positives among all that are positive: ``tp / (tp + fn)``.

    Args:
        thresholds: above which a prediction counts as positive, 0.5 by default, none with
            ``top_k``; a list gives a result for each.
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
    _kept = ("true_positives", "false_negatives")

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype)

    def result(self) -> Any:
        """The recall."""
        return self._out(divide_no_nan(self.true_positives, ops.add(self.true_positives, self.false_negatives)))


class _One(_Counts):
    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name=name, dtype=dtype)

    def result(self) -> Any:
        """The count."""
        return self._out(getattr(self, self._kept[0]).value)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "thresholds": self.init_thresholds}


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

    _kept = ("true_positives",)

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name, dtype)


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

    _kept = ("false_positives",)

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name, dtype)


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

    _kept = ("true_negatives",)

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name, dtype)


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

    _kept = ("false_negatives",)

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name, dtype)
