"""Initializers by name, and configs of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.core.registry import lookup, serialize_keras_object
from hornbeam.core.tensor import is_tensor
from hornbeam.core.variable import Variable
from hornbeam.initializers import constants, draws, scaling
from hornbeam.initializers.constants import Constant, Ones, Zeros
from hornbeam.initializers.draws import RandomNormal, RandomUniform

__all__ = ["deserialize", "get", "serialize"]

_TABLE = {name: vars(module)[name] for module in (constants, draws, scaling) for name in module.__all__}
_TABLE.update(uniform=RandomUniform, normal=RandomNormal, one=Ones, zero=Zeros)


def get(identifier: Any) -> Any:
    """The initializer a name, config, class or instance stands for; an array or a tensor becomes
    ``Constant``.

    Example:
        >>> type(get("he_normal")).__name__
        'HeNormal'
    """
    if is_tensor(identifier):
        identifier = np.asarray(identifier)
    if isinstance(identifier, (np.ndarray, float, int)) and not isinstance(identifier, bool):
        return Constant(identifier)  # type: ignore[arg-type]
    return lookup("initializer", identifier, _TABLE)


Variable.initializer_named = get


def serialize(initializer: Any) -> Any:
    """Its config."""
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The initializer that a config or a name stands for, perhaps among custom objects by name."""
    return lookup("initializer", config, _TABLE, custom_objects)
