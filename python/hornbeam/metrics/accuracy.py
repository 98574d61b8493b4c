"""Accuracies: functions giving 0 or 1 a sample, and their means."""

from __future__ import annotations

import inspect
from typing import Any

from hornbeam import config, ops
from hornbeam._tensor import exact_ids, to_tensor
from hornbeam._validation import number, positive_int
from hornbeam.losses.loss import check_broadcast
from hornbeam.metrics.metric import MeanMetricWrapper, alike


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Where the prediction equals the target.

    Args:
        y_true: ``(batch, ...)``.
        y_pred: of its shape; where one broadcasts to the other, a warning names both.

    Returns:
        1.0 or 0.0, of their shape.

    Example:
        >>> accuracy([1, 2], [1, 3]).numpy()
        array([1., 0.], dtype=float32)
    """
    y_true, y_pred = alike("accuracy", to_tensor(y_true), to_tensor(y_pred), check_broadcast)
    return ops.cast(ops.equal(to_tensor(y_true, y_pred.dtype), y_pred), config.floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Where the prediction is on the target's side of the threshold.

    Args:
        y_true: 0 or 1, ``(batch, ...)``.
        y_pred: of its shape: probabilities; where one broadcasts to the other, a warning names both.
        threshold: above which a prediction is 1.

    Returns:
        1.0 or 0.0, of their shape.

    Example:
        >>> binary_accuracy([1, 1], [0.7, 0.2]).numpy()
        array([1., 0.], dtype=float32)
    """
    y_true, y_pred = alike("binary_accuracy", to_tensor(y_true), to_tensor(y_pred), check_broadcast)
    hit = ops.equal(y_true, ops.cast(ops.greater(y_pred, threshold), y_true.dtype))
    return ops.cast(hit, config.floatx())


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Where the most probable class is the one-hot target's.

    Args:
        y_true: one-hot, ``(batch, ..., classes)``.
        y_pred: of its shape: scores.

    Returns:
        1.0 or 0.0, ``(batch, ...)``.
    """
    y_true, y_pred = alike("categorical_accuracy", to_tensor(y_true), to_tensor(y_pred))
    return ops.cast(ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1)), config.floatx())


def _sparse(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Classes ``(batch, ...)`` and scores ``(batch, ..., classes)``."""
    classes, scores = exact_ids(y_true), to_tensor(y_pred)
    if classes.ndim == scores.ndim and classes.shape[-1] == 1:
        classes = ops.squeeze(classes, -1)
    a, b = tuple(classes.shape), tuple(scores.shape)
    if len(b) != len(a) + 1 or any(m != n for m, n in zip(a, b) if m is not None and n is not None):
        raise ValueError(
            f"[{name}] y_true must have y_pred's axes but the last. Received: y_true.shape={tuple(y_true.shape)}, "
            f"y_pred.shape={b}"
        )
    return classes, scores


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Where the most probable class is the integer target.

    Args:
        y_true: ints ``(batch, ...)``, or with a last axis of 1.
        y_pred: scores, ``(batch, ..., classes)``.

    Returns:
        1.0 or 0.0, ``(batch, ...)``.
    """
    classes, scores = _sparse("sparse_categorical_accuracy", to_tensor(y_true), y_pred)
    return ops.cast(ops.equal(classes, ops.argmax(scores, axis=-1)), config.floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Where the one-hot target's class is among the k most probable.

    Args:
        y_true: one-hot, ``(batch, ..., classes)``.
        y_pred: of its shape: scores.
        k: how many count.

    Returns:
        1.0 or 0.0, ``(batch, ...)``.
    """
    y_true, y_pred = alike("top_k_categorical_accuracy", to_tensor(y_true), to_tensor(y_pred))
    return ops.cast(ops.in_top_k(ops.argmax(y_true, axis=-1), y_pred, k), config.floatx())


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Any:
    """Where the integer target is among the k most probable classes.

    Args:
        y_true: ints ``(batch, ...)``, or with a last axis of 1.
        y_pred: scores, ``(batch, ..., classes)``.
        k: how many count.
        from_sorted_ids: whether ``y_pred`` holds class indices instead, the most probable first.

    Returns:
        1.0 or 0.0, of ``y_true``'s shape.

    Example:
        >>> sparse_top_k_categorical_accuracy([2, 0], [[0.1, 0.6, 0.3], [0.1, 0.6, 0.3]], k=2).numpy()
        array([1., 0.], dtype=float32)
    """
    y_true = to_tensor(y_true)
    classes, found = _sparse("sparse_top_k_categorical_accuracy", y_true, y_pred)
    if from_sorted_ids:
        hit = ops.any(ops.equal(ops.expand_dims(classes, -1), exact_ids(found[..., :k])), axis=-1)
    else:
        hit = ops.in_top_k(classes, found, k)
    return ops.cast(ops.expand_dims(hit, -1) if y_true.ndim > hit.ndim else hit, config.floatx())


class _Accuracy(MeanMetricWrapper):
    _function: Any = None

    def __init__(self, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        fn = type(self).__dict__.get("_function") or self._function
        fn = getattr(fn, "__func__", fn)
        inspect.signature(fn).bind(None, None, **kwargs)
        super().__init__(fn, name or fn.__name__, dtype, **kwargs)
        self._direction = "up"


class Accuracy(_Accuracy):
    """How often predictions equal targets.

    Args:
        name: its name.
    """

    _function = staticmethod(accuracy)


class BinaryAccuracy(_Accuracy):
    """How often predictions are on the target's side of the threshold.

    Args:
        name: its name.
        threshold: above which a prediction is 1; 0 for logits.
    """

    _function = staticmethod(binary_accuracy)

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(name, dtype, threshold=number("threshold", threshold))


class CategoricalAccuracy(_Accuracy):
    """How often the most probable class is the one-hot target's.

    Args:
        name: its name.
    """

    _function = staticmethod(categorical_accuracy)


class SparseCategoricalAccuracy(_Accuracy):
    """How often the most probable class is the integer target.

    Args:
        name: its name.
    """

    _function = staticmethod(sparse_categorical_accuracy)


class TopKCategoricalAccuracy(_Accuracy):
    """How often the one-hot target's class is among the k most probable.

    Args:
        k: how many.
        name: its name.
    """

    _function = staticmethod(top_k_categorical_accuracy)

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype, k=positive_int("k", k))


class SparseTopKCategoricalAccuracy(_Accuracy):
    """How often the integer target is among the k most probable classes.

    Args:
        k: how many.
        name: its name.
        from_sorted_ids: whether predictions are class indices, the most probable first, instead of scores.
    """

    _function = staticmethod(sparse_top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype, k=positive_int("k", k), from_sorted_ids=bool(from_sorted_ids))
