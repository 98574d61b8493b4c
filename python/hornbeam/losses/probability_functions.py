"""Loss functions of predicted probabilities, counts and masks: one value for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import config, ops
from hornbeam.core import validation as _check
from hornbeam.core.tensor import exact_ids, to_tensor
from hornbeam.losses.distance_functions import _pair
from hornbeam.losses.loss import check_shapes

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "dice",
    "kl_divergence",
    "poisson",
    "sparse_categorical_crossentropy",
    "tversky",
]


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """sum(y_true log(y_true / y_pred)) over the last axis.

    Args:
        y_true: distributions, ``(batch, ..., classes)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("kl_divergence", y_true, y_pred)
    a, b = ops.clip(a, config.epsilon(), 1.0), ops.clip(b, config.epsilon(), 1.0)
    return ops.sum(ops.multiply(a, ops.log(ops.divide(a, b))), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """mean(y_pred - y_true log(y_pred)) over the last axis.

    Args:
        y_true: counts, ``(batch, ..., d)``.
        y_pred: of its shape: rates.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("poisson", y_true, y_pred)
    return ops.mean(ops.subtract(b, ops.multiply(a, ops.log(ops.add(b, config.epsilon())))), axis=-1)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """-sum(y_true log(y_pred)) for one-hot targets.

    Args:
        y_true: one-hot, ``(batch, ..., classes)``.
        y_pred: of its shape.
        from_logits: whether ``y_pred`` holds logits.
        label_smoothing: in [0, 1): how far targets are drawn towards the uniform distribution.
        axis: the classes'.

    Returns:
        A float tensor of the other axes.

    Raises:
        ValueError: when the shapes differ.
    """
    a, b = _pair("categorical_crossentropy", y_true, y_pred, check_shapes)
    if _check.fraction("label_smoothing", label_smoothing):
        a = ops.add(ops.multiply(a, 1.0 - label_smoothing), label_smoothing / _classes(b))
    return ops.categorical_crossentropy(a, b, from_logits, axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """-log(y_pred[y_true]) for integer targets; ``ignore_class`` costs nothing, and the result's mask leaves it out.

    Args:
        y_true: ints ``(batch, ...)``, or with a last axis of 1.
        y_pred: ``(batch, ..., classes)``.
        from_logits: whether ``y_pred`` holds logits.
        ignore_class: a class whose samples cost nothing, or None.
        axis: the classes'.

    Returns:
        A float tensor ``(batch, ...)``.

    Raises:
        ValueError: when a class is out of range, naming its row.
    """
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis)
    y_true, y_pred = exact_ids(y_true), to_tensor(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis)
    valid = ops.not_equal(y_true, _check.integer("ignore_class", ignore_class))
    loss = ops.sparse_categorical_crossentropy(ops.where(valid, y_true, 0), y_pred, from_logits, axis)
    loss = ops.where(valid, loss, 0.0)
    loss._keras_mask = valid
    return loss


def _classes(y_pred: Any) -> int:
    n = y_pred.shape[-1]
    if not n:
        raise ValueError(f"the number of classes must be known, above 0. Received: y_pred.shape={tuple(y_pred.shape)}")
    return int(n)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Cross-entropy of independent yes/no targets, meaned over ``axis``.

    Args:
        y_true: in [0, 1], ``(batch, ..., d)``.
        y_pred: of its shape.
        from_logits: whether ``y_pred`` holds logits.
        label_smoothing: in [0, 1): how far targets are drawn towards 1/2.
        axis: over which the mean is taken.

    Returns:
        A float tensor of the other axes.

    Raises:
        ValueError: when the shapes differ.
    """
    a, b = _pair("binary_crossentropy", y_true, y_pred, check_shapes)
    if _check.fraction("label_smoothing", label_smoothing):
        a = ops.add(ops.multiply(a, 1.0 - label_smoothing), 0.5 * label_smoothing)
    return ops.mean(ops.binary_crossentropy(a, b, from_logits), axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Binary cross-entropy that counts easy examples less (Lin et al. 2018).

    Args:
        y_true: 0 or 1, ``(batch, ..., d)``.
        y_pred: of its shape.
        apply_class_balancing: whether the classes are weighted by ``alpha`` and ``1 - alpha``.
        alpha: weight of the class 1.
        gamma: how much easy examples are counted less.
        from_logits: whether ``y_pred`` holds logits.
        label_smoothing: in [0, 1): how far targets are drawn towards 1/2.
        axis: over which the mean is taken.

    Returns:
        A float tensor of the other axes.

    Raises:
        ValueError: when the shapes differ.
    """
    a, b = _pair("binary_focal_crossentropy", y_true, y_pred, check_shapes)
    if _check.fraction("label_smoothing", label_smoothing):
        a = ops.add(ops.multiply(a, 1.0 - label_smoothing), 0.5 * label_smoothing)
    p = ops.sigmoid(b) if from_logits else b
    right = ops.add(ops.multiply(a, p), ops.multiply(ops.subtract(1.0, a), ops.subtract(1.0, p)))
    loss = ops.multiply(ops.power(ops.maximum(ops.subtract(1.0, right), 0.0), gamma), ops.binary_crossentropy(a, p))
    if apply_class_balancing:
        loss = ops.multiply(loss, ops.add(ops.multiply(a, alpha), ops.multiply(ops.subtract(1.0, a), 1 - alpha)))
    return ops.mean(loss, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Cross-entropy that counts easy examples less (Lin et al. 2018).

    Args:
        y_true: one-hot, ``(batch, ..., classes)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.
        alpha: weight of all classes, or of each (of a last axis).
        gamma: how much easy examples are counted less.
        from_logits: whether ``y_pred`` holds logits.
        label_smoothing: in [0, 1): how far targets are drawn towards the uniform distribution.
        axis: the classes'.

    Returns:
        A float tensor of the other axes.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("categorical_focal_crossentropy", y_true, y_pred)
    if _check.fraction("label_smoothing", label_smoothing):
        a = ops.add(ops.multiply(a, 1.0 - label_smoothing), label_smoothing / _classes(b))
    p = ops.softmax(b, axis) if from_logits else ops.divide(b, ops.sum(b, axis, True))
    p = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
    weights = _check.number_or_list("alpha", alpha, 0)
    focal = ops.power(ops.subtract(1.0, p), gamma)
    focal = ops.multiply(focal, ops.cast(weights, focal.dtype) if isinstance(weights, list) else weights)
    return ops.sum(ops.negative(ops.multiply(focal, ops.multiply(a, ops.log(p)))), axis=axis)


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """1 - 2 |A B| / (|A| + |B|), over everything or ``axis``.

    Args:
        y_true: a mask of any shape.
        y_pred: of its shape: probabilities.
        axis: over which sums are taken; None for everything.

    Returns:
        A float tensor of the other axes.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("dice", y_true, y_pred)
    both = ops.multiply(ops.sum(ops.multiply(a, b), axis=axis), 2.0)
    sizes = ops.add(ops.sum(a, axis=axis), ops.sum(b, axis=axis))
    return ops.subtract(1.0, ops.divide(both, ops.add(sizes, config.epsilon())))


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Any:
    """1 - the Tversky index; ``alpha`` weighs what is missed, ``beta`` what is found in vain (Keras' order).

    Args:
        y_true: a mask of any shape.
        y_pred: of its shape: probabilities.
        alpha: weight of the targets that the predictions miss.
        beta: weight of predictions where there is no target.
        axis: over which sums are taken; None for everything.

    Returns:
        A float tensor of the other axes.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("tversky", y_true, y_pred)
    both = ops.sum(ops.multiply(a, b), axis=axis)
    missed = ops.sum(ops.multiply(a, ops.subtract(1.0, b)), axis=axis)
    false = ops.sum(ops.multiply(ops.subtract(1.0, a), b), axis=axis)
    below = ops.add(both, ops.add(ops.multiply(missed, alpha), ops.multiply(false, beta)))
    return ops.subtract(1.0, ops.divide(both, ops.add(below, config.epsilon())))
