"""Dense, embedding and other layers without spatial structure."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import activations, ops, regularizers
from hornbeam.core.tensor import emit1, exact_ids, to_tensor
from hornbeam.core.validation import number, positive_int, unsupported
from hornbeam.layers.layer import Layer

__all__ = ["ActivityRegularization", "Dense", "EinsumDense", "Embedding", "Identity", "Masking", "Rescaling"]

_REFUSED = ("lora_rank", "lora_alpha", "quantization_config")


def _plain(*options: Any) -> None:
    for name, value in zip(_REFUSED, options, strict=True):
        unsupported(name, value, None)


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
        lora_rank, lora_alpha, quantization_config: only None: weights are neither factored nor quantized.

    Input shape: ``(batch, ..., features)``. Output shape: ``(batch, ..., units)``.

    Raises:
        ValueError: when ``units`` is not positive, or the input's last dimension is unknown.

    Example:
        >>> import numpy as np
        >>> Dense(2)(np.zeros((3, 4), "float32")).shape
        (3, 2)
    """

    _not_attributes = _REFUSED

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
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        _plain(lora_rank, lora_alpha, quantization_config)
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
        self._fix(input_shape, -1, any_rank=True)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
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
        kernel_initializer, kernel_regularizer, kernel_constraint: of the kernel.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.
        lora_rank, lora_alpha, gptq_unpacked_column_size, quantization_config: only None, as for ``Dense``.
    """

    _not_attributes = ("output_shape", "gptq_unpacked_column_size", *_REFUSED)

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
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _plain(lora_rank, lora_alpha, quantization_config)
        unsupported("gptq_unpacked_column_size", gptq_unpacked_column_size, None)
        self.equation, self.bias_axes = equation, bias_axes
        self._terms = _einsum_terms(equation, bias_axes)
        sizes = output_shape if isinstance(output_shape, (tuple, list)) else [output_shape]
        self.partial_output_shape = [None if n is None else positive_int("output_shape", n) for n in sizes]
        if len(sizes) >= len(self._terms[2]):
            raise ValueError(
                f"`output_shape` must leave out the batch's axis of {equation!r}. Received: output_shape={output_shape}"
            )
        self.activation = activations.get(activation)
        self._take(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        """Makes the kernel and the bias."""
        inputs, kernel, output = self._terms
        if len(inputs) != len(input_shape):
            raise ValueError(
                f"the equation {self.equation!r} takes {len(inputs)} axes. Received: input_shape={input_shape}"
            )
        out = self.partial_output_shape
        size = dict(zip(inputs, input_shape))
        size.update({c: d for c, d in zip(output[len(output) - len(out) :], out) if d is not None})
        unknown = [c for c in kernel + (self.bias_axes or "") if size.get(c) is None]
        if unknown:
            raise ValueError(
                f"the sizes of {unknown} in {self.equation!r} must follow from the input's shape and `output_shape`. "
                f"Received: input_shape={input_shape}, output_shape={out}"
            )
        self._fix(input_shape, *(i for i, c in enumerate(inputs) if c in kernel))
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

    def _attributes(self, known: type) -> dict[str, Any]:
        return {**super()._attributes(known), "output_shape": self.partial_output_shape}


def _einsum_terms(equation: str, bias_axes: str | None) -> tuple[str, str, str]:
    """The letters of the input, the kernel and the output."""
    left, _, output = equation.replace(" ", "").partition("->") if isinstance(equation, str) else ("", "", "")
    terms = left.split(",")
    if len(terms) != 2 or not output or not all(t.isalpha() for t in (*terms, output)):
        raise ValueError(f"`equation` must be such as 'abc,cd->abd'. Received: equation={equation!r}")
    if bias_axes and not set(bias_axes) <= set(output):
        raise ValueError(f"`bias_axes` must be letters of the output {output!r}. Received: bias_axes={bias_axes!r}")
    return terms[0], terms[1], output


class Embedding(Layer):
    """Rows of a table by integer id.

    Args:
        input_dim: number of rows; ids are in [0, input_dim).
        output_dim: size of a row.
        embeddings_initializer: how the table begins.
        embeddings_regularizer: a penalty on the table.
        embeddings_constraint: a projection of the table.
        mask_zero: whether id 0 is padding to be masked.
        weights: the table to begin with.
        lora_rank, lora_alpha, quantization_config: only None, as for ``Dense``.
        input_length: the number of ids in a sample, None for any.

    Input shape: ``(batch, ...)``, ints. Output shape: ``(batch, ..., output_dim)``.

    Raises:
        ValueError: when an id is out of range, naming it.
    """

    input_dtype = "int32"
    _not_attributes = ("weights", *_REFUSED)

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        input_length: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _plain(lora_rank, lora_alpha, quantization_config)
        self.input_dim, self.output_dim = positive_int("input_dim", input_dim), positive_int("output_dim", output_dim)
        self._take(
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )
        self.mask_zero = mask_zero
        self.autocast = False  # ids, whatever their dtype
        self.input_length = None if input_length is None else positive_int("input_length", input_length)
        self._initial = weights[0] if isinstance(weights, (list, tuple)) else weights
        self.supports_masking = bool(mask_zero)

    def build(self, input_shape: Any = None) -> None:
        """Makes the table ``(input_dim, output_dim)``."""
        ids = None if input_shape is None else tuple(input_shape[1:])
        if self.input_length is not None and ids not in (None, (None,), (self.input_length,)):
            raise ValueError(
                f"layer {self.name!r} takes input_length={self.input_length} ids. Received: input_shape={input_shape}"
            )
        self.embeddings = self._weight("embeddings", (self.input_dim, self.output_dim), autocast=False)
        if self._initial is not None:
            self.embeddings.assign(self._initial)

    def call(self, inputs: Any) -> Any:
        """The rows."""
        return to_tensor(emit1("gather", [self.embeddings, exact_ids(inputs)]), self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where the id is not 0, with ``mask_zero``."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None


class Identity(Layer):
    """The input itself."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The input."""
        return inputs


class Masking(Layer):
    """Masks the time steps all of whose features are ``mask_value``.

    Args:
        mask_value: the number.
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = number("mask_value", mask_value)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True for the steps that count."""
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        """The input, masked steps zeroed."""
        return ops.where(ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True), inputs, 0)


class Rescaling(Layer):
    """``x * scale + offset``.

    Args:
        scale: the factor.
        offset: added after.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = _factor("scale", scale), _factor("offset", offset)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The rescaled input, as floats."""
        x = ops.cast(inputs, self.compute_dtype)
        scale, offset = (to_tensor(v, x.dtype) if np.ndim(v) else v for v in (self.scale, self.offset))
        return ops.add(ops.multiply(x, scale), offset)


def _factor(name: str, value: Any) -> Any:
    """A number, or an array of several."""
    if np.ndim(value):
        return np.asarray(value, "float32")
    return number(name, value.item() if isinstance(value, np.ndarray) else value)


class ActivityRegularization(Layer):
    """Adds a penalty on its input to the loss.

    Args:
        l1: factor of the absolute values.
        l2: factor of the squares.
    """

    _not_attributes = ("activity_regularizer",)  # made of l1 and l2

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """The input."""
        return inputs
