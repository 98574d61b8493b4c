"""Layers, with Keras' names and defaults."""

from __future__ import annotations

from typing import Any

from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object
from hornbeam.layers.activation import *  # noqa: F403
from hornbeam.layers.attention import AdditiveAttention, Attention, MultiHeadAttention  # noqa: F401
from hornbeam.layers.convolution import *  # noqa: F403
from hornbeam.layers.core import *  # noqa: F403
from hornbeam.layers.depthwise_convolution import *  # noqa: F403
from hornbeam.layers.input import Input, InputLayer  # noqa: F401
from hornbeam.layers.layer import Layer  # noqa: F401
from hornbeam.layers.merging import *  # noqa: F403
from hornbeam.layers.noise import *  # noqa: F403
from hornbeam.layers.normalization import *  # noqa: F403
from hornbeam.layers.pooling import *  # noqa: F403
from hornbeam.layers.recurrent import *  # noqa: F403
from hornbeam.layers.recurrent_cells import *  # noqa: F403
from hornbeam.layers.reshaping import *  # noqa: F403
from hornbeam.layers.wrappers import *  # noqa: F403


def serialize(layer: Any) -> Any:
    """Its config."""
    return serialize_keras_object(layer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The layer that a config describes, perhaps of a custom class by name."""
    return deserialize_keras_object(config, custom_objects)
