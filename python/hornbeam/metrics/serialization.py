"""Metrics by name, to configs and back."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from hornbeam.core.names import to_snake_case
from hornbeam.core.registry import lookup, serialize_keras_object
from hornbeam.losses import distance_functions, probability_functions
from hornbeam.metrics import accuracies, auc, classes, confusion, metric, probabilities, regression

__all__ = ["deserialize", "get", "serialize"]


def _own(module: ModuleType) -> Iterator[tuple[str, Any]]:
    return ((n, getattr(module, n)) for n in module.__all__)


_MODULES = (accuracies, auc, classes, confusion, metric, probabilities, regression)
_CLASSES: dict[str, Any] = {n: c for module in _MODULES for n, c in _own(module) if isinstance(c, type)}
# As in Keras a class goes before the function of its name: CosineSimilarity's has the other sign than the loss.
_FUNCTION_MODULES = (distance_functions, probability_functions, accuracies)
_TABLE: dict[str, Any] = {n: f for module in _FUNCTION_MODULES for n, f in _own(module) if inspect.isfunction(f)}
_TABLE.update(_CLASSES)
_TABLE.update({to_snake_case(n): c for n, c in _CLASSES.items()})
_TABLE.update(
    {
        "mse": _TABLE["MeanSquaredError"],
        "mae": _TABLE["MeanAbsoluteError"],
        "mape": _TABLE["MeanAbsolutePercentageError"],
        "msle": _TABLE["MeanSquaredLogarithmicError"],
        "bce": _TABLE["BinaryCrossentropy"],
    }
)


def get(identifier: Any) -> Any:
    """The metric a name, config, function or object stands for; None gives None."""
    return lookup("metric", identifier, _TABLE)


def serialize(metric: Any) -> Any:
    """Its config."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that a config or a name stands for, perhaps among custom objects by name."""
    return lookup("metric", config, _TABLE, custom_objects)
