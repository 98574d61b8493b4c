"""Dtype policies by name, to configs and back."""

from __future__ import annotations

from typing import Any

from hornbeam._dtype_policy import DTypePolicy, FloatDTypePolicy, dtype_policy
from hornbeam._dtypes import standardize_dtype
from hornbeam.core.registry import deserialize_keras_object, register_builtin, serialize_keras_object

__all__ = ["deserialize", "get", "serialize"]

for _cls in (DTypePolicy, FloatDTypePolicy):
    register_builtin(_cls)


def get(identifier: Any) -> DTypePolicy:
    """The policy that something stands for.

    Args:
        identifier: a policy, its name or config, a dtype, or None for the default policy.

    Raises:
        ValueError: for anything else.

    Example:
        >>> get("mixed_float16")
        <DTypePolicy "mixed_float16">
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, dict):
        identifier = deserialize(identifier)
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(standardize_dtype(identifier))
    except TypeError as e:
        raise ValueError(
            "Cannot interpret `dtype` argument: a dtype's or a policy's name, or a DTypePolicy, is needed. "
            f"Received: dtype={identifier!r}"
        ) from e


def serialize(dtype_policy: DTypePolicy) -> Any:
    """Its config."""
    return serialize_keras_object(dtype_policy)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The policy that a config describes, perhaps of a class among custom objects."""
    return deserialize_keras_object(config, custom_objects)
