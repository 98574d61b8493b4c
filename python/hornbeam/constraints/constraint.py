"""Constraints: projections of weights, applied after each update."""

from __future__ import annotations

from typing import Any

from hornbeam import config
from hornbeam.core.registry import lookup, register_builtin, serialize_keras_object
from hornbeam.core.validation import axes, fraction, number
from hornbeam.ops import linalg
from hornbeam.ops import math as m

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


class Constraint:
    """Base class: override ``__call__`` (weight -> weight) and ``get_config``. It leaves weights as they are itself."""

    def __call__(self, w: Any) -> Any:
        """The projected weight."""
        return w

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """The constraint a config describes."""
        return cls(**config)


@register_builtin
class NonNeg(Constraint):
    """Negative weights become 0."""

    def __call__(self, w: Any) -> Any:
        return m.maximum(w, 0.0)


@register_builtin
class MaxNorm(Constraint):
    """The norm along ``axis`` is at most ``max_value`` (Srivastava et al. 2014).

    Args:
        max_value: the bound.
        axis: along which norms are taken.
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value, self.axis = number("max_value", max_value, 0), axes("axis", axis)

    def __call__(self, w: Any) -> Any:
        norms = linalg.norm(w, axis=self.axis, keepdims=True)
        return m.multiply(w, m.divide(m.clip(norms, 0.0, self.max_value), m.add(norms, config.epsilon())))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


@register_builtin
class UnitNorm(Constraint):
    """The norm along ``axis`` is 1.

    Args:
        axis: along which norms are taken.
    """

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axes("axis", axis)

    def __call__(self, w: Any) -> Any:
        return m.divide(w, m.add(linalg.norm(w, axis=self.axis, keepdims=True), config.epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


@register_builtin
class MinMaxNorm(Constraint):
    """The norm along ``axis`` is moved into [min_value, max_value].

    Args:
        min_value: the lower bound.
        max_value: the upper bound.
        rate: how far towards the bound, 1 for all the way.
        axis: along which norms are taken.
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value, self.max_value = number("min_value", min_value, 0), number("max_value", max_value, 0)
        if self.min_value > self.max_value:
            raise ValueError(
                f"`min_value` must be at most `max_value`. Received: min_value={min_value}, max_value={max_value}"
            )
        self.rate, self.axis = fraction("rate", rate), axes("axis", axis)

    def __call__(self, w: Any) -> Any:
        norms = linalg.norm(w, axis=self.axis, keepdims=True)
        want = m.add(
            m.multiply(m.clip(norms, self.min_value, self.max_value), self.rate), m.multiply(norms, 1 - self.rate)
        )
        return m.multiply(w, m.divide(want, m.add(norms, config.epsilon())))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm
_TABLE = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
    **{c.__name__: c for c in (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)},
}


def get(identifier: Any) -> Any:
    """The constraint a name, config or object stands for; None gives None."""
    return lookup("constraint", identifier, _TABLE)


def serialize(constraint: Any) -> Any:
    """Its config."""
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The constraint that a config or a name stands for, perhaps among custom objects by name."""
    return lookup("constraint", config, _TABLE, custom_objects)
