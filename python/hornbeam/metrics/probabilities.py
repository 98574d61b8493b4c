"""Means of the losses of predicted probabilities and counts."""

from __future__ import annotations

from typing import Any

from hornbeam.losses import probability_functions as f
from hornbeam.metrics.metric import MeanMetricWrapper

__all__ = ["BinaryCrossentropy", "CategoricalCrossentropy", "KLDivergence", "Poisson", "SparseCategoricalCrossentropy"]


class KLDivergence(MeanMetricWrapper):
    """The mean of ``sum(y_true log(y_true / y_pred))``.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = KLDivergence()
        >>> m.update_state([[0.5, 0.5]], [[0.25, 0.75]])
        >>> round(float(m.result()), 4)
        0.1438
    """

    _direction = "down"

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(f.kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """The mean of ``y_pred - y_true log(y_pred)``.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = Poisson()
        >>> m.update_state([[1.0]], [[2.0]])
        >>> round(float(m.result()), 4)
        1.3069
    """

    _direction = "down"

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(f.poisson, name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of ``-y_true log(y_pred) - (1 - y_true) log(1 - y_pred)``.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.
        from_logits: whether ``y_pred`` holds logits.
        label_smoothing: in [0, 1): how far targets are drawn towards 1/2.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = BinaryCrossentropy()
        >>> m.update_state([[1.0]], [[0.5]])
        >>> round(float(m.result()), 4)
        0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(f.binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of ``-sum(y_true log(y_pred))``, for one-hot targets.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.
        from_logits: whether ``y_pred`` holds logits.
        label_smoothing: in [0, 1): how far targets are drawn towards the uniform distribution.
        axis: of the classes.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``.

    Example:
        >>> m = CategoricalCrossentropy()
        >>> m.update_state([[0.0, 1.0]], [[0.5, 0.5]])
        >>> round(float(m.result()), 4)
        0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            f.categorical_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of ``-log(y_pred[y_true])``, for targets that are class indices.

    Args:
        name: its name.
        dtype: only None or "float32", the state's.
        from_logits: whether ``y_pred`` holds logits.
        ignore_class: a class whose samples cost nothing; they count as samples all the same, except beside weights.
        axis: of the classes.

    Input shape:
        ``y_true``: ``(batch, ...)`` or ``(batch, ..., 1)``, integers; ``y_pred``: ``(batch, ..., classes)``.

    Example:
        >>> m = SparseCategoricalCrossentropy()
        >>> m.update_state([1], [[0.5, 0.5]])
        >>> round(float(m.result()), 4)
        0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            f.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
