"""Layers one after another."""

from __future__ import annotations

from typing import Any

from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object
from hornbeam.core.symbolic import infer
from hornbeam.layers.base.call import call_parameters
from hornbeam.layers.base.shapes import map_shape
from hornbeam.layers.layer import Layer

__all__ = ["Pipeline"]


class Pipeline(Layer):
    """Layers one after another as one layer, for preprocessing above all: unlike a ``Sequential`` it is no model.

    Called outside of a training loop it works as in training, unless ``training=False`` says otherwise.

    Input and output shape: those of the first and of the last layer.

    Args:
        layers: the layers, in the order in which they are called.
        name: a name, None for one made from the class.

    Example:
        >>> import numpy as np
        >>> from hornbeam import layers
        >>> flip = layers.Pipeline([layers.Rescaling(2.0), layers.Rescaling(1.0, offset=1.0)])
        >>> flip(np.array([3.0])).numpy().tolist()
        [7.0]
    """

    def __init__(self, layers: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, Layer) for layer in layers):
            raise ValueError(f"`layers` must be a list of layers. Received: layers={layers!r}")
        self._pipeline_layers = list(layers)

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order in which they are called."""
        return list(self._pipeline_layers)

    def _build_inside(self, input_shape: Any) -> str:
        infer(self, (map_shape(input_shape),), {})
        return ""

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        """What the last layer returns.

        Args:
            inputs: what the first layer takes.
            training: handed on to layers that take it.
            mask: handed on to the first layer, if it takes one; later ones get that of the one before.
        """
        for layer in self._pipeline_layers:
            masked = mask is not None and "mask" in call_parameters(type(layer))
            inputs, mask = layer(inputs, training=training, **({"mask": mask} if masked else {})), None
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"layers": serialize_keras_object(self._pipeline_layers), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new pipeline, of new layers.

        Raises:
            ValueError: when the config holds no list of layers.
        """
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(
                "`Pipeline` config must contain a `layers` key mapping to a list of serialized layers. Received config with "
                f"layers={layers}."
            )
        return cls(**{**config, "layers": [deserialize_keras_object(layer) for layer in layers]})
