"""Layers around another layer."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.registry import deserialize_keras_object, serialize_keras_object
from hornbeam.core.tensor import dims_of
from hornbeam.core.validation import choice
from hornbeam.layers import (
    activation,
    attention,
    convolution,
    core,
    depthwise_convolution,
    global_pooling,
    merging,
    noise,
    normalization,
    pooling,
    recurrent,
    recurrent_cells,
    reshaping,
    stacked_cells,
    transposed_convolution,
)
from hornbeam.layers.augmentation import crops
from hornbeam.layers.base.call import call_parameters
from hornbeam.layers.input import InputLayer
from hornbeam.layers.layer import Layer

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]


class Wrapper(Layer):
    """A layer around another.

    Args:
        layer: the layer inside.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = _made(layer)

    def build(self, input_shape: Any) -> None:
        """Builds the layer inside for the same inputs."""
        if not self.layer.built:
            self.layer.build(input_shape)


def _made(layer: Any, name: str = "layer") -> Any:
    """A layer from itself or from a config."""
    found = deserialize_keras_object(layer) if isinstance(layer, dict) else layer
    if not isinstance(found, Layer):
        raise ValueError(f"`{name}` must be a layer. Received: {name}={layer!r}")
    return found


def _another(layer: Any, prefix: str, **options: Any) -> Any:
    """A new layer like this one, with these options, and a name that begins so."""
    made = serialize_keras_object(layer)
    made["config"].update(options, name=prefix + layer.name.removeprefix(prefix))
    return deserialize_keras_object(made, {type(layer).__name__: type(layer)})


class Bidirectional(Layer):
    """Runs a recurrent layer in both directions (Schuster and Paliwal 1997).

    The layer itself is left alone: two like it, with weights of their own, are made from its config. Where sequences are
    returned, the backward outputs are turned round, so that both belong to the same step, and masked steps are zero.

    Args:
        layer: the forward layer.
        merge_mode: "concat", "sum", "mul", "ave", or None for both outputs.
        weights: arrays to begin with: the forward layer's, then the backward one's.
        backward_layer: None for one like the forward layer that goes backwards.

    Raises:
        ValueError: when both layers go the same way, or return different things.
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
        super().__init__(**kwargs)
        self.merge_mode = (
            None if merge_mode is None else choice("merge_mode", merge_mode, ("concat", "sum", "mul", "ave"))
        )
        layer = _made(layer)
        self.forward_layer = _another(layer, "forward_")
        if backward_layer is None:
            self.backward_layer = _another(layer, "backward_", go_backwards=True)
        else:
            self.backward_layer = _made(backward_layer, "backward_layer")
        self._check_pair()
        for x in (self.forward_layer, self.backward_layer):
            if hasattr(x, "zero_output_for_mask"):
                x.zero_output_for_mask = x.return_sequences
        self.stateful, self.return_sequences = layer.stateful, layer.return_sequences
        self.return_state = layer.return_state
        if weights is not None and not isinstance(weights, (list, tuple)):
            raise TypeError(f"`weights` must be a list of arrays. Received: weights={weights!r}")
        self._initial = weights
        self.supports_masking = True

    @property
    def layer(self) -> Any:
        """The forward layer."""
        return self.forward_layer

    def _check_pair(self) -> None:
        pair = self.forward_layer, self.backward_layer
        if pair[0].go_backwards == pair[1].go_backwards:
            raise ValueError(
                "one of the layers must go backwards and the other forward. Received: "
                f"go_backwards={pair[0].go_backwards} for both"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            a, b = (getattr(x, name) for x in pair)
            if a != b:
                raise ValueError(f"both layers must have the same `{name}`. Received: {a} and {b}")

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Builds both directions."""
        pair = self.forward_layer, self.backward_layer
        for layer in pair:
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._initial:
            half = len(self._initial) // 2
            for layer, weights in zip(pair, (self._initial[:half], self._initial[half:])):
                layer.set_weights(weights)
            self._initial = None

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The input's mask, when sequences are returned."""
        mask = mask[0] if isinstance(mask, list) else mask
        mask = mask if self.return_sequences else None
        return mask if self.merge_mode else [mask, mask]

    def reset_state(self) -> None:
        """Zeroes the states of stateful layers."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """Both directions' outputs, merged, and with ``return_state`` the forward states and the backward ones."""
        begin: list[Any] = [None, None]
        if initial_state is not None:
            half = len(initial_state) // 2
            begin = [list(initial_state[:half]), list(initial_state[half:])]
        pair = zip((self.forward_layer, self.backward_layer), begin)
        a, b = (x(sequences, initial_state=s, mask=mask, training=training) for x, s in pair)
        states: list[Any] = []
        if self.return_state:
            states, a, b = [*a[1:], *b[1:]], a[0], b[0]
        if self.return_sequences:
            b = ops.flip(b, axis=1)
        if self.merge_mode is None:
            return [a, b, *states]
        if self.merge_mode == "concat":
            out = ops.concatenate([a, b], axis=-1)
        elif self.merge_mode == "mul":
            out = ops.multiply(a, b)
        else:
            out = ops.multiply(ops.add(a, b), 0.5 if self.merge_mode == "ave" else 1.0)
        return [out, *states] if states else out


