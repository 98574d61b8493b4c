"""Losses: classes, functions and ``get``."""

from __future__ import annotations

import inspect
from typing import Any

from hornbeam.core.registry import lookup, serialize_keras_object
from hornbeam.losses import functions as _f
from hornbeam.losses.distances import (
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    SquaredHinge,
)
from hornbeam.losses.functions import *  # noqa: F403
from hornbeam.losses.loss import Loss, LossFunctionWrapper  # noqa: F401
from hornbeam.losses.probabilities import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    Dice,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    Tversky,
)

_CLASSES = (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)
_FUNCTIONS = {
    n: f for n, f in vars(_f).items() if inspect.isfunction(f) and f.__module__ == _f.__name__ and not n.startswith("_")
}
_ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "logcosh": "log_cosh",
}
mse, mae, mape, msle = (
    _f.mean_squared_error,
    _f.mean_absolute_error,
    _f.mean_absolute_percentage_error,
    _f.mean_squared_logarithmic_error,
)
_TABLE: dict[str, Any] = {
    **_FUNCTIONS,
    **{a: _FUNCTIONS[n] for a, n in _ALIASES.items()},
    **{c.__name__: c for c in _CLASSES},
}


def get(identifier: Any) -> Any:
    """The loss a name, config, function or object stands for; None gives None."""
    return lookup("loss", identifier, _TABLE)


def serialize(loss: Any) -> Any:
    """Its config."""
    return serialize_keras_object(loss)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss that a config or a name stands for, perhaps among custom objects by name."""
    return lookup("loss", config, _TABLE, custom_objects)
