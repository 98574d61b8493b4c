"""Dense, embedding, activation, dropout and other layers without spatial structure."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import activations, constraints, initializers, ops, random, regularizers
from hornbeam._tensor import dims_of, emit1, to_tensor
from hornbeam._validation import fraction, positive_int
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
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Makes the kernel ``(features, units)`` and the bias ``(units,)``."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"Dense needs an input of at least two axes with a known last one. Received: input_shape={input_shape}"
            )
        self.kernel = self.add_weight(
            (input_shape[-1], self.units),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = (
            self.add_weight(
                (self.units,),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
            if self.use_bias
            else None
        )
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
        self.kernel_initializer, self.bias_initializer = (
            initializers.get(kernel_initializer),
            initializers.get(bias_initializer),
        )
        self.kernel_regularizer, self.bias_regularizer = (
            regularizers.get(kernel_regularizer),
            regularizers.get(bias_regularizer),
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
        self.kernel = self.add_weight(
            [size[c] for c in kernel], self.kernel_initializer, name="kernel", regularizer=self.kernel_regularizer
        )
        self.bias = None
        if self.bias_axes:
            first = min(output.index(c) for c in self.bias_axes)
            shape = [size[c] if c in self.bias_axes else 1 for c in output[first:]]
            self.bias = self.add_weight(shape, self.bias_initializer, name="bias", regularizer=self.bias_regularizer)

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
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self._initial = weights[0] if isinstance(weights, (list, tuple)) else weights
        self.supports_masking = bool(mask_zero)

    def build(self, input_shape: Any) -> None:
        """Makes the table ``(input_dim, output_dim)``."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            name="embeddings",
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )
        if self._initial is not None:
            self.embeddings.assign(self._initial)

    def call(self, inputs: Any) -> Any:
        """The rows."""
        ids = inputs if inputs.dtype in ("int32", "int64") else to_tensor(inputs, "int32")
        return emit1("gather", [self.embeddings, ids])

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """True where the id is not 0, with ``mask_zero``."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None


class Activation(Layer):
    """Applies an activation function.

    Args:
        activation: a name or a function.
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The activation of the input."""
        return self.activation(inputs)


class ReLU(Layer):
    """``x`` above the threshold, at most ``max_value``, else ``negative_slope * (x - threshold)``.

    Args:
        max_value: None for no bound.
        negative_slope: the slope below the threshold.
        threshold: where it begins.
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("max_value", max_value), ("negative_slope", negative_slope), ("threshold", threshold)):
            if value is not None and value < 0:
                raise ValueError(f"`{name}` must be >= 0. Received: {name}={value}")
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The activation of the input."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """``x`` where positive, else ``negative_slope * x`` (Maas et al. 2013).

    Args:
        negative_slope: the slope below 0; ``alpha`` is accepted too.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(f"`negative_slope` must be >= 0. Received: negative_slope={negative_slope}")
        self.negative_slope = negative_slope
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The activation of the input."""
        return ops.leaky_relu(inputs, self.negative_slope)


class ELU(Layer):
    """The exponential linear unit (Clevert et al. 2015).

    Args:
        alpha: the limit below is ``-alpha``.
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The activation of the input."""
        return ops.elu(inputs, self.alpha)


class PReLU(Layer):
    """A leaky ReLU whose slopes are learned (He et al. 2015).

    Args:
        alpha_initializer: how the slopes begin.
        alpha_regularizer: a penalty on them.
        alpha_constraint: a projection of them.
        shared_axes: axes along which one slope serves.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer, self.alpha_constraint = (
            regularizers.get(alpha_regularizer),
            constraints.get(alpha_constraint),
        )
        self.shared_axes = (
            None if shared_axes is None else [shared_axes] if hasattr(shared_axes, "__index__") else list(shared_axes)
        )
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Makes the slopes, one for each element of a sample."""
        shape = list(input_shape[1:])
        for a in self.shared_axes or []:
            shape[a - 1] = 1
        self.alpha = self.add_weight(
            shape,
            self.alpha_initializer,
            name="alpha",
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )

    def call(self, inputs: Any) -> Any:
        """The activation of the input."""
        return ops.subtract(ops.relu(inputs), ops.multiply(self.alpha, ops.relu(ops.negative(inputs))))


class Softmax(Layer):
    """Softmax along ``axis``; a mask's false entries get nothing.

    Args:
        axis: an int or several.
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The softmax of the input."""
        if mask is not None:
            inputs = ops.where(mask, inputs, -1e9)
        return ops.softmax(inputs, self.axis)


class _Noise(Layer):
    """Base of layers that act in training alone and draw random numbers."""

    def __init__(self, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True


class Dropout(_Noise):
    """Zeroes a fraction of the input while training and scales the rest up (Srivastava et al. 2014).

    Args:
        rate: the fraction, in [0, 1].
        noise_shape: the mask's shape, 1 where it is shared and None where it is the input's.
        seed: None for a fresh one.
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate, self.noise_shape = fraction("rate", rate), noise_shape

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The input, with dropout while training."""
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)


class SpatialDropout1D(Dropout):
    """Drops whole channels of ``(batch, steps, channels)``.

    Args:
        rate: the fraction, in [0, 1].
        seed: None for a fresh one.
    """

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(rate, (None, 1, None), seed, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "rate": self.rate, "seed": self.seed}


class SpatialDropout2D(Dropout):
    """Drops whole channels of ``(batch, rows, columns, channels)``.

    Args:
        rate: the fraction, in [0, 1].
        seed: None for a fresh one.
    """

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(rate, (None, 1, 1, None), seed, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "rate": self.rate, "seed": self.seed}


class GaussianNoise(_Noise):
    """Adds normal noise while training.

    Args:
        stddev: its standard deviation.
        seed: None for a fresh one.
    """

    def __init__(self, stddev: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        if stddev < 0:
            raise ValueError(f"`stddev` must be >= 0. Received: stddev={stddev}")
        self.stddev = stddev

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The input, with noise while training."""
        if not training or self.stddev == 0:
            return inputs
        return ops.add(inputs, random.normal(dims_of(inputs), 0.0, self.stddev, inputs.dtype, self.seed_generator))


class GaussianDropout(_Noise):
    """Multiplies by normal noise of mean 1 and deviation sqrt(rate / (1 - rate)) while training.

    Args:
        rate: the fraction, in [0, 1).
        seed: None for a fresh one.
    """

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = fraction("rate", rate)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The input, with noise while training."""
        if not training or self.rate == 0:
            return inputs
        stddev = (self.rate / (1 - self.rate)) ** 0.5
        return ops.multiply(inputs, random.normal(dims_of(inputs), 1.0, stddev, inputs.dtype, self.seed_generator))


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
