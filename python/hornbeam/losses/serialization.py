"""Losses by name, to configs and back."""

from __future__ import annotations

from typing import Any

from hornbeam.core.registry import lookup, serialize_keras_object
from hornbeam.losses import distance_functions, distances, probabilities, probability_functions

__all__ = ["deserialize", "get", "serialize"]

_CLASSES = {n: vars(module)[n] for module in (distances, probabilities) for n in module.__all__}
_FUNCTIONS = {n: vars(module)[n] for module in (distance_functions, probability_functions) for n in module.__all__}
_ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "logcosh": "log_cosh",
}
_TABLE: dict[str, Any] = {
    **_FUNCTIONS,
    **{a: _FUNCTIONS[n] for a, n in _ALIASES.items()},
    **_CLASSES,
}


def get(identifier: Any) -> Any:
    """The loss a name, config, function or object stands for; None gives None."""
    return lookup("loss", identifier, _TABLE)


def serialize(loss: Any) -> Any:
    """Its config."""
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that a config or a name stands for, perhaps among custom objects by name."""
    return lookup("loss", name, _TABLE, custom_objects)
