"""Activation layers."""

from __future__ import annotations

import math
from typing import Any

from hornbeam import activations, ops
from hornbeam.core.validation import axes, ints, number
from hornbeam.layers.layer import Layer

__all__ = ["Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


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
        self.max_value = None if max_value is None else number("max_value", max_value, 0)
        self.negative_slope = number("negative_slope", negative_slope, 0)
        self.threshold = number("threshold", threshold, 0)
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
        self.negative_slope = number("negative_slope", negative_slope, 0)
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
        self.alpha = number("alpha", alpha)
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
        shared_axes: axes along which one slope serves, counted from 1: the batch's is 0.
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
        self.shared_axes = [] if shared_axes is None else ints("shared_axes", shared_axes)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Makes the slopes, one for each element of a sample."""
        shape = list(input_shape[1:])
        for a in self.shared_axes:
            if not 1 <= a <= len(shape):
                raise ValueError(
                    f"`shared_axes` must be in [1, {len(shape)}]. Received: shared_axes={self.shared_axes}"
                )
            shape[a - 1] = 1
        if None in shape:
            raise ValueError(
                f"the sizes of all axes that are not in `shared_axes` must be known. Received: input_shape={input_shape}"
            )
        self._fix(input_shape, *(i for i, n in enumerate(shape, 1) if i not in self.shared_axes))
        self.alpha = self._weight("alpha", shape)

    def call(self, inputs: Any) -> Any:
        """The activation of the input."""
        return ops.subtract(ops.relu(inputs), ops.multiply(self.alpha, ops.relu(ops.negative(inputs))))


class Softmax(Layer):
    """Softmax along ``axis``; a mask's false entries get nothing, all zeros where there are no others.

    Args:
        axis: an int or several.
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axes("axis", axis)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The softmax of the input."""
        if mask is not None:
            inputs = ops.where(mask, inputs, -math.inf)
        return ops.softmax(inputs, self.axis)
