"""Sequential: layers one after another."""

from __future__ import annotations

from typing import Any

from hornbeam._tensor import KerasTensor
from hornbeam._tree import flatten
from hornbeam._whole import all_or_nothing
from hornbeam.layers.input import InputLayer
from hornbeam.layers.layer import Layer
from hornbeam.models.model import Functional, Model
from hornbeam.saving.registry import deserialize_keras_object, serialize_keras_object


class Sequential(Model):
    """A stack of layers, each fed by the one before.

    Args:
        layers: the layers, perhaps after an ``Input``.
        trainable: whether the weights are trained.
        name: its name.

    Example:
        >>> import hornbeam as hb
        >>> model = hb.Sequential([hb.Input((3,)), hb.layers.Dense(2)])
        >>> model.count_params()
        8
    """

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name)
        self.autocast = False  # its layers cast
        self._stack: list[Layer] = []
        self._functional: Any = None
        for layer in layers or []:
            self.add(layer, rebuild=False)
        self._rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Appends a layer; one that does not fit is not added."""
        if isinstance(layer, KerasTensor) and hasattr(layer, "_input_layer"):
            layer = layer._input_layer
        if not isinstance(layer, Layer):
            raise ValueError(f"Sequential takes layers. Received: {layer!r}")
        if isinstance(layer, InputLayer) and self._stack:
            raise ValueError("an Input must be the first of a Sequential model")
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(f"layers of a model need different names. Received: two layers named {layer.name!r}")
        with all_or_nothing(*self._all_layers()):
            if not self._stack and layer._input_shape_arg is not None and not isinstance(layer, InputLayer):
                self._stack.append(InputLayer(layer._input_shape_arg))
            self._stack.append(layer)
            self._track(layer)
            if rebuild:
                self._rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Removes and returns the last layer."""
        with all_or_nothing(*self._all_layers()):
            layer = self._stack.pop()
            self._layers.remove(layer)
            if rebuild:
                self._rebuild()
        return layer

    def _rebuild(self) -> None:
        object.__setattr__(self, "_functional", None)
        self.built = False
        if self._stack and isinstance(self._stack[0], InputLayer) and len(self._stack) > 1:
            self._connect_from(self._stack[0].output)

    def _connect_from(self, x: Any) -> None:
        entry = x
        for layer in self._stack:
            if not isinstance(layer, InputLayer):
                x = layer(x)
        object.__setattr__(self, "_functional", Functional(entry, x, name=self.name))
        self.built = True

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights for inputs of this shape (with the batch's dimension)."""
        if self._functional is None and input_shape is not None and self._stack:
            first = InputLayer(batch_shape=(None, *tuple(input_shape)[1:]), dtype=_input_dtype(self._stack[0]))
            self._connect_from(first.output)
        self.built = True

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Runs the layers in turn."""
        if self._functional is not None:
            return self._functional._evaluate(inputs)
        for layer in self._stack:
            inputs = layer(inputs)
        return inputs

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: masks travel on the values."""
        return None

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the Input."""
        return [x for x in self._stack if not isinstance(x, InputLayer)]

    def _built_model(self) -> Functional:
        if self._functional is None:
            raise ValueError(f"model {self.name!r} has no inputs yet: give it an Input, or build(input_shape)")
        return self._functional  # type: ignore[no-any-return]

    @property
    def inputs(self) -> list[Any]:
        """The symbolic inputs."""
        return self._built_model().inputs

    @property
    def outputs(self) -> list[Any]:
        """The symbolic outputs."""
        return self._built_model().outputs

    @property
    def input(self) -> Any:
        """The symbolic input."""
        return self._built_model().input

    @property
    def output(self) -> Any:
        """The symbolic output."""
        return self._built_model().output

    @property
    def output_names(self) -> list[str]:
        """Name of the last layer."""
        return [self._stack[-1].name]

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "layers": [serialize_keras_object(layer) for layer in self._stack],
        }
        if self._functional is not None:
            config["build_input_shape"] = list(flatten([self.input])[0].shape)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The model a config describes."""
        model = cls([deserialize_keras_object(c) for c in config["layers"]], name=config.get("name"))
        if model._functional is None and config.get("build_input_shape"):
            model.build(config["build_input_shape"])
        if config.get("trainable") is False:
            model.trainable = False
        return model


def _input_dtype(layer: Layer) -> str:
    return "int32" if type(layer).__name__ == "Embedding" else "float32"
