"""Activation layers."""

from __future__ import annotations

from typing import Any

from hornbeam import activations, ops
from hornbeam.layers.layer import Layer


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
        self._take(
            alpha_initializer=alpha_initializer, alpha_regularizer=alpha_regularizer, alpha_constraint=alpha_constraint
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
        self.alpha = self._weight("alpha", shape)

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
