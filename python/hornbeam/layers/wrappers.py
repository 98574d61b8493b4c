"""Layers around another layer."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam._tensor import dims_of
from hornbeam._validation import choice, unsupported
from hornbeam.layers.layer import Layer
from hornbeam.saving.registry import deserialize_keras_object


class Wrapper(Layer):
    """A layer around another.

    Args:
        layer: the layer inside.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = deserialize_keras_object(layer) if isinstance(layer, dict) else layer
        if not isinstance(self.layer, Layer):
            raise ValueError(f"`layer` must be a layer. Received: layer={layer!r}")


class Bidirectional(Wrapper):
    """Runs a recurrent layer in both directions (Schuster and Paliwal 1997).

    Args:
        layer: the forward layer.
        merge_mode: "concat", "sum", "mul", "ave", or None for a list.
        weights: only None.
        backward_layer: None for a copy of the forward one.
    """

    _not_attributes = ("weights",)

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layer, **kwargs)
        self.merge_mode = (
            None if merge_mode is None else choice("merge_mode", merge_mode, ("concat", "sum", "mul", "ave"))
        )
        unsupported("weights", weights, None)
        forward = self.layer
        if isinstance(backward_layer, dict):
            backward_layer = deserialize_keras_object(backward_layer)
        if backward_layer is None:
            config = forward.get_config()
            config["go_backwards"] = not forward.go_backwards
            config["name"] = "backward_" + forward.name
            backward_layer = type(forward).from_config(config)
        self.forward_layer, self.backward_layer = forward, backward_layer
        self.return_sequences, self.return_state = forward.return_sequences, forward.return_state
        self.supports_masking = True

    def build(self, sequences_shape: Any) -> None:
        """Builds both directions."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The input's mask, when sequences are returned."""
        return previous_mask if self.return_sequences and self.merge_mode else None

    def call(self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """Both directions' outputs, merged."""
        half = len(initial_state) // 2 if initial_state else 0
        a = self.forward_layer.call(inputs, list(initial_state[:half]) if half else None, mask, training)
        b = self.backward_layer.call(inputs, list(initial_state[half:]) if half else None, mask, training)
        states: list[Any] = []
        if self.return_state:
            states, a, b = [*a[1:], *b[1:]], a[0], b[0]
        if self.merge_mode == "concat":
            out = ops.concatenate([a, b], axis=-1)
        elif self.merge_mode == "sum":
            out = ops.add(a, b)
        elif self.merge_mode == "mul":
            out = ops.multiply(a, b)
        elif self.merge_mode == "ave":
            out = ops.multiply(ops.add(a, b), 0.5)
        else:
            return [a, b, *states]
        return [out, *states] if states else out


class TimeDistributed(Wrapper):
    """Applies a layer to every step.

    Args:
        layer: the layer.

    Input shape: ``(batch, steps, ...)``.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Builds the layer for one step's shape."""
        if not self.layer.built:
            self.layer.build((None, *tuple(input_shape)[2:]))
            self.layer.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The layer's outputs for all steps."""
        dims = dims_of(inputs)
        y = self.layer(ops.reshape(inputs, [dims[0] * dims[1], *dims[2:]]), training=training)
        return ops.reshape(y, [dims[0], dims[1], *dims_of(y)[1:]])
