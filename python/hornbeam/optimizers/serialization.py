"""Optimizers by name, to configs and back."""

from __future__ import annotations

from typing import Any

from hornbeam.core.registry import lookup, serialize_keras_object
from hornbeam.optimizers.adam import Adam, Adamax, AdamW, Nadam
from hornbeam.optimizers.algorithms import SGD, Adadelta, Adagrad, Lion, RMSprop
from hornbeam.optimizers.loss_scale import LossScaleOptimizer

__all__ = ["deserialize", "get", "serialize"]

_CLASSES = (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Nadam, Adamax, Lion, LossScaleOptimizer)
_TABLE = {c.__name__.lower(): c for c in _CLASSES}


def get(identifier: Any) -> Any:
    """The optimizer a name, config or object stands for."""
    return lookup("optimizer", identifier, _TABLE)


def serialize(optimizer: Any) -> Any:
    """Its config."""
    return serialize_keras_object(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer that a config or a name stands for, perhaps among custom objects by name."""
    return lookup("optimizer", config, _TABLE, custom_objects)
