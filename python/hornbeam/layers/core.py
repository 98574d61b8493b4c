"""Dense, embedding and other layers without spatial structure."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import activations, ops, regularizers
from hornbeam._tensor import emit1, to_tensor
from hornbeam._validation import positive_int
from hornbeam.layers.layer import Layer


class Dense(Layer):
    """Fully connected layer: ``activation(x @ kernel + bias)``.

    Args:
        units: size of the output's last axis.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        kernel_initializer: how the kernel begins.
        bias_initializer: how the bias begins.
        kernel_regularizer: a penalty on the kernel.
        bias_regularizer: a penalty on the bias.
        activity_regularizer: a penalty on the output.
        kernel_constraint: a projection of the kernel.
        bias_constraint: a projection of the bias.

    Input shape: ``(batch, ..., features)``. Output shape: ``(batch, ..., units)``.

    Raises:
        ValueError: when ``units`` is not positive, or the input's last dimension is unknown.

    Example:
        >>> import numpy as np
        >>> Dense(2)(np.zeros((3, 4), "float32")).shape
        (3, 2)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_int("units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._take(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Makes the kernel ``(features, units)`` and the bias ``(units,)``."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"Dense needs an input of at least two axes with a known last one. Received: input_shape={input_shape}"
            )
        self.kernel = self._weight("kernel", (input_shape[-1], self.units))
        self.bias = self._weight("bias", (self.units,)) if self.use_bias else None
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
        if inputs.shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"layer {self.name!r} expects {self.kernel.shape[0]} features on the last axis. Received: "
                f"input shape={tuple(inputs.shape)}"
            )
        y = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            y = ops.add(y, self.bias)
        return self.activation(y)


class EinsumDense(Layer):
    """A dense layer of any shape, by an einsum equation.

    Args:
        equation: such as "abc,cd->abd"; a leading "..." is not supported.
        output_shape: dimensions without the batch's, None where unknown.
        activation: a name or a function.
        bias_axes: letters of the output that the bias has; None for no bias.
        kernel_initializer: how the kernel begins.
        bias_initializer: how the bias begins.
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.equation, self.partial_output_shape, self.bias_axes = equation, output_shape, bias_axes
        self.activation = activations.get(activation)
        self._take(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
        )

    def build(self, input_shape: Any) -> None:
        """Makes the kernel and the bias."""
        inputs, rest = self.equation.replace(" ", "").split(",")
        kernel, output = rest.split("->")
        out = (
            [self.partial_output_shape]
            if hasattr(self.partial_output_shape, "__index__")
            else list(self.partial_output_shape)
        )
        size = dict(zip(inputs, input_shape))
        size.update({c: d for c, d in zip(output[len(output) - len(out) :], out) if d is not None})
        self.kernel = self._weight("kernel", [size[c] for c in kernel])
        self.bias = None
        if self.bias_axes:
            first = min(output.index(c) for c in self.bias_axes)
            shape = [size[c] if c in self.bias_axes else 1 for c in output[first:]]
            self.bias = self._weight("bias", shape)

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
        y = ops.einsum(self.equation, inputs, self.kernel)
        return self.activation(y if self.bias is None else ops.add(y, self.bias))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["output_shape"] = self.partial_output_shape
        return config


class Embedding(Layer):
    """Rows of a table by integer id.

    Args:
        input_dim: number of rows; ids are in [0, input_dim).
        output_dim: size of a row.
        embeddings_initializer: how the table begins.
        embeddings_regularizer: a penalty on the table.
        embeddings_constraint: a projection of the table.
        mask_zero: whether id 0 is padding to be masked.

    Input shape: ``(batch, ...)``, ints. Output shape: ``(batch, ..., output_dim)``.

    Raises:
        ValueError: when an id is out of range, naming it.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        input_length: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_dim, self.output_dim = positive_int("input_dim", input_dim), positive_int("output_dim", output_dim)
        self._take(
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )
        self.mask_zero = mask_zero
        self._initial = weights[0] if isinstance(weights, (list, tuple)) else weights
        self.supports_masking = bool(mask_zero)

    def build(self, input_shape: Any) -> None:
        """Makes the table ``(input_dim, output_dim)``."""
        self.embeddings = self._weight("embeddings", (self.input_dim, self.output_dim))
        if self._initial is not None:
            self.embeddings.assign(self._initial)

    def call(self, inputs: Any) -> Any:
        """The rows."""
        ids = inputs if inputs.dtype in ("int32", "int64") else to_tensor(inputs, "int32")
        return emit1("gather", [self.embeddings, ids])

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where the id is not 0, with ``mask_zero``."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None


class Identity(Layer):
    """The input itself."""

    def call(self, inputs: Any) -> Any:
        """The input."""
        return inputs


class Lambda(Layer):
    """A Python function as a layer. It travels in files as graph; it cannot be rebuilt from a config.

    Args:
        function: takes the input, returns tensors.
        output_shape: accepted for compatibility (shapes are inferred).
        mask: accepted for compatibility.
        arguments: keyword arguments for the function.
    """

    def __init__(
        self, function: Any, output_shape: Any = None, mask: Any = None, arguments: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(
                "a Lambda layer cannot be rebuilt from a config: its function is Python code. Use a Layer subclass "
                f"registered with register_keras_serializable. Received: function={function!r}"
            )
        self.function, self.arguments = function, arguments or {}
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The function of the input."""
        return self.function(inputs, **self.arguments)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "function": f"<python function {getattr(self.function, '__name__', '?')}>"}


class Masking(Layer):
    """Masks the time steps all of whose features are ``mask_value``.

    Args:
        mask_value: the number.
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True for the steps that count."""
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        """The input, masked steps zeroed."""
        keep = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.multiply(inputs, ops.cast(keep, inputs.dtype))


class Rescaling(Layer):
    """``x * scale + offset``.

    Args:
        scale: the factor.
        offset: added after.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The rescaled input, as floats."""
        scale = np.asarray(self.scale, "float32") if np.ndim(self.scale) else float(self.scale)
        offset = np.asarray(self.offset, "float32") if np.ndim(self.offset) else float(self.offset)
        return ops.add(ops.multiply(ops.cast(inputs, self.dtype), scale), offset)


class ActivityRegularization(Layer):
    """Adds a penalty on its input to the loss.

    Args:
        l1: factor of the absolute values.
        l2: factor of the squares.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The input."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "l1": self.l1, "l2": self.l2}
