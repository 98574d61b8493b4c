"""Losses of predicted probabilities, counts and masks; ``probability_functions`` holds what each computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam.core.validation import axes, fraction, integer, number, number_or_list
from hornbeam.losses import probability_functions as f
from hornbeam.losses.loss import LossFunctionWrapper

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "Dice",
    "KLDivergence",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "Tversky",
]


class KLDivergence(LossFunctionWrapper):
    """``sum(y_true log(y_true / y_pred))`` over the last axis (Kullback and Leibler 1951).

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
        0.1438
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """The mean over the last axis of ``y_pred - y_true log(y_pred)``: counts of events at a predicted rate.

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> round(float(Poisson()([[1.0]], [[2.0]])), 4)
        1.3069
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(f.poisson, reduction, name, dtype)


class CategoricalCrossentropy(LossFunctionWrapper):
    """``-sum(y_true log(y_pred))`` for one-hot targets.

    Args:
        from_logits: whether ``y_pred`` holds logits. Probabilities that a softmax made in the same model are taken back
            to its logits in any case.
        label_smoothing: in [0, 1): how far targets are drawn towards one over the size of the last axis.
        axis: of the classes.
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        label_smoothing = fraction("label_smoothing", label_smoothing)
        axis = integer("axis", axis)
        super().__init__(
            f.categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """``-log(y_pred[y_true])`` for targets that are class indices.

    Args:
        from_logits: whether ``y_pred`` holds logits. Probabilities that a softmax made in the same model are taken back
            to its logits in any case.
        ignore_class: a class whose samples cost nothing and are not counted in a mean.
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.
        axis: of the classes.

    Input shape:
        ``y_true``: ``(batch, ...)`` or ``(batch, ..., 1)``, integers; ``y_pred``: ``(batch, ..., classes)``.

    Raises:
        ValueError: when a class index is out of range (it names the row).

    Example:
        >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
        0.6931
    """

    _targets_are_ids = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        ignore_class = None if ignore_class is None else integer("ignore_class", ignore_class)
        axis = integer("axis", axis)
        super().__init__(
            f.sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis


class BinaryCrossentropy(LossFunctionWrapper):
    """``-y_true log(y_pred) - (1 - y_true) log(1 - y_pred)``, meaned over ``axis``: independent yes/no targets.

    Args:
        from_logits: whether ``y_pred`` holds logits. Probabilities that a sigmoid made in the same model are taken back
            to its logits in any case.
        label_smoothing: in [0, 1): how far targets are drawn towards 1/2.
        axis: over which the mean is taken.
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> round(float(BinaryCrossentropy()([[1.0]], [[0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        label_smoothing = fraction("label_smoothing", label_smoothing)
        axis = integer("axis", axis)
        super().__init__(
            f.binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary cross-entropy times ``(1 - p)^gamma``, p being the right answer's probability (Lin et al. 2018).

    Args:
        apply_class_balancing: whether the classes are weighted by ``alpha`` and ``1 - alpha``.
        alpha: weight of the class 1.
        gamma: how much easy examples are counted less.
        from_logits: whether ``y_pred`` holds logits.
        label_smoothing: in [0, 1): how far targets are drawn towards 1/2.
        axis: over which the mean is taken.
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> round(float(BinaryFocalCrossentropy()([[1.0]], [[0.5]])), 4)
        0.1733
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        alpha, gamma = number("alpha", alpha, 0), number("gamma", gamma, 0)
        label_smoothing = fraction("label_smoothing", label_smoothing)
        axis = integer("axis", axis)
        super().__init__(
            f.binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Categorical cross-entropy times ``alpha (1 - p)^gamma``, p being the right class' probability (Lin et al.
    2018).

    Args:
        alpha: weight of all classes, or of each.
        gamma: how much easy examples are counted less.
        from_logits: whether ``y_pred`` holds logits.
        label_smoothing: in [0, 1): how far targets are drawn towards one over the size of the last axis.
        axis: of the classes.
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.

    Input shape:
        ``y_true`` and ``y_pred``: the same, ``(batch, ..., d)``; one value for each of ``(batch, ...)``.

    Example:
        >>> round(float(CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.0433
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        alpha, gamma = number_or_list("alpha", alpha, 0), number("gamma", gamma, 0)
        label_smoothing = fraction("label_smoothing", label_smoothing)
        axis = integer("axis", axis)
        super().__init__(
            f.categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class Dice(LossFunctionWrapper):
    """``1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred))``: how far two masks are from covering each
    other (Sudre et al. 2017).

    Args:
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.
        axis: over which sums are taken; None for everything.

    Input shape:
        ``y_true`` and ``y_pred``: the same; one value in all, or one for each place outside ``axis``.

    Example:
        >>> round(float(Dice()([[1.0, 0.0]], [[1.0, 1.0]])), 4)
        0.3333
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        axis = None if axis is None else axes("axis", axis)
        super().__init__(f.dice, reduction, name, dtype, axis=axis)
        self.axis = axis


class Tversky(LossFunctionWrapper):
    """1 - the Tversky index: Dice with weights for both kinds of error (Salehi et al. 2017).

    Args:
        alpha: weight of the targets that the predictions miss (Keras' order, though its documentation has the other).
        beta: weight of predictions where there is no target.
        reduction: how the values become one: "sum_over_batch_size" (their mean), "sum", "mean",
            "mean_with_sample_weight", or "none" to keep one a sample.
        name: its name.
        dtype: in which it is computed; None for ``floatx()``.
        axis: over which sums are taken; None for everything.

    Input shape:
        ``y_true`` and ``y_pred``: the same; one value in all, or one for each place outside ``axis``.

    Example:
        >>> round(float(Tversky()([[1.0, 0.0]], [[1.0, 1.0]])), 4)
        0.3333
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        alpha, beta = number("alpha", alpha, 0), number("beta", beta, 0)
        axis = None if axis is None else axes("axis", axis)
        super().__init__(f.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
        self.alpha = alpha
        self.beta = beta
        self.axis = axis
