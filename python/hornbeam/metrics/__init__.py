"""Metrics: classes, functions and ``get``."""

from __future__ import annotations

import inspect
from typing import Any

from hornbeam._names import to_snake_case
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
from hornbeam.saving.registry import lookup, serialize_keras_object

_TABLE: dict[str, Any] = {
    n: f
    for source in (_f, _a)
    for n, f in vars(source).items()
    if inspect.isfunction(f) and f.__module__ == source.__name__ and not n.startswith("_")
}
_TABLE.update(
    {
        "mse": _f.mean_squared_error,
        "mae": _f.mean_absolute_error,
        "mape": _f.mean_absolute_percentage_error,
        "msle": _f.mean_squared_logarithmic_error,
        "bce": _f.binary_crossentropy,
    }
)
_TABLE.update(
    {
        n: c
        for n, c in list(globals().items())
        if isinstance(c, type) and issubclass(c, Metric) and not n.startswith("_")
    }
)
_TABLE.update({to_snake_case(n): c for n, c in list(_TABLE.items()) if to_snake_case(n) not in _TABLE})


def get(identifier: Any) -> Any:
    """The metric a name, config, function or object stands for; None gives None."""
    return lookup("metric", identifier, _TABLE)


def serialize(metric: Any) -> Any:
    """Its config."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that a config or a name stands for, perhaps among custom objects by name."""
    return lookup("metric", config, _TABLE, custom_objects)
