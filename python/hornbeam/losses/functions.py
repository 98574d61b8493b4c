"""Loss functions: one value for each sample, reduced over the last axis."""

from __future__ import annotations

from typing import Any

from hornbeam import config, ops
from hornbeam.core import validation as _check
from hornbeam.core.tensor import exact_ids, to_tensor
from hornbeam.losses.loss import check_broadcast, check_shapes, same_rank
from hornbeam.ops.math import to_float

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "dice",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]


def _pair(name: str, y_true: Any, y_pred: Any, check: Any = check_broadcast) -> tuple[Any, Any]:
    y_pred = to_float(y_pred)
    y_true = to_tensor(y_true, y_pred.dtype)
    y_true, y_pred = same_rank(y_true, y_pred)
    check(name, y_true, y_pred)
    return y_true, y_pred


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean((y_true - y_pred)^2) over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("mean_squared_error", y_true, y_pred)
    return ops.mean(ops.square(ops.subtract(a, b)), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean(|y_true - y_pred|) over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.abs(ops.subtract(a, b)), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 mean(|y_true - y_pred| / |y_true|) over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("mean_absolute_percentage_error", y_true, y_pred)
    return ops.multiply(
        ops.mean(ops.abs(ops.divide(ops.subtract(a, b), ops.maximum(ops.abs(a), config.epsilon()))), axis=-1), 100.0
    )


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """mean((log(1 + y_true) - log(1 + y_pred))^2) over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("mean_squared_logarithmic_error", y_true, y_pred)
    eps = config.epsilon()
    return ops.mean(ops.square(ops.subtract(ops.log1p(ops.maximum(a, eps)), ops.log1p(ops.maximum(b, eps)))), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Squares of small errors, absolute values of large ones (Huber 1964), meaned over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.
        delta: where squares give way to absolute values.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("huber", y_true, y_pred)
    delta = _check.number("delta", delta, 0)
    e = ops.abs(ops.subtract(a, b))
    return ops.mean(
        ops.where(
            ops.less_equal(e, delta),
            ops.multiply(ops.square(e), 0.5),
            ops.subtract(ops.multiply(e, delta), 0.5 * delta * delta),
        ),
        axis=-1,
    )


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """mean(log(cosh(y_pred - y_true))) over the last axis.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("log_cosh", y_true, y_pred)
    e = ops.subtract(b, a)
    return ops.mean(ops.subtract(ops.add(e, ops.softplus(ops.multiply(e, -2.0))), 0.6931471805599453), axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between the vectors: -1 when they point the same way.

    Args:
        y_true: ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.
        axis: along which the vectors lie.

    Returns:
        A float tensor of the other axes, in [-1, 1].

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("cosine_similarity", y_true, y_pred)
    return ops.negative(ops.sum(ops.multiply(ops.normalize(a, axis), ops.normalize(b, axis)), axis=axis))


def _signed(y_true: Any) -> Any:
    """0/1 labels as -1/1; other labels as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(binary, ops.subtract(ops.multiply(y_true, 2.0), 1.0), y_true)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """mean(max(1 - y_true y_pred, 0)) over the last axis; labels are -1/1 or 0/1.

    Args:
        y_true: -1 and 1, or 0 and 1, ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("hinge", y_true, y_pred)
    return ops.mean(ops.maximum(ops.subtract(1.0, ops.multiply(_signed(a), b)), 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """mean(max(1 - y_true y_pred, 0)^2) over the last axis.

    Args:
        y_true: -1 and 1, or 0 and 1, ``(batch, ..., d)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("squared_hinge", y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(ops.subtract(1.0, ops.multiply(_signed(a), b)), 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(best wrong score - right score + 1, 0).

    Args:
        y_true: one-hot, ``(batch, ..., classes)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        A float tensor ``(batch, ...)``: the last axis is gone.

    Raises:
        ValueError: when neither shape broadcasts to the other.
    """
    a, b = _pair("categorical_hinge", y_true, y_pred)
    right = ops.sum(ops.multiply(a, b), axis=-1)
    wrong = ops.max(ops.multiply(ops.subtract(1.0, a), b), axis=-1)
    return ops.maximum(ops.add(ops.subtract(wrong, right), 1.0), 0.0)


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
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Cross-entropy that counts easy examples less (Lin et al. 2018).

    Args:
        y_true: one-hot, ``(batch, ..., classes)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.
        alpha: weight of all classes.
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
    focal = ops.multiply(ops.power(ops.subtract(1.0, p), gamma), alpha)
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


mse, mae = mean_squared_error, mean_absolute_error
mape, msle = mean_absolute_percentage_error, mean_squared_logarithmic_error
