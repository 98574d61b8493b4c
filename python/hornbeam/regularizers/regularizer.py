"""Regularizers: penalties on weights or activations, added to the loss."""

from __future__ import annotations

from typing import Any

from hornbeam.core.registry import lookup, register_builtin, serialize_keras_object
from hornbeam.core.validation import choice, number
from hornbeam.ops import arrays as s
from hornbeam.ops import creation, linalg, reductions
from hornbeam.ops import math as m

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer:
    """Base class: override ``__call__`` (tensor -> scalar) and ``get_config``."""

    def __call__(self, x: Any) -> Any:
        """The penalty, a scalar."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """The regularizer a config describes."""
        return cls(**config)


@register_builtin
class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x^2)``.

    Args:
        l1: the first factor.
        l2: the second.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = 0.0 if l1 is None else number("l1", l1, 0)
        self.l2 = 0.0 if l2 is None else number("l2", l2, 0)

    def __call__(self, x: Any) -> Any:
        parts = [m.multiply(reductions.sum(m.abs(x)), self.l1)] if self.l1 else []
        if self.l2:
            parts.append(m.multiply(reductions.sum(m.square(x)), self.l2))
        return m.add(*parts) if len(parts) == 2 else parts[0] if parts else creation.zeros(())

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


@register_builtin
class L1(L1L2):
    """``l1 * sum(|x|)``.

    Args:
        l1: the factor.
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


@register_builtin
class L2(L1L2):
    """``l2 * sum(x^2)``.

    Args:
        l2: the factor.
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


@register_builtin
class OrthogonalRegularizer(Regularizer):
    """Penalizes rows (or columns) of a matrix that are not orthogonal to each other.

    Args:
        factor: the strength.
        mode: "rows" or "columns".
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor, self.mode = number("factor", factor, 0), choice("mode", mode, ("rows", "columns"))

    def __call__(self, x: Any) -> Any:
        if len(x.shape) != 2:
            raise ValueError(f"OrthogonalRegularizer needs a matrix. Received: shape={tuple(x.shape)}")
        x = m.divide(x, m.add(linalg.norm(x, axis=1 if self.mode == "rows" else 0, keepdims=True), 1e-12))
        p = linalg.matmul(x, s.transpose(x)) if self.mode == "rows" else linalg.matmul(s.transpose(x), x)
        n = int(p.shape[0])
        off = m.multiply(p, m.subtract(1.0, creation.eye(n)))
        return m.divide(m.multiply(reductions.sum(m.abs(off)), 0.5 * self.factor), max(n * (n - 1) / 2.0, 1.0))

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
_TABLE = {
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "L1": L1,
    "L2": L2,
    "L1L2": L1L2,
    "l1l2": L1L2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Any:
    """The regularizer a name, config or object stands for; None gives None."""
    return lookup("regularizer", identifier, _TABLE)


def serialize(regularizer: Any) -> Any:
    """Its config."""
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The regularizer that a config or a name stands for, perhaps among custom objects by name."""
    return lookup("regularizer", config, _TABLE, custom_objects)
