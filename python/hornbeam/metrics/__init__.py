"""Metrics: classes, functions and ``get``."""

from __future__ import annotations

import inspect
from typing import Any

from hornbeam.core.names import to_snake_case
from hornbeam.core.registry import lookup, serialize_keras_object
from hornbeam.losses import functions as _f
from hornbeam.losses.functions import *  # noqa: F403
from hornbeam.metrics import accuracy as _a
from hornbeam.metrics.accuracy import *  # noqa: F403
from hornbeam.metrics.accuracy import Accuracy, accuracy  # noqa: F401
from hornbeam.metrics.auc import *  # noqa: F403
from hornbeam.metrics.classes import *  # noqa: F403
from hornbeam.metrics.confusion import *  # noqa: F403
from hornbeam.metrics.metric import Mean, MeanMetricWrapper, Metric, Sum  # noqa: F401
from hornbeam.metrics.probabilities import *  # noqa: F403
from hornbeam.metrics.regression import *  # noqa: F403

_CLASSES: dict[str, Any] = {
    n: c for n, c in list(globals().items()) if isinstance(c, type) and issubclass(c, Metric) and not n.startswith("_")
}
# As in Keras a class goes before the function of its name: CosineSimilarity's has the other sign than the loss.
_TABLE: dict[str, Any] = {
    n: f
    for source in (_f, _a)
    for n, f in vars(source).items()
    if inspect.isfunction(f) and f.__module__ == source.__name__ and not n.startswith("_")
}
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
