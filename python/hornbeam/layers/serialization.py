"""Layers to configs and back."""

from __future__ import annotations

from typing import Any

from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize", "serialize"]


def serialize(layer: Any) -> Any:
    """Its config."""
    return serialize_keras_object(layer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The layer that a config describes, perhaps of a custom class by name."""
    return deserialize_keras_object(config, custom_objects)
