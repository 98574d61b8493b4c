"""Depthwise and separable convolution layers, channels last."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.core.validation import no_arguments, positive_int
from hornbeam.layers.convolution import _Conv

__all__ = ["DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"]

_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")  # of other names here


class _DepthwiseConv(_Conv):
    _not_attributes = ("filters", "groups", *_KERNEL)

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        no_arguments(self, kwargs, *_KERNEL)
        super().__init__(
            1,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            1,
            activation,
            use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.depth_multiplier = positive_int("depth_multiplier", depth_multiplier)
        self._take(
            depthwise_initializer=depthwise_initializer,
            depthwise_regularizer=depthwise_regularizer,
            depthwise_constraint=depthwise_constraint,
        )

    def build(self, input_shape: Any) -> None:
        """Makes the kernel ``(window..., channels, depth_multiplier)`` and the bias."""
        channels = self._channels(input_shape)
        self.filters = channels * self.depth_multiplier
        self.kernel = self._weight("kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise")
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
        return self._finish(
            ops.depthwise_conv(inputs, self.kernel, self.strides, self.padding, None, self.dilation_rate)
        )


class DepthwiseConv1D(_DepthwiseConv):
    """Convolution of each channel of a sequence by itself.

    Args:
        kernel_size: size of the window: an int, or one for each spatial axis.
        strides: from window to window, likewise.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them, or
            "causal" (only before).
        data_format: only "channels_last".
        dilation_rate: distance between the window's cells, likewise.
        depth_multiplier: output channels for each input channel.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel ``(window..., channels,
            depth_multiplier)``.
        bias_initializer, bias_regularizer: of the bias.

    Input shape:
        ``(batch, steps, channels)``.

    Output shape:
        ``(batch, steps, channels * depth_multiplier)``, each spatial axis ``(size - window) // strides + 1`` long for
        "valid", window being ``(kernel_size - 1) * dilation_rate + 1``.

    Raises:
        ValueError: when a size is not positive or the window is larger than the padded input.

    Example:
        >>> import numpy as np
        >>> DepthwiseConv1D(3)(np.ones((1, 8, 3), "float32")).shape
        (1, 6, 3)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class DepthwiseConv2D(_DepthwiseConv):
    """Convolution of each channel of an image by itself.

    Args:
        kernel_size: size of the window: an int, or one for each spatial axis.
        strides: from window to window, likewise.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them.
        data_format: only "channels_last".
        dilation_rate: distance between the window's cells, likewise.
        depth_multiplier: output channels for each input channel.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel ``(window..., channels,
            depth_multiplier)``.
        bias_initializer, bias_regularizer: of the bias.

    Input shape:
        ``(batch, rows, columns, channels)``.

    Output shape:
        ``(batch, rows, columns, channels * depth_multiplier)``, each spatial axis ``(size - window) // strides + 1``
        long for "valid", window being ``(kernel_size - 1) * dilation_rate + 1``.

    Raises:
        ValueError: when a size is not positive or the window is larger than the padded input.

    Example:
        >>> import numpy as np
        >>> DepthwiseConv2D(3)(np.ones((1, 8, 8, 3), "float32")).shape
        (1, 6, 6, 3)
    """

    rank = 2


class _SeparableConv(_Conv):
    _not_attributes = ("groups", *_KERNEL)

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        no_arguments(self, kwargs, *_KERNEL)
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            1,
            activation,
            use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.depth_multiplier = positive_int("depth_multiplier", depth_multiplier)
        self._take(
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
        )

    def build(self, input_shape: Any) -> None:
        """Makes both kernels and the bias."""
        channels = self._channels(input_shape)
        self.depthwise_kernel = self._weight(
            "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise"
        )
        self.pointwise_kernel = self._weight(
            "pointwise_kernel", (*[1] * self.rank, channels * self.depth_multiplier, self.filters), "pointwise"
        )
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
        return self._finish(
            ops.separable_conv(
                inputs,
                self.depthwise_kernel,
                self.pointwise_kernel,
                self.strides,
                self.padding,
                None,
                self.dilation_rate,
            )
        )


class SeparableConv1D(_SeparableConv):
    """A depthwise convolution of sequences, then one that mixes the channels (Chollet 2017).

    Args:
        filters: number of output channels.
        kernel_size: size of the window: an int, or one for each spatial axis.
        strides: from window to window, likewise.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them, or
            "causal" (only before).
        data_format: only "channels_last".
        dilation_rate: distance between the window's cells, likewise.
        depth_multiplier: channels between the two convolutions for each input channel.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel ``(window..., channels,
            depth_multiplier)``.
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: of the kernel that mixes the channels.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.

    Input shape:
        ``(batch, steps, channels)``.

    Output shape:
        ``(batch, steps, filters)``, each spatial axis ``(size - window) // strides + 1`` long for "valid", window
        being ``(kernel_size - 1) * dilation_rate + 1``.

    Raises:
        ValueError: when a size is not positive or the window is larger than the padded input.

    Example:
        >>> import numpy as np
        >>> SeparableConv1D(4, 3)(np.ones((1, 8, 3), "float32")).shape
        (1, 6, 4)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class SeparableConv2D(_SeparableConv):
    """A depthwise convolution of images, then one that mixes the channels (Chollet 2017).

    Args:
        filters: number of output channels.
        kernel_size: size of the window: an int, or one for each spatial axis.
        strides: from window to window, likewise.
        padding: "valid" for windows inside the input alone, "same" for ``ceil(size / stride)`` of them.
        data_format: only "channels_last".
        dilation_rate: distance between the window's cells, likewise.
        depth_multiplier: channels between the two convolutions for each input channel.
        activation: a name or a function; None for linear.
        use_bias: whether there is a bias.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernel ``(window..., channels,
            depth_multiplier)``.
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: of the kernel that mixes the channels.
        bias_initializer, bias_regularizer, bias_constraint: of the bias.

    Input shape:
        ``(batch, rows, columns, channels)``.

    Output shape:
        ``(batch, rows, columns, filters)``, each spatial axis ``(size - window) // strides + 1`` long for "valid",
        window being ``(kernel_size - 1) * dilation_rate + 1``.

    Raises:
        ValueError: when a size is not positive or the window is larger than the padded input.

    Example:
        >>> import numpy as np
        >>> SeparableConv2D(4, 3)(np.ones((1, 8, 8, 3), "float32")).shape
        (1, 6, 6, 4)
    """

    rank = 2
