"""Initializers that draw nothing: the same numbers each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.core.registry import register_builtin, serialize_keras_object
from hornbeam.core.validation import number
from hornbeam.initializers.initializer import Initializer, _dtype, _sizes

__all__ = [
    "Constant",
    "Identity",
    "IdentityInitializer",
    "Ones",
    "Zeros",
    "constant",
    "identity",
    "ones",
    "zeros",
]


@register_builtin
class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        return np.zeros(shape, _dtype(dtype))


@register_builtin
class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        return np.ones(shape, _dtype(dtype))


@register_builtin
class Constant(Initializer):
    """One value everywhere.

    Args:
        value: the number.
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value if np.ndim(value) or isinstance(value, (bool, np.bool_)) else number("value", value)

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        return np.broadcast_to(np.asarray(self.value, _dtype(dtype)), shape).copy()

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_keras_object(self.value)}


@register_builtin
class Identity(Initializer):
    """``gain`` times the identity matrix (two axes).

    Args:
        gain: the factor.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number("gain", gain)

    def __call__(self, shape: int | Sequence[int], dtype: str | None = None) -> Any:
        shape = _sizes(shape)
        if len(shape) != 2:
            raise ValueError(f"Identity needs a shape of two axes. Received: shape={shape}")
        return (self.gain * np.eye(shape[0], shape[1])).astype(_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
IdentityInitializer = Identity
