"""Sequential: layers one after another."""

from __future__ import annotations

from typing import Any

from hornbeam.core.custom_objects import CustomObjectScope
from hornbeam.core.registry import constructor_is_ours, serialize_keras_object
from hornbeam.core.strings import STRING, as_strings, is_strings
from hornbeam.core.symbolic import KerasTensor
from hornbeam.core.tree import flatten
from hornbeam.core.whole import all_or_nothing
from hornbeam.layers.base.call import call_parameters
from hornbeam.layers.input import InputLayer
from hornbeam.layers.layer import Layer
from hornbeam.models._functional_graph import Graph
from hornbeam.models.functional_config import made_of
from hornbeam.models.model import Model


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

    _untracked = Model._untracked | {"_stack"}  # the layers, an Input among them, perhaps one twice

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name)
        self.autocast = False  # its layers cast
        self._stack: list[Layer] = []
        for layer in layers or []:
            self.add(layer, rebuild=False)
        self._rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Appends a layer; one that does not fit is not added."""
        if isinstance(layer, KerasTensor) and layer._input_layer is not None:
            layer = layer._input_layer
        if not isinstance(layer, Layer):
            raise ValueError(f"Sequential takes layers. Received: {layer!r}")
        if isinstance(layer, InputLayer) and self._stack:
            raise ValueError("an Input must be the first of a Sequential model")
        if any(layer.name == other.name and layer is not other for other in self._stack):
            raise ValueError(f"layers of a model need different names. Received: two layers named {layer.name!r}")
        with all_or_nothing(*self._all_layers()):
            if not self._stack and layer._input_shape_arg is not None and not isinstance(layer, InputLayer):
                self._stack.append(InputLayer(layer._input_shape_arg, dtype=STRING if layer.takes_strings else None))
            self._stack.append(layer)
            self._tracker.track(layer)
            if rebuild:
                self._rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Removes and returns the last layer."""
        with all_or_nothing(*self._all_layers()):
            layer: Layer = self._stack.pop()
            if not any(layer is other for other in self._stack):
                self._tracker.untrack(layer)
            if rebuild:
                self._rebuild()
        return layer

    def _rebuild(self) -> None:
        self._graph = None
        self.built = False
        self._revision += 1  # a layer that stands here twice stays when one of its places goes
        if len(self._stack) < 2:
            return
        first = self._stack[0]
        if isinstance(first, Model) and first._graph is not None and len(first.inputs) == 1:
            t = first.inputs[0]
            self._stack.insert(0, InputLayer(batch_shape=t.shape, dtype=t.dtype))
        if isinstance(self._stack[0], InputLayer):
            self._join()

    def _join(self) -> None:
        """Makes the graph of a stack that begins with an Input."""
        entry = x = self._stack[0].output
        for layer in self.layers:
            x = layer(x)
        self._graph = Graph(entry, x)
        self.built = True

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights for inputs of this shape (with the batch's dimension)."""
        if self._graph is None and input_shape is not None and self._stack:
            first = self._stack[0]
            if not isinstance(first, InputLayer):
                dtype = first.input_dtype or first.compute_dtype
                self._stack.insert(0, InputLayer(batch_shape=(None, *tuple(input_shape)[1:]), dtype=dtype))
            self._join()

    def _build_for_strings(self, x: Any) -> None:
        first = self._stack[0] if self._stack and self._graph is None else None
        if first is not None and first.takes_strings and is_strings(x):
            self.build(as_strings(x).shape)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args:
            self._build_for_strings(args[0])
        return super().__call__(*args, **kwargs)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Runs the layers in turn."""
        if self._graph is not None:
            return self._graph.run(inputs, self.name, mask)
        for layer in self._stack:
            masked = mask is not None and "mask" in call_parameters(type(layer))
            inputs = layer(inputs, mask=mask) if masked else layer(inputs)
            mask = None  # from here on it travels on the values
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:  # type: ignore[override]
        """The output's shape for an input's."""
        return super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:  # type: ignore[override]
        """The symbolic output for a symbolic input."""
        return super().compute_output_spec(inputs, training=training, mask=mask)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: masks travel on the values."""
        return None

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the Input."""
        return [x for x in self._stack if not isinstance(x, InputLayer)]

    def get_config(self) -> dict[str, Any]:
        if not constructor_is_ours(type(self)):
            try:
                return super().get_config()
            except NotImplementedError:  # then without its arguments: layers are added to a new one
                pass
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "layers": [serialize_keras_object(layer) for layer in self._stack],
        }
        if self._graph is not None:
            config["build_input_shape"] = list(flatten([self.input])[0].shape)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The model a config describes."""
        if not constructor_is_ours(cls) and "trainable" not in config:
            return super().from_config(config, custom_objects)
        with CustomObjectScope(custom_objects):
            model = cls(name=config.get("name"))
            for entry in config["layers"]:
                model.add(made_of(entry), rebuild=False)
            model._rebuild()
        if model._graph is None and config.get("build_input_shape"):
            model.build(config["build_input_shape"])
        if config.get("trainable") is False:
            model.trainable = False
        return model
