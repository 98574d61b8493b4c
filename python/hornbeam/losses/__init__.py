"""Losses: classes, functions and ``get``."""

from __future__ import annotations

import inspect
from typing import Any

from hornbeam.losses import functions as _f
from hornbeam.losses.functions import *  # noqa: F403
from hornbeam.losses.loss import Loss, LossFunctionWrapper
from hornbeam.saving.registry import lookup, serialize_keras_object


def _make(class_name: str, fn: Any, default_name: str | None = None) -> Any:
    parameters = [p for p in inspect.signature(fn).parameters.values()][2:]

    def __init__(
        self: Any,
        *args: Any,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if len(args) > len(parameters):
            raise TypeError(f"{class_name} takes at most {len(parameters)} positional arguments. Received: {len(args)}")
        given = {**{p.name: a for p, a in zip(parameters, args)}, **kwargs}
        for k in given:
            if k not in {p.name for p in parameters}:
                raise TypeError(f"{class_name} has no argument {k!r}")
        values = {p.name: given.get(p.name, p.default) for p in parameters}
        LossFunctionWrapper.__init__(self, fn, reduction, name or default_name or fn.__name__, **values)
        for k, v in values.items():
            setattr(self, k, v)

    def call(self: Any, y_true: Any, y_pred: Any) -> Any:
        return fn(y_true, y_pred, **self._fn_kwargs)

    lines = "\n        ".join(f"{p.name}: as for the function, {p.default!r} by default." for p in parameters)
    doc = (
        f"{(fn.__doc__ or '').strip()}\n\n    Args:\n        {lines}{chr(10) + '        ' if lines else ''}"
        "reduction: how the values are reduced, the mean by default.\n        name: its name.\n    "
    )
    return type(
        class_name, (LossFunctionWrapper,), {"__init__": __init__, "call": call, "__doc__": doc, "__module__": __name__}
    )


MeanSquaredError = _make("MeanSquaredError", _f.mean_squared_error)
MeanAbsoluteError = _make("MeanAbsoluteError", _f.mean_absolute_error)
MeanAbsolutePercentageError = _make("MeanAbsolutePercentageError", _f.mean_absolute_percentage_error)
MeanSquaredLogarithmicError = _make("MeanSquaredLogarithmicError", _f.mean_squared_logarithmic_error)
Huber = _make("Huber", _f.huber, "huber_loss")
LogCosh = _make("LogCosh", _f.log_cosh)
CosineSimilarity = _make("CosineSimilarity", _f.cosine_similarity)
Hinge = _make("Hinge", _f.hinge)
SquaredHinge = _make("SquaredHinge", _f.squared_hinge)
CategoricalHinge = _make("CategoricalHinge", _f.categorical_hinge)
KLDivergence = _make("KLDivergence", _f.kl_divergence)
Poisson = _make("Poisson", _f.poisson)
CategoricalCrossentropy = _make("CategoricalCrossentropy", _f.categorical_crossentropy)
SparseCategoricalCrossentropy = _make("SparseCategoricalCrossentropy", _f.sparse_categorical_crossentropy)
BinaryCrossentropy = _make("BinaryCrossentropy", _f.binary_crossentropy)
BinaryFocalCrossentropy = _make("BinaryFocalCrossentropy", _f.binary_focal_crossentropy)
CategoricalFocalCrossentropy = _make("CategoricalFocalCrossentropy", _f.categorical_focal_crossentropy)
Dice = _make("Dice", _f.dice)
Tversky = _make("Tversky", _f.tversky)

_CLASSES = [
    v
    for v in list(globals().values())
    if isinstance(v, type) and issubclass(v, Loss) and v not in (Loss, LossFunctionWrapper)
]
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


deserialize = get