class TimeDistributed(Wrapper):
    """Applies a layer to every step.

    All steps go through the layer at once where each sample's output depends on that sample alone. Where it may not, as in
    BatchNormalization while training or in layers of other makers, the steps go one after another.

    Args:
        layer: the layer.

    Input shape: ``(batch, steps, ...)``.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Builds the layer for one step's shape."""
        if len(input_shape) < 3:
            raise ValueError(f"layer {self.name!r} expects (batch, steps, ...). Received: input_shape={input_shape}")
        if not self.layer.built:
            self.layer.build((input_shape[0], *tuple(input_shape)[2:]))
            self.layer.built = True

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """The layer's outputs for all steps."""
        dims = dims_of(inputs)
        parameters = call_parameters(type(self.layer))
        options: dict[str, Any] = {"training": training} if "training" in parameters else {}
        mask = mask if "mask" in parameters else None

        def one(x: Any, m: Any) -> Any:
            return self.layer.call(x, **options, **({} if m is None else {"mask": m}))

        if _apart(self.layer, training):
            together = [dims[0] * dims[1]]
            m = None if mask is None else ops.reshape(mask, [*together, *dims_of(mask)[2:]])
            y = one(ops.reshape(inputs, [*together, *dims[2:]]), m)
            return ops.reshape(y, [dims[0], dims[1], *dims_of(y)[1:]])
        steps = ops.swapaxes(inputs, 0, 1)
        masks = None if mask is None else ops.swapaxes(mask, 0, 1)
        if isinstance(dims[1], int):
            made = [one(steps[i], None if masks is None else masks[i]) for i in range(dims[1])]
            return ops.stack(made, axis=1)
        each = (steps,) if masks is None else (steps, masks)
        return ops.swapaxes(ops.map(lambda item: one(item[0], item[1] if masks is not None else None), each), 0, 1)


# The ``call`` of layers whose output for a sample depends on that sample alone; models, as their layers, add theirs.
_sample_by_sample: set[Any] = {
    cls.call
    for cls in (
        *(activation.Activation, activation.ReLU, activation.LeakyReLU, activation.ELU, activation.PReLU),
        *(activation.Softmax, attention.MultiHeadAttention, attention._Projection, attention.Attention),
        *(convolution._Conv, transposed_convolution._ConvTranspose, depthwise_convolution._DepthwiseConv),
        *(depthwise_convolution._SeparableConv, core.Dense, core.EinsumDense, core.Embedding, core.Identity),
        *(core.Masking, core.Rescaling, InputLayer, merging._Merge, merging.Concatenate, merging.Dot),
        *(noise.Dropout, noise.GaussianNoise, noise.GaussianDropout, normalization.LayerNormalization),
        *(normalization.GroupNormalization, normalization.RMSNormalization, normalization.UnitNormalization),
        *(
            pooling._Pool,
            global_pooling._GlobalPool,
            global_pooling.GlobalAveragePooling1D,
            recurrent.RNN,
            recurrent_cells._Cell,
            reshaping.Flatten,
            reshaping.Reshape,
            reshaping.Permute,
        ),
        *(
            stacked_cells.StackedRNNCells,
            reshaping.RepeatVector,
            reshaping._Padding,
            reshaping._Cropping,
            reshaping.UpSampling1D,
        ),
        *(reshaping.UpSampling2D, reshaping.UpSampling3D, crops.Resizing, Bidirectional, TimeDistributed),
    )
}


def _apart(layer: Any, training: bool) -> bool:
    """Whether a sample's output, and its part in the losses, are the same whatever the other samples are."""
    for x in layer._all_layers():
        frozen = type(x).call is normalization.BatchNormalization.call and not (training and x.trainable)
        if not frozen and type(x).call not in _sample_by_sample:
            return False
        if getattr(x, "stateful", False) or (x is not layer and x.activity_regularizer is not None):
            return False
    return True
