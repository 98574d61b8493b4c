"""Activation functions by name, and ``get``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam.core.registry import lookup, serialize_keras_object
from hornbeam.ops import (
    celu,
    elu,
    exp,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    less,
    log_sigmoid,
    log_softmax,
    minimum,
    mish,
    multiply,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    subtract,
    tanh,
    threshold,
    where,
)
from hornbeam.ops import gelu as _gelu
from hornbeam.ops import relu as _relu

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
    "threshold",
]

exponential = exp
swish = silu
hard_swish = hard_silu


def linear(x: Any) -> Any:
    """x itself."""
    return x


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """x above the threshold (at most ``max_value``), else ``negative_slope * (x - threshold)``."""
    if threshold == 0.0 and negative_slope == 0.0:
        y = _relu(x)
    else:
        y = where(less(x, threshold), multiply(subtract(x, threshold), negative_slope), x)
    return y if max_value is None else minimum(y, max_value)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution's share below x (Hendrycks and Gimpel 2016), exactly or by tanh.

    Args:
        x: a tensor of any shape.
        approximate: whether the distribution is taken by tanh (an error of at most 5e-4) instead of erf.

    Returns:
        A float tensor of x's shape.
    """
    return _gelu(x, approximate)


_TABLE: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        celu,
        elu,
        gelu,
        glu,
        hard_sigmoid,
        hard_silu,
        hard_tanh,
        leaky_relu,
        linear,
        log_sigmoid,
        log_softmax,
        mish,
        relu,
        relu6,
        selu,
        sigmoid,
        silu,
        softmax,
        softplus,
        softsign,
        tanh,
        threshold,
    )
}
_TABLE.update(exponential=exponential, swish=silu, hard_swish=hard_silu)
_REVERSE = {f: name for name, f in reversed(list(_TABLE.items()))}


def get(identifier: Any) -> Callable[..., Any]:
    """The activation a name, a function or None (linear) stands for.

    Example:
        >>> get("relu").__name__
        'relu'
    """
    found = linear if identifier is None else lookup("activation", identifier, _TABLE)
    return found  # type: ignore[no-any-return]


def serialize(activation: Any) -> Any:
    """The name of an activation, or its config."""
    return _REVERSE.get(activation) if activation in _REVERSE else serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Callable[..., Any]:
    """The activation that a config or a name stands for, perhaps among custom objects by name."""
    return lookup("activation", config, _TABLE, custom_objects)  # type: ignore[no-any-return]
