"""Batches: inputs, targets and weights of samples, together and taken apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.tree import map_structure
from hornbeam.core.validation import integer, number, positive_int
from hornbeam.data.arrays import cardinality

__all__ = [
    "batch_size_of",
    "class_weights",
    "pack_x_y_sample_weight",
    "split_validation",
    "unpack_x_y_sample_weight",
]


def batch_size_of(value: Any) -> int:
    """Samples a step, 32 unless something else is asked for."""
    return 32 if value is None else positive_int("batch_size", value)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """``x``, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)`` as three values, None where there is none.

    Raises:
        ValueError: for a tuple or list of another length.
    """
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(f"data must be x, (x,), (x, y) or (x, y, sample_weight). Received: {len(data)} elements")
    return (*data, None, None)[:3]  # type: ignore[return-value]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """What a step gets: ``(x, y, sample_weight)``, ``(x, y)``, or ``x`` alone, in a tuple where it is a list itself."""
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def class_weights(y: Any, class_weight: dict[int, float]) -> Any:
    """A weight for each sample from its class; 1 where the class has none."""
    if not isinstance(class_weight, dict):
        raise TypeError(f"`class_weight` must be a dict of weights by class. Received: class_weight={class_weight!r}")
    if y is None:
        raise ValueError("`class_weight` needs targets. Received: y=None")
    y = np.asarray(y)
    if y.ndim > 1 and y.shape[-1] > 1:
        y = y.argmax(-1)
    y = np.rint(y.reshape(len(y), -1)[:, 0]).astype("int64")
    out = np.ones(len(y), "float32")
    for c, w in class_weight.items():
        out[y == integer("class_weight", c)] = number("class_weight", w)
    return out


def split_validation(arrays: tuple[Any, ...], fraction: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The first and last samples of each array; the last share is for validation."""
    n = cardinality(*arrays)
    at = int(n * (1.0 - fraction))
    if at == 0 or at == n:
        raise ValueError(f"`validation_split={fraction}` of {n} samples leaves one side empty")
    return (
        tuple(map_structure(lambda a: a[:at], s) if s is not None else None for s in arrays),
        tuple(map_structure(lambda a: a[at:], s) if s is not None else None for s in arrays),
    )
